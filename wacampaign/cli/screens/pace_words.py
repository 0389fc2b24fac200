"""How fast a campaign goes, when it is done, what binds it: as the screens say it."""

from __future__ import annotations

from typing import Final

from wacampaign.core.campaign import in_doubt
from wacampaign.core.campaign.binding_limit import LimitKind
from wacampaign.core.campaign.forecast import alternatives, eta_range
from wacampaign.core.campaign.pace import BAR_SECONDS, BARS, MINUTE_SECONDS
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.words import counted, duration, local_clock, rough_duration, rough_span

#: Seconds to the end from which its range is told.
_RANGE_FROM: Final = 20

#: What binds a campaign that moves, or stands at its beginning.
_BOUND_WHILE_IT_GOES: Final = frozenset(
    {LimitKind.RAMP, LimitKind.RATE, LimitKind.ANSWERS, LimitKind.DATABASE}
)


def rates(campaign: Campaign) -> str:
    """`78.9/s now, 78.6 over 1 min, 77.9 over 15 min` (or for as long as it has been running)."""
    pace, ran = campaign.pace, campaign.run_seconds or 0
    words = f"{pace.now:.1f}/s now, {pace.minute:.1f} over 1 min"
    if ran <= MINUTE_SECONDS:
        return words
    return f"{words}, {pace.quarter:.1f} over {rough_duration(min(ran, BARS * BAR_SECONDS))}"


def last_rows(campaign: Campaign) -> str:
    """What a running campaign with nothing left to send still waits for."""
    counts = campaign.counts
    if counts.undone:
        return "the last rows are on their way"
    if counts.in_doubt:
        return f"all done but {in_doubt.note(counts.in_doubt)}, which keep it for a while"
    if campaign.never_enqueued:
        return f"all done but {counted(campaign.never_enqueued, 'contact')} without a row"
    return "all done, a worker completes it" if campaign.live_workers else "all done, not completed"


def end_of(campaign: Campaign, at: str) -> str:
    """When a running campaign is done: `done at 14:40 UTC, in 8 min 05 s (7 to 9 min)`."""
    counts, eta = campaign.counts, campaign.eta_seconds
    if counts.only_retries and not campaign.waits_for_hours:
        until = f" from {local_clock(campaign.next_retry_at)} on" if campaign.next_retry_at else ""
        return f"the rest waits for another try{until}"
    if campaign.stop is not None:
        return campaign.stop.in_words(at)
    if eta is None:
        return "unknown: no row is being done"
    if eta == 0:
        return last_rows(campaign)
    text = f"done at {local_clock(at, plus_seconds=eta)}, in {duration(eta)}"
    if eta >= _RANGE_FROM and (span := eta_range(campaign)) is not None:
        text += f" ({rough_span(*span)})"
    return text


def binding(campaign: Campaign, at: str) -> list[str]:
    """`by the number's rate 80/s`, then when it would be done otherwise: `at 160/s: 14:36 UTC`."""
    if campaign.limit is None:
        return []  # nobody knows what another pace would take
    return [f"by {campaign.limit.text}"] + [
        f"{one.label}: {local_clock(at, plus_seconds=one.seconds)}"
        for one in alternatives(campaign)
    ]


def lately_of(campaign: Campaign) -> str | None:
    """`78.9/s now, …; limited by …; 135000 +7 a minute`; None: there is nothing to say.

    Where a worker tells what its pace is bound by: else its other lines say all there is.
    """
    if campaign.limit is None or campaign.limit.kind not in _BOUND_WHILE_IT_GOES:
        return None
    parts = [rates(campaign), f"limited by {campaign.limit.text}"]
    parts += [f"{one.code} +{one.lately} a minute" for one in campaign.trends if one.lately]
    return "; ".join(parts)
