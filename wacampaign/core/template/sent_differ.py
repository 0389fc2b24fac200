"""The differ for what was sent: Meta's message form, with `components`, against the template."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wacampaign.core.template.difference import (
    Difference,
    body_length_difference,
    media_difference,
    shown,
    value_differences,
)
from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.template.shape import Shape, Slot
from wacampaign.core.template.values import header_samples, is_url


def sent_template(payload: Any) -> Mapping[str, Any] | None:
    """The `template` of a message in Meta's form; None when it is a row's payload."""
    if not isinstance(payload, Mapping):
        return None
    inner = payload.get("template")
    if isinstance(inner, Mapping):
        return inner
    if isinstance(payload.get("components"), list) or isinstance(payload.get("language"), Mapping):
        return payload
    return None


def sent_language(template: Mapping[str, Any] | None) -> str | None:
    """The language code of what was sent."""
    language = template.get("language") if template is not None else None
    if isinstance(language, Mapping):
        language = language.get("code")
    return language if isinstance(language, str) else None


def sent_differences(
    template: Mapping[str, Any],
    shape: Shape,
    components: Sequence[Mapping[str, Any]],
) -> Iterator[Difference]:
    """All differences of `template`, from the header to the buttons."""
    parts: dict[str, list[Any]] = {}
    buttons: dict[str, list[Any]] = {}
    for component in _objects(template.get("components")):
        kind = str(component.get("type", "")).lower()
        parameters = list(_objects(component.get("parameters")))
        if kind == "button":
            buttons[str(component.get("index", ""))] = parameters
        else:
            parts.setdefault(kind, []).extend(parameters)
    header, body = parts.get("header"), parts.get("body", [])
    stray = next((p for p in body if str(p.get("type")) in HEADER_KINDS), None)
    lead = body[0] if len(body) == len(shape.body) + 1 else None
    if stray is not None or (lead is not None and _is_sample(lead, components)):
        stray_value = shown(_value(stray or lead or {}))
        yield Difference(
            "shifted",
            "body",
            "the variables are shifted by one: a media address stands among the body's texts",
            "texts only",
            stray_value,
        )
    yield from _header(header, shape.header[0] if shape.header else None)
    yield from _texts("body", body, shape.body)
    values = [str(p.get("text", "")) for p in body]
    if len(values) == len(shape.body) and (long := body_length_difference(components, values)):
        yield long
    yield from _buttons(buttons, shape)


def _header(given: list[Any] | None, slot: Slot | None) -> Iterator[Difference]:
    if slot is None:
        if given:
            yield Difference(
                "header_surplus",
                "header",
                "a header is sent, and the template's takes no value",
                "no header",
                shown(_value(given[0])),
            )
        return
    where = slot.label
    if not given:
        yield Difference("header_missing", where, f"the {where} is missing", slot.type, "no header")
        return
    if slot.role == "header":
        yield from _texts("header", given, (slot,))
        return
    kind = str(given[0].get("type", ""))
    medium = given[0].get(kind)
    if kind != slot.type or not isinstance(medium, Mapping):
        yield Difference(
            "wrong_kind", where, f"the {where} is sent as {kind or 'nothing'}", slot.type, kind
        )
        return
    form = "link" if "link" in medium else "id"
    difference = media_difference(slot, str(medium.get(form) or ""), form)
    if difference is not None:
        yield difference


def _texts(place: str, given: Sequence[Any], slots: Sequence[Slot]) -> Iterator[Difference]:
    if len(given) != len(slots):
        code = "too_few" if len(given) < len(slots) else "too_many"
        distance = abs(len(given) - len(slots))
        text = (
            f"{distance} {code.replace('_', ' ')}: the {place} takes {len(slots)} parameters, "
            f"{len(given)} are sent"
        )
        yield Difference(code, place, text, str(len(slots)), str(len(given)))
    for slot, parameter in zip(slots, given, strict=False):
        name = parameter.get("parameter_name")
        if (slot.parameter_name is None) != (name is None) or (
            name is not None and name not in {s.parameter_name for s in slots}
        ):
            wanted = slot.parameter_name
            expected = f"parameter_name {wanted}" if wanted else "no parameter_name"
            naming = f"named {name}" if name else "sent without its name"
            what = "has named variables" if wanted else "counts its variables"
            yield Difference(
                "named_positional",
                slot.label,
                f"{slot.label} is {naming}, and the template {what}",
                expected,
                shown(name or "none"),
            )
        kind = str(parameter.get("type", "text"))
        if kind not in ("text", "currency", "date_time"):
            if kind not in HEADER_KINDS:  # told as shifted
                yield Difference(
                    "wrong_kind", slot.label, f"{slot.label} is sent as {kind}", "text", kind
                )
            continue
        if kind == "text":
            yield from value_differences(slot, parameter.get("text", ""))


def _buttons(given: Mapping[str, list[Any]], shape: Shape) -> Iterator[Difference]:
    for button in shape.buttons:
        parameters = given.get(button.index)
        slot = next((slot for slot in button.slots if slot.key is None), None)
        if slot is None:
            continue
        if not parameters:
            code = "button_suffix_missing" if slot.role == "suffix" else "too_few"
            yield Difference(code, slot.label, f"{slot.label} is missing", slot.type, "no button")
            continue
        value = parameters[0].get("text", parameters[0].get("coupon_code", ""))
        yield from value_differences(slot, value)
    known = {button.index for button in shape.buttons}
    for index, parameters in given.items():
        if index not in known and parameters:
            where = f"button {int(index) + 1}" if index.isdecimal() else "button"
            text = f"{where} is sent with a value, and takes none"
            yield Difference(
                "button_surplus", where, text, "no value", shown(_value(parameters[0]))
            )


def _is_sample(parameter: Mapping[str, Any], components: Sequence[Mapping[str, Any]]) -> bool:
    value = _value(parameter)
    return is_url(value) or value in header_samples(components)


def _value(parameter: Mapping[str, Any]) -> str:
    """What a parameter brings, whatever its kind."""
    inner = parameter.get(str(parameter.get("type", "text")), parameter.get("text", ""))
    if isinstance(inner, Mapping):
        inner = inner.get("link") or inner.get("id") or ""
    return str(inner)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))
