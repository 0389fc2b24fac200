"""What became of each recipient, the same over both transports."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from tests.campaigns import add_campaign, add_number, as_found, phone, run
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.results import Results
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def row_ids(sql: Connection, campaign: str) -> list[str]:
    rows = sql.execute(
        "select id::text from send_queue where campaign_id = %s order by id", (campaign,)
    )
    return [row[0] for row in rows]


def accept(sql: Connection, ids: list[str]) -> None:
    """These rows were accepted, with the message id `wamid.` and their own."""
    sql.execute(
        "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id,"
        " sent_at = '2026-11-20 10:00+00' where id = any (%s::uuid[])",
        (ids,),
    )


def deliver(sql: Connection, row_id: str, state: str, **more: Any) -> None:
    """What the statuses of a row's message have come to."""
    fields = {
        "wamid": f"wamid.{row_id}", "state": state, "row_id": row_id, "first_seen_at": "now",
        "last_at": "now", "sources": ["receiver"], "said": "{}",
    } | more  # fmt: skip
    sql.execute(
        f"insert into wacampaign_deliveries ({', '.join(fields)}, campaign_id,"
        " whatsapp_number_id, template_name, phone)"
        f" select {', '.join(['%s'] * len(fields))}, q.campaign_id, q.whatsapp_number_id,"
        " q.template_name, q.phone from send_queue q where q.id = %s".encode(),
        (*fields.values(), row_id),
    )


