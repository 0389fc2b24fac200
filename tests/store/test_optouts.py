"""Who opted out gets no marketing, whatever put the row there: the same over both transports."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, run, worker
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.updates import InboundMessage, News, Preference, StatusUpdate
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.inbound import Inbound
from wacampaign.store.news import NewsStore
from wacampaign.store.optouts import OptOuts
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]
WORDS = OptOutWords()
DAY = 86_400


def now() -> int:
    return int(time.time())


def said(text: str, phone: str | None, at: int, **more: Any) -> InboundMessage:
    return InboundMessage(
        wamid=f"wamid.{uuid4().hex}", kind="text", at=at, phone=phone, text=text, **more
    )


def switched(value: str, phone: str, at: int) -> Preference:
    return Preference(value=value, category="marketing_messages", at=at, phone=phone)


def phones_of(sql: Connection, campaign: str) -> list[str]:
    return [
        phone
        for (phone,) in sql.execute(
            "select phone from send_queue where campaign_id = %s order by created_at, id",
            (campaign,),
        )
    ]


async def claim_all(store: Store, rounds: int = 200) -> list[str]:
    """Claims until nothing is left; the phones that a worker would send to."""
    worker_id, queue, got = await worker(store), WorkQueue(store), []
    for _ in range(rounds):
        answer = await queue.claim(worker_id, uuid4(), 500, ahead_ms=60_000)
        got += [row.phone for row in answer.rows]
        if not answer.rows and answer.next_ms is None:
            return got
        await store.call(
            "settle",
            worker_id=str(worker_id),
            ids=[row.id for row in answer.rows],
            claim_ids=[row.claim_id for row in answer.rows],
            outcomes=["sent"] * len(answer.rows),
            wamids=[f"wamid.{uuid4().hex}" for _ in answer.rows],
            **{
                name: [None] * len(answer.rows)
                for name in ("codes", "texts", "hold_scopes", "reasons", "hold_seconds")
            },
            **{
                name: [0] * len(answer.rows)
                for name in ("wait_ms", "max_retries", "slow", "hold_after", "hold_cumulative")
            },
        )
    raise AssertionError("there was no end of it")


def by_status(sql: Connection, campaign: str) -> dict[str, int]:
    return dict(
        sql.execute(
            "select status, count(*)::int from send_queue where campaign_id = %s group by 1",
            (campaign,),
        ).fetchall()
    )


def failed(sql: Connection, campaign: str) -> list[Any]:
    return sql.execute(
        "select phone, error_code, error_message from send_queue"
        " where campaign_id = %s and status = 'failed' order by phone",
        (campaign,),
    ).fetchall()


def test_who_opted_out_is_left_out_of_a_campaign_that_was_there_before(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 300)
        people = phones_of(sql, campaign)
        # The first one, many in a row, and the last one.
        out = {people[0], *people[2:260], people[-1]}
        await Inbound(store).take([said("Stop!!", phone, now()) for phone in out], WORDS)
        got = await claim_all(store)
        assert sorted(got) == sorted(set(people) - out)
        assert {phone for phone, _, _ in failed(sql, campaign)} == out
        _, code, why = failed(sql, campaign)[0]
        today = sql.execute("select to_char(now() at time zone 'utc', 'YYYY-MM-DD')").fetchone()
        assert today is not None and code is None
        assert why == f"opted out of marketing on {today[0]}, by the word Stop!!: not sent"
        assert sql.execute(
            "select sum(row_count), min(kind) from wacampaign_events"
            " where campaign_id = %s and kind = 'left_out'",
            (campaign,),
        ).fetchone() == (260, "left_out")
        verdict = await WorkQueue(store).complete(campaign, "test")
        assert verdict.completed

    run(open_test_store, scenario)


def test_a_campaign_of_such_rows_alone_completes(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 40)
        await OptOuts(store).take([switched("stop", p, now()) for p in phones_of(sql, campaign)])
        assert await claim_all(store) == []
        assert (await WorkQueue(store).complete(campaign, "test")).completed
        assert by_status(sql, campaign) == {"failed": 40}

    run(open_test_store, scenario)


@pytest.mark.parametrize("category", ["UTILITY", "AUTHENTICATION"])
def test_what_is_no_marketing_goes_out(
    open_test_store: OpenStore, sql: Connection, category: str
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 5)
        people = phones_of(sql, campaign)
        await OptOuts(store).take([switched("stop", p, now()) for p in people])
        sql.execute("update templates set category = %s", (category,))
        sql.execute("update wacampaign_campaign_templates set category = %s", (category,))
        assert sorted(await claim_all(store)) == sorted(people)

    run(open_test_store, scenario)


def test_a_webhook_makes_a_template_marketing_whoever_has_its_campaign_run_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """The backend's row of it stays as it was, and so does the plan when a hold is lifted."""

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        people = phones_of(sql, campaign)
        for table in ("templates", "wacampaign_translations", "wacampaign_campaign_templates"):
            sql.execute(f"update {table} set category = 'UTILITY'".encode())
        await OptOuts(store).take([switched("stop", people[0], now())])
        value = {
            "message_template_name": "hello",
            "message_template_language": "en",
            "previous_category": "UTILITY",
            "new_category": "MARKETING",
        }
        await NewsStore(store).take([News("template_category_update", "2000000001", now(), value)])
        await Campaigns(store).set_status(campaign, "resume", "test")
        assert sorted(await claim_all(store)) == sorted(people[1:])

    run(open_test_store, scenario)


