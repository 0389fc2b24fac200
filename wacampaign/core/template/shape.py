"""A template's components, as Meta returns them, read into the slots that a row fills.

Sources: Meta's reference of template components and of sending each kind of template
(`core/template/kinds.py` names the pages). That a FLOW button must be named in every message, with
or without parameters, is in neither: sends without it fail with 131009 (public reports of 2025 and
2026).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.template.kinds import SLOT_KINDS

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
_FOLDED_AWAY: Final = re.compile(r"[\W_]+")

#: Buttons whose parameters no row of a list can hold, and why.
_UNFIT_BUTTONS: Final = {
    "ORDER_DETAILS": "each message takes a whole order with its items, taxes and payment settings",
}

#: Headers that are no medium and no text: the roles of their slots.
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "location": ("latitude", "longitude", "place_name", "place_address"),
    "product": ("product", "catalog"),
}
#: Buttons whose values are one `action`: the roles of their slots.
_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "CATALOG": ("thumbnail",),
    "MPM": ("lead_product", "products"),
}

#: Where Meta's one-time passwords point to: GET shows many OTP buttons as URL buttons.
OTP_URL: Final = re.compile(r"^https?://(?:www\.)?whatsapp\.com/otp/", re.IGNORECASE)


class UnusableTemplate(ValueError):  # noqa: N818 - reported to people, not raised as a bug
    """No row's variables can fill this template; the text says why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place that a row fills."""

    #: Which kind of place: a key of `SLOT_KINDS`.
    role: str
    #: Meta's parameter type, such as `text`, `video`, `coupon_code`, `location`.
    type: str
    #: For people, such as `body {{1}}`; no two slots of a template have the same.
    label: str
    #: Of NAMED templates.
    parameter_name: str | None = None
    #: Key of the payload under which a row may bring it. None: it must, under its number.
    key: str | None = None
    #: Names of a contact list's column that mean it, folded (`folded`); the most exact first.
    column_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """A button that every message must name."""

    #: Position among all buttons, from "0".
    index: str
    sub_type: str
    #: What a row brings for it; without any it is named all the same.
    slots: tuple[Slot, ...] = ()
    #: One-time passwords: the value is the body's, and takes no variable of its own.
    repeats_code: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a carousel."""

    header: tuple[Slot, ...]
    body: tuple[Slot, ...]
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """The slots of a template, in the order in which variables fill them."""

    #: One text or medium, or the parts of a location or of a product.
    header: tuple[Slot, ...]
    body: tuple[Slot, ...]
    #: When a limited-time offer ends.
    offer: Slot | None
    #: Only those that a message must name.
    buttons: tuple[Button, ...]
    #: All of them must be sent.
    cards: tuple[Card, ...] = ()

    def _all(self) -> Iterator[Slot]:
        yield from self.header
        yield from self.body
        if self.offer is not None:
            yield self.offer
        yield from _of_buttons(self.buttons)
        for card in self.cards:
            yield from card.header
            yield from card.body
            yield from _of_buttons(card.buttons)

    def slots(self) -> Iterator[Slot]:
        """What a row must bring: one for each variable, from `var1` on."""
        return (slot for slot in self._all() if slot.key is None)

    def optional(self) -> Iterator[Slot]:
        """What a row may bring, under the payload's key `slot.key`."""
        return (slot for slot in self._all() if slot.key is not None)

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
        """`image`, `video`, `document` or `gif`; None: then `var1` is no medium."""
        header = self.header[:1]
        return header[0].type if header and header[0].role == "media" else None


def folded(name: str) -> str:
    """A name as columns and variables are compared: small letters and digits, whatever is between
    them left out. A dot stays: it divides a card's name from its slot's."""
    return ".".join(_FOLDED_AWAY.sub("", part) for part in name.casefold().split("."))


def shape_of(components: Sequence[Mapping[str, Any]], parameter_format: str | None = None) -> Shape:
    """Reads `components`; raises `UnusableTemplate`.

    `parameter_format` is `NAMED` or `POSITIONAL` in any case of letters. None: NAMED when the
    examples have named parameters or a variable's name is no number.
    """
    parts = _by_type(components)
    named = _is_named(parameter_format, parts.get("HEADER", {}), parts.get("BODY", {}))
    reading = _Reading(named)
    header = reading.header(parts)
    body = reading.body(parts)
    offer = reading.offer(parts)
    buttons = reading.buttons(parts)
    cards = _objects(parts.get("CAROUSEL", {}).get("cards") or (), "the template's cards")
    if "CAROUSEL" in parts and not cards:
        raise UnusableTemplate("the template's CAROUSEL has no cards; sync the templates")
    return Shape(
        header,
        body,
        offer,
        buttons,
        tuple(_card(n, card, named) for n, card in enumerate(cards, start=1)),
    )


def _card(n: int, card: Mapping[str, Any], named: bool) -> Card:
    parts = _by_type(card.get("components"))
    reading = _Reading(named, f"card {n} ", f"card{n}.")
    return Card(reading.header(parts), reading.body(parts), reading.buttons(parts))


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


