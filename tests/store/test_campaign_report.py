"""The database's part of the report for a client, the same over both transports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import accepted, add_campaign, add_number, as_found, phone, run, worker
from wacampaign.core.campaign.client_report import ClientReport, Fates
from wacampaign.core.webhook.updates import StatusUpdate
from wacampaign.operations.report_campaign import gather_report
from wacampaign.problems import NoSuchCampaign, Usage
from wacampaign.store.campaign_report import CampaignReports
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

BEGAN = "2025-11-10 12:35:10+00"


def sent(sql: Connection, campaign: str, n: int, at: str = BEGAN) -> list[str]:
    """`n` ready rows become accepted at that time; their message ids."""
    return [
        wamid
        for (wamid,) in as_found(
            sql,
            "update send_queue set status = 'sent', sent_at = %s, whatsapp_message_id = 'w.' || id"
            " where id in (select id from send_queue where campaign_id = %s and status = 'ready'"
            " order by id limit %s) returning whatsapp_message_id",
            (at, campaign, n),
        )
    ]


def told(
    wamids: list[str], status: str, at: str, code: int | None = None, **said: Any
) -> list[StatusUpdate]:
    """One status of each message, as a webhook brings it."""
    seconds = int(datetime.fromisoformat(at).timestamp())
    return [
        StatusUpdate(wamid=wamid, status=status, at=seconds, code=code, said=said)
        for wamid in wamids
    ]


async def take(store: Store, statuses: list[StatusUpdate]) -> None:
    await Statuses(store).take(statuses, "receiver")


def test_every_figure_of_a_campaign(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> ClientReport:
        number = await add_number(store, templates=("hello", "bye"))
        campaign = await add_campaign(store, number, 20, name="c", templates=("hello", "bye"))
        wamids = sent(sql, campaign, 10)
        as_found(
            sql,
            "update send_queue set status = 'failed', error_message = '(#132000) x'"
            " where id in (select id from send_queue where campaign_id = %s and status = 'ready'"
            " order by id limit 4)",
            (campaign,),
        )
        price = {"pricing": {"billable": True, "category": "marketing", "type": "regular"}}
        await take(store, told(wamids[:7], "sent", "2025-11-10T12:35:12Z", **price))
        await take(store, told(wamids[:6], "delivered", "2025-11-10T12:36:30Z"))
        await take(store, told(wamids[:3], "read", "2025-11-10T19:07:00Z"))
        await take(store, told(wamids[8:], "failed", "2025-11-10T12:35:20Z", 131026))
        return await gather_report(store, "c")

    report = run(open_test_store, scenario)
    assert report.campaign.fates == Fates(
        delivered=6, read=3, undelivered=2, silent=2, refused=4, waiting=6
    )
    assert report.campaign.is_heard
    assert report.campaign.began_at == "2025-11-10T12:35:10Z"
    assert [(reason.count, reason.text.split(",")[0]) for reason in report.campaign.reasons] == [
        (4, "The message did not fit its approved template"),
        (2, "The number is not on WhatsApp"),
    ]
    (sender,) = report.campaign.senders
    assert sender.startswith("test number (+")
    assert "***" in sender
    assert report.before is None
    assert {one.name: one.fates.recipients for one in report.templates} == {"hello": 10, "bye": 10}
    both = [one.fates for one in report.templates]
    assert sum(one.delivered for one in both) == 6
    assert sum(one.undelivered for one in both) == 2
    assert [(one.category, one.type, one.billable, one.count) for one in report.prices] == [
        ("marketing", "regular", True, 7)
    ]
    assert [(one.at, one.seconds, one.sent, one.delivered, one.read, one.undelivered)
            for one in report.bins] == [
        ("2025-11-10T12:35:00+00:00", 60, 10, 0, 0, 2),
        ("2025-11-10T12:36:00+00:00", 60, 0, 6, 0, 0),
        ("2025-11-10T19:05:00+00:00", 600, 0, 0, 3, 0),
    ]  # fmt: skip
    (hello, bye) = sorted(report.messages, key=lambda one: one.template, reverse=True)
    assert hello.preview is not None
    assert hello.preview.bubble.body == "Hello {{1}}"
    assert bye.preview is not None


def test_what_our_worker_sent_is_told_by_its_pace(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> ClientReport:
        campaign = await add_campaign(store, await add_number(store), 3, name="c")
        me = await worker(store)
        claim = await WorkQueue(store).claim(me, uuid4(), 50, campaign_ids=[campaign])
        await WorkQueue(store).begin(me, claim.rows[0].claim_id)
        await WorkQueue(store).settle(me, accepted(claim.rows))
        return await gather_report(store, campaign)

    report = run(open_test_store, scenario)
    assert sum(one.sent for one in report.bins) == report.campaign.fates.sent >= 1
    assert report.campaign.began_at is not None
    assert not report.campaign.is_heard


def test_the_one_before_is_of_the_same_number_or_template(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number, other = await add_number(store), await add_number(store, templates=("own",))
        ids = [
            await add_campaign(store, of, 2, name=name, templates=[template], start=False)
            for name, of, template in (
                *(("first", number, "hello"), ("second", number, "hello")),
                *(("elsewhere", other, "own"), ("unsent", number, "hello")),
                *(("this", number, "hello"), ("later", number, "hello")),
            )
        ]
        for day, one in enumerate(ids, start=1):
            as_found(
                sql,
                "update campaigns set start_time = make_timestamptz(2025, 11, %s, 9, 0, 0, 'UTC'),"
                " status = 'completed' where id = %s",
                (day, one),
            )
        for one in (*ids[:3], *ids[4:]):
            sent(sql, one, 2)
        report = await gather_report(store, "this")
        assert report.before is not None
        assert (report.before.name, report.before_is_named) == ("second", False)
        assert report.before.fates == Fates(silent=2)
        report = await gather_report(store, "this", "elsewhere")
        assert report.before is not None
        assert (report.before.name, report.before_is_named) == ("elsewhere", True)
        assert (await gather_report(store, "first")).before is None
        with pytest.raises(Usage, match="another campaign"):
            await gather_report(store, "this", ids[4])
        with pytest.raises(NoSuchCampaign):
            await gather_report(store, "this", "nobody")

    run(open_test_store, scenario)


def test_a_campaign_without_rows_and_one_that_is_not_there(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = str(uuid4())
        sql.execute("insert into campaigns (id, name) values (%s, 'empty')", (campaign,))
        report = await gather_report(store, "empty")
        assert report.campaign.fates == Fates()
        assert (report.bins, report.prices, report.templates, report.messages) == ((), (), (), ())
        with pytest.raises(NoSuchCampaign):
            await CampaignReports(store).facts(str(uuid4()))

    run(open_test_store, scenario)


def test_odd_values_of_others_do_no_harm(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> ClientReport:
        campaign = await add_campaign(store, await add_number(store), 8, name="c")
        wamids = sent(sql, campaign, 8)
        as_found(sql, "update send_queue set payload = '[3]' where campaign_id = %s", (campaign,))
        as_found(sql, "update templates set components = '\"x\"'")
        odd = [{"pricing": value} for value in (None, 3, [], {"billable": "yes", "type": 5}, "x")]
        for wamid, said in zip(wamids, odd, strict=False):
            await take(store, told([wamid], "delivered", "1970-01-01T00:00:00Z", **said))
        await take(store, told(wamids[5:], "read", "2099-01-01T00:00:00Z"))
        return await gather_report(store, "c")

    report = run(open_test_store, scenario)
    assert report.campaign.fates.delivered == 8
    assert sum(one.delivered for one in report.bins) == 8


def test_a_phone_is_nowhere(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> ClientReport:
        campaign = await add_campaign(store, await add_number(store), 6, name="c")
        sent(sql, campaign, 6)
        as_found(
            sql,
            "update send_queue set payload = jsonb_build_object('var1', 'Asha ' || phone)"
            " where campaign_id = %s",
            (campaign,),
        )
        await Campaigns(store).set_status(campaign, "cancel", "test")
        return await gather_report(store, "c")

    report = run(open_test_store, scenario)
    assert "Asha" not in str(report)
    for n in range(6):
        assert phone(n) not in str(report)


def test_who_opted_out_is_told_apart_from_who_was_refused(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> ClientReport:
        campaign = await add_campaign(store, await add_number(store), 6, name="c")
        sent(sql, campaign, 2)
        reasons = (
            "opted out of marketing on 2025-11-01, by the word STOP: not sent",
            "Meta asked for a rest from marketing until 2025-11-11 09:00 UTC: not sent",
            "not sent: var1 is empty",
        )
        for reason in reasons:
            as_found(
                sql,
                "update send_queue set status = 'failed', error_message = %s where id ="
                " (select id from send_queue where campaign_id = %s and status = 'ready' limit 1)",
                (reason, campaign),
            )
        for n, cause in enumerate(("word", "button", "code")):
            sql.execute(
                "insert into wacampaign_optouts (person, phone, since, cause, campaign_id,"
                " ended_at) values (%s, %s, now(), %s, %s, %s)",
                (phone(n), phone(n), cause, campaign, None if n else "2025-11-12"),
            )
        return await gather_report(store, "c")

    report = run(open_test_store, scenario)
    assert report.campaign.fates == Fates(silent=2, left_out=2, refused=1, waiting=1)
    assert report.templates[0].fates == report.campaign.fates
    assert [reason.count for reason in report.campaign.reasons] == [1]
    assert report.campaign.opted_out == 1
