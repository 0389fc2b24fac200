"""The parts of a report, without any format: both formats are written from these."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from wacampaign.report.pace import Stretch

#: A space at which no line breaks. In no value of data: those are cleaned.
NO_BREAK: Final = "\u00a0"


class Highlight(StrEnum):
    """What a piece of text means, for colour; the text itself says it too."""

    GOOD = "good"
    BAD = "bad"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text on one line. It is clean and masked, but not yet escaped."""

    text: str
    #: A name, id, address or command, shown as it is typed.
    code: bool = False
    strong: bool = False
    mark: Highlight | None = None


def words(*texts: str) -> tuple[Piece, ...]:
    """Plain pieces: the cells of a head, the sentences of a paragraph."""
    return tuple(map(Piece, texts))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Pieces, one after the other, with what stands between them."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of points."""

    items: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; each row is as long as the head, its first cell names it."""

    head: tuple[Piece, ...]
    rows: tuple[tuple[Piece, ...], ...]
    #: Columns, from 0, that hold numbers.
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines as they are typed or stored."""

    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Outcomes over time, oldest first."""

    title: str
    #: One sentence that says what the chart shows to those who do not see it.
    description: str
    #: For a picture; empty: there are no outcomes.
    bars: tuple[Stretch, ...]
    #: The same in fewer stretches, for a table.
    rows: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that is seen first."""

    label: str
    value: str
    #: Under it, such as a per cent; empty: nothing.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The few numbers of a report that are seen first."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that is counted: the class of its colour in the style, and its word."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Part:
    """One of the disjoint parts of a whole."""

    kind: Series
    count: int
    #: Of the whole, as it is shown.
    share: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A whole and its parts, which add up to it: one bar, and a table."""

    #: What is counted, such as `Recipients`.
    unit: str
    parts: tuple[Part, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its recipient sees it, line by line."""

    header: str | None
    lines: tuple[str, ...]
    footer: str | None
    buttons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Counts of each kind in a stretch of time; `begin` is in the zone that is shown."""

    begin: datetime
    seconds: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Kinds over time, one below the other, oldest first; no stretch is left out."""

    title: str
    #: What the chart shows, for those who do not see it.
    description: str
    kinds: tuple[Series, ...]
    #: For a picture, and the same in fewer stretches for a table.
    spans: tuple[Span, ...]
    rows: tuple[Span, ...]


Block = (
    Paragraph | Items | Heading | Table | CodeBlock | Chart | Figures | Parts | Message | TimeChart
)


@dataclass(frozen=True, slots=True)
class Section:
    """A numberless chapter; `id` is its address inside the file."""

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    #: Under the title: which campaign, when.
    subtitle: tuple[Piece, ...]
    sections: tuple[Section, ...]