async def everything(store: Store, campaign: str, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := await Results(store).page(
        campaign, after=rows[-1]["id"] if rows else None, limit=limit
    ):
        assert len(page) <= limit
        rows += page
    return rows


def test_each_row_once_with_what_became_of_it(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 11)
        await add_campaign(store, number, 5)
        ids = row_ids(sql, campaign)
        accept(sql, ids[:5])
        said = json.dumps({"delivered": {"pricing": {"category": "marketing", "billable": True}}})
        deliver(
            sql, ids[0], "read", sent_at="2026-11-20 10:00:01+00",
            delivered_at="2026-11-20 10:00:02+00", read_at="2026-11-20 11:00+00",
            failed_at="2026-11-20 10:00:01+00", code=131026, said=said,
        )  # fmt: skip
        deliver(
            sql, ids[1], "undelivered", failed_at="2026-11-20 10:00:05+00", code=131049,
            title="Meta's title", details="In order to maintain",
        )  # fmt: skip
        deliver(sql, ids[2], "held", held_at="2026-11-20 10:00:05+00")
        deliver(sql, ids[3], "sent", sent_at="2026-11-20 10:00:01+00")
        change = "update send_queue set status = %s, error_message = %s, error_code = %s,"
        change += " in_doubt_since = %s, next_retry_at = %s where id = %s"
        sql.execute(change, ("failed", "(#131026) no WhatsApp", 131026, None, None, ids[5]))
        sql.execute(change, ("processing", None, None, "2026-11-20 12:00+00", None, ids[6]))
        sql.execute(change, ("processing", None, None, None, None, ids[7]))
        sql.execute(change, ("ready", None, None, None, "2036-11-20 12:00+00", ids[8]))
        for wamid, at, body in (("i1", "09:00", "first"), ("i2", "11:30", None)):
            sql.execute(
                "insert into wacampaign_inbound (wamid, at, person, kind, body, source)"
                " values (%s, %s, %s, 'sticker', %s, 'receiver')",
                (wamid, f"2026-11-20 {at}+00", phone(0), body),
            )
        for n, wamid in ((0, "i2"), (1, "i1")):
            sql.execute(
                "insert into wacampaign_replies (campaign_id, person, wamid, at)"
                " values (%s, %s, %s, '2026-11-20 11:30+00')",
                (campaign, phone(n), wamid),
            )
        rows = await everything(store, campaign, 2)
        assert [row["id"] for row in rows] == ids
        assert [row["state"] for row in rows] == [
            "read", "undelivered", "held", "silent", "silent", "refused", "in doubt",
            "being sent", "retry later", "waiting", "waiting",
        ]  # fmt: skip
        assert rows[0] == {
            "id": ids[0], "phone": phone(0), "state": "read", "template": "hello",
            "language": "en", "accepted_at": "2026-11-20T10:00:00Z",
            "sent_at": "2026-11-20T10:00:01Z", "delivered_at": "2026-11-20T10:00:02Z",
            "read_at": "2026-11-20T11:00:00Z", "failed_at": "2026-11-20T10:00:01Z",
            "code": 131026, "contradicted": True, "category": "marketing", "billable": True,
            "reply": "(sticker)", "replied_at": "2026-11-20T11:30:00Z",
            "wamid": f"wamid.{ids[0]}", "retries": 0, "values": {"var1": "person 0"},
        }  # fmt: skip
        assert (rows[1]["code"], rows[1]["details"]) == (131049, "In order to maintain")
        assert rows[1]["reply"] == "first"
        assert "reply" not in rows[2]
        assert (rows[5]["code"], rows[5]["error"]) == (131026, "(#131026) no WhatsApp")
        assert rows[6]["in_doubt_since"] == "2026-11-20T12:00:00Z"

    run(open_test_store, scenario)


def test_the_variables_of_all_rows(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 7)
        ids = row_ids(sql, campaign)
        sql.execute("update send_queue set payload = '{\"var10\": 1}' where id = %s", (ids[3],))
        # Another program may have written anything.
        sql.execute("update send_queue set payload = '[1, 2]' where id = %s", (ids[4],))
        assert await Results(store).variables(campaign) == {"var1", "var10"}
        step, after = set(), None
        while True:
            answer = await store.call(
                "result_variables", campaign_id=campaign, after=after, limit=2
            )
            step |= set(answer["names"])
            after = answer["last"]
            if after is None:
                break
        assert step == {"var1", "var10"}

    run(open_test_store, scenario)


def test_undelivered_by_code_and_in_pages(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 7)
        ids = row_ids(sql, campaign)
        accept(sql, ids)
        for place, code in enumerate((131049, 131049, 131049, 131053)):
            deliver(
                sql, ids[place], "undelivered", code=code, title="t", details=f"d {place}",
                failed_at="2026-11-20 10:00:05+00",
            )  # fmt: skip
        deliver(sql, ids[4], "read", delivered_at="now", code=131049)
        deliver(sql, ids[5], "undelivered", title="Meta's", failed_at="now")  # no code
        for code, n in ((131049, 3), (131053, 1), (0, 1)):
            sql.execute(
                "insert into wacampaign_delivery_counts (campaign_id, whatsapp_number_id,"
                " template_name, state, code, n) values (%s, %s, 'hello', 'undelivered', %s, %s)"
                " on conflict (campaign_id, whatsapp_number_id, template_name, state, code)"
                " do update set n = excluded.n",
                (campaign, number, code, n),
            )
        assert await Results(store).undelivered(campaign) == [
            {"code": 131049, "count": 3, "title": "t", "text": "d 0"},
            {"code": 0, "count": 1, "title": "Meta's", "text": None},
            {"code": 131053, "count": 1, "title": "t", "text": "d 3"},
        ]
        (without,) = await Results(store).undelivered_page(campaign, 0)
        assert without["wamid"] == f"wamid.{ids[5]}"
        (one,) = (await Campaigns(store).stats([campaign])).campaigns
        assert [(e.code, e.title) for e in one.delivery.errors][1] == (0, "Meta's")
        # A row that another program called failed is one of the failed rows, and told once.
        deliver(sql, ids[6], "undelivered", code=131053, failed_at="now")
        as_found(sql, "update send_queue set status = 'failed' where id = %s", (ids[6],))
        assert len(await Results(store).undelivered_page(campaign, 131053)) == 1
        first = await Results(store).undelivered_page(campaign, 131049, limit=2)
        rest = await Results(store).undelivered_page(
            campaign, 131049, after=first[-1]["wamid"], limit=2
        )
        assert [row["phone"] for row in first + rest] == [phone(n) for n in range(3)]
        assert first[0] == {
            "wamid": f"wamid.{ids[0]}", "phone": phone(0), "template": "hello", "text": "d 0",
            "title": "t", "accepted_at": "2026-11-20T10:00:00Z", "at": "2026-11-20T10:00:05Z",
            "left_out": False,
        }  # fmt: skip

    run(open_test_store, scenario)


def test_a_campaigns_deliveries_are_told_with_it(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 300)
        ids = row_ids(sql, campaign)
        accept(sql, ids[:200])
        states = [("delivered", 0, 100), ("read", 0, 40), ("undelivered", 131049, 6)]
        states += [("undelivered", 0, 2), ("sent", 0, 12), ("held", 0, 1), ("contradicted", 0, 3)]
        for state, code, n in states:
            sql.execute(
                "insert into wacampaign_delivery_counts values (%s, %s, 'hello', %s, %s, %s)",
                (campaign, number, state, code, n),
            )
        sql.execute("insert into wacampaign_delivery_lags values (%s, 5, 100)", (campaign,))
        sql.execute(
            "insert into wacampaign_hearing (number_id, first_status_at) values (%s, now())",
            (number,),
        )
        sql.execute(
            "insert into wacampaign_pace (campaign_id, at, sent) values"
            " (%s, now() - interval '11 minutes', 170), (%s, now() - interval '9 minutes', 30)",
            (campaign, campaign),
        )
        (one,) = (await Campaigns(store).stats([campaign])).campaigns
        delivery = one.delivery
        assert (delivery.known, delivery.delivered, delivery.read) == (True, 140, 40)
        assert (delivery.undelivered, delivery.held, delivery.silent) == (8, 1, 51)
        assert delivery.accepted == one.counts.sent == 200
        assert [(e.code, e.count) for e in delivery.errors] == [(131049, 6), (0, 2)]
        assert (delivery.contradicted, delivery.waiting, delivery.passed_on) == (3, 0, 12)
        # 39 have no status at all, and at most 30 of those are of the last ten minutes.
        assert delivery.late == 9
        assert delivery.lag.p50_seconds is not None

    run(open_test_store, scenario)


def test_a_campaign_of_which_nobody_told(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 3)
        accept(sql, row_ids(sql, campaign)[:2])
        (one,) = (await Campaigns(store).stats([campaign])).campaigns
        assert (one.delivery.known, one.delivery.silent, one.delivery.accepted) == (False, 2, 2)
        assert one.delivery.lag.in_words is None

    run(open_test_store, scenario)
