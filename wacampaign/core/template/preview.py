"""A message as its recipient sees it: header, body, footer, buttons, cards. Text only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from wacampaign.core.cells import cell
from wacampaign.core.display_width import wrapped
from wacampaign.core.shown_text import one_line
from wacampaign.core.template.filled import (
    FilledText,
    card_parts,
    filled_texts,
    parts_by_type,
)
from wacampaign.core.template.parameters import file_name
from wacampaign.core.template.shape import repeats_code, shape_of
from wacampaign.core.template.slots import Card, Shape, Slot
from wacampaign.core.template.values import as_text, is_blank, is_link

#: What stands between a button's text and where it leads.
_LEADS_TO: Final = " → "
#: Words for buttons that have no text of their own (Meta puts it there).
_OWN_TEXTS: Final[Mapping[str, str]] = {"OTP": "Copy code", "COPY_CODE": "Copy code"}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message bubble, or one card of a carousel."""

    #: Its text, or the medium in brackets: `[video: cdn.example/film.mp4]`. None: there is none.
    header: str | None
    #: With its line breaks; "" when it has none.
    body: str
    footer: str | None
    #: `Buy → https://example.com/t/A3`, one each.
    buttons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A whole message."""

    bubble: Bubble
    #: What a limited-time offer says above its buttons.
    offer: str | None
    cards: tuple[Bubble, ...]


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message that is shown to the operator."""

    #: Masked.
    phone: str
    #: Where it comes from: `line 2`, `hello`.
    where: str
    preview: Preview


def preview(
    components: Sequence[Mapping[str, Any]], parameter_format: str | None, payload: object
) -> Preview:
    """The message of a row with this payload. What the row does not bring is shown as its place in
    brackets, so a row that does not fit can be looked at, too. Raises `UnusableTemplate`."""
    shape = shape_of(components, parameter_format)
    given = payload if isinstance(payload, Mapping) else {}
    values: list[str] = []
    there: set[int] = set()
    slots = [(f"var{n}", slot) for n, slot in enumerate(shape.slots(), start=1)]
    slots += [(slot.key or "", slot) for slot in shape.optional()]
    for at, (key, slot) in enumerate(slots):
        value = given.get(key)
        if is_blank(value):
            values.append(f"[no {slot.label}]")
        else:
            values.append(as_text(value) or f"[no text: {slot.label}]")
            there.add(at)
    filling = _Filling(
        {id(slot): (values[at], at in there) for at, (_, slot) in enumerate(slots)},
        {(text.card, text.part, text.index): text for text in filled_texts(components, shape)},
        values,
    )
    parts = parts_by_type(components)
    cards = [
        filling.bubble(card_parts(parts, n), card, n)
        for n, card in enumerate(shape.cards, start=1)
        if card.is_needed or any(filling.has(slot) for slot in card.slots())
    ]
    return Preview(filling.bubble(parts, shape, 0), filling.offer(parts, shape), tuple(cards))


