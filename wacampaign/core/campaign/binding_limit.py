"""Which limit binds a running campaign's pace now, in words: why it is not faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wacampaign.core.budget import Budget
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.number import CampaignNumber, Ramp
from wacampaign.core.campaign.pace import CampaignPace
from wacampaign.core.campaign.worker_state import WorkerState
from wacampaign.core.daily_window import Window
from wacampaign.core.engine.binding import Binds
from wacampaign.core.window_words import in_hours
from wacampaign.core.words import duration, milliseconds


class LimitKind(StrEnum):
    """What a running campaign's pace may be bound by."""

    RATE = "rate"
    ANSWERS = "answers"
    DATABASE = "database"
    API_AWAY = "api_away"
    RAMP = "ramp"
    BUDGET = "budget"
    RETRIES = "retries"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Limit:
    """What binds the pace."""

    kind: LimitKind
    #: What stands after "limited by".
    text: str


class Running(Protocol):
    """What has to be known of a campaign that runs."""

    @property
    def counts(self) -> Counts: ...
    @property
    def number(self) -> CampaignNumber: ...
    @property
    def pace(self) -> CampaignPace: ...
    @property
    def budget(self) -> Budget | None: ...
    @property
    def ramp(self) -> Ramp | None: ...
    @property
    def window(self) -> Window | None: ...
    @property
    def waits_for_hours(self) -> bool: ...


def limit_of(campaign: Running, workers: Sequence[WorkerState]) -> Limit | None:
    """What bounds the pace of a running campaign; None: nothing is known to, or nobody sends it."""
    alive = [worker for worker in workers if worker.alive]
    counts = campaign.counts
    if not alive or not counts.undone:
        return None
    away = [worker.facts.api_away_seconds for worker in alive]
    if None not in away:
        # They hold no rows meanwhile, so no number's next message waits for anything.
        seconds = max(one for one in away if one is not None)
        text = f"Meta's API, which cannot be reached for {duration(seconds)}"
        return Limit(LimitKind.API_AWAY, text)
    bound = _bound(alive, campaign.number.id)
    if campaign.budget is not None and campaign.budget.is_used_up:
        return Limit(LimitKind.BUDGET, f"the budget, {campaign.budget.next_place}")
    if campaign.window is not None and campaign.waits_for_hours:
        return Limit(LimitKind.HOURS, f"its hours, {in_hours(campaign.window)}")
    if counts.only_retries:
        return Limit(LimitKind.RETRIES, "rows that wait for another try")
    if campaign.ramp is not None and counts.ready:
        wait = "statuses" if campaign.ramp.waits_since else "answers"
        return Limit(LimitKind.RAMP, f"the ramp: its first messages wait for their {wait}")
    if bound is Binds.DATABASE:
        return Limit(LimitKind.DATABASE, f"the database{_half(alive, 'database_p50_ms')}")
    if bound is Binds.ANSWERS:
        return Limit(LimitKind.ANSWERS, f"Meta's answers{_half(alive, 'answers_p50_ms')}")
    # What was said of the last messages explains no standstill.
    if bound is Binds.RATE and campaign.number.rate is not None and not campaign.pace.stands:
        return Limit(LimitKind.RATE, f"the number's rate {campaign.number.rate:g}/s")
    return None


def _bound(alive: Sequence[WorkerState], number_id: str | None) -> Binds | None:
    """What most of the workers that send from the number say."""
    said = Counter(
        binds
        for worker in alive
        if (binds := worker.binds(number_id)) is not None and binds is not Binds.NOTHING
    )
    return said.most_common(1)[0][0] if said else None


def _half(alive: Sequence[WorkerState], name: str) -> str:
    """` 310 ms`: in which half of the slowest worker's calls are answered."""
    known = [value for worker in alive if (value := getattr(worker.facts, name)) is not None]
    return f" {milliseconds(max(known))}" if known else ""
