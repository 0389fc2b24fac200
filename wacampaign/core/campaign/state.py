"""A campaign as the database counts it at one moment, and the workers that are known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from wacampaign.core.budget import Budget, Stop, stop_of
from wacampaign.core.campaign.delivery import Delivery, read_delivery
from wacampaign.core.campaign.error_counts import ErrorCount, error_count
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.other_writers import ForeignWrite
from wacampaign.core.masking import mask_secrets
from wacampaign.core.reading import read
from wacampaign.core.words import seconds_between

#: The `pause_reason` of a campaign whose contacts `create` is still writing: it cannot be started.
BEING_WRITTEN: Final = "its contacts are being written"
#: In these a campaign still has something before it.
NOT_OVER: Final = ("scheduled", "running", "paused")


@dataclass(frozen=True, slots=True)
class Counts:
    """The seven disjoint counts of a campaign's rows, in the order in which a row meets them."""

    pending: int
    #: May go now.
    ready: int
    #: Ready, and waiting for the time of another try.
    retry_later: int
    #: Claimed by a worker that is believed alive.
    processing: int
    #: Was being sent when its worker or its answer was lost.
    in_doubt: int
    sent: int
    failed: int

    @property
    def unsent(self) -> int:
        """Rows that a worker still has to take."""
        return self.pending + self.ready + self.retry_later

    @property
    def undone(self) -> int:
        """Rows that are not over: to be taken, or taken."""
        return self.unsent + self.processing

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.by_name().values())

    @property
    def only_retries(self) -> bool:
        """Whether what is left waits for the time of another try."""
        return bool(self.retry_later) and not self.ready and not self.processing

    def by_name(self) -> dict[str, int]:
        """Each count with its name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CampaignNumber:
    """The number that a campaign sends from. All None: it has none."""

    #: Messages a second, at the present pace and as configured.
    rate: float | None = None
    is_active: bool | None = None
    display_name: str | None = None
    quality_rating: str | None = None
    configured_rate: int | None = None
    #: Messages a second that Meta takes from it, as it said last.
    throughput: int | None = None
    #: Meta's id.
    phone_number_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps rows of a campaign from being sent."""

    #: The error that led to it; None: another reason.
    code: int | None
    scope: str
    #: ISO 8601; None: until a person resumes.
    until: str | None
    reason: str | None
    #: The template that is held; None: the number is.
    template: str | None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that was heard of in the last hour and has not said goodbye."""

    id: str
    pid: int
    host: str
    #: Whether the database still believes its heartbeat.
    alive: bool
    version: str
    in_flight: int
    #: ISO 8601.
    started_at: str
    beat_age_seconds: float

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid}"


@dataclass(frozen=True, slots=True)
class Campaign(CampaignName):
    """One campaign at one moment. Times are ISO 8601; a time that is None has not come or is none.

    `find` (`findings.py`) says what is wrong with it.
    """

    pause_reason: str | None
    total_contacts: int
    counts: Counts
    #: Age in seconds of the ready row that waits longest; None: none waits.
    oldest_ready_seconds: float | None
    #: Accepted a second over the last minute.
    rate_per_second: float
    #: The commonest first.
    errors: tuple[ErrorCount, ...]
    delivery: Delivery
    templates: tuple[str, ...]
    number: CampaignNumber
    holds: tuple[Hold, ...]
    #: Contacts that never had a row in the queue.
    never_enqueued: int
    #: Rows that another program deleted.
    deleted: int
    #: False: what other programs write may have messages sent twice.
    guarded: bool
    #: What other programs did to its rows or tried to, the latest first.
    others: tuple[ForeignWrite, ...]
    next_retry_at: str | None
    #: No rule waits so long: somebody wrote that time.
    retry_far_away: bool
    start_time: str | None
    end_time: str | None
    scheduled_start_time: str | None
    live_workers: int
    #: None: its numbers' portfolio has no limit, or the campaign is over.
    budget: Budget | None = None

    @property
    def is_over(self) -> bool:
        """Whether the campaign has ended, well or not."""
        return self.status not in NOT_OVER

    @property
    def is_held(self) -> bool:
        """Whether part of it waits until a person resumes."""
        return any(hold.until is None for hold in self.holds)

    @property
    def size(self) -> int:
        """Its contacts; its rows, should they be more."""
        return max(self.total_contacts, self.counts.total)

    @property
    def eta_seconds(self) -> int | None:
        """Seconds until the last row is taken at the present rate.

        None when nothing moves, or the budget stops it before.
        """
        if self.status != "running":
            return None
        left = self.counts.unsent
        if left == 0:
            return 0
        if self.stop is not None:
            return None
        if left == self.counts.retry_later and not self.counts.processing:
            return None  # they wait for their time, whatever the pace was
        return round(left / self.rate_per_second) if self.rate_per_second > 0 else None

    @property
    def stop(self) -> Stop | None:
        """Where its budget stops it; None: nowhere."""
        unsent = self.counts.unsent
        return stop_of(self.budget, self.counts.total - unsent, unsent, self.rate_per_second)

    @property
    def lasted_seconds(self) -> int | None:
        """Seconds from its start to its end; None while it has not ended."""
        if not self.start_time or not self.end_time:
            return None
        return round(seconds_between(self.start_time, self.end_time))


@dataclass(frozen=True, slots=True)
class Stats:
    """One answer of the database: campaigns and workers."""

    #: ISO 8601, UTC, by the database's clock.
    at: str
    campaigns: Sequence[Campaign]
    workers: Sequence[WorkerState]

    @property
    def live_workers(self) -> int:
        """Workers whose heartbeat the database still believes."""
        return sum(worker.alive for worker in self.workers)


def read_stats(answer: Mapping[str, Any], *, show_numbers: bool = False) -> Stats:
    """The database's `stats`; phone numbers in texts are masked unless `show_numbers`."""
    workers = [read(WorkerState, worker) for worker in answer["workers"]]
    live = sum(worker.alive for worker in workers)
    campaigns = [_campaign(given, live, show_numbers) for given in answer["campaigns"]]
    return Stats(answer["at"], campaigns, workers)


def _campaign(given: Mapping[str, Any], live_workers: int, show_numbers: bool) -> Campaign:
    number = given["number"]

    def shown(text: str | None) -> str | None:
        if show_numbers or text is None:
            return text
        return mask_secrets(text, ids=(number["phone_number_id"],))

    return read(
        Campaign,
        given,
        pause_reason=shown(given["pause_reason"]),
        rate_per_second=float(given["rate_per_second"] or 0.0),
        errors=tuple(error_count(error) for error in given["errors"]),
        delivery=read_delivery(given.get("delivery"), given["counts"]["sent"]),
        number=read(CampaignNumber, number, display_name=shown(number["display_name"])),
        holds=tuple(read(Hold, hold, reason=shown(hold["reason"])) for hold in given["holds"]),
        retry_far_away=_is_after(given["next_retry_at"], given["far_away"]),
        live_workers=live_workers,
    )


def _is_after(moment: str | None, other: str) -> bool:
    return moment is not None and seconds_between(other, moment) > 0
