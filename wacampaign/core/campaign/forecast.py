"""When a campaign is done: the range of it, and how soon it could be otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wacampaign.core.campaign.state import Campaign

#: How much faster another pace has to be for a sentence.
_WORTH_FROM: Final = 1.1
#: Seconds to the end from which another pace is worth a thought: it takes a while to change it.
_WORTH_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another pace, and when the campaign would be done at it."""

    #: `at 80/s`, `with Offers 2`.
    label: str
    #: From now.
    seconds: int


def eta_range(campaign: Campaign) -> tuple[int, int] | None:
    """Seconds until the end at its fastest and at its slowest minute lately; None: nobody knows."""
    eta, extremes = campaign.eta_seconds, campaign.pace.extremes
    if not eta or extremes is None or campaign.window is not None:
        return None  # hours in which it may not send are no pace
    slowest, fastest = extremes
    left = campaign.counts.unsent
    return min(eta, int(left / fastest)), max(eta, int(left / slowest))


def alternatives(campaign: Campaign) -> list[Alternative]:
    """When it would be done at a pace that its number allows, or with another number beside it."""
    eta, rate = campaign.eta_seconds, campaign.expected_rate
    if eta is None or eta < _WORTH_SECONDS or campaign.window is not None:
        return []
    return [
        Alternative(label, round(campaign.counts.unsent / other))
        for label, other in _other_paces(campaign, rate)
        if other >= _WORTH_FROM * rate
    ]


def _other_paces(campaign: Campaign, rate: float) -> Iterator[tuple[str, float]]:
    number = campaign.number
    mine = number.share
    if mine is not None and mine >= _WORTH_FROM * rate:
        yield f"at {mine:g}/s", mine
    elif number.is_slowed:
        pass  # another setting would change nothing while Meta takes less
    elif (
        number.throughput and number.configured_rate and number.throughput > number.configured_rate
    ):
        # What Meta would take from it, shared as its rate is.
        most = number.throughput / max(1, number.sharing)
        yield f"at {most:g}/s", most
    for spare in campaign.spare_numbers:
        name = spare.display_name or spare.phone_number_id or "another number"
        yield f"with {name}", rate + spare.rate
