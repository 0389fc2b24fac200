"""Replies: each once, whoever stored it, and put to the campaign that they answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from tests.campaigns import add_campaign, add_number, run
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.updates import InboundMessage
from wacampaign.store.inbound import Inbound
from wacampaign.store.optouts import OptOuts
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]
WORDS = OptOutWords()


def sent(sql: Connection, campaign: str, phone: str, *, ago: int = 60) -> str:
    """A message of the campaign that was accepted so many seconds ago; its wamid."""
    wamid = f"wamid.out.{uuid4().hex}"
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " campaign_id, whatsapp_message_id, created_at) select whatsapp_number_id, %s, 'outgoing',"
        " 'template', id, %s, now() - make_interval(secs => %s) from campaigns where id = %s",
        (phone, wamid, ago, campaign),
    )
    return wamid


def stored(
    sql: Connection, number: str | None, wamid: str, phone: str, body: str, *, ago: int = 1
) -> None:
    """As the backend's handler stores an incoming message."""
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " message_body, whatsapp_message_id, status, created_at)"
        " values (%s, %s, 'incoming', 'text', %s, %s, 'received',"
        " date_trunc('second', now() - make_interval(secs => %s)))",
        (number, phone, body, wamid, ago),
    )


def message(wamid: str, phone: str | None, text: str = "hi", **more: Any) -> InboundMessage:
    more = {"at": int(time.time()) - 1, "kind": "text"} | more
    return InboundMessage(wamid=wamid, phone=phone, text=text, **more)


def replied(sql: Connection, campaign: str) -> Any:
    found = sql.execute("select wacampaign_replied_of(%s)", (campaign,)).fetchone()
    assert found is not None
    return found[0]


async def take_all(store: Store) -> None:
    while (await Inbound(store).take_logged(WORDS, limit=3))["left"]:
        pass


