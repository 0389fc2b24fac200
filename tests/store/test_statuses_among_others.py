"""Statuses beside what others do to the same tables: rules, triggers, locks, an earlier run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, past_ramp, run, worker
from tests.servers import wait_until
from tests.store.test_statuses import claimed, delivery, logged, sent, take_all, told
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Sql = psycopg.Connection[Any]

RAISES = """
create function theirs() returns trigger language plpgsql as
$$ begin raise exception 'a rule of theirs'; end $$;
create trigger theirs before {event} for each row execute function theirs();
"""
DROP = "drop function theirs cascade"
#: What somebody made of the backend's tables → how he takes it back.
RULES = {
    "texts are short": (
        "alter table message_status_logs add constraint theirs check (length(error_message) < 9)",
        "alter table message_status_logs drop constraint theirs",
    ),
    "no word for read": (
        "alter table message_status_logs add constraint theirs check (status <> 'read')",
        "alter table message_status_logs drop constraint theirs",
    ),
    "no word for a message": (
        "alter table messages add constraint theirs check (status in ('sent', 'received'))",
        "alter table messages drop constraint theirs",
    ),
    "a trigger on the log": (RAISES.format(event="insert on message_status_logs"), DROP),
    "a trigger on the messages": (RAISES.format(event="update on messages"), DROP),
}


def now(sql: Sql) -> int:
    row = sql.execute("select extract(epoch from clock_timestamp())::int").fetchone()
    assert row is not None
    return int(row[0])


async def five_sent(store: Store, sql: Sql, rows: int = 50) -> tuple[str, Any, list[str]]:
    """A running campaign past its ramp: its id, its worker, the five messages' ids."""
    campaign = await add_campaign(store, await add_number(store), rows)
    me = await worker(store)
    await past_ramp(store, me, campaign)
    found = sql.execute(
        "select whatsapp_message_id from send_queue where status = 'sent' order by 1"
    ).fetchall()
    return campaign, me, [wamid for (wamid,) in found]


def test_failures_hold_though_statuses_of_an_earlier_run_come_between(
    open_test_store: OpenStore, sql: Sql
) -> None:
    """A big campaign's reads come for days, in the same batches as what fails now."""

    async def scenario(store: Store) -> None:
        campaign, me, earlier = await five_sent(store, sql)
        for status in ("paused", "running"):
            sql.execute("update campaigns set status = %s where id = %s", [status, campaign])
        first = await sent(store, await claimed(store, me), me)
        said = [told(wamid, "read") for wamid in earlier]
        said[3:3] = [told(wamid, "failed", now(sql), code=132015) for wamid in first]
        await Statuses(store).take(said, "receiver")
        lane = sql.execute("select run_accepted, ramp_heard from wacampaign_lanes").fetchone()
        assert lane == (len(first), len(first))
        found = sql.execute("select status, pause_reason from campaigns").fetchone()
        assert found is not None and found[0] == "paused" and "132015" in found[1]
        # A click on the bell leads somewhere.
        assert sql.execute("select action_url from notifications").fetchall() == [("/campaigns",)]

    run(open_test_store, scenario)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_the_tables_of_the_backend_keeps_no_status_back(
    open_test_store: OpenStore, sql: Sql, rule: str
) -> None:
    async def scenario(store: Store) -> None:
        campaign, _, wamids = await five_sent(store, sql)
        failed, read, delivered, _, _ = wamids
        made, undone = RULES[rule]
        sql.execute(made.encode())
        await Statuses(store).take(
            [
                told(failed, "failed", now(sql), code=132015, title="Template is paused"),
                told(read, "read"),
                told(delivered, "delivered"),
            ],
            "receiver",
        )
        await take_all(store)
        found = await delivery(store, campaign)
        assert (found["delivered"], found["read"], found["undelivered"]) == (2, 1, 1)
        assert sql.execute("select status from campaigns").fetchone() == ("paused",)
        # What can be shown is, and the rest as soon as it can be.
        sql.execute("update wacampaign_deliveries set show_at = now() where show_at is not null")
        await take_all(store)
        if rule in ("texts are short", "no word for read"):
            assert ("delivered",) in sql.execute("select status from messages").fetchall()
        sql.execute(undone.encode())
        sql.execute("update wacampaign_deliveries set show_at = now() where show_at is not null")
        await take_all(store)
        words = dict(sql.execute("select whatsapp_message_id, status from messages").fetchall())
        assert [words[wamid] for wamid in wamids[:3]] == ["failed", "read", "delivered"]
        assert sql.execute(
            "select whatsapp_message_id, status from message_status_logs order by 1"
        ).fetchall() == list(zip(wamids[:3], ["failed", "read", "delivered"], strict=True))

    run(open_test_store, scenario)


