"""What became of accepted messages: any order of statuses, told by anybody, leads to one truth."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.campaigns import add_campaign, add_number, past_ramp, run, worker
from wacampaign.core.callback_data import callback_data
from wacampaign.core.engine.ports import ClaimedRow, Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.core.webhook.updates import StatusUpdate
from wacampaign.operations.audit import audit_campaigns
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Sql = psycopg.Connection[Any]
#: Seconds since 1970 of a moment before all tests.
BEFORE = 1_795_000_000


def told(wamid: str, status: str, at: int = BEFORE, **more: Any) -> StatusUpdate:
    code = 131053 if status == "failed" else None
    return StatusUpdate(
        wamid, status, at, code=more.pop("code", code), said={"id": wamid, "status": status}, **more
    )


def logged(sql: Sql, wamid: str, status: str, **columns: Any) -> None:
    """As the backend's handler enters it: with its own look into `messages` before."""
    sql.execute(
        "insert into message_status_logs (message_id, whatsapp_number_id, campaign_id, user_phone,"
        " whatsapp_message_id, status, error_code, error_message, created_at)"
        " select m.id, coalesce(m.whatsapp_number_id, %(number)s), m.campaign_id,"
        " coalesce(m.user_phone, %(phone)s), %(wamid)s, %(status)s, %(code)s, %(text)s,"
        " coalesce(%(at)s, clock_timestamp())"
        " from (select 1) as one left join messages m on m.whatsapp_message_id = %(wamid)s"
        " on conflict do nothing",
        {
            "number": None, "phone": None, "code": None, "text": None, "at": None,
            **columns, "wamid": wamid, "status": status,
        },
    )  # fmt: skip


async def take_all(store: Store) -> None:
    while (await Statuses(store).take_logged()).left:
        pass


async def delivery(store: Store, campaign: str) -> dict[str, Any]:
    return await store.call("delivery_of", campaign_id=campaign)


async def claimed(store: Store, me: Any, n: int = 50) -> list[ClaimedRow]:
    claim = await WorkQueue(store).claim(me, uuid4(), n)
    if claim.rows:
        await WorkQueue(store).begin(me, claim.rows[0].claim_id)
    return list(claim.rows)


async def sent(store: Store, rows: Sequence[ClaimedRow], me: Any) -> list[str]:
    await WorkQueue(store).settle(
        me, [Settlement(row, Verdict(Outcome.SENT, wamid=f"wamid.{row.id}")) for row in rows]
    )
    return [f"wamid.{row.id}" for row in rows]


