"""A template's components as Meta shows them, made into components that it can be created with."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from wacampaign.core.template.creation_fields import (
    AUTHENTICATION_FIELDS,
    BUTTON_FIELDS,
    COMPONENT_FIELDS,
    SAMPLE_FORMATS,
)
from wacampaign.core.template.shape import OTP_URL
from wacampaign.core.template.values import header_samples

#: GET tells a one-time password's button as a URL button; what its address says of it.
_OTP_FIELDS: Final = ("otp_type", "package_name", "signature_hash")


class NotCopied(ValueError):  # noqa: N818 - reported to people, not raised as a bug
    """The template cannot be created again from what Meta tells of it; the text says why."""


@dataclass(frozen=True, slots=True)
class SamplePlace:
    """A header that needs a sample of its own, uploaded anew."""

    #: Where the header's component is, from the list of components on.
    path: tuple[str | int, ...]
    #: `header`, or `card 2's header`.
    label: str
    #: Kind of media: `image`, `video`, `document`, `gif`.
    kind: str
    #: Address of the sample that Meta shows; None: it shows none.
    sample_url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TemplateCopy:
    """Components for creation. Their samples are still to be put in."""

    components: tuple[Mapping[str, Any], ...]
    samples: tuple[SamplePlace, ...]
    #: What Meta tells, but creation does not take, such as `button 1: id`.
    left_out: tuple[str, ...]

    def with_handles(self, handles: Sequence[str]) -> list[dict[str, Any]]:
        """The components, with one handle of an uploaded file for each of `samples`, in order."""
        components = copy.deepcopy(list(map(dict, self.components)))
        for place, handle in zip(self.samples, handles, strict=True):
            part: Any = components
            for step in place.path:
                part = part[step]
            part["example"] = {**part.get("example", {}), "header_handle": [handle]}
        return components


def copy_of(components: Sequence[Mapping[str, Any]], category: str) -> TemplateCopy:
    """What a template with these components is created with. Raises `NotCopied`."""
    left_out: list[str] = []
    authentication = category.upper() == "AUTHENTICATION"
    made = [_component(part, authentication, "", left_out) for part in components]
    return TemplateCopy(
        tuple(made), tuple(_samples(components, (), "header")), tuple(dict.fromkeys(left_out))
    )


def _component(
    part: Mapping[str, Any], authentication: bool, where: str, left_out: list[str]
) -> dict[str, Any]:
    kind = str(part.get("type", "")).upper()
    fields = COMPONENT_FIELDS.get(kind)
    if authentication:
        fields = AUTHENTICATION_FIELDS.get(kind)
    if fields is None:
        raise NotCopied(f"it has a {kind or 'component without a type'}, which is not known here")
    label = f"{where}{kind.lower().replace('_', ' ')}"
    made: dict[str, Any] = {"type": kind}
    for name, value in part.items():
        if name in fields:
            made[name] = copy.deepcopy(value)
        elif name != "type" and not (authentication and name in ("text", "example")):
            left_out.append(f"{label}: {name}")
    if kind == "HEADER" and str(made.get("format", "TEXT")).upper() in SAMPLE_FORMATS:
        made.pop("example", None)
    if kind == "BUTTONS":
        made["buttons"] = [
            _button(button, f"{where}button {n}", left_out)
            for n, button in enumerate(_objects(part.get("buttons")), start=1)
        ]
    if kind == "CAROUSEL":
        made["cards"] = [
            {
                "components": [
                    _component(inner, False, f"card {n}'s ", left_out)
                    for inner in _objects(card.get("components"))
                ]
            }
            for n, card in enumerate(_objects(part.get("cards")), start=1)
        ]
    return made


def _button(button: Mapping[str, Any], label: str, left_out: list[str]) -> dict[str, Any]:
    kind = str(button.get("type", "")).upper()
    if kind == "URL" and OTP_URL.match(str(button.get("url") or "")):
        return _otp_button(button, label)
    fields = BUTTON_FIELDS.get(kind)
    if fields is None:
        raise NotCopied(f"{label} is of type {kind}, which is not known here")
    made: dict[str, Any] = {"type": kind}
    for name, value in button.items():
        if name in fields or name == "text":
            made[name] = copy.deepcopy(value)
        elif name != "type":
            left_out.append(f"{label}: {name}")
    example = made.get("example")
    # GET tells a list, creation takes a text.
    if kind == "COPY_CODE" and isinstance(example, list) and example:
        made["example"] = example[0]
    return made


def _otp_button(button: Mapping[str, Any], label: str) -> dict[str, Any]:
    query = parse_qs(urlsplit(str(button["url"])).query)
    told = {name: query[name][0] for name in _OTP_FIELDS if query.get(name)}
    made = {"type": "OTP", "otp_type": told.get("otp_type", "COPY_CODE").upper()}
    if button.get("text"):
        made["text"] = button["text"]
    if made["otp_type"] == "COPY_CODE":
        return made
    if not {"package_name", "signature_hash"} <= told.keys():
        raise NotCopied(
            f"{label} fills in a one-time password by itself, and Meta does not tell for which app"
        )
    apps = [{"package_name": told["package_name"], "signature_hash": told["signature_hash"]}]
    return made | {"supported_apps": apps}


def _samples(
    components: Sequence[Mapping[str, Any]], path: tuple[str | int, ...], label: str
) -> Iterator[SamplePlace]:
    for i, part in enumerate(components):
        kind = str(part.get("type", "")).upper()
        media = str(part.get("format", "")).upper()
        if kind == "HEADER" and media in SAMPLE_FORMATS:
            url = next(iter(header_samples((part,))), "")
            is_url = url.lower().startswith(("http://", "https://"))
            yield SamplePlace((*path, i), label, media.lower(), url if is_url else None)
        for n, card in enumerate(_objects(part.get("cards"))):
            inner = _objects(card.get("components"))
            yield from _samples(
                inner, (*path, i, "cards", n, "components"), f"card {n + 1}'s header"
            )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        return []
    return [part for part in value if isinstance(part, Mapping)]
