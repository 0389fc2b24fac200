"""A campaign that stands still, as it is shown: kinds, evidence, and what would be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

#: What a person decides about rows in doubt.
InDoubt = Literal["hold", "resend", "assume-sent"]


class Kind(StrEnum):
    """The ways in which a campaign stops though work is left."""

    COMPLETED_WITH_ROWS_LEFT = "completed with rows left"
    COMPLETED_WITH_FEWER_ROWS = "completed with fewer rows than contacts"
    FEWER_ROWS = "running with fewer rows than contacts"
    NO_LIVE_WORKER = "running with no live worker"
    HELD_BY_NOBODY = "rows in processing that nobody holds"
    PENDING = "rows that are pending, which no worker takes"
    FAR_AWAY = "rows that wait for a time far away"
    ACCEPTED_WAITING = "rows that wait to be sent, but were accepted"
    IN_DOUBT = "rows in doubt"
    DOUBT_WAITING = "rows that wait to be sent, but are in doubt"
    NOBODY_SAYS_SO = "nothing left to do, but nobody says that it is over"
    CAUSE_GONE = "paused, and the cause is gone"
    HOLD_CAUSE_GONE = "part of it held, and the cause is gone"
    LEFT_UNWRITTEN = "paused, and its contacts were never all written"


@dataclass(frozen=True, slots=True)
class Change:
    """So many rows (or campaigns) go from one state to another."""

    n: int
    what: str
    was: str
    becomes: str


@dataclass(slots=True)
class StuckCampaign:
    """One campaign with its kinds of standstill, the evidence, and what would be changed."""

    id: str
    name: str
    status: str
    #: The state that was seen; a restart acts on this state only.
    token: str
    #: Accepted rows: never touched.
    accepted: int
    #: Rows in doubt, once those that nobody holds are counted among them.
    in_doubt: int
    #: Rows never sent.
    left: int
    #: When this was seen, by the database's clock.
    seen_at: str
    #: Claims of dead workers whose rows are counted as in doubt here.
    seen_claims: Sequence[str] = ()
    kinds: list[Kind] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    #: What stays as it is, and why.
    keeps: list[str] = field(default_factory=list)
    #: Which calls are needed.
    restart: bool = False
    mend: bool = False
    reap: bool = False
    complete: bool = False
    #: What is to be done with the rows in doubt: None if nothing.
    resolve: Literal["resend", "assume_sent"] | None = None

    @property
    def short_id(self) -> str:
        """The first eight characters: what a person types."""
        return self.id[:8]


def by_all(campaigns: Sequence[StuckCampaign]) -> tuple[int, int]:
    """Rows accepted and rows in doubt of all of them."""
    return sum(one.accepted for one in campaigns), sum(one.in_doubt for one in campaigns)