def test_each_message_counts_once_whoever_stored_its_statuses(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        me = await worker(store)
        assert not (await delivery(store, campaign))["known"]
        assert await past_ramp(store, me, campaign) == 5
        wamids = [row[0] for row in sql.execute("select whatsapp_message_id from send_queue")]
        read, delivered, failed, both, silent = wamids
        await Statuses(store).take([told(read, "read"), told(delivered, "sent")], "receiver")
        for wamid in (read, delivered):
            logged(sql, wamid, "delivered")
            logged(sql, wamid, "sent")
        logged(sql, failed, "failed", code=131026, text="Message undeliverable")
        await take_all(store)
        await Statuses(store).take(
            [told(both, "delivered"), told(both, "failed"), told(delivered, "delivered")] * 2,
            "receiver",
        )
        assert silent
        assert (await delivery(store, campaign)).items() >= {
            "known": True, "delivered": 3, "read": 1, "undelivered": 1, "held": 0, "silent": 1,
            "contradicted": 1, "errors": [{"code": 131026, "count": 1}], "waiting": 0,
        }.items()  # fmt: skip
        rows = sql.execute("select status, count(*) from send_queue group by 1").fetchall()
        assert rows == [("sent", 5)]
        words = dict(sql.execute("select whatsapp_message_id, status from messages").fetchall())
        assert words == {
            read: "read", delivered: "delivered", failed: "failed", both: "delivered",
            silent: "sent",
        }  # fmt: skip

    run(open_test_store, scenario)


STATUS = st.sampled_from(("held", "sent", "delivered", "read", "failed", "played", "deleted"))


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(
        st.tuples(st.integers(0, 5), STATUS, st.integers(0, 900), st.booleans()), max_size=30
    ),
    settled_after=st.lists(st.integers(0, 30), min_size=6, max_size=6),
    together=st.integers(1, 6),
)
def test_any_order_leads_to_the_same_truth(
    events: list[tuple[int, str, int, bool]],
    settled_after: list[int],
    together: int,
    database: str,
    sql: Sql,
) -> None:
    """Statuses before, between and after the outcomes of their rows, repeated, by both ways."""
    from wacampaign.store.postgres import PostgresTransport

    sql.execute(
        "truncate campaigns, send_queue, messages, message_status_logs, wacampaign_deliveries,"
        " wacampaign_delivery_counts, wacampaign_delivery_lags, wacampaign_logged_statuses,"
        " whatsapp_numbers, wacampaign_hearing, wacampaign_holds, wacampaign_events,"
        " wacampaign_buckets, wacampaign_workers, wacampaign_claims cascade"
    )

    async def scenario() -> None:
        store = Store(PostgresTransport(database))
        try:
            number = await add_number(store)
            campaign = await add_campaign(store, number, 11)
            me = await worker(store)
            await past_ramp(store, me, campaign)
            rows = await claimed(store, me)
            assert len(rows) == 6
            open_rows = dict(enumerate(rows))
            batch: list[StatusUpdate] = []
            for step, (which, status, at, by_log) in enumerate(events):
                for n in [n for n, after in enumerate(settled_after) if after == step]:
                    if n in open_rows:
                        await sent(store, [open_rows.pop(n)], me)
                wamid = f"wamid.{rows[which].id}"
                if by_log and status in ("sent", "delivered", "read", "failed"):
                    logged(sql, wamid, status, number=number, code=131026)
                else:
                    batch.append(told(wamid, status, BEFORE + at, code=131026))
                if len(batch) >= together:
                    await Statuses(store).take(batch, "receiver")
                    batch = []
            await Statuses(store).take(batch, "receiver")
            await sent(store, list(open_rows.values()), me)
            sql.execute(
                "update wacampaign_deliveries set look_at = clock_timestamp()"
                " where look_at is not null"
            )
            await take_all(store)

            said: dict[int, set[str]] = {n: set() for n in range(6)}
            for which, status, _, _ in events:
                said[which].add("read" if status == "played" else status)
            found = await delivery(store, campaign)
            assert found["read"] == sum("read" in one for one in said.values())
            assert found["delivered"] == sum(
                bool(one & {"delivered", "read"}) for one in said.values()
            )
            undelivered = sum(
                "failed" in one and not one & {"delivered", "read"} for one in said.values()
            )
            assert found["undelivered"] == undelivered
            assert found["held"] == sum(
                "held" in one and not one & {"sent", "delivered", "read", "failed"}
                for one in said.values()
            )
            sums = found["delivered"] + found["undelivered"] + found["held"] + found["silent"]
            assert sums == 11
            assert found["contradicted"] == sum(
                "failed" in one and bool(one & {"delivered", "read"}) for one in said.values()
            )
            (counted,) = sql.execute(
                "select coalesce(jsonb_object_agg(state, n), '{}') from ("
                " select state, sum(n) as n from wacampaign_delivery_counts"
                " where state <> 'contradicted' group by 1 having sum(n) <> 0) as t"
            ).fetchone() or ({},)
            (there,) = sql.execute(
                "select coalesce(jsonb_object_agg(state, n), '{}') from ("
                " select state, count(*) as n from wacampaign_deliveries"
                " where row_id is not null group by 1) as t"
            ).fetchone() or ({},)
            assert counted == there
        finally:
            await store.close()

    asyncio.run(scenario())