@pytest.mark.parametrize(
    "held",
    [
        "select 1 from messages for update",
        "update message_status_logs set error_message = 'x'",
        "lock table message_status_logs in share row exclusive mode",
    ],
)
def test_who_holds_what_the_backend_shows_keeps_no_status_back(
    open_test_store: OpenStore, sql: Sql, database: str, held: str
) -> None:
    """A person's transaction in an SQL editor, left open."""

    async def scenario(store: Store) -> None:
        campaign, _, wamids = await five_sent(store, sql)
        logged(sql, wamids[0], "sent")
        sql.execute("update message_status_logs set message_id = null, campaign_id = null")
        with psycopg.connect(database) as other:
            other.execute(held.encode())
            await Statuses(store).take(
                [told(wamids[0], "delivered"), told(wamids[1], "failed", now(sql), code=132015)],
                "receiver",
            )
            await take_all(store)
            assert sql.execute("select status from campaigns").fetchone() == ("paused",)
            found = await delivery(store, campaign)
            assert (found["delivered"], found["undelivered"]) == (1, 1)
            other.rollback()
        sql.execute("update wacampaign_deliveries set show_at = now() where show_at is not null")
        await take_all(store)
        words = dict(sql.execute("select whatsapp_message_id, status from messages").fetchall())
        assert [words[wamid] for wamid in wamids[:2]] == ["delivered", "failed"]

    run(open_test_store, scenario)


@pytest.mark.parametrize(
    "event", ["insert or update on wacampaign_deliveries", "update on wacampaign_deliveries"]
)
def test_what_cannot_be_taken_keeps_no_others_back(
    open_test_store: OpenStore, sql: Sql, event: str
) -> None:
    """Neither in the log that was there before, nor where a message's row is looked for."""

    async def scenario(store: Store) -> None:
        campaign, _, wamids = await five_sent(store, sql)
        bad = wamids[2]
        sql.execute("update send_queue set whatsapp_message_id = null where status = 'sent'")
        sql.execute("alter table message_status_logs disable trigger wacampaign_status_logged")
        for wamid in wamids:
            logged(sql, wamid, "delivered")
        sql.execute(
            "create function bad() returns trigger language plpgsql as $$ begin"
            f" if new.wamid = '{bad}' and tg_op = 'INSERT' and {event.startswith('insert')}"
            f" or new.wamid = '{bad}' and new.row_id is not null then"
            " raise exception 'cannot be taken'; end if; return new; end $$".encode()
        )
        sql.execute(
            f"create trigger bad before {event} for each row execute function bad()".encode()
        )
        await take_all(store)
        again = "update wacampaign_deliveries set look_at = now() where row_id is null"
        sql.execute("update send_queue set whatsapp_message_id = 'wamid.' || id || '.' || claim_id"
                    " where status = 'sent'")  # fmt: skip
        for _ in range(5):
            sql.execute(again.encode())
            await take_all(store)
        assert (await delivery(store, campaign))["delivered"] == 4

    run(open_test_store, scenario)


