"""A campaign's record: its own events and what concerns it, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, as_found, run, worker
from wacampaign.core.campaign.event import CampaignEvent
from wacampaign.problems import NoSuchCampaign
from wacampaign.store import campaigns
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def kinds(events: Sequence[CampaignEvent]) -> list[str]:
    return [event.kind for event in events]


def test_its_own_and_what_concerns_it(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        before = await worker(store)
        number = await add_number(store)
        other_number = await add_number(store, phone_number_id="100000000000002")
        campaign = await add_campaign(store, number, 3, start=False)
        other = await add_campaign(store, other_number, 3)
        of = Campaigns(store)
        # Nothing of it runs yet: whoever comes and goes has nothing to do with it.
        await worker(store)
        await of.set_status(campaign, "start", "asha@office")
        await of.set_status(campaign, "pause", "asha@office", "a wrong picture")
        sender = await worker(store)
        for one in (number, other_number):
            await store.call(
                "number_set", number_id=one, marketing_endpoint="on", product_policy=None,
                onboarding=None, actor="asha@office",
            )  # fmt: skip
        sql.execute(
            "insert into wacampaign_events (kind, actor, reason, detail) select 'told_by_meta',"
            " 'meta', 'x', jsonb_build_object('thing', 'template', 'name', t, 'waba_id', w)"
            " from (values ('hello', '2000000001'), ('other', '2000000001'), ('hello', '7'))"
            " as told (t, w)"
        )
        await Workers(store).goodbye(sender)
        found = await of.events(campaign)
        assert kinds(found)[::-1] == [
            "created", "filled", "started", "paused", "worker_started", "number_set",
            "told_by_meta", "worker_stopped",
        ]  # fmt: skip
        newest, *_, paused, _started, _filled, _created = found
        assert (newest.who, newest.own) == ("worker host pid 1", False)
        assert (paused.who, paused.own) == ("asha@office", True)
        assert paused.why(show_numbers=False) == "a wrong picture"
        (setting,) = [event for event in found if event.kind == "number_set"]
        assert "mode: off before, on now" in setting.why(show_numbers=False)
        assert "paused" not in kinds(await of.events(other))
        assert before != sender

    run(open_test_store, scenario)


def test_pages_times_and_the_end(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "LIST_PAGE", 2)

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 3)
        for _ in range(3):
            await worker(store)
        of = Campaigns(store)
        found = await of.events(campaign)
        assert len(found) == len({event.n for event in found}) == 6
        assert [event.n for event in found] == sorted((e.n for e in found), reverse=True)
        assert await of.events(campaign, limit=3) == found[:3]
        later = datetime.now(UTC) + timedelta(days=1)
        assert await of.events(campaign, since=later.isoformat()) == []
        # Over since yesterday: who comes today is no part of it.
        sql.execute("update wacampaign_events set at = at - interval '1 day'")
        as_found(sql, "update campaigns set status = 'completed',"
                      " created_at = now() - interval '2 days',"
                      " start_time = now() - interval '1 day 1 hour',"
                      " end_time = now() - interval '1 day'")  # fmt: skip
        await worker(store)
        assert kinds(await of.events(campaign)).count("worker_started") == 3
        with pytest.raises(NoSuchCampaign):
            await of.events(str(uuid4()))

    run(open_test_store, scenario)