class _Filling:
    """Puts one row's values into the parts of a template."""

    def __init__(
        self,
        by_slot: Mapping[int, tuple[str, bool]],
        texts: Mapping[tuple[int, str, int], FilledText],
        values: Sequence[str],
    ) -> None:
        #: Text of a slot's value, and whether the row brings it; by the slot's identity.
        self._by_slot = by_slot
        self._texts = texts
        self._values = values

    def has(self, slot: Slot) -> bool:
        return self._by_slot[id(slot)][1]

    def _value(self, slot: Slot) -> str:
        return cell(self._by_slot[id(slot)][0])

    def bubble(
        self, parts: Mapping[str, Mapping[str, Any]], shape: Shape | Card, card: int
    ) -> Bubble:
        footer = parts.get("FOOTER", {}).get("text")
        body = self._text(parts, "body", card)
        if not body and not card and shape.body:
            body = self._value(shape.body[0])  # Meta's own text of a one-time password
        return Bubble(
            self._header(parts, shape, card),
            body,
            footer if isinstance(footer, str) else None,
            tuple(self._buttons(parts, shape, card)),
        )

    def _text(self, parts: Mapping[str, Mapping[str, Any]], part: str, card: int) -> str:
        filled = self._texts.get((card, part, 0))
        if filled is not None:
            return filled.filled(self._values)
        text = parts.get(part.upper(), {}).get("text")
        return text if isinstance(text, str) else ""

    def _header(
        self, parts: Mapping[str, Mapping[str, Any]], shape: Shape | Card, card: int
    ) -> str | None:
        if "HEADER" not in parts:
            return None
        by_role = {slot.role: slot for slot in shape.header}
        if (medium := by_role.get("media")) is not None:
            return f"[{medium.type}: {self._medium(medium, by_role.get('filename'))}]"
        if (latitude := by_role.get("latitude")) is not None:
            named = [by_role[role] for role in ("place_name", "place_address") if role in by_role]
            words = [self._value(slot) for slot in named if self.has(slot)]
            where = f"{self._value(latitude)}, {self._value(by_role['longitude'])}"
            return f"[map: {', '.join([*words, where])}]"
        if (product := by_role.get("product")) is not None:
            return f"[product: {self._value(product)}]"
        return self._text(parts, "header", card) or None

    def _medium(self, slot: Slot, name: Slot | None) -> str:
        value = self._value(slot)
        if not self.has(slot) or not is_link(value):
            what = value if value.startswith("[") else f"media id {value}"
        else:
            address = urlsplit(value)
            what = f"{address.netloc}{address.path}"
        if name is None:
            return what
        shown = self._value(name) if self.has(name) else file_name(value)
        return f"{shown or 'Untitled'} ({what})"

    def _buttons(
        self, parts: Mapping[str, Mapping[str, Any]], shape: Shape | Card, card: int
    ) -> Iterator[str]:
        slots = {int(button.index): button.slots for button in shape.buttons}
        for at, raw in enumerate(parts.get("BUTTONS", {}).get("buttons") or ()):
            kind = str(raw.get("type", "")).upper()
            text = str(raw.get("text") or _OWN_TEXTS.get(kind, kind.replace("_", " ").lower()))
            filled = self._texts.get((card, "button", at))
            if filled is not None:
                yield text + _LEADS_TO + filled.filled(self._values)
            elif kind == "COPY_CODE":
                yield f"{text} {self._value(slots[at][0])}" if slots.get(at) else text
            elif kind == "URL" and isinstance(raw.get("url"), str) and not repeats_code(raw):
                yield text + _LEADS_TO + raw["url"]
            elif kind == "PHONE_NUMBER" and isinstance(raw.get("phone_number"), str):
                yield text + _LEADS_TO + raw["phone_number"]
            else:
                yield text

    def offer(self, parts: Mapping[str, Mapping[str, Any]], shape: Shape) -> str | None:
        """`Ends soon, until 2030-01-31 18:00 UTC`."""
        offer = parts.get("LIMITED_TIME_OFFER", {}).get("limited_time_offer")
        if not isinstance(offer, Mapping):
            return None
        text = str(offer.get("text") or "")
        if shape.offer is None:
            return text
        return f"{text}, until {_moment(self._value(shape.offer))}"


def _moment(milliseconds: str) -> str:
    try:
        return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return milliseconds


# --- as lines ----------------------------------------------------------------------------------

#: Screen columns of a message, at most and at least.
_WIDTH: Final = 72
_WIDTH_MIN: Final = 20


def message_lines(message: Preview, columns: int = _WIDTH) -> Iterator[str]:
    """The message between two rules, at most `columns` wide (of 20 to 72). No line is drawn beside
    the text: a terminal that turns right-to-left text would put it into the middle."""
    columns = max(_WIDTH_MIN, min(columns, _WIDTH))
    yield "─" * columns
    yield from _bubble_lines(message.bubble, columns, message.offer)
    for n, card in enumerate(message.cards, start=1):
        yield f"┄┄ card {n} ".ljust(columns, "┄")
        yield from _bubble_lines(card, columns)
    yield "─" * columns


def _bubble_lines(bubble: Bubble, columns: int, offer: str | None = None) -> Iterator[str]:
    for part in (bubble.header, bubble.body, bubble.footer, offer):
        for line in (part or "").splitlines():
            yield from wrapped(one_line(line), columns)
    for button in bubble.buttons:
        yield from wrapped(one_line(f"[{button}]"), columns)
