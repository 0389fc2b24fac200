"""The same campaign once more: by its name, by its list, by its recipients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, phone, run
from wacampaign.core.campaign.repeats import EarlierCampaign, Repeats, told_again
from wacampaign.core.list_sketch import sketch
from wacampaign.store import preflight_facts
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def people(rows: int, first: int = 0) -> list[int]:
    return [int(phone(first + n)) for n in range(rows)]


async def repeated(
    store: Store, name: str, listed: Sequence[int], *templates: str
) -> list[EarlierCampaign]:
    names = templates or ("hello",)
    return await Campaigns(store).repeated_by(name, names, len(listed), sketch(listed))


async def named(store: Store, number: str, rows: int, sql: Connection, name: str) -> str:
    campaign = await add_campaign(store, number, rows, start=False)
    sql.execute("update campaigns set name = %s where id = %s", (name, campaign))
    await Campaigns(store).keep_list(UUID(campaign), rows, sketch(people(rows)))
    return campaign


def test_a_campaign_is_told_again_by_name_and_by_list(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        campaign = await named(store, number, 900, sql, "offer")
        again = await Campaigns(store).keep_list(UUID(campaign), 5, [1])
        assert again is None
        (same,) = await repeated(store, "another", people(900))
        assert (same.id, same.same_name, same.same_list) == (campaign, False, True)
        assert (same.total, same.sent, same.status) == (900, 0, "paused")
        assert "the same list with the same template already: offer" in told_again([same])
        # Exported again, and a few came and went.
        assert await repeated(store, "another", people(900, first=20))
        assert await repeated(store, "another", people(960))
        # Others; part of it; with another template.
        assert not await repeated(store, "another", people(900, first=5000))
        assert not await repeated(store, "another", people(400))
        assert not await repeated(store, "another", people(900), "other")
        (by_name,) = await repeated(store, "offer", people(3, first=5000), "other")
        assert (by_name.same_name, by_name.same_list) == (True, False)
        assert "a campaign of this name already: offer" in told_again([by_name])

        sql.execute(
            "update campaigns set created_at = now() - interval '8 days' where id = %s",
            (campaign,),
        )
        assert not await repeated(store, "another", people(900))
        assert await repeated(store, "offer", people(900))
        await Campaigns(store).set_status(campaign, "cancel", "test")
        assert not await repeated(store, "offer", people(900))
        sql.execute(
            "update send_queue set status = 'sent' where id in"
            " (select id from send_queue where campaign_id = %s limit 1)",
            (campaign,),
        )
        assert [one.sent for one in await repeated(store, "offer", people(900))] == [1]

    run(open_test_store, scenario)


def test_short_lists_are_compared_exactly(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await named(store, number, 10, sql, "ten")
        assert await repeated(store, "x", people(10))
        assert await repeated(store, "x", people(11))
        assert not await repeated(store, "x", people(12))
        assert not await repeated(store, "x", people(8))
        assert not await repeated(store, "x", [])

    run(open_test_store, scenario)


def test_who_got_it_from_another_campaign(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_facts, "REPEATS_ROWS", 15)  # in three calls

    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        earlier = await add_campaign(store, number, 30)
        sql.execute(
            "update send_queue set status = 'sent', sent_at = now() - interval '3 minutes',"
            " phone = '+' || phone where id in"
            " (select id from send_queue where campaign_id = %s order by id limit 20)",
            (earlier,),
        )
        sql.execute(  # as a spreadsheet left it, and what is no phone
            "update send_queue set phone = case when id = (select id from send_queue"
            " where campaign_id = %s order by id limit 1 offset 1) then ltrim(phone, '+') || '.0'"
            " else 'n/a' end where id in"
            " (select id from send_queue where campaign_id = %s order by id limit 1 offset 1)"
            " or id = (select id from send_queue where campaign_id = %s and status = 'ready'"
            "          order by id desc limit 1)",
            (earlier, earlier, earlier),
        )
        sql.execute(  # in Brazil's other spelling
            "update send_queue set phone = '+55 11 98765-4321' where id in"
            " (select id from send_queue where campaign_id = %s order by id limit 1)",
            (earlier,),
        )
        now = await add_campaign(store, number, 40, start=False)

        sql.execute(
            "update send_queue set phone = '551187654321' where id in"
            " (select id from send_queue where campaign_id = %s order by id limit 1)",
            (now,),
        )

        async def repeats() -> list[Repeats]:
            return await PreflightFacts(store).repeats(now, 40)

        (found,) = await repeats()
        assert (found.other.id, found.template) == (earlier, "hello")
        assert (found.people, found.got, found.will) == (40, 20, 9)
        assert found.seconds_ago is not None
        assert found.seconds_ago >= 180
        assert f"20 of 40 recipients got hello from {found.other}, the last 3 min ago" in found.told
        await Campaigns(store).set_status(earlier, "pause", "test")
        assert [(one.got, one.will) for one in await repeats()] == [(20, 0)]
        sql.execute(
            "update send_queue set sent_at = now() - interval '8 days' where campaign_id = %s",
            (earlier,),
        )
        assert await repeats() == []
        await Campaigns(store).set_status(earlier, "resume", "test")
        assert [(one.got, one.will) for one in await repeats()] == [(0, 9)]
        sql.execute("update send_queue set template_name = 'other' where campaign_id = %s", (now,))
        assert await repeats() == []

    run(open_test_store, scenario)
