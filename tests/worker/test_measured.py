"""A worker tells what binds its pace, and that Meta's API is away; who watches sees it."""

from __future__ import annotations

import socket

from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.core.campaign.binding_limit import LimitKind
from wacampaign.core.campaign.finding import FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign
from wacampaign.store.campaigns import Campaigns


def seen(rig: Rig, campaign: str) -> Campaign:
    return rig.ask(lambda store: Campaigns(store).stats([campaign])).campaigns[0]


def limit(rig: Rig, campaign: str) -> LimitKind | None:
    found = seen(rig, campaign).limit
    return found and found.kind


def test_the_numbers_rate_binds(rig: Rig) -> None:
    campaign = rig.campaign(rig.number("201", rate=20), 2_000)
    rig.start_worker(campaign)
    wait_until(lambda: limit(rig, campaign) is LimitKind.RATE, 30, "the rate is what binds")
    stats = rig.ask(lambda store: Campaigns(store).stats([campaign]))
    (worker,) = stats.workers
    assert worker.facts.answers_p50_ms is not None
    assert worker.facts.database_p50_ms is not None
    assert worker.facts.memory_mb is not None


def test_an_api_that_is_away_is_told(rig: Rig) -> None:
    campaign = rig.campaign(rig.number("201"), 20)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        rig.start_worker(campaign, WHATSAPP_API_URL=f"http://127.0.0.1:{taken.getsockname()[1]}")
        wait_until(
            lambda: FindingKind.API_AWAY in {one.kind for one in findings_of(seen(rig, campaign))},
            30,
            "it says that the API is away",
        )
