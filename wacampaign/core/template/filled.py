"""The texts of a template with a row's values in: what the recipient reads, and how long it is.

Meta's limits hold for the whole text, its value in (132005); Meta's reference of template
components, November 2025.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.template.kinds import (
    BODY_LENGTH,
    CARD_BODY_LENGTH,
    HEADER_LENGTH,
    OFFER_BODY_LENGTH,
    URL_LENGTH,
)
from wacampaign.core.template.shape import Card, Shape, Slot

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class FilledText:
    """One text of a template that values are put into."""

    #: `header`, `body` or `button`.
    part: str
    #: Number of the card it is on, from 1; 0: on none.
    card: int
    #: Of a button: its position among all, from 0.
    index: int
    #: For people, such as `body` or `button 1 "Buy": its URL`.
    label: str
    #: Characters that Meta takes, values in.
    limit: int
    #: What it is made of: text as it stands, and positions of values: from 0 for var1 on, behind
    #: them what a row may leave out.
    pieces: tuple[str | int, ...]

    @property
    def slots(self) -> tuple[int, ...]:
        """Positions of the values in it, each as often as it stands there."""
        return tuple(piece for piece in self.pieces if isinstance(piece, int))

    @property
    def room(self) -> int:
        """Characters that are left for all its values together."""
        return self.limit - sum(len(piece) for piece in self.pieces if isinstance(piece, str))

    def filled(self, values: Sequence[str]) -> str:
        """The text with the row's values in."""
        return "".join(piece if isinstance(piece, str) else values[piece] for piece in self.pieces)

    def length(self, values: Sequence[str] | Mapping[int, str]) -> int:
        """Characters of the filled text."""
        return sum(len(p if isinstance(p, str) else values[p]) for p in self.pieces)


def filled_texts(components: Sequence[Mapping[str, Any]], shape: Shape) -> tuple[FilledText, ...]:
    """The texts of a template that take values, in the order of its slots."""
    return tuple(_texts(components, shape))


def _texts(components: Sequence[Mapping[str, Any]], shape: Shape) -> Iterator[FilledText]:
    at = {id(slot): n for n, slot in enumerate((*shape.slots(), *shape.optional()))}
    by_type = parts_by_type(components)
    body_limit = OFFER_BODY_LENGTH if "LIMITED_TIME_OFFER" in by_type else BODY_LENGTH
    yield from _of_one(by_type, shape, at, 0, body_limit)
    for n, card in enumerate(shape.cards, start=1):
        yield from _of_one(card_parts(by_type, n), card, at, n, CARD_BODY_LENGTH)


def addresses_before(texts: Sequence[FilledText]) -> dict[int, str]:
    """What stands before the ending of each button's URL, by the position of its value. Endings
    that do not stand last are left out."""
    return {
        text.slots[0]: str(text.pieces[0]) if len(text.pieces) > 1 else ""
        for text in texts
        if text.part == "button" and len(text.slots) == 1 and text.pieces[-1] == text.slots[0]
    }


def parts_by_type(components: Any) -> dict[str, Mapping[str, Any]]:
    """Components by their type in capitals, the first of each."""
    found: dict[str, Mapping[str, Any]] = {}
    for component in components or ():
        if isinstance(component, Mapping):
            found.setdefault(str(component.get("type", "")).upper(), component)
    return found


def card_parts(parts: Mapping[str, Mapping[str, Any]], n: int) -> dict[str, Mapping[str, Any]]:
    """The components of the n-th card, from 1. Those that a row may add are like the last one."""
    cards = parts["CAROUSEL"]["cards"]
    return parts_by_type(cards[min(n, len(cards)) - 1].get("components"))


def _of_one(
    parts: Mapping[str, Mapping[str, Any]],
    shape: Shape | Card,
    at: Mapping[int, int],
    card: int,
    body_limit: int,
) -> Iterator[FilledText]:
    where = f"card {card} " if card else ""
    for part, slots, limit in (
        ("header", shape.header, HEADER_LENGTH),
        ("body", shape.body, body_limit),
    ):
        text = parts.get(part.upper(), {}).get("text")
        if isinstance(text, str) and slots:
            yield FilledText(part, card, 0, f"{where}{part}", limit, _pieces(text, slots, at))
    buttons = parts.get("BUTTONS", {}).get("buttons") or ()
    for button in shape.buttons:
        raw = buttons[int(button.index)]
        url = raw.get("url")
        if button.slots and button.slots[0].role == "suffix" and isinstance(url, str):
            label = button.slots[0].label.removesuffix(" ending")
            index = int(button.index)
            pieces = _pieces(url, button.slots, at)
            yield FilledText("button", card, index, label, URL_LENGTH, pieces)


def _pieces(text: str, slots: Sequence[Slot], at: Mapping[int, int]) -> tuple[str | int, ...]:
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    if slots[0].parameter_name is None:
        names.sort(key=lambda name: int(name) if name.isdecimal() else 0)
    position = {name: at[id(slot)] for name, slot in zip(names, slots, strict=False)}
    pieces: list[str | int] = []
    for n, piece in enumerate(_VARIABLE.split(text)):
        if n % 2 and piece in position:
            pieces.append(position[piece])
        elif n % 2:
            pieces.append("{{" + piece + "}}")
        elif piece:
            pieces.append(piece)
    return tuple(pieces)
