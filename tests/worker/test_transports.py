"""The worker over Supabase's REST address, as on days without a direct connection."""

from __future__ import annotations

import signal

from tests.servers import SECRET_KEY, wait_until
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store


def over_rest(url: str) -> dict[str, str]:
    return {"WACAMPAIGN_STORE": "supabase", "SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": SECRET_KEY}


def test_a_campaign_over_rest(rig: Rig, rest_url: str) -> None:
    number = rig.number("874163789109558", rate=500)
    campaign = rig.campaign(number, 600)
    worker = rig.start_worker("--until-idle", **over_rest(rest_url))
    assert rig.finished(worker) == 0
    assert "store=supabase" in rig.log_of(worker)
    assert rig.stats(campaign)["status"] == "completed"
    assert rig.audit(campaign)["ok"]
    totals = rig.sandbox.control.totals()
    assert (totals["accepted"], totals["recipients"]) == (600, 600)


def test_killed_over_rest_and_taken_up_by_a_direct_worker(rig: Rig, rest_url: str) -> None:
    """The protocol is one: a worker of either kind takes over from the other."""
    number = rig.number("874163789109558", rate=300)
    campaign = rig.campaign(number, 900)
    killed = rig.start_worker(**over_rest(rest_url))
    rig.wait_accepted(200)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    counts = rig.stats(campaign)["counts"]
    assert counts["sent"] + counts["in_doubt"] == 900
    assert rig.sandbox.control.repeated() == []
    assert rig.audit(campaign)["ok"]


def test_an_idle_worker_wakes_when_a_campaign_starts(rig: Rig, rest_url: str) -> None:
    number = rig.number("874163789109558")
    campaign = rig.campaign(number, 5_000, start=False)
    for environment in ({}, over_rest(rest_url)):
        worker = rig.start_worker(**environment)
        rig.wait_started(worker)
        action = "resume" if environment else "start"

        async def begin(store: Store, action: str = action) -> None:
            await Campaigns(store).set_status(campaign, action, "test")

        before = rig.accepted()
        rig.ask(begin)
        rig.wait_accepted(before + 1, 15)
        rig.ask(lambda store: Campaigns(store).set_status(campaign, "pause", "test"))
        assert rig.stop(worker) == [0]
        if environment:
            break
        wait_until(lambda: rig.stats(campaign)["status"] == "paused", what="paused")
