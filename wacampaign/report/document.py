"""The parts of a report, without any format: both formats are written from these."""

from dataclasses import dataclass
from enum import StrEnum

from wacampaign.report.pace import Stretch


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


Block = Paragraph | Items | Heading | Table | CodeBlock | Chart


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
