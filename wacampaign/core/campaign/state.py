"""A campaign as the database counts it at one moment, and the workers that are known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wacampaign.core.budget import Budget, Stop, stop_of
from wacampaign.core.campaign.binding_limit import Limit, limit_of
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.delivery import Delivery, read_delivery
from wacampaign.core.campaign.error_counts import ErrorCount, error_count
from wacampaign.core.campaign.error_trends import ErrorTrend, read_trends
from wacampaign.core.campaign.name import CampaignName, for_campaign
from wacampaign.core.campaign.number import CampaignNumber, Ramp, SpareNumber
from wacampaign.core.campaign.other_writers import ForeignWrite
from wacampaign.core.campaign.pace import MINUTE_SECONDS, NO_PACE, CampaignPace, read_pace, steady
from wacampaign.core.campaign.worker_state import WorkerState, read_facts
from wacampaign.core.daily_window import Window
from wacampaign.core.masking import mask_secrets
from wacampaign.core.reading import read
from wacampaign.core.words import seconds_between, short_id

#: The `pause_reason` of a campaign whose contacts `create` is still writing: it cannot be started.
BEING_WRITTEN: Final = "its contacts are being written"
#: How the reason of `pause --until` begins (store/sql/functions/schedule.sql), and what stands
#: before who did it.
_PAUSED_UNTIL: Final = "paused until "
_BY: Final = " by "
#: In these a campaign still has something before it.
NOT_OVER: Final = ("scheduled", "running", "paused")


def paused_for_a_while(pause_reason: str | None) -> str | None:
    """By whom `pause --until` was typed: ` by asha`, or nothing; None: it was not."""
    if pause_reason is None or not pause_reason.startswith(_PAUSED_UNTIL):
        return None
    return "".join(pause_reason.partition(_BY)[1:])


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
class Campaign(CampaignName):
    """One campaign at one moment. Times are ISO 8601; a time that is None has not come or is none.

    `find` (`findings.py`) says what is wrong with it.
    """

    pause_reason: str | None
    total_contacts: int
    counts: Counts
    #: Age in seconds of the ready row that waits longest; None: none waits.
    oldest_ready_seconds: float | None
    #: Rows done (accepted, failed or in doubt) a second over the last minute of this run.
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
    pace: CampaignPace = NO_PACE
    #: Errors of Meta's answers in the last quarter of an hour, the commonest first.
    trends: tuple[ErrorTrend, ...] = ()
    #: None: it is over, or there is none.
    ramp: Ramp | None = None
    #: When it last began to run.
    run_began_at: str | None = None
    #: For how long it has been running; None: it does not run.
    run_seconds: float | None = None
    #: Since a status of its messages was last taken.
    heard_seconds: float | None = None
    #: Its last events, the oldest first; those of one campaign only are asked for.
    events: tuple[Mapping[str, Any], ...] = ()
    spare_numbers: tuple[SpareNumber, ...] = ()
    #: What binds its pace now; None: it does not run, or nobody knows.
    limit: Limit | None = None
    #: Live workers that cannot reach Meta's API (`host pid 4121`).
    cut_off: tuple[str, ...] = ()
    #: Its sending hours; None: it sends at any time.
    window: Window | None = None
    #: Since the time at which it was to begin, or to go on; None: it has none, or that is to come.
    late_seconds: float | None = None
    #: When the database told this, by its clock.
    at: str = field(kw_only=True)

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
        """Seconds until the last row is taken at the present rate, over its sending hours.

        None when nothing moves, or the budget stops it before.
        """
        if self.status != "running":
            return None
        left = self.counts.unsent
        if left == 0:
            return 0
        if self.stop is not None:
            return None
        if self.window is not None and self.window.zones:
            known = sum(group.rows for group in self.window.zones)
            rate = self.expected_rate or self.number.share or 0.0
            return self.window.seconds_to_end(self.at, rate, max(0, left - known))
        if left == self.counts.retry_later and not self.counts.processing:
            return None  # they wait for their time, whatever the pace was
        rate = self.expected_rate
        return round(left / rate) if rate > 0 else None

    @property
    def waits_for_hours(self) -> bool:
        """Whether nothing of it may go now, and rows wait until it is the hour where they go."""
        if self.window is None or not self.window.closed_rows:
            return False
        return not self.counts.ready and not self.counts.processing

    @property
    def expected_rate(self) -> float:
        """Rows a second that the rest goes at, as far as one can know: no more than its number's
        rate, which Meta may have had lowered a moment ago."""
        expected = self.pace.expected(self.number.share)
        return expected if self.number.rate is None else min(expected, self.number.rate)

    @property
    def stop(self) -> Stop | None:
        """Where its budget stops it; None: nowhere."""
        unsent = self.counts.unsent
        return stop_of(self.budget, self.counts.total - unsent, unsent, self.expected_rate)

    @property
    def lasted_seconds(self) -> int | None:
        """Seconds from the start of its last run to its end; None while it has not ended."""
        began = self.run_began_at or self.start_time
        if not began or not self.end_time:
            return None
        return round(seconds_between(began, self.end_time))


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
    workers = [
        read(WorkerState, worker, facts=read_facts(worker.get("facts")))
        for worker in answer["workers"]
    ]
    campaigns = [
        _campaign(given, workers, answer["at"], show_numbers) for given in answer["campaigns"]
    ]
    return Stats(answer["at"], campaigns, workers)


def _campaign(
    given: Mapping[str, Any], workers: Sequence[WorkerState], at: str, show_numbers: bool
) -> Campaign:
    number = given["number"]
    running = given["status"] == "running"
    # An earlier schema tells neither; then the minute is not cut at the run's beginning.
    run_seconds = float(given.get("run_seconds") or MINUTE_SECONDS) if running else None
    if "pace" in given:
        pace = read_pace(given["pace"], run_seconds)
    else:
        pace = steady(float(given["rate_per_second"] or 0.0))  # an earlier schema
    alive = [worker for worker in workers if worker.alive]

    def shown(text: str | None) -> str | None:
        if text is None:
            return None
        text = for_campaign(text, short_id(given["id"]))
        return text if show_numbers else mask_secrets(text, ids=(number["phone_number_id"],))

    campaign = read(
        Campaign,
        given,
        pause_reason=shown(given["pause_reason"]),
        rate_per_second=round(pace.minute, 1),
        pace=pace,
        trends=read_trends(given.get("error_minutes") or ()),
        errors=tuple(error_count(error) for error in given["errors"]),
        delivery=read_delivery(given.get("delivery"), given["counts"]["sent"]),
        number=read(CampaignNumber, number, display_name=shown(number["display_name"])),
        holds=tuple(read(Hold, hold, reason=shown(hold["reason"])) for hold in given["holds"]),
        retry_far_away=_is_after(given["next_retry_at"], given["far_away"]),
        live_workers=len(alive),
        events=tuple(
            event | {"actor": shown(event["actor"]), "reason": shown(event["reason"])}
            for event in given.get("events") or ()
        ),
        spare_numbers=tuple(
            read(SpareNumber, one, display_name=shown(one["display_name"]))
            for one in given.get("spare_numbers") or ()
        ),
        cut_off=tuple(str(one) for one in alive if one.facts.api_away_seconds is not None),
        late_seconds=_late(given["scheduled_start_time"], at),
        at=at,
    )
    return replace(campaign, limit=limit_of(campaign, workers)) if running else campaign


def _late(due: str | None, at: str) -> float | None:
    late = seconds_between(due, at) if due is not None else 0.0
    return late if late > 0 else None


def _is_after(moment: str | None, other: str) -> bool:
    return moment is not None and seconds_between(other, moment) > 0
