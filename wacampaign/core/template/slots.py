"""The places of one template that a row fills, in the order in which its variables fill them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FOLDED_AWAY: Final = re.compile(r"[\W_]+")


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
    #: Characters that Meta takes there at most.
    limit: int = 2**31 - 1
    #: Number of the card it is on, from 1; 0: on none.
    card: int = 0


@dataclass(frozen=True, slots=True)
class Button:
    """A button that a message names."""

    #: Position among all buttons, from "0".
    index: str
    sub_type: str
    #: What a row brings for it.
    slots: tuple[Slot, ...] = ()
    #: One-time passwords: the value is the body's, and takes no variable of its own.
    repeats_code: bool = False
    #: Whether every message must name it; others are named when a row brings a value for them.
    is_needed: bool = True
    #: What stands in it when a row brings nothing.
    own_value: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a carousel."""

    header: tuple[Slot, ...]
    body: tuple[Slot, ...]
    buttons: tuple[Button, ...]
    #: False: a row may leave it out, with all cards after it.
    is_needed: bool = True

    def slots(self) -> Iterator[Slot]:
        """All of them, also what a row may leave out."""
        yield from self.header
        yield from self.body
        yield from _of_buttons(self.buttons)


@dataclass(frozen=True, slots=True)
class Shape:
    """The slots of a template, in the order in which variables fill them."""

    #: One text or medium, or the parts of a location or of a product.
    header: tuple[Slot, ...]
    body: tuple[Slot, ...]
    #: When a limited-time offer ends.
    offer: Slot | None
    #: Only those that a message must or may name.
    buttons: tuple[Button, ...]
    cards: tuple[Card, ...] = ()

    def _all(self) -> Iterator[Slot]:
        yield from self.header
        yield from self.body
        if self.offer is not None:
            yield self.offer
        yield from _of_buttons(self.buttons)
        for card in self.cards:
            yield from card.slots()

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
        """`image`, `video` or `document`; None: then `var1` is no medium."""
        header = self.header[:1]
        return header[0].type if header and header[0].role == "media" else None


def folded(name: str) -> str:
    """A name as columns and variables are compared: small letters and digits, whatever is between
    them left out. A dot stays: it divides a card's name from its slot's."""
    return ".".join(_FOLDED_AWAY.sub("", part) for part in name.casefold().split("."))


def _of_buttons(buttons: tuple[Button, ...]) -> Iterator[Slot]:
    for button in buttons:
        if not button.repeats_code:
            yield from button.slots
