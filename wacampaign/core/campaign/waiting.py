"""What a campaign that is not over waits for, in a few words: its line of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wacampaign.core.campaign.findings import LATE_SECONDS
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Hold, paused_for_a_while
from wacampaign.core.errors import without_step
from wacampaign.core.words import duration, local_clock


@dataclass(frozen=True, slots=True)
class ClosedHours:
    """The sending hours that all that is left of a campaign waits for."""

    #: `09:00-20:00`.
    hours: str
    #: Where they begin first; None: the database knows none of the zones.
    opens_at: str | None


@dataclass(frozen=True, slots=True)
class WaitFacts:
    """What may keep a campaign that is not over from sending. Times are ISO 8601, UTC."""

    #: When it starts or goes on by itself.
    starts_at: str | None = None
    #: Since then; None: that is to come.
    late_seconds: float | None = None
    holds: tuple[Hold, ...] = ()
    #: The next place in a budget that is used up.
    frees_at: str | None = None
    hours: ClosedHours | None = None


@dataclass(frozen=True, slots=True)
class WhyItWaits:
    """Why a campaign does not go on, and until when."""

    what: str
    #: ISO 8601, UTC; None: until a person does something.
    until: str | None = None
    #: What stands between the two, and behind them.
    between: str = " until "
    behind: str = ""

    @property
    def text(self) -> str:
        """Without the time: `paused by asha`."""
        return self.what + self.behind

    @property
    def in_words(self) -> str:
        """`paused by asha until 09:00 IST`."""
        when = f"{self.between}{local_clock(self.until)}" if self.until else ""
        return self.what + when + self.behind


def cause_of(
    campaign: CampaignName, pause_reason: str | None, waits: WaitFacts
) -> WhyItWaits | None:
    """What counts most of it; None: nothing is known to keep it from sending."""
    reason = pause_reason or ""
    if campaign.status == "running":
        return _of_running(waits)
    if waits.starts_at is not None:
        return _time(reason, waits)
    if campaign.status != "paused":
        return WhyItWaits("scheduled, without a time") if campaign.status == "scheduled" else None
    standing = [hold for hold in waits.holds if hold.until is None]
    # The database copies the hold's reason, and keeps no other link between the two.
    if any(hold.reason and reason.startswith(hold.reason) for hold in standing):
        return _held(standing)
    return WhyItWaits(without_step(reason) or "no reason given")


def _time(reason: str, waits: WaitFacts) -> WhyItWaits:
    late = waits.late_seconds or 0.0
    if late > LATE_SECONDS:
        text = f"no worker began it, {duration(late)} late"
        return WhyItWaits(text, waits.starts_at, ": its time was ")
    if (by := paused_for_a_while(reason)) is None:
        return WhyItWaits("starts by itself", waits.starts_at, " at ")
    return WhyItWaits(f"paused{by}", waits.starts_at)


def _of_running(waits: WaitFacts) -> WhyItWaits | None:
    if standing := [hold for hold in waits.holds if hold.until is None]:
        return _held(standing)
    if waits.holds:
        last = max(waits.holds, key=lambda hold: hold.until or "")
        text, reason = f"{_what(last)} waits", f": {_reason(last)}"
        return WhyItWaits(text, last.until, behind=reason)
    if waits.frees_at is not None:
        return WhyItWaits("the budget is used up", waits.frees_at, ", next place at ")
    if waits.hours is not None:
        opens = waits.hours.opens_at
        text = f"waits for {waits.hours.hours} in the recipients' zones"
        return WhyItWaits(text, opens, ", from ")
    return None


def _held(holds: Sequence[Hold]) -> WhyItWaits:
    first = holds[0]
    others = len({(hold.template, hold.code, hold.reason) for hold in holds}) - 1
    more = f" (and {others} more)" if others else ""
    return WhyItWaits(f"{_what(first)} is held{more}: {_reason(first)}")


def _what(hold: Hold) -> str:
    return f"template {hold.template}" if hold.template else "the number"


def _reason(hold: Hold) -> str:
    return without_step(hold.reason or "") or (str(hold.code) if hold.code else "no reason given")
