"""The differ for what was sent: Meta's message form, with `components`, against the template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wacampaign.core.template.difference import (
    Difference,
    length_differences,
    media_difference,
    shown,
    value_differences,
)
from wacampaign.core.template.filled import filled_texts
from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.template.kinds import SLOT_KINDS
from wacampaign.core.template.slots import Button, Card, Shape, Slot
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


@dataclass(frozen=True, slots=True)
class _Sent:
    """The components of a message, or of one of its cards."""

    #: Parameters by the component's type; None where it is not sent.
    header: list[Mapping[str, Any]] | None
    body: list[Mapping[str, Any]]
    offer: list[Mapping[str, Any]] | None
    #: By index.
    buttons: Mapping[str, list[Mapping[str, Any]]]
    cards: list[Mapping[str, Any]] | None

    @classmethod
    def of(cls, components: Any) -> "_Sent":
        parts: dict[str, list[Mapping[str, Any]]] = {}
        buttons: dict[str, list[Mapping[str, Any]]] = {}
        cards: list[Mapping[str, Any]] | None = None
        for component in _objects(components):
            kind = str(component.get("type", "")).lower()
            parameters = list(_objects(component.get("parameters")))
            if kind == "button":
                buttons[str(component.get("index", ""))] = parameters
            elif kind == "carousel":
                cards = list(_objects(component.get("cards")))
            else:
                parts.setdefault(kind, []).extend(parameters)
        offer = parts.get("limited_time_offer")
        return cls(parts.get("header"), parts.get("body", []), offer, buttons, cards)


def sent_differences(
    template: Mapping[str, Any],
    shape: Shape,
    components: Sequence[Mapping[str, Any]],
) -> Iterator[Difference]:
    """All differences of `template`, from the header to the cards."""
    sent = _Sent.of(template.get("components"))
    body = sent.body
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
    yield from _header(sent.header, shape.header)
    yield from _texts("body", body, shape.body)
    yield from length_differences(filled_texts(components, shape), _texts_of(sent, shape))
    yield from _offer(sent.offer, shape.offer)
    yield from _buttons(sent.buttons, shape.buttons)
    yield from _cards(sent.cards, shape.cards)


def _texts_of(sent: _Sent, shape: Shape) -> dict[int, str]:
    """The texts that are sent, by the position of their slot."""
    at = {id(slot): n for n, slot in enumerate((*shape.slots(), *shape.optional()))}
    texts: dict[int, str] = {}

    def take(slots: Sequence[Slot], parameters: Sequence[Mapping[str, Any]] | None) -> None:
        if parameters is not None and len(parameters) == len(slots):
            for slot, parameter in zip(slots, parameters, strict=True):
                if isinstance(parameter.get("text"), str):
                    texts[at[id(slot)]] = parameter["text"]

    parts: list[tuple[Shape | Card, _Sent]] = [(shape, sent)]
    of_cards = [_Sent.of(card.get("components")) for card in sent.cards or ()]
    parts += zip(shape.cards, of_cards, strict=False)
    for part, given in parts:
        take(part.header, given.header)
        take(part.body, given.body)
        for button in part.buttons:
            if not button.repeats_code:
                take(button.slots, given.buttons.get(button.index))
    return texts


def _header(given: list[Mapping[str, Any]] | None, slots: Sequence[Slot]) -> Iterator[Difference]:
    if not slots:
        if given:
            yield Difference(
                "header_surplus",
                "header",
                "a header is sent, and the template's takes no value",
                "no header",
                shown(_value(given[0])),
            )
        return
    slot = slots[0]
    where = slot.label
    if not given:
        yield Difference("header_missing", where, f"the {where} is missing", slot.type, "no header")
        return
    if slot.role == "header":
        yield from _texts("header", given, (slot,))
        return
    kind = str(given[0].get("type", ""))
    value = given[0].get(kind)
    if kind != slot.type or not isinstance(value, Mapping):
        yield Difference(
            "wrong_kind", where, f"the {where} is sent as {kind or 'nothing'}", slot.type, kind
        )
        return
    if slot.role == "media":
        form = "link" if "link" in value else "id"
        difference = media_difference(slot, str(value.get(form) or ""), form)
        if difference is not None:
            yield difference
        slots = slots[1:]
    yield from _fields(value, slots)


def _fields(value: Mapping[str, Any], slots: Sequence[Slot]) -> Iterator[Difference]:
    """A value of several parts, such as a location or a product."""
    for slot in slots:
        part = value.get(SLOT_KINDS[slot.role].field)
        if part is None and slot.key is None:
            yield Difference("too_few", slot.label, f"{slot.label} is missing", slot.type, "")
        # Sections and a flow's data are objects, which no row's text is.
        elif part is not None and not isinstance(part, list | Mapping):
            yield from value_differences(slot, part)


def _offer(given: list[Mapping[str, Any]] | None, slot: Slot | None) -> Iterator[Difference]:
    if slot is None:
        if given:
            text = "the end of an offer is sent, and the template has none"
            yield Difference("too_many", "offer", text, "no offer", shown(_value(given[0])))
        return
    value = given[0].get(slot.type) if given else None
    if not isinstance(value, Mapping):
        yield Difference("too_few", slot.label, f"{slot.label} is missing", slot.type, "no offer")
        return
    yield from _fields(value, (slot,))


def _cards(given: list[Mapping[str, Any]] | None, cards: Sequence[Card]) -> Iterator[Difference]:
    needed = [card for card in cards if card.is_needed]
    count = len(given or ())
    if not len(needed) <= count <= len(cards):
        code = "too_few" if count < len(needed) else "too_many"
        text = f"the template has {len(needed)} cards, {count} are sent"
        yield Difference(code, "carousel", text, str(len(needed)), str(count))
    for n, (card, sent_card) in enumerate(zip(cards, given or (), strict=False)):
        index = sent_card.get("card_index")
        if index != n:
            text = f"card {n + 1} is sent with the index {shown(index)}"
            yield Difference("shifted", f"card {n + 1}", text, str(n), shown(index))
        sent = _Sent.of(sent_card.get("components"))
        yield from _header(sent.header, card.header)
        yield from _texts(f"card {n + 1} body", sent.body, card.body)
        yield from _buttons(sent.buttons, card.buttons)


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


def _buttons(
    given: Mapping[str, list[Mapping[str, Any]]], buttons: Sequence[Button]
) -> Iterator[Difference]:
    for button in buttons:
        slot = button.slots[0]
        parameters = given.get(button.index)
        if parameters is None and button.is_needed and not button.own_value:
            code = "button_suffix_missing" if slot.role == "suffix" else "too_few"
            yield Difference(code, slot.label, f"{slot.label} is missing", slot.type, "no button")
            continue
        if not parameters:
            if any(slot.key is None for slot in button.slots):
                code = "button_suffix_missing" if slot.role == "suffix" else "too_few"
                text = f"{slot.label} is missing"
                yield Difference(code, slot.label, text, slot.type, "no value")
            continue
        kind = str(parameters[0].get("type", slot.type))
        if kind != slot.type:
            text = f"{slot.label} is sent as {kind}"
            yield Difference("wrong_kind", slot.label, text, slot.type, kind)
            continue
        value = parameters[0].get(kind)
        if isinstance(value, Mapping):
            yield from _fields(value, button.slots)
        else:
            yield from value_differences(slot, value if value is not None else "")
    known = {button.index for button in buttons}
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
