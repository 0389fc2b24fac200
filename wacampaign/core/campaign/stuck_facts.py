"""What the database knows of campaigns that may be stuck (`wacampaign_stuck`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wacampaign.core.budget import Budget
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.reading import read
from wacampaign.core.words import local_time


@dataclass(frozen=True, slots=True)
class LastWorker:
    """The worker that was heard of last. Times are ISO 8601."""

    host: str
    pid: int
    last_beat_at: str
    #: When it said goodbye; None: it did not.
    stopped_at: str | None

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid}"


@dataclass(frozen=True, slots=True)
class StandingHold:
    """A hold that stands until a person lifts it."""

    code: int | None
    reason: str | None
    #: ISO 8601.
    since: str
    #: Why its cause is gone, in words; None: there is no sign of that.
    gone: str | None


@dataclass(frozen=True, slots=True)
class NobodysRows:
    """Rows in `processing` that no live worker holds, by how much is known of them."""

    #: A dead worker's, never begun.
    unsent: int = 0
    #: A dead worker's, perhaps sent, so counted as in doubt; and the claims that they belong to.
    begun: int = 0
    claims: Sequence[str] = ()
    #: Taken by another program.
    no_claim: int = 0
    #: In doubt already, by cause.
    in_doubt: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class CampaignAtRest(CampaignName):
    """One campaign that may be stuck. Times are ISO 8601."""

    #: The state that was seen; a restart acts on this state only.
    token: str
    pause_reason: str | None
    created_at: str
    start_time: str | None
    end_time: str | None
    total_contacts: int
    #: In the queue, whatever their state.
    rows: int
    counts: Counts
    #: Contacts that never had a row in the queue.
    never_enqueued: int
    number_active: bool
    nobodys: NobodysRows
    #: Since when rows in doubt are all that is left; None: they are not.
    alone_since: str | None
    total_sent: int
    total_failed: int
    #: Whether the shown totals should be right by now.
    totals_due: bool
    accepted_but_waiting: int
    doubt_but_waiting: int
    #: Rows that wait for a time that no rule gives, and the first such time.
    far_away: int
    far_away_from: str | None
    holds: tuple[StandingHold, ...]
    #: Who brought it into its state; None: nobody with this tool.
    paused_by: str | None
    spam_pause_over: bool
    spam_paused_until: str | None
    #: Pairs of number and template with rows left, over which no hold stands but such as are gone.
    free_lanes: int
    #: None: no limit, or the campaign does not run.
    budget: Budget | None = None
    #: When it begins or goes on by itself; None: it does not.
    starts_at: str | None = None
    #: When the first of its rows may go, as for none it is the hour; None: some may.
    hours_from: str | None = None

    @property
    def accepted(self) -> int:
        """Rows that were accepted: never touched."""
        return self.counts.sent + self.accepted_but_waiting

    @property
    def in_doubt(self) -> int:
        """Rows in doubt, once those that nobody holds are counted among them."""
        return self.counts.in_doubt + self.doubt_but_waiting

    @property
    def waits_for_places(self) -> bool:
        """Whether rows wait because the portfolio may write to nobody new now."""
        return self.budget is not None and self.budget.is_used_up and self.left > 0

    @property
    def waits_for(self) -> str | None:
        """What it waits for to go on by itself; None: nothing of the kind."""
        waits = []
        if self.starts_at is not None:
            waits.append(f"at {local_time(self.starts_at)}, or once a worker runs after that")
        if self.hours_from is not None and self.left:
            waits.append(f"its hours begin at {local_time(self.hours_from)}")
        if self.budget is not None and self.waits_for_places:
            waits.append(self.budget.in_words)
        return "; ".join(waits) or None

    @property
    def left(self) -> int:
        """Rows that were never sent and are nobody's at this moment."""
        return self.counts.unsent - self.accepted_but_waiting - self.doubt_but_waiting


@dataclass(frozen=True, slots=True)
class StuckFacts:
    """The database's answer at one moment."""

    #: ISO 8601, by the database's clock.
    at: str
    live_workers: int
    #: None: none has ever run.
    last_worker: LastWorker | None
    campaigns: tuple[CampaignAtRest, ...]


def read_stuck(answer: Mapping[str, Any]) -> StuckFacts:
    """The database's `stuck`."""
    return read(StuckFacts, answer, campaigns=tuple(map(_campaign, answer["campaigns"])))


def _campaign(given: Mapping[str, Any]) -> CampaignAtRest:
    far_away = given["far_away"] or {}
    return read(
        CampaignAtRest,
        given,
        nobodys=read(NobodysRows, given["nobodys"] or {}),
        far_away=far_away.get("rows", 0),
        far_away_from=far_away.get("first_at"),
        paused_by=given["paused_by"] and given["paused_by"]["actor"],
    )