def _repeats_code(button: Mapping[str, Any]) -> bool:
    kind = str(button.get("type", "")).upper()
    return kind == "OTP" or (kind == "URL" and bool(OTP_URL.match(str(button.get("url") or ""))))


class _Reading:
    """Reads the components of a template, or of one card of its carousel, into slots."""

    def __init__(self, named: bool, where: str = "", column: str = "") -> None:
        self._named = named
        #: What goes before a label, such as `card 2 `, and before a column's name: `card2.`.
        self._where = where
        self._column = column

    def header(self, parts: Mapping[str, Mapping[str, Any]]) -> tuple[Slot, ...]:
        part = parts.get("HEADER")
        if not part:
            return ()
        kind = str(part.get("format") or "TEXT").lower()
        if kind == "text":
            slots = self._texts("header", part)
            if len(slots) > 1:
                raise UnusableTemplate(
                    "a text header can have one variable only; sync the templates"
                )
            return slots
        if kind in _HEADERS:
            return tuple(
                self._slot(role, f"header {role.replace('_', ' ')}") for role in _HEADERS[kind]
            )
        if kind not in HEADER_KINDS:
            kinds = ", ".join(name.upper() for name in ("text", *HEADER_KINDS, *_HEADERS))
            raise UnusableTemplate(
                f"templates with a {kind.upper()} header cannot be sent: only {kinds} headers can"
            )
        medium = self._slot("media", f"header {kind}", kind, (kind, f"{kind}url", "header1"))
        if kind != "document":
            return (medium,)
        return medium, self._slot("filename", "header document's file name")

    def body(self, parts: Mapping[str, Mapping[str, Any]]) -> tuple[Slot, ...]:
        slots = self._texts("body", parts.get("BODY", {}))
        if any(_repeats_code(button) for button in self._raw_buttons(parts)):
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
        return tuple(self._buttons(self._raw_buttons(parts)))

    def _raw_buttons(self, parts: Mapping[str, Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        return _objects(parts.get("BUTTONS", {}).get("buttons") or (), "the template's buttons")

    def _buttons(self, buttons: Sequence[Mapping[str, Any]]) -> Iterator[Button]:
        for position, button in enumerate(buttons):
            kind = str(button.get("type", "")).upper()
            index = str(position)
            text = str(button.get("text") or "")
            label = f'button {position + 1} "{text}"' if text else f"button {position + 1}"
            names = [f"button{position + 1}", text]
            if kind in _UNFIT_BUTTONS:
                raise UnusableTemplate(
                    f"{label} is of type {kind}, which no list can fill: {_UNFIT_BUTTONS[kind]}"
                )
            if _repeats_code(button):
                slot = self._slot("code", f"{label} code")
                yield Button(index, "url", (slot,), repeats_code=True)
            elif kind == "URL" and _VARIABLE.search(str(button.get("url") or "")):
                names.insert(0, f"url{position + 1}")
                slot = self._slot("suffix", f"{label} URL ending", names=names)
                yield Button(index, "url", (slot,))
            elif kind == "COPY_CODE":
                slot = self._slot("coupon", f"{label} coupon code", names=names)
                yield Button(index, "copy_code", (slot,))
            elif kind in _ACTIONS:
                roles = _ACTIONS[kind]
                slots = (self._slot(role, f"{label} {role.replace('_', ' ')}") for role in roles)
                yield Button(index, kind.lower(), tuple(slots))
            elif kind == "FLOW":
                yield Button(index, "flow")
            # All others (quick replies, phone numbers, fixed URLs) need nothing.

    def _texts(self, where: str, part: Mapping[str, Any]) -> tuple[Slot, ...]:
        names = _names(part)
        if self._named:
            names = names or _named_examples(part, where)
            return tuple(
                self._slot(where, f"{where} {{{{{n}}}}}", names=(n,), parameter_name=n)
                for n in names
            )
        if not all(name.isdecimal() for name in names):
            raise UnusableTemplate(
                f"the {where} of the template has named variables, but its format is POSITIONAL; "
                "sync the templates"
            )
        return tuple(
            self._slot(where, f"{where} {{{{{n}}}}}", names=(f"{where}{n}", n))
            for n in sorted(names, key=int)
        )

    def _slot(
        self,
        role: str,
        label: str,
        parameter_type: str | None = None,
        names: Sequence[str] = (),
        parameter_name: str | None = None,
    ) -> Slot:
        kind = SLOT_KINDS[role]
        columns = (self._column + folded(name) for name in (*names, *kind.columns))
        return Slot(
            role,
            parameter_type or kind.type,
            self._where + label,
            parameter_name,
            kind.key and self._column + kind.key,
            tuple(dict.fromkeys(columns)),
        )


def _of_buttons(buttons: Sequence[Button]) -> Iterator[Slot]:
    for button in buttons:
        if not button.repeats_code:
            yield from button.slots
