"""A template's components, as Meta returns them, read into the slots that variables fill.

Source: Meta's reference of template components (December 2025) and of sending (September 2026).
That a FLOW button must be named in every message, with or without parameters, is in neither:
sends without it fail with 131009 (public reports of 2025 and 2026).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.template.header_kinds import HEADER_KINDS

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")

#: Components that need more than a row's variables can say.
_UNSUPPORTED_COMPONENTS: Final = frozenset({"CAROUSEL", "LIMITED_TIME_OFFER"})
_UNSUPPORTED_BUTTONS: Final = frozenset({"MPM", "SPM", "ORDER_DETAILS"})

#: Where Meta's one-time passwords point to: GET shows many OTP buttons as URL buttons.
_OTP_URL: Final = re.compile(r"^https?://(?:www\.)?whatsapp\.com/otp/", re.IGNORECASE)


class UnusableTemplate(ValueError):  # noqa: N818 - reported to people, not raised as a bug
    """No row's variables can fill this template; the text says why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place that a variable fills."""

    #: `media` or `header` (a text) in the header, `body`, and of a button the `suffix` of its URL,
    #: its `coupon` or the one-time `code` that it repeats.
    role: str
    #: Meta's parameter type: `text`, `image`, `video`, `document`, `coupon_code`.
    type: str
    #: For people, such as `body {{1}}`.
    label: str
    #: Of NAMED templates.
    parameter_name: str | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button that every message must name."""

    #: Position among all buttons, from "0".
    index: str
    sub_type: str
    #: None: named, but without a value.
    slot: Slot | None
    #: One-time passwords: the value is the body's, and takes no variable of its own.
    repeats_code: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The slots of a template, in the order in which variables fill them."""

    header: Slot | None
    body: tuple[Slot, ...]
    #: Only those that a message must name.
    buttons: tuple[Button, ...]

    def slots(self) -> Iterator[Slot]:
        """One for each variable, from `var1` on."""
        if self.header is not None:
            yield self.header
        yield from self.body
        for button in self.buttons:
            if button.slot is not None and not button.repeats_code:
                yield button.slot

    @property
    def names(self) -> tuple[str, ...]:
        """`names[i]` says what `var{i+1}` fills, such as `body {{1}}`."""
        return tuple(slot.label for slot in self.slots())

    @property
    def count(self) -> int:
        """Variables in all, header media included."""
        return len(self.names)

    @property
    def header_media(self) -> str | None:
        """`image`, `video`, `document`, or None: then no variable is a medium."""
        header = self.header
        return header.type if header is not None and header.role == "media" else None


def shape_of(components: Sequence[Mapping[str, Any]], parameter_format: str | None = None) -> Shape:
    """Reads `components`; raises `UnusableTemplate`.

    `parameter_format` is `NAMED` or `POSITIONAL` in any case of letters. None: NAMED when the
    examples have named parameters or a variable's name is no number.
    """
    if isinstance(components, str) or not isinstance(components, Sequence):
        raise UnusableTemplate("the template's components are no list; sync the templates")
    parts: dict[str, Mapping[str, Any]] = {}
    for component in components:
        if not isinstance(component, Mapping):
            raise UnusableTemplate("the template's components are damaged; sync the templates")
        kind = str(component.get("type", "")).upper()
        if kind in _UNSUPPORTED_COMPONENTS:
            raise UnusableTemplate(f"templates with a {kind} cannot be filled from a CSV")
        parts.setdefault(kind, component)
    header = parts.get("HEADER", {})
    body = parts.get("BODY", {})
    named = _is_named(parameter_format, header, body)
    buttons_raw = parts.get("BUTTONS", {}).get("buttons") or ()
    if isinstance(buttons_raw, str) or not isinstance(buttons_raw, Sequence):
        raise UnusableTemplate("the template's buttons are damaged; sync the templates")
    buttons = tuple(_buttons(buttons_raw))
    body_slots = _text_slots("body", body, named)
    if not body_slots and any(button.repeats_code for button in buttons):
        # As they are created, authentication templates have no text: Meta's has the code as {{1}}.
        body_slots = (Slot("body", "text", "body {{1}}"),)
    return Shape(_header(header, named), body_slots, buttons)