def test_who_takes_statuses_leaves_a_campaign_to_who_settles_it(
    open_test_store: OpenStore, sql: Sql, database: str
) -> None:
    """`settle` locks the campaign, then what statuses have counted: never the one waits for the
    other."""

    async def scenario(store: Store) -> None:
        campaign, _, wamids = await five_sent(store, sql)
        logged(sql, wamids[0], "delivered")
        await Statuses(store).take([told("wamid.unknown", "failed", now(sql))], "receiver")
        sql.execute("update wacampaign_deliveries set wamid = %s, look_at = now()", [wamids[1]])
        with psycopg.connect(database) as other:
            other.execute("select 1 from campaigns for no key update")
            taking = asyncio.create_task(Statuses(store).take_logged())
            waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
            await asyncio.to_thread(wait_until, lambda: sql.execute(waits.encode()).fetchone())
            other.execute(
                "update wacampaign_runs set last_settled_at = now() where campaign_id = %s",
                [campaign],
            )
            other.rollback()
        assert (await taking).left
        await take_all(store)
        found = await delivery(store, campaign)
        assert (found["delivered"], found["undelivered"]) == (1, 1)

    run(open_test_store, scenario)


@pytest.mark.parametrize("seen", ["marked", "unmarked", "at work"])
def test_what_another_program_took_and_left_is_settled_by_its_status(
    open_test_store: OpenStore, sql: Sql, seen: str
) -> None:
    """The backend's processor died after it had sent: no claim, no callback data, no message."""

    async def scenario(store: Store) -> None:
        campaign, _, _ = await five_sent(store, sql)
        (row, number, phone) = sql.execute(
            "update send_queue set status = 'processing' where id in (select id from send_queue"
            " where status = 'ready' limit 1) returning id, whatsapp_number_id, phone"
        ).fetchall()[0]
        if seen == "marked":
            await store.call("mend_rows", campaign_id=campaign, actor="test")
        logged(sql, "wamid.theirs", "failed", number=number, phone=phone, code=131026)
        await take_all(store)
        sql.execute(
            "update wacampaign_deliveries set look_at = now(), first_seen_at = now()"
            " - %s::interval, last_at = now() - %s::interval where row_id is null",
            ["1 minute" if seen == "at work" else "3 minutes"] * 2,
        )
        await take_all(store)
        found = sql.execute(
            "select status, whatsapp_message_id, in_doubt_since from send_queue where id = %s",
            [row],
        ).fetchone()
        if seen == "at work":
            # It will say so itself: its batch is perhaps not over.
            assert found is not None and found[:2] == ("processing", None)
        else:
            assert found == ("sent", "wamid.theirs", None)
            assert (await delivery(store, campaign))["undelivered"] == 1

    run(open_test_store, scenario)


def test_the_log_of_before_is_read_without_reading_the_queue_for_each(
    open_test_store: OpenStore, sql: Sql
) -> None:
    """A million rows on the day of installation: no step may cost what there is of them."""
    rows = 1500

    async def scenario(store: Store) -> None:
        await five_sent(store, sql, rows)
        sql.execute(
            "update send_queue set status = 'sent', sent_at = now(), revision = 1,"
            " whatsapp_message_id = 'wamid.' || id where status = 'ready'"
        )
        sql.execute("alter table message_status_logs disable trigger wacampaign_status_logged")
        sql.execute(
            "insert into message_status_logs (whatsapp_number_id, user_phone, whatsapp_message_id,"
            " status, created_at) select whatsapp_number_id, phone, whatsapp_message_id,"
            " 'delivered', now() from send_queue"
        )
        sql.execute("analyze send_queue")
        sql.execute("analyze message_status_logs")
        with sql.transaction():
            rules = '{"rest_hours": 24}'
            sql.execute("select wacampaign_take_logged(1000, %s)", [rules])
            found = sql.execute(
                "select count(*), (select idx_tup_fetch from pg_stat_xact_user_tables"
                " where relname = 'send_queue') from wacampaign_deliveries"
            ).fetchone()
        assert found is not None and found[0] == 1000
        assert found[1] < 20 * found[0]

    run(open_test_store, scenario)
