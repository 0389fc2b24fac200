"""A template's components, as Meta returns them, read into the slots that a row fills.

Sources: Meta's reference of template components and of sending each kind of template
(`core/template/kinds.py` names the pages). That a FLOW button must be named in every message, with
or without parameters, is in neither: sends without it fail with 131009 (public reports of 2025 and
2026).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.template.kinds import (
    BUTTON_KINDS,
    CARDS_MAX,
    HEADER_SLOTS,
    OFFER_COUPON_LENGTH,
    SLOT_KINDS,
    UNFIT_COMPONENTS,
    ButtonKind,
)
from wacampaign.core.template.slots import Button, Card, Shape, Slot, folded

__all__ = ["Button", "Card", "Shape", "Slot", "UnusableTemplate", "folded", "shape_of"]

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")

#: Where Meta's one-time passwords point to: GET shows many OTP buttons as URL buttons.
OTP_URL: Final = re.compile(r"^https?://(?:www\.)?whatsapp\.com/otp/", re.IGNORECASE)


#: What a button's value is called after the button.
_SAID: Final[Mapping[str, str]] = {
    "suffix": "URL ending",
    "code": "code",
    "coupon": "coupon code",
    "payload": "payload",
    "flow_token": "flow token",
    "flow_data": "flow data",
    "thumbnail": "thumbnail",
    "lead_product": "lead product",
    "products": "products",
}


class UnusableTemplate(ValueError):  # noqa: N818 - reported to people, not raised as a bug
    """No row's variables can fill this template; the text says why."""


def shape_of(components: Sequence[Mapping[str, Any]], parameter_format: str | None = None) -> Shape:
    """Reads `components`; raises `UnusableTemplate`.

    `parameter_format` is `NAMED` or `POSITIONAL` in any case of letters. None: NAMED when the
    examples have named parameters or a variable's name is no number.
    """
    parts = _by_type(components)
    named = _is_named(parameter_format, parts)
    for kind in parts:
        if kind in UNFIT_COMPONENTS:
            raise UnusableTemplate(
                f"it has a component {kind}, which no list can fill: {UNFIT_COMPONENTS[kind]}"
            )
    reading = _Reading(named)
    header = reading.header(parts)
    body = reading.body(parts)
    offer = reading.offer(parts)
    buttons = reading.buttons(parts)
    return Shape(header, body, offer, buttons, tuple(_cards(parts, named)))


def _cards(parts: Mapping[str, Mapping[str, Any]], named: bool) -> Iterator[Card]:
    if "CAROUSEL" not in parts:
        return
    cards = _objects(parts["CAROUSEL"].get("cards") or (), "the template's cards")
    if not cards:
        raise UnusableTemplate("the template's CAROUSEL has no cards; sync the templates")
    components = [_by_type(card.get("components")) for card in cards]
    for n, of_card in enumerate(components, start=1):
        yield _card(n, of_card, named)
    # "An approved template with two product cards can be used to send up to 10 cards"; of media
    # cards, a message "must include a card for every card defined on the template".
    if all(_format(of_card) == "product" for of_card in components):
        for n in range(len(cards) + 1, CARDS_MAX + 1):
            yield _card(n, components[-1], named, is_needed=False)


def _card(
    n: int, parts: Mapping[str, Mapping[str, Any]], named: bool, *, is_needed: bool = True
) -> Card:
    reading = _Reading(named, n, is_needed=is_needed)
    return Card(reading.header(parts), reading.body(parts), reading.buttons(parts), is_needed)