@pytest.mark.parametrize("category", [None, "", "MARKETING_LITE"])
def test_what_is_not_known_to_be_none_is_marketing(
    open_test_store: OpenStore, sql: Connection, category: str | None
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        people = phones_of(sql, campaign)
        await OptOuts(store).take([switched("stop", people[0], now())])
        sql.execute("update templates set category = %s", (category,))
        sql.execute("update wacampaign_campaign_templates set category = %s", (category,))
        assert sorted(await claim_all(store)) == sorted(people[1:])

    run(open_test_store, scenario)


def test_retry_leaves_them_alone_until_they_want_it_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 6)
        people = phones_of(sql, campaign)
        await OptOuts(store).take([switched("stop", p, now() - 50) for p in people[:2]])
        await claim_all(store)
        assert by_status(sql, campaign) == {"failed": 2, "sent": 4}
        assert await OptOuts(store).left_out(campaign, 0) == {"opted_out": 2, "resting": 0}
        answer = await FailedRows(store).retry(campaign, 0, "me")
        assert (answer["rows"], answer["left_out"], answer["reopened"]) == (0, 2, False)
        # The backend's "Retry failed".
        sql.execute(
            "update send_queue set status = 'ready', error_message = null"
            " where campaign_id = %s and status = 'failed'",
            (campaign,),
        )
        assert await OptOuts(store).left_out(campaign) == {"opted_out": 2, "resting": 0}
        assert await claim_all(store) == []
        assert by_status(sql, campaign) == {"failed": 2, "sent": 4}
        await Inbound(store).take([said("START", people[0], now())], WORDS)
        answer = await FailedRows(store).retry(campaign, 0, "me")
        assert (answer["rows"], answer["left_out"]) == (1, 1)
        assert await claim_all(store) == [people[0]]

    run(open_test_store, scenario)


