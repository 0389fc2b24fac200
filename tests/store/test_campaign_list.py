"""All campaigns in pages, newest first, by their kept counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, as_found, counts, past_ramp, run, worker
from wacampaign.core.campaign.listed import ListedCampaign
from wacampaign.store import campaigns
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def names(found: list[ListedCampaign]) -> list[str]:
    return [one.name for one in found]


def test_every_campaign_once_in_pages_of_any_size(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Many of one moment, some without one: what the next page begins after is exact.
    sql.execute("alter table campaigns alter created_at drop not null")
    sql.execute(
        "insert into campaigns (name, created_at) select 'c' || g,"
        " case when g % 10 > 0 then '2026-01-01'::timestamptz + (g / 7) * interval '1 us' end"
        " from generate_series(1, 70) g"
    )
    monkeypatch.setattr(campaigns, "LIST_PAGE", 9)

    async def scenario(store: Store) -> None:
        found = await Campaigns(store).listed()
        assert len(found) == len({one.id for one in found}) == 70
        times = [one.created_at or "" for one in found]
        assert times == sorted(times, reverse=True)
        assert await Campaigns(store).listed(limit=20) == found[:20]

    run(open_test_store, scenario)


def test_what_a_line_says_is_what_the_rows_say(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 20, name="offer")
        sql.execute("update campaigns set total_contacts = 23")
        await past_ramp(store, await worker(store), campaign)
        sql.execute("update send_queue set status = 'failed' where id in"
                    " (select id from send_queue where status = 'ready' limit 3)")  # fmt: skip
        sql.execute("update send_queue set status = 'processing', in_doubt_since = now() where id"
                    " in (select id from send_queue where status = 'ready' limit 2)")  # fmt: skip
        (one,) = await Campaigns(store).listed()
        kept = await counts(store, campaign)
        assert (one.rows, one.size) == (20, 23)
        assert (one.accepted, one.failed, one.in_doubt) == (5, 3, 2)
        assert (kept["sent"], kept["failed"], kept["in_doubt"]) == (5, 3, 2)
        assert not one.delivery_known
        assert one.took_seconds is not None and one.end_time is None

    run(open_test_store, scenario)


def test_by_status_number_and_time(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        first = await add_number(store)
        second = await add_number(store, phone_number_id="100000000000002")
        await add_campaign(store, first, 1, name="old, runs")
        await add_campaign(store, first, 1, name="old, over", start=False)
        await add_campaign(store, second, 1, name="old, ended now", start=False)
        as_found(
            sql,
            "update campaigns set created_at = now() - interval '9 days', start_time = case"
            " when name <> 'old, over' then now() - interval '8 days' end,"
            " end_time = case when name = 'old, ended now' then now() end,"
            " status = case name when 'old, runs' then status else 'failed' end",
        )
        await add_campaign(store, second, 1, name="new", start=False)
        since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        of = Campaigns(store)
        assert names(await of.listed(since=since))[0] == "new"
        assert set(names(await of.listed(since=since))) == {"new", "old, runs", "old, ended now"}
        assert [one.name for one in await of.listed(status="running")] == ["old, runs"]
        assert set(names(await of.listed(number_id=second))) == {"new", "old, ended now"}
        # Rows of another number count as well: a repair may have moved them.
        sql.execute("update send_queue set whatsapp_number_id = %s where campaign_id ="
                    " (select id from campaigns where name = 'old, runs')", (second,))  # fmt: skip
        assert "old, runs" in names(await of.listed(number_id=second))

    run(open_test_store, scenario)


def test_names_by_their_beginning(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 1, name="100%_Offer")
        await add_campaign(store, number, 1, name="other")
        of = Campaigns(store)
        assert [one.name for one in await of.names("100%_o")] == ["100%_Offer"]
        assert [one.name for one in await of.names(campaign[:9].upper())] == ["100%_Offer"]
        assert await of.names("%") == []
        assert len(await of.names()) == 2

    run(open_test_store, scenario)