def in_doubt(sql: Sql, campaign: str) -> int:
    (n,) = sql.execute(
        "select count(*) from send_queue where campaign_id = %s and in_doubt_since is not null",
        [campaign],
    ).fetchone() or (0,)
    return int(n)


async def doubted(store: Store, sql: Sql, rows: int) -> tuple[str, str, list[ClaimedRow]]:
    """A campaign with so many rows that their worker was killed over: number, campaign, rows."""
    number = await add_number(store)
    campaign = await add_campaign(store, number, rows + 5)
    me = await worker(store)
    await past_ramp(store, me, campaign)
    lost = await claimed(store, me, rows)
    assert len(lost) == rows
    await store.call("reap", dead=[str(me)])
    assert in_doubt(sql, campaign) == rows
    return number, campaign, lost


def test_a_status_with_our_callback_settles_its_row(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        _, campaign, lost = await doubted(store, sql, 3)
        statuses = [
            told(f"w.{row.id}", status, callback=callback_data(row.id, row.claim_id))
            for row in lost[:2]
            for status in ("read", "failed")
        ]
        answer = await Statuses(store).take(statuses, "receiver")
        assert (answer["cleared"], answer["joined"]) == (2, 2)
        assert in_doubt(sql, campaign) == 1
        found = await delivery(store, campaign)
        assert (found["read"], found["contradicted"], found["silent"]) == (2, 2, 5)
        # In the inbox it stands where it went out: replies may be there already.
        late = "select count(*) from messages m join send_queue q using (whatsapp_message_id)"
        assert sql.execute(f"{late} where m.created_at <> q.sent_at").fetchone() == (0,)
        assert (await Statuses(store).take(statuses, "receiver"))["cleared"] == 0

    run(open_test_store, scenario)


def test_what_a_person_had_sent_again_is_told_as_sent_twice(
    open_test_store: OpenStore, sql: Sql, tmp_path: Path
) -> None:
    told_lines: list[str] = []

    async def scenario(store: Store) -> None:
        _, campaign, (row,) = await doubted(store, sql, 1)
        await store.call(
            "resolve_doubt", campaign_id=campaign, action="resend", expected=1, actor="test",
            seen_at="infinity", seen_claims=[],
        )  # fmt: skip
        me = await worker(store)
        (again,) = await claimed(store, me)
        await sent(store, [again], me)
        first = told("w.first", "delivered", callback=callback_data(row.id, row.claim_id))
        for _ in range(2):
            await Statuses(store).take([first], "receiver")
        events = sql.execute(
            "select reason, detail from wacampaign_events where kind = 'accepted_twice'"
        ).fetchall()
        assert len(events) == 1
        assert events[0][0].startswith("sent twice, by hand")
        (audited,) = await audit_campaigns(store, tmp_path, [campaign], told_lines.append)
        assert [line for line in audited.findings() if "twice, by hand" in line] == [
            "attention: 1 in doubt was sent once more, as a person decided; what was accepted both"
            " times was sent twice, by hand"
        ]

    run(open_test_store, scenario)


def test_what_is_to_be_sent_again_by_hand_is_not_when_its_status_comes(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        _, campaign, (row,) = await doubted(store, sql, 1)
        await store.call(
            "resolve_doubt", campaign_id=campaign, action="resend", expected=1, actor="test",
            seen_at="infinity", seen_claims=[],
        )  # fmt: skip
        first = told("w.first", "sent", callback=callback_data(row.id, row.claim_id))
        await Statuses(store).take([first], "receiver")
        me = await worker(store)
        assert await claimed(store, me) == []
        assert in_doubt(sql, campaign) == 0

    run(open_test_store, scenario)


@pytest.mark.parametrize("other", ["", "messages", "two", "early", "two rows"])
def test_a_status_that_the_backend_stored_settles_the_only_row_it_can_be(
    open_test_store: OpenStore, sql: Sql, other: str
) -> None:
    async def scenario(store: Store) -> None:
        number, campaign, (row,) = await doubted(store, sql, 1)
        logged(
            sql, "w.unknown", "delivered", number=number, phone=row.phone,
            at="2026-01-01" if other == "early" else None,
        )  # fmt: skip
        if other == "messages":
            sql.execute(
                "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
                " whatsapp_message_id) values (%s, %s, 'outgoing', 'text', 'w.unknown')",
                [number, row.phone],
            )
        if other == "two":
            logged(sql, "w.another", "sent", number=number, phone=row.phone)
        if other == "two rows":
            second = await add_campaign(store, number, 1, first_phone=int(row.phone[3:]))
            me = await worker(store)
            assert len(await claimed(store, me)) == 1
            await store.call("reap", dead=[str(me)])
            assert in_doubt(sql, second) == 1
        await take_all(store)
        sql.execute(
            "update wacampaign_deliveries set look_at = clock_timestamp(),"
            " first_seen_at = first_seen_at - interval '1 minute' where row_id is null"
        )
        await take_all(store)
        assert in_doubt(sql, campaign) == (1 if other else 0)
        found = await delivery(store, campaign)
        assert found["delivered"] == (0 if other else 1)

    run(open_test_store, scenario)


def test_failures_by_status_hold_the_medium_and_pause(open_test_store: OpenStore, sql: Sql) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 50)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        wamids = [row[0] for row in sql.execute(
            "select whatsapp_message_id from send_queue where status = 'sent'")]  # fmt: skip
        now = int(sql.execute("select extract(epoch from clock_timestamp())").fetchone()[0])  # type: ignore[index]
        for wamid in wamids[:4]:
            logged(sql, wamid, "failed", code=131053, text="Media upload error")
        await take_all(store)
        status = "select status, pause_reason from campaigns where id = %s"
        assert sql.execute(status, [campaign]).fetchone() == ("running", None)
        await Statuses(store).take([told(wamids[4], "failed", now)], "receiver")
        found = sql.execute(status, [campaign]).fetchone()
        assert found is not None and found[0] == "paused"
        assert "131053" in found[1] and "wacampaign fix-media " + campaign in found[1]
        assert await claimed(store, me) == []
        assert json.loads(json.dumps(await delivery(store, campaign)))["undelivered"] == 5
        # A person resumes; what failed before says nothing of what goes out from now on.
        await store.call("set_status", campaign_id=campaign, action="resume", actor="test")
        await Statuses(store).take([told(w, "failed", now) for w in wamids], "receiver")
        found = sql.execute(status, [campaign]).fetchone()
        assert found is not None and found[0] == "running"

    run(open_test_store, scenario)


def test_the_ramp_waits_for_the_statuses_of_its_first_messages(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 50)
        sql.execute("insert into wacampaign_hearing values (%s, now(), now())", [number])
        me = await worker(store)
        queue = WorkQueue(store, status_wait_seconds=20)
        sizes = []
        for _ in range(3):
            claim = await queue.claim(me, uuid4(), 100)
            sizes.append(len(claim.rows))
            await queue.begin(me, claim.rows[0].claim_id)
            wamids = await sent(store, claim.rows, me)
            if sum(sizes) <= 5:
                waiting = await queue.claim(me, uuid4(), 100)
                assert not waiting.rows and waiting.next_ms is not None
                assert waiting.next_ms < 1000
                assert (await Statuses(store).take_logged()).ramp
                for wamid in wamids:
                    await Statuses(store).take([told(wamid, "sent")], "receiver")
        assert sizes == [1, 4, 45]
        assert campaign

    run(open_test_store, scenario)


def test_a_thousand_doubts_are_settled_by_statuses_in_any_order(
    open_test_store: OpenStore, sql: Sql
) -> None:
    """Some before the row is in doubt, all twice, shuffled; some rows were never accepted."""

    async def scenario(store: Store) -> None:
        dice = random.Random(9)
        number = await add_number(store, rate=2000)
        campaign = await add_campaign(store, number, 1105)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        rows = await claimed(store, me, 1100)
        assert len(rows) == 1100
        accepted, unsent = rows[:1000], rows[1000:]
        statuses = []
        for row in accepted:
            mark = callback_data(row.id, row.claim_id)
            words = dice.choice((("sent",), ("delivered", "sent"), ("read",), ("failed",)))
            statuses += [
                told(f"w.{row.id}", word, BEFORE + dice.randrange(999), callback=mark, code=131026)
                for word in words
            ] * 2
        dice.shuffle(statuses)
        early, late = statuses[:300], statuses[300:]
        answer = await Statuses(store).take(early, "receiver")
        # Their worker lives: its answer is on its way.
        assert answer["cleared"] == 0
        await store.call("reap", dead=[str(me)])
        assert in_doubt(sql, campaign) == 1100
        for start in range(0, len(late), 400):
            await Statuses(store).take(late[start:][:400], "receiver")
        sql.execute(
            "update wacampaign_deliveries set look_at = clock_timestamp() where look_at is not null"
        )
        await take_all(store)
        assert in_doubt(sql, campaign) == len(unsent)
        rest = sql.execute(
            "select id::text, status from send_queue where in_doubt_since is not null"
        ).fetchall()
        assert sorted(rest) == sorted((row.id, "processing") for row in unsent)
        told_words: dict[str, set[str]] = {}
        for one in statuses:
            told_words.setdefault(one.wamid, set()).add(one.status)
        found = await delivery(store, campaign)
        assert found["delivered"] == sum(
            bool(w & {"delivered", "read"}) for w in told_words.values()
        )
        assert found["undelivered"] == sum(w == {"failed"} for w in told_words.values())
        wamids = sql.execute(
            "select id::text, whatsapp_message_id from send_queue where status = 'sent'"
            " and whatsapp_message_id like 'w.%'"
        ).fetchall()
        assert sorted(wamids) == sorted((row.id, f"w.{row.id}") for row in accepted)

    run(open_test_store, scenario)


def test_what_became_of_a_test_message_is_known_by_whoever_stored_it(
    open_test_store: OpenStore, sql: Sql
) -> None:
    async def scenario(store: Store) -> None:
        tests = SentTests(store)
        assert await tests.status("w.test") == ([], False)
        await Statuses(store).take([told("w.test", "failed")], "receiver")
        number = await add_number(store, phone_number_id="106")
        (told_of, _) = await tests.status("w.test")
        assert [(one["status"], one["code"]) for one in told_of] == [("failed", 131053)]
        await Statuses(store).take([told("w.other", "sent", phone_number_id="106")], "receiver")
        assert (await tests.status("w.unknown"), number != "") == (([], True), True)
        logged(sql, "w.test", "delivered")
        logged(sql, "w.test", "failed", code=131053)
        words = [one["status"] for one in (await tests.status("w.test"))[0]]
        assert sorted(words) == ["delivered", "failed"]

    run(open_test_store, scenario)


def test_a_log_of_last_year_is_no_sign_of_a_webhook_today(
    open_test_store: OpenStore, sql: Sql
) -> None:
    """The ramp does not wait for statuses because of it."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        logged(sql, "w.old", "delivered", number=number, phone="1", at="2025-01-01")
        await take_all(store)
        # When a first message waited for its status to learn that: an hour ago.
        sql.execute("update wacampaign_hearing set asked_at = now() - interval '1 hour'")
        campaign = await add_campaign(store, number, 20)
        me = await worker(store)
        queue = WorkQueue(store, status_wait_seconds=20)
        for size in (1, 4, 15):
            claim = await queue.claim(me, uuid4(), 100)
            assert len(claim.rows) == size
            await queue.begin(me, claim.rows[0].claim_id)
            await sent(store, claim.rows, me)
        assert (await delivery(store, campaign))["known"]

    run(open_test_store, scenario)