def test_only_the_order_in_which_it_was_wished_counts(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Whatever order it comes in, and how often."""

    async def scenario(store: Store) -> None:
        at = now()
        told = [
            (said("stop", "447700900101", at - 3 * DAY), said("start", "447700900101", at - DAY)),
            (said("start", "447700900102", at - 3 * DAY), said("stop", "447700900102", at - DAY)),
            # In one second: out.
            (said("start", "447700900103", at - DAY), said("stop", "447700900103", at - DAY)),
        ]
        for _ in range(6):
            messages = [one for pair in told for one in pair] * 2
            random.shuffle(messages)
            for message in messages:
                await Inbound(store).take([message], WORDS)
            known = await OptOuts(store).of(["447700900101", "447700900102", "447700900103"])
            assert [one["ended_at"] is None for one in known] == [False, True, True]
            assert [one["cause"] for one in known] == ["word"] * 3
            sql.execute(
                "truncate wacampaign_inbound, wacampaign_wishes, wacampaign_optouts,"
                " wacampaign_conversations"
            )

    run(open_test_store, scenario)


def test_one_code_of_an_outage_does_not_empty_the_list(
    open_test_store: OpenStore, sql: Connection
) -> None:
    def heed(phone: str, at: int, source: str, wamid: str, code: int = 131050) -> None:
        sql.execute(
            "select wacampaign_heed_codes(array[%s]::int[], array[%s]::text[], array[null]::text[],"
            " array[to_timestamp(%s)], array[%s]::text[], %s, array[null]::uuid[])",
            (code, phone, at, wamid, source),
        )

    def rests(phone: str) -> bool:
        found = sql.execute(
            "select 1 from wacampaign_rests where person = %s and until > now()", (phone,)
        )
        return found.fetchone() is not None

    async def scenario(store: Store) -> None:
        async def is_out(phone: str) -> bool:
            return any(one["ended_at"] is None for one in await OptOuts(store).of([phone]))

        once, days, sources = "447700900201", "447700900202", "447700900203"
        for n in range(3):
            heed(once, now() - n, "receiver", f"wamid.{n}")
        assert not await is_out(once)
        assert rests(once)
        heed(days, now() - 2 * DAY, "receiver", "wamid.a")
        assert not await is_out(days)
        assert not rests(days)
        heed(days, now(), "receiver", "wamid.b")
        assert await is_out(days)
        heed(sources, now() - 5, "answer", "wamid.c")
        heed(sources, now(), "receiver", "wamid.c")  # the same message
        assert not await is_out(sources)
        heed(sources, now(), "receiver", "wamid.d")
        assert await is_out(sources)
        # What they wish themselves is stronger.
        await Inbound(store).take([said("start", sources, now() + 1)], WORDS)
        sql.execute(
            "update wacampaign_wishes set at = at - interval '1 second' where wish = 'code'"
        )
        sql.execute("select wacampaign_decide(array[%s])", (sources,))
        assert not await is_out(sources)

    run(open_test_store, scenario)


def test_a_person_rests_who_had_enough(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 3)
        people = phones_of(sql, campaign)
        sql.execute(
            "insert into wacampaign_rests select p, now() + interval '1 hour', now(), 131049"
            " from unnest(%s::text[]) as p",
            (people[:1],),
        )
        assert await OptOuts(store).left_out(campaign) == {"opted_out": 0, "resting": 1}
        assert sorted(await claim_all(store)) == sorted(people[1:])
        [(_, _, why)] = failed(sql, campaign)
        assert why.startswith("Meta asked for a rest from marketing until ")
        sql.execute("update wacampaign_rests set until = now() - interval '1 second'")
        assert (await FailedRows(store).retry(campaign, 0, "me"))["rows"] == 1
        assert await claim_all(store) == people[:1]

    run(open_test_store, scenario)


def test_answers_to_requests_are_heeded(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 1)
        worker_id, queue = await worker(store), WorkQueue(store)
        [row] = (await queue.claim(worker_id, uuid4(), 1)).rows
        arrays: dict[str, Any] = {
            name: [None] for name in ("wamids", "hold_scopes", "reasons", "hold_seconds")
        }
        for name in ("wait_ms", "max_retries", "slow", "hold_after", "hold_cumulative"):
            arrays[name] = [0]
        for _ in range(2):  # repeated after a lost answer
            await store.call(
                "settle",
                worker_id=str(worker_id),
                ids=[row.id],
                claim_ids=[row.claim_id],
                outcomes=["failed"],
                codes=[131049],
                texts=["(#131049) not delivered"],
                rest_hours=48,
                **arrays,
            )
        assert sql.execute(
            "select person = %s, code, until - since from wacampaign_rests", (row.phone,)
        ).fetchone() == (True, 131049, timedelta(hours=48))
        assert by_status(sql, campaign) == {"failed": 1}

    run(open_test_store, scenario)


def test_a_person_of_a_hidden_number(open_test_store: OpenStore, sql: Connection) -> None:
    """STOP comes with the business-scoped id alone; a later message tells whose it is."""

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2)
        people = phones_of(sql, campaign)
        await Inbound(store).take([said("STOP", None, now() - 9, user_id="GB.abc1")], WORDS)
        assert [one["person"] for one in await OptOuts(store).newest()] == ["GB.abc1"]
        await Inbound(store).take([said("hi", people[0], now(), user_id="GB.abc1")], WORDS)
        assert [one["person"] for one in await OptOuts(store).newest()] == [people[0]]
        assert await claim_all(store) == [people[1]]
        await Inbound(store).take([said("unstop", None, now(), user_id="GB.abc1")], WORDS)
        assert await OptOuts(store).newest() == []

    run(open_test_store, scenario)


def test_two_spellings_are_one_person(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2)
        people = phones_of(sql, campaign)
        sql.execute("update send_queue set phone = '5511961234567' where phone = %s", (people[0],))
        await Inbound(store).take([said("PARE", "551161234567", now())], WORDS)
        assert await claim_all(store) == [people[1]]

    run(open_test_store, scenario)


def test_what_a_person_enters(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        people = ["447700900301", "447700900302"]
        for n in (2, 0):  # a second time: nothing
            answer = await OptOuts(store).enter(
                "stop", people, ["by phone"] * 2, cause="person", actor="me"
            )
            assert answer["changed"] == n
        assert (await OptOuts(store).counts())["out"] == 2
        for n in (1, 0):
            answer = await OptOuts(store).enter(
                "start", people[:1], [None], cause="person", actor="me"
            )
            assert answer["changed"] == n
        [first, second] = await OptOuts(store).of(people)
        assert first["ended_at"] is not None
        assert (second["ended_at"], second["evidence"]) == (None, "by phone")
        # An older list does not undo a younger wish.
        answer = await OptOuts(store).enter(
            "stop",
            people[:1],
            [None],
            cause="import",
            actor="me",
            since=["2024-01-01T00:00:00Z"],
        )
        assert answer == {"changed": 1, "out": 0}
        # Pages: each once.
        seen: list[str] = []
        last = None
        while page := await OptOuts(store).newest(before=last, limit=1):
            last = page[-1]
            seen.append(last["person"])
        assert seen == people[1:]
        assert [one["person"] for one in await OptOuts(store).page(after="4")] == people[1:]

    run(open_test_store, scenario)


def test_statuses_are_heeded_whoever_tells_them(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        def failure(phone: str, code: int, at: int) -> StatusUpdate:
            return StatusUpdate(
                f"wamid.{phone}.{at}", "failed", at=at, recipient=phone, code=code, title="t"
            )

        out, enough = "447700900401", "447700900402"
        statuses = [
            failure(out, 131050, now() - 3 * DAY),
            failure(out, 131050, now()),
            failure(enough, 131049, now() - DAY - 60),
        ]
        for _ in range(2):
            for source in ("receiver", "backend"):
                await Statuses(store, rest_hours=48).take(statuses, source)
        [known] = await OptOuts(store).newest()
        assert (known["phone"], known["cause"]) == (out, "code")
        assert known["evidence"] == "as Meta said twice (131050)"
        # A day and a minute ago, and 48 hours are set; who is out rests as well, once.
        assert await OptOuts(store).counts() == {"out": 1, "resting": 2}

    run(open_test_store, scenario)


def test_a_claim_looks_at_so_many_rows_and_the_next_one_goes_on(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Also at the ramp, where a lane may give one row."""

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 1)
        [keeps] = phones_of(sql, campaign)
        sql.execute(
            "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
            " payload, created_at) select campaign_id, whatsapp_number_id, template_name,"
            " '99899' || g, payload, '2020-01-01' from send_queue, generate_series(10000, 22000) g"
        )
        sql.execute("update campaigns set total_contacts = 12002")
        sql.execute(
            "insert into wacampaign_optouts (person, since, cause)"
            " select phone, now(), 'import' from send_queue where phone <> %s",
            (keeps,),
        )
        worker_id, queue, claims = await worker(store), WorkQueue(store), 0
        got: list[str] = []
        while not got:
            answer = await queue.claim(worker_id, uuid4(), 10)
            claims += 1
            got = [row.phone for row in answer.rows]
            assert got or answer.next_ms == 0
        assert (got, claims) == ([keeps], 3)
        assert by_status(sql, campaign) == {"failed": 12001, "processing": 1}

    run(open_test_store, scenario)
