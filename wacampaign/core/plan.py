"""What a command is about to do, in figures and sentences, before anybody is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

#: Samples that are shown where rows change.
SAMPLES_SHOWN: Final = 5
#: Called with what is done and what there is in all; None where nobody watches.
Progress: TypeAlias = Callable[[int, int], None] | None


@dataclass(frozen=True, slots=True)
class Change:
    """So many rows (or campaigns, or messages) go from one state to another."""

    n: int
    what: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command is about to do."""

    #: "pause Bajaj_market_2 (5a5c39a6)".
    title: str
    steps: Sequence[Change]
    #: What will and what will not happen, one sentence each.
    notes: Sequence[str] = ()
    #: Rows that change, already masked; the first five are shown.
    samples: Sequence[str] = ()
    #: What to run afterwards.
    next_command: str | None = None