def _format(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """The header's, in small letters; "" without one."""
    header = parts.get("HEADER")
    return str(header.get("format") or "TEXT").lower() if header else ""


def _by_type(components: Any) -> dict[str, Mapping[str, Any]]:
    """The components by their types, the first of each."""
    parts: dict[str, Mapping[str, Any]] = {}
    for component in _objects(components, "the template's components"):
        parts.setdefault(str(component.get("type", "")).upper(), component)
    return parts


def _objects(value: Any, what: str) -> Sequence[Mapping[str, Any]]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UnusableTemplate(f"{what} are damaged, no list; sync the templates")
    if not all(isinstance(item, Mapping) for item in value):
        raise UnusableTemplate(f"{what} are damaged; sync the templates")
    return value


def _is_named(parameter_format: str | None, parts: Mapping[str, Mapping[str, Any]]) -> bool:
    if parameter_format:
        return parameter_format.strip().upper() == "NAMED"
    # What another writer left in the text of a medium's header says nothing.
    texts = ("header", "body") if _format(parts) == "text" else ("body",)
    of_texts = ((parts.get(where.upper(), {}), where) for where in texts)
    return any(
        _named_examples(part, where) or not all(name.isdecimal() for name in _names(part))
        for part, where in of_texts
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


def repeats_code(button: Mapping[str, Any]) -> bool:
    """Whether it is the button of a one-time password, in either form that Meta gives it."""
    kind = str(button.get("type", "")).upper()
    return kind == "OTP" or (kind == "URL" and bool(OTP_URL.match(str(button.get("url") or ""))))


class _Reading:
    """Reads the components of a template, or of one card of its carousel, into slots."""

    def __init__(self, named: bool, card: int = 0, *, is_needed: bool = True) -> None:
        self._named = named
        #: Its number, from 1; 0: it is none.
        self._card = card
        #: What goes before a label, and before a column's name.
        self._where = f"card {card} " if card else ""
        self._column = f"card{card}." if card else ""
        #: False: a row may leave all of it out.
        self._is_needed = is_needed

    def header(self, parts: Mapping[str, Mapping[str, Any]]) -> tuple[Slot, ...]:
        part = parts.get("HEADER")
        if not part:
            return ()
        kind = _format(parts)
        if kind == "text":
            slots = self._texts("header", part)
            if len(slots) > 1:
                raise UnusableTemplate(
                    "a text header can have one variable only; sync the templates"
                )
            return slots
        if kind in HEADER_SLOTS:
            return tuple(
                self._slot(role, f"header {role.replace('_', ' ')}") for role in HEADER_SLOTS[kind]
            )
        if kind not in HEADER_KINDS:
            kinds = ", ".join(name.upper() for name in ("text", *HEADER_KINDS, *HEADER_SLOTS))
            raise UnusableTemplate(
                f"templates with a {kind.upper()} header cannot be sent: only {kinds} headers can"
            )
        medium = self._slot("media", f"header {kind}", kind, (kind, f"{kind}url", "header1"))
        if kind != "document":
            return (medium,)
        return medium, self._slot("filename", "header document's file name")

    def body(self, parts: Mapping[str, Mapping[str, Any]]) -> tuple[Slot, ...]:
        slots = self._texts("body", parts.get("BODY", {}))
        if any(repeats_code(button) for button in self._raw_buttons(parts)):
            # As they are created, authentication templates have no text: Meta's has the code as
            # {{1}}.
            return (self._slot("code", "body {{1}}", names=("1", "body1")), *slots[1:])
        return slots

    def offer(self, parts: Mapping[str, Mapping[str, Any]]) -> Slot | None:
        part = parts.get("LIMITED_TIME_OFFER")
        if part is None:
            return None
        offer = part.get("limited_time_offer")
        if not isinstance(offer, Mapping):
            raise UnusableTemplate("the template's LIMITED_TIME_OFFER is damaged; sync them")
        return self._slot("expires", "the offer's end") if offer.get("has_expiration") else None

    def buttons(self, parts: Mapping[str, Mapping[str, Any]]) -> tuple[Button, ...]:
        return tuple(self._buttons(self._raw_buttons(parts), "LIMITED_TIME_OFFER" in parts))

    def _raw_buttons(self, parts: Mapping[str, Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        return _objects(parts.get("BUTTONS", {}).get("buttons") or (), "the template's buttons")

    def _buttons(
        self, buttons: Sequence[Mapping[str, Any]], beside_offer: bool
    ) -> Iterator[Button]:
        for position, button in enumerate(buttons):
            type_ = str(button.get("type", "")).upper()
            kind = BUTTON_KINDS["OTP"] if repeats_code(button) else BUTTON_KINDS.get(type_)
            text = str(button.get("text") or "")
            label = f'button {position + 1} "{text}"' if text else f"button {position + 1}"
            if kind is None or kind.sub_type is None:
                continue
            if kind.unfit:
                raise UnusableTemplate(
                    f"{label} is of type {type_}, which no list can fill: {kind.unfit}"
                )
            if type_ == "URL" and not repeats_code(button):
                if not _VARIABLE.search(str(button.get("url") or "")):
                    continue
            elif not kind.slots:
                continue
            slots = self._button_slots(kind, position, label, text, beside_offer)
            # In a carousel, Meta's form names each quick reply.
            in_card = self._card > 0 and type_ == "QUICK_REPLY"
            yield Button(
                str(position),
                kind.sub_type,
                slots,
                repeats_code=repeats_code(button),
                is_needed=kind.is_needed or type_ == "URL" or in_card,
                own_value=text if in_card else "",
            )

    def _button_slots(
        self, kind: ButtonKind, position: int, label: str, text: str, beside_offer: bool
    ) -> tuple[Slot, ...]:
        n = position + 1
        slots = []
        for role in kind.slots:
            names = [f"button{n}", text]
            if role == "suffix":
                names.insert(0, f"url{n}")
            elif role == "payload":
                names = [f"payload{n}"]
            elif kind.slots != ("coupon",):
                names = []
            slot = self._slot(role, f"{label} {_SAID[role]}", names=names)
            if role == "payload":  # a template may have several quick replies
                slot = replace(slot, key=f"{slot.key}{n}")
            if role == "coupon" and beside_offer:
                slot = replace(slot, limit=OFFER_COUPON_LENGTH)
            slots.append(slot)
        return tuple(slots)

    def _texts(self, where: str, part: Mapping[str, Any]) -> tuple[Slot, ...]:
        names = _names(part)
        if self._named:
            names = names or _named_examples(part, where)
            return tuple(
                self._slot(
                    where,
                    f"{where} {{{{{name}}}}}",
                    names=(name, *self._in_card(where, i)),
                    parameter_name=name,
                )
                for i, name in enumerate(names, start=1)
            )
        if not all(name.isdecimal() for name in names):
            raise UnusableTemplate(
                f"the {where} of the template has named variables, but its format is POSITIONAL; "
                "sync the templates"
            )
        return tuple(
            self._slot(
                where, f"{where} {{{{{n}}}}}", names=(f"{where}{n}", n, *self._in_card(where, i))
            )
            for i, n in enumerate(sorted(names, key=int), start=1)
        )

    def _in_card(self, where: str, i: int) -> tuple[str, ...]:
        """`card1.var2` is the second variable of the first card's body."""
        return (f"var{i}",) if self._card and where == "body" else ()

    def _slot(
        self,
        role: str,
        label: str,
        parameter_type: str | None = None,
        names: Sequence[str] = (),
        parameter_name: str | None = None,
    ) -> Slot:
        kind = SLOT_KINDS[role]
        called = [folded(name) for name in (*names, *kind.columns) if folded(name)]
        key = kind.key or (None if self._is_needed else called[0])
        return Slot(
            role,
            parameter_type or kind.type,
            self._where + label,
            parameter_name,
            key and self._column + key,
            tuple(dict.fromkeys(self._column + name for name in called)),
            kind.limit,
            self._card,
        )