def _is_named(
    parameter_format: str | None, header: Mapping[str, Any], body: Mapping[str, Any]
) -> bool:
    if parameter_format:
        return parameter_format.strip().upper() == "NAMED"
    return any(
        _named_examples(part, where) or not all(name.isdecimal() for name in _names(part))
        for part, where in ((header, "header"), (body, "body"))
    )


def _names(part: Mapping[str, Any]) -> list[str]:
    """The variables of a text, each once, as they appear."""
    text = part.get("text")
    return list(dict.fromkeys(_VARIABLE.findall(text))) if isinstance(text, str) else []


def _named_examples(part: Mapping[str, Any], where: str) -> list[str]:
    example = part.get("example")
    given = example.get(f"{where}_text_named_params") if isinstance(example, Mapping) else None
    if isinstance(given, str) or not isinstance(given, Sequence):
        return []
    names = (param.get("param_name") for param in given if isinstance(param, Mapping))
    return [name for name in names if isinstance(name, str)]


def _text_slots(where: str, part: Mapping[str, Any], named: bool) -> tuple[Slot, ...]:
    names = _names(part)
    if named:
        names = names or _named_examples(part, where)
        return tuple(Slot(where, "text", f"{where} {{{{{n}}}}}", n) for n in names)
    if not all(name.isdecimal() for name in names):
        raise UnusableTemplate(
            f"the {where} of the template has named variables, but its format is POSITIONAL; "
            "sync the templates"
        )
    return tuple(Slot(where, "text", f"{where} {{{{{n}}}}}") for n in sorted(names, key=int))


def _header(part: Mapping[str, Any], named: bool) -> Slot | None:
    if not part:
        return None
    header_format = str(part.get("format") or "TEXT").upper()
    if header_format == "TEXT":
        slots = _text_slots("header", part, named)
        if len(slots) > 1:
            raise UnusableTemplate("a text header can have one variable only; sync the templates")
        return slots[0] if slots else None
    media = header_format.lower()
    if media not in HEADER_KINDS:
        *kinds, last = ("TEXT", *(kind.upper() for kind in HEADER_KINDS))
        raise UnusableTemplate(
            f"templates with a {header_format} header cannot be sent: only {', '.join(kinds)} "
            f"and {last} headers can"
        )
    return Slot("media", media, f"header {media}")


def _buttons(buttons: Sequence[Any]) -> Iterator[Button]:
    for position, button in enumerate(buttons):
        if not isinstance(button, Mapping):
            raise UnusableTemplate("the template's buttons are damaged; sync the templates")
        kind = str(button.get("type", "")).upper()
        index = str(position)
        text = str(button.get("text") or "")
        label = f'button {position + 1} "{text}"' if text else f"button {position + 1}"
        url = str(button.get("url") or "")
        if kind in _UNSUPPORTED_BUTTONS:
            raise UnusableTemplate(f"{label} is of type {kind}, which needs more than variables")
        if kind == "OTP" or (kind == "URL" and _OTP_URL.match(url)):
            slot = Slot("code", "text", f"{label} code")
            yield Button(index, "url", slot, repeats_code=True)
        elif kind == "URL" and _VARIABLE.search(url):
            yield Button(index, "url", Slot("suffix", "text", f"{label} URL ending"))
        elif kind == "COPY_CODE":
            slot = Slot("coupon", "coupon_code", f"{label} coupon code")
            yield Button(index, "copy_code", slot)
        elif kind == "FLOW":
            yield Button(index, "flow", None)
        # All others (quick replies, phone numbers, fixed URLs) need nothing.