def test_a_reply_is_put_to_what_it_answers(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        one, two = "447700900001", "447700900002"
        number = await add_number(store, phone_number_id="106540352242922")
        first = await add_campaign(store, number, 1, name="first")
        second = await add_campaign(store, number, 1, name="second", first_phone=50)
        named = sent(sql, first, one, ago=600)
        sent(sql, second, one, ago=300)
        sent(sql, first, two, ago=300)
        sent(sql, second, two, ago=-300)  # later than the reply
        told = {"phone_number_id": "106540352242922"}
        await Inbound(store).take(
            [
                message("wamid.1", one, context_id=named, name="Asha", **told),
                message("wamid.2", one, **told),
                message("wamid.3", two, **told),
                message("wamid.4", "447700900003", **told),
            ],
            WORDS,
        )
        rows = sql.execute("select wamid, campaign_id::text from wacampaign_inbound order by wamid")
        assert rows.fetchall() == [
            ("wamid.1", first), ("wamid.2", second), ("wamid.3", first), ("wamid.4", None),
        ]  # fmt: skip
        assert (replied(sql, first), replied(sql, second)) == (2, 1)
        page = await Inbound(store).conversations()
        assert {(c["phone"], c["campaign"], c["name"]) for c in page} == {
            (one, "second", "Asha"), (two, "first", None), ("447700900003", None, None),
        }  # fmt: skip
        assert 86_000 < page[0]["window_seconds"] < 86_400
        of_first = await Inbound(store).conversations(campaign_id=first)
        assert {c["wamid"] for c in of_first} == {"wamid.1", "wamid.3"}

    run(open_test_store, scenario)


def test_both_handlers_in_both_orders_and_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        phone, other = "447700900011", "447700900012"
        number = await add_number(store, phone_number_id="106540352242922")
        early = await add_campaign(store, number, 1, name="early")
        late = await add_campaign(store, number, 1, name="late", first_phone=50)
        named = {p: sent(sql, early, p, ago=600) for p in (phone, other)}
        for p in (phone, other):
            sent(sql, late, p, ago=300)

        def ours(wamid: str, of: str) -> InboundMessage:
            return message(
                wamid, of, name="Asha", context_id=named[of], phone_number_id="106540352242922"
            )

        # The backend's first: it knows neither name nor what is answered.
        stored(sql, number, "wamid.a", phone, "hi")
        await take_all(store)
        assert (replied(sql, early), replied(sql, late)) == (0, 1)
        await Inbound(store).take([ours("wamid.a", phone)], WORDS)
        assert (replied(sql, early), replied(sql, late)) == (1, 0)
        # Ours first.
        await Inbound(store).take([ours("wamid.b", other)], WORDS)
        stored(sql, number, "wamid.b", other, "hi")
        for _ in range(2):
            await take_all(store)
            await Inbound(store).take([ours("wamid.a", phone), ours("wamid.b", other)], WORDS)
        assert (replied(sql, early), replied(sql, late)) == (2, 0)
        assert sql.execute("select count(*) from wacampaign_inbound").fetchone() == (2,)
        assert sql.execute("select count(*) from wacampaign_logged_messages").fetchone() == (0,)
        # Nothing of ours is in the backend's table before its own handler's row.
        found = sql.execute("select count(*) from messages where direction = 'incoming'").fetchone()
        assert found == (2,)

    run(open_test_store, scenario)


def test_rows_that_are_not_whole_keep_no_wish_from_being_read(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """A row without a time comes first in any order; one without a message id has its own."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        sql.execute("alter table messages alter column created_at drop not null")
        for n in range(3):
            stored(sql, number, f"wamid.{n}", f"44770090005{n}", "hello", ago=60)
        sql.execute("update messages set created_at = null")
        stored(sql, number, "", "447700900061", "STOP", ago=70)
        stored(sql, number, "wamid.old", "447700900062", "STOP", ago=80)
        sql.execute("truncate wacampaign_logged_messages")  # before the trigger
        while (await Inbound(store).take_logged(WORDS, 2))["left"]:
            pass
        stored(sql, number, "wamid.new", "447700900063", "STOP")
        sql.execute("update messages set created_at = null where user_phone = '447700900063'")
        await Inbound(store).take_logged(WORDS, 2)
        out = {one["phone"] for one in await OptOuts(store).newest()}
        assert out == {"447700900061", "447700900062", "447700900063"}

    run(open_test_store, scenario)


def test_what_was_there_before_is_read_back(open_test_store: OpenStore, sql: Connection) -> None:
    """Replies of a month, words of all time, codes too."""

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        year = 365 * 86_400
        stored(sql, number, "wamid.old", "447700900021", "STOP", ago=year)
        stored(sql, number, "wamid.back", "447700900022", "توقف", ago=2 * year)
        stored(sql, number, "wamid.again", "447700900022", "ابدأ", ago=year)
        for n in range(7):
            stored(sql, number, f"wamid.{n}", f"44770090003{n}", "hello", ago=n * 86_400 + 5)
        for n, day in enumerate((9, 5)):
            sql.execute(
                "insert into message_status_logs (whatsapp_number_id, user_phone,"
                " whatsapp_message_id, status, error_code, created_at)"
                " values (%s, '447700900041', %s, 'failed', 131050,"
                " now() - make_interval(days => %s))",
                (number, f"wamid.f{n}", day),
            )
        sql.execute("truncate wacampaign_logged_messages")  # before the trigger
        await take_all(store)
        while (await Statuses(store).take_logged()).left:
            pass
        out = await OptOuts(store).newest()
        assert {(one["phone"], one["cause"]) for one in out} == {
            ("447700900021", "word"),
            ("447700900041", "code"),
        }
        assert len(await Inbound(store).conversations()) == 7
        # Once: nothing more is read.
        waiting = await store.call("logged_messages_waiting", limit=10)
        assert waiting == {
            "messages": [], "gone": [], "read_to": None, "look_again": False, "left": False,
        }  # fmt: skip

    run(open_test_store, scenario)


def test_a_reply_that_comes_before_its_message_is_written(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        phone = "447700900051"
        number = await add_number(store, phone_number_id="106540352242922")
        campaign = await add_campaign(store, number, 1)
        await Inbound(store).take(
            [message("wamid.r", phone, phone_number_id="106540352242922")], WORDS
        )
        assert replied(sql, campaign) == 0
        sent(sql, campaign, phone, ago=0)
        sql.execute("update wacampaign_inbound set look_again_at = now() - interval '1 second'")
        await take_all(store)
        assert replied(sql, campaign) == 1

    run(open_test_store, scenario)


def test_a_trigger_that_fails_fails_nobody(sql: Connection) -> None:
    sql.execute("drop table wacampaign_logged_messages")
    stored(sql, None, "wamid.x", "447700900061", "hi")
    assert sql.execute("select count(*) from messages").fetchone() == (1,)


def test_pages_have_each_conversation_once(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        at = int(time.time()) - 100
        await Inbound(store).take(
            [
                message(f"wamid.{n}.{again}", f"4477009001{n:02d}", at=at + n // 3 + again)
                for n in range(20)
                for again in (0, 50)
            ],
            WORDS,
        )
        seen: list[str] = []
        last = None
        while page := await Inbound(store).conversations(before=last, limit=3):
            seen += [one["phone"] for one in page]
            last = page[-1]
        assert len(seen) == 20
        assert sorted(set(seen)) == [f"4477009001{n:02d}" for n in range(20)]
        newest = await Inbound(store).newest()
        assert newest == 40
        await Inbound(store).take([message("wamid.new", "447700900199")], WORDS)
        assert [m["wamid"] for m in await Inbound(store).after(newest)] == ["wamid.new"]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at + 52))
        assert len(await Inbound(store).conversations(since=since)) == 15

    run(open_test_store, scenario)


def test_takers_at_once_count_once(open_test_store: OpenStore, sql: Connection) -> None:
    """Four of them, each with all messages in an order of its own, and the backend's beside."""

    async def scenario(store: Store) -> None:
        number = await add_number(store, phone_number_id="106540352242922")
        campaign = await add_campaign(store, number, 1)
        people = [f"4477009002{n:02d}" for n in range(30)]
        named = {phone: sent(sql, campaign, phone, ago=600) for phone in people}
        messages = [
            message(
                f"wamid.{phone}.{text}",
                phone,
                text,
                at=int(time.time()) - 100 + place,
                user_id=f"GB.{phone}",
                context_id=named[phone],
                phone_number_id="106540352242922",
            )
            for phone in people
            for place, text in enumerate(("stop", "start", "hello"))
        ]
        for one in messages[::2]:
            assert one.phone is not None
            stored(sql, number, one.wamid, one.phone, one.text or "", ago=100)

        async def taker(seed: int) -> None:
            order = random.Random(seed)
            for _ in range(3):
                mine = order.sample(messages, len(messages))
                for first in range(0, len(mine), 20):
                    await Inbound(store).take(mine[first : first + 20], WORDS)
                    await Inbound(store).take_logged(WORDS, limit=7)

        await asyncio.gather(*map(taker, range(4)))
        await take_all(store)
        assert replied(sql, campaign) == len(people)
        assert sql.execute("select count(*) from wacampaign_inbound").fetchone() == (90,)
        assert sql.execute("select count(*) from wacampaign_logged_messages").fetchone() == (0,)
        assert len(await Inbound(store).conversations(campaign_id=campaign)) == len(people)

    run(open_test_store, scenario)
