"""Why a campaign stands: the one finding that names the cause."""

from collections.abc import Sequence
from typing import Final

from wacampaign.core.campaign.finding import Finding, FindingKind
from wacampaign.core.campaign.pace import GAP_SECONDS
from wacampaign.core.campaign.state import Campaign

_K = FindingKind
#: What keeps a running campaign from going on; the surest comes first.
_STOPS: Final = (
    _K.NO_LIVE_WORKER,
    _K.NOT_COMPLETED,
    _K.NUMBER_SWITCHED_OFF,
    _K.API_AWAY,
    _K.HELD,
    _K.HELD_WITHOUT_ROWS,
    _K.BUDGET_USED_UP,
    _K.WAITS_FOR_HOURS,
    _K.HELD_FOR_A_WHILE,
    _K.RETRIES_FAR_AWAY,
    _K.ONLY_RETRIES_LEFT,
    _K.PENDING,
    _K.NEVER_COMPLETES,
    _K.ONLY_DOUBT_LEFT,
    _K.NOTHING_SENT,
)
#: What stops all numbers' rows, and at once: rows that were done a moment ago say nothing of the
#: next ones.
_STOPS_ALL: Final = (_K.NO_LIVE_WORKER, _K.NOT_COMPLETED, _K.API_AWAY)
#: What stops a number's rows at once.
_STOPS_AT_ONCE: Final = (
    *_STOPS_ALL,
    _K.HELD,
    _K.HELD_WITHOUT_ROWS,
    _K.HELD_FOR_A_WHILE,
)
#: What a campaign that does not run waits for.
_WAITS: Final = (
    _K.PAUSED,
    _K.HELD,
    _K.HELD_WITHOUT_ROWS,
    _K.STARTS_WITHOUT_WORKER,
    _K.STARTS_BY_ITSELF,
)


def stands(campaign: Campaign) -> bool:
    """Whether a running campaign has rows left and none was done for a while."""
    return (
        campaign.status == "running"
        and campaign.pace.stands
        and (campaign.run_seconds or 0) > GAP_SECONDS
    )


def cause_of(campaign: Campaign, findings: Sequence[Finding]) -> Finding | None:
    """Which of its `findings` keeps it where it is; None: it moves, has ended, or nobody knows."""
    if campaign.is_over:
        return None
    by_kind = {finding.kind: finding for finding in reversed(findings)}
    return next((by_kind[kind] for kind in _kinds(campaign) if kind in by_kind), None)


def _kinds(campaign: Campaign) -> Sequence[FindingKind]:
    if campaign.status != "running":
        return _WAITS
    if stands(campaign):
        return _STOPS
    return _STOPS_AT_ONCE if _is_held(campaign) else _STOPS_ALL


def _is_held(campaign: Campaign) -> bool:
    """Whether its number is, and nothing goes from another one."""
    on_its_way = campaign.counts.processing and campaign.pace.accepted
    return not on_its_way and any(hold.template is None for hold in campaign.holds)
