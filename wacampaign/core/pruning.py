"""What `prune` takes away, part by part, and from which age on."""

from dataclasses import dataclass
from typing import Final

#: Days below which nothing of a message is touched: Meta reports on it for 30, and the backend's
#: log of statuses is read back for 40 (`wacampaign_prune_floor`).
FLOOR_DAYS: Final = 45


@dataclass(frozen=True, slots=True)
class PruneAges:
    """Days that each kind of thing is kept; a campaign's count from its end."""

    #: Meta's own words: what a status or a message said beside what is shown of it.
    details: int = FLOOR_DAYS
    #: What became of each recipient, and what people answered. A year and a month: this month's
    #: campaign can be compared with that of a year ago.
    results: int = 400
    #: How campaigns went along: pauses, holds, workers that came and went.
    history: int = 400
    #: Bodies of webhooks that were worked off: Meta repeats what it was not answered for 7.
    webhooks: int = 7
    #: Files in WACAMPAIGN_HOME that nobody needs any more.
    files: int = FLOOR_DAYS


@dataclass(frozen=True, slots=True)
class PrunePart:
    """One kind of thing in the database."""

    #: Its name in the database's functions.
    name: str
    #: The field of `PruneAges` that it goes by.
    age: str
    #: What goes, for a plan; and what remains of it.
    what: str
    becomes: str = "removed"


#: In the order in which they are done: what frees most comes first.
PARTS: Final = (
    PrunePart("deliveries", "results", "message", "only counted"),
    PrunePart("statuses", "details", "message", "without Meta's own words"),
    PrunePart("webhooks", "webhooks", "webhook"),
    PrunePart("strays", "details", "nobody's message", "forgotten"),
    PrunePart("unreadable", "details", "unreadable log line"),
    PrunePart("messages", "details", "incoming message", "without Meta's own words"),
    PrunePart("replies", "results", "incoming message", "removed"),
    PrunePart("repairs", "results", "repaired row", "no longer to be undone"),
    PrunePart("events", "history", "event"),
    PrunePart("workers", "history", "gone worker"),
    PrunePart("holds", "history", "lifted hold"),
    PrunePart("lists", "history", "list fingerprint"),
    PrunePart("translations", "history", "gone translation"),
)


def days_of(part: PrunePart, ages: PruneAges) -> int:
    """Days that this part is kept."""
    return int(getattr(ages, part.age))


@dataclass(frozen=True, slots=True)
class PartDue:
    """What of a part is due."""

    #: Of `PARTS`.
    part: str
    table: str
    rows: int
    #: That become free in the table's file, about.
    bytes: int


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table with its indexes."""

    name: str
    #: False: the backend's.
    ours: bool
    #: As the statistics say.
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PruneDue:
    """The database's answer: what there is, and what is due."""

    parts: tuple[PartDue, ...]
    tables: tuple[TableSize, ...]
    #: The backend's log of before is still being read; no delivery is removed until it is.
    reading: bool

    def size(self, *, ours: bool) -> int:
        """Bytes of our tables, or of the backend's."""
        return sum(table.bytes for table in self.tables if table.ours == ours)


def told_bytes(n: float) -> str:
    """`1.4 GB`, `310 MB`, `12 kB`: thousands, as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if n < 999.5:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:,.1f} GB"
