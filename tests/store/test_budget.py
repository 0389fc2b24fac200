"""The messaging limit of a portfolio: counted over its numbers, never exceeded, freed by time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import (
    accepted,
    add_campaign,
    add_number,
    counts,
    past_ramp,
    phone,
    run,
    worker,
)
from wacampaign.core.engine.ports import ClaimAnswer, Settlement
from wacampaign.core.numbers import Number
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.problems import NoSuchCampaign
from wacampaign.store.budgets import Budgets
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


async def limit(store: Store, number: str, people: int) -> None:
    await Budgets(store).set(number, "test", people=people, portfolio=None)


async def past_ramp_of_100(store: Store) -> tuple[UUID, str]:
    """A worker and a campaign of 100 whose five first messages took five of 60 places."""
    number = await add_number(store)
    await limit(store, number, 60)
    campaign = await add_campaign(store, number, 100)
    me = await worker(store)
    await past_ramp(store, me, campaign)
    return me, campaign


async def claim(store: Store, me: UUID, limit: int = 500) -> ClaimAnswer:
    return await WorkQueue(store).claim(me, uuid4(), limit)


async def send(store: Store, me: UUID) -> int:
    """Sends until a claim gives nothing; how many were sent."""
    sent = 0
    while rows := (await claim(store, me)).rows:
        await WorkQueue(store).begin(me, rows[0].claim_id)
        sent += (await WorkQueue(store).settle(me, accepted(rows))).settled
    return sent


async def budget(store: Store, campaign: str) -> Any:
    (shown,) = (await Campaigns(store).stats([campaign])).campaigns
    return shown.budget


def later(sql: Connection, hours: int = 24) -> None:
    """The day rolls on: what was written is older now."""
    sql.execute("update messages set created_at = created_at - make_interval(hours => %s)", [hours])
    sql.execute(
        "update send_queue set claimed_at = claimed_at - make_interval(hours => %s),"
        " revision = revision + 1 where status = 'processing'",
        [hours],
    )
    # As if the last count were that old, too.
    sql.execute(
        "update wacampaign_budgets set counted_at = counted_at - make_interval(hours => %s)",
        [hours],
    )


def test_two_numbers_of_an_account_share_the_limit_and_go_on_as_the_day_rolls(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        one, other = await add_number(store), await add_number(store)
        await limit(store, one, 50)
        campaigns = [
            await add_campaign(store, one, 60),
            await add_campaign(store, other, 60, first_phone=1000),
        ]
        me = await worker(store)
        assert await send(store, me) == 50
        answer = await claim(store, me)
        assert answer.rows == []
        # It looks again soon, and the campaigns wait.
        assert answer.next_ms is not None
        assert answer.next_ms <= 10_000
        for campaign in campaigns:
            shown = await budget(store, campaign)
            assert (shown.limit, shown.used, shown.left, shown.source) == (50, 50, 0, "person")
            assert shown.numbers == 2
            assert shown.frees_at is not None
            assert not (await WorkQueue(store).complete(campaign, "test")).completed
        later(sql)
        assert await send(store, me) == 50
        later(sql)
        assert await send(store, me) == 20

    run(open_test_store, scenario)


def test_without_a_limit_nothing_is_counted(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 60)
        me = await worker(store)
        # Meta's words for "none", and one that nobody knows.
        for word in ("TIER_UNLIMITED", "TIER_NOT_SET", "TIER_MOON"):
            await Budgets(store).told(number, Number(messaging_limit=word))
            assert await budget(store, campaign) is None
        assert await send(store, me) == 60
        assert sql.execute("select count(*) from wacampaign_budgets").fetchone() == (0,)

    run(open_test_store, scenario)


def test_a_persons_word_beats_metas_until_it_is_taken_back(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 10)
        limits = Budgets(store)
        assert await limits.told(number, Number(messaging_limit="TIER_250"))
        assert not await limits.told(number, Number(messaging_limit="TIER_250"))
        told = await budget(store, campaign)
        assert (told.limit, told.source, told.tier) == (250, "meta", "TIER_250")
        # An answer without the field says nothing.
        assert not await limits.told(number, Number())
        changed, now = await limits.set(number, "test", people=5, portfolio=None)
        assert (changed, now.people, now.source) == (True, 5, "person")
        assert not (await limits.set(number, "test", people=5, portfolio=None))[0]
        await limits.told(number, Number(messaging_limit="TIER_10K"))
        assert (await budget(store, campaign)).limit == 5
        await limits.set(number, "test", people=0, portfolio=None)
        assert await budget(store, campaign) is None
        _, now = await limits.set(number, "test", people=-1, portfolio=None)
        assert (now.people, now.source) == (10_000, "meta")
        with pytest.raises(NoSuchCampaign):
            await limits.set(str(uuid4()), "test", people=1, portfolio=None)

    run(open_test_store, scenario)


def test_who_shares_a_portfolio(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        a = await add_number(store, waba_id="21")
        b = await add_number(store, waba_id="22")
        c = await add_number(store, waba_id="23")
        limits = Budgets(store)

        async def used_of(number: str) -> tuple[int, int]:
            _, now = await limits.set(number, "test", people=None, portfolio=None)
            return now.people or 0, now.numbers

        await limit(store, a, 100)
        assert [await used_of(n) for n in (a, b, c)] == [(100, 1), (0, 1), (0, 1)]
        # Meta names one owner of two accounts.
        for number in (a, b):
            await limits.told(number, Number(messaging_limit="TIER_2K"), ("9", "Acme"))
        assert [await used_of(n) for n in (a, b, c)] == [(100, 2), (100, 2), (0, 1)]
        # A person knows better; all numbers of the account follow.
        sister = await add_number(store, waba_id="23")
        for number in (b, c):
            await limits.set(number, "test", people=None, portfolio=" Night shift ")
        assert [await used_of(n) for n in (a, b, c, sister)] == [
            *((100, 1), (2000, 3), (2000, 3), (2000, 3))
        ]
        await limits.set(b, "test", people=None, portfolio="")
        assert [await used_of(n) for n in (a, b)] == [(100, 2), (100, 2)]
        # Numbers whose account nobody knows stand together.
        lonely = [await add_number(store, waba_id="31"), await add_number(store, waba_id="32")]
        sql.execute(
            "update whatsapp_numbers set waba_id = ' ' where id = any (%s::uuid[])", [lonely]
        )
        await limit(store, lonely[0], 7)
        assert [await used_of(n) for n in (*lonely, a)] == [(7, 2), (7, 2), (100, 2)]

    run(open_test_store, scenario)


def outgoing(
    sql: Connection, number: str, n: int, *, hours: float = 0, direction: str = "outgoing"
) -> None:
    """A template that another program sent, such as the backend's inbox; or a reply."""
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type, status,"
        " whatsapp_message_id, created_at) values (%s, %s, %s, %s, 'sent', %s,"
        " clock_timestamp() - make_interval(mins => %s))",
        [
            *(number, phone(n), direction, "template" if direction == "outgoing" else "text"),
            *(str(uuid4()), round(hours * 60)),
        ],
    )


def test_what_counts(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number, sister = await add_number(store), await add_number(store)
        await limit(store, number, 100)
        campaign = await add_campaign(store, number, 10)

        async def used() -> int:
            sql.execute("update wacampaign_budgets set counted_at = null")
            answer: int = (await budget(store, campaign)).used
            return answer

        outgoing(sql, number, 500, hours=1)
        outgoing(sql, sister, 501, hours=23.9)
        outgoing(sql, sister, 502, hours=24.1)  # yesterday's
        assert await used() == 2
        outgoing(sql, sister, 500)  # the same person
        assert await used() == 2
        # An answer inside of a window, from the number that it was written to.
        outgoing(sql, number, 503, hours=20, direction="incoming")
        outgoing(sql, number, 503, hours=2)
        assert await used() == 2
        outgoing(sql, sister, 503, hours=2)
        assert await used() == 3
        # The window was closed, or not open yet.
        outgoing(sql, number, 504, hours=30, direction="incoming")
        outgoing(sql, number, 504, hours=2)
        outgoing(sql, number, 505, hours=2)
        outgoing(sql, number, 505, hours=1, direction="incoming")
        assert await used() == 5
        # A message that only our receiver took.
        sql.execute(
            "insert into wacampaign_conversations (whatsapp_number_id, person, wamid, at)"
            " values (%s, %s, 'wamid.in', clock_timestamp() - interval '3 hours')",
            [number, phone(506)],
        )
        outgoing(sql, number, 506, hours=2)
        assert await used() == 5
        # Rows in flight.
        me = await worker(store)
        assert len((await claim(store, me)).rows) == 1
        assert await used() == 6
        # The two spellings of one person.
        for digits in ("5511987654321", "551187654321"):
            sql.execute(
                "insert into messages (whatsapp_number_id, user_phone, direction, message_type)"
                " values (%s, %s, 'outgoing', 'template')",
                [number, digits],
            )
        assert await used() == 7

    run(open_test_store, scenario)


def test_another_programs_messages_count_from_the_next_claim_on(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await limit(store, number, 50)
        await add_campaign(store, number, 100)
        me = await worker(store)
        rows = (await claim(store, me)).rows  # counted here
        await WorkQueue(store).begin(me, rows[0].claim_id)
        await WorkQueue(store).settle(me, accepted(rows))
        for n in range(30):
            outgoing(sql, number, 700 + n)
        assert await send(store, me) == 19

    run(open_test_store, scenario)


def test_a_row_that_failed_gives_its_place_back(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await limit(store, number, 25)
        campaign = await add_campaign(store, number, 40)
        me = await worker(store)
        await past_ramp(store, me, campaign)
        held = (await claim(store, me)).rows
        assert len(held) == 20
        assert (await claim(store, me)).rows == []
        # Given back unsent.
        sql.execute("update wacampaign_budgets set counted_at = counted_at - interval '11 s'")
        await WorkQueue(store).release(me, held)
        assert len((await claim(store, me)).rows) == 20
        assert (await counts(store, campaign))["ready"] == 15

    run(open_test_store, scenario)


def test_claims_at_once_never_exceed_it(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        numbers = [await add_number(store) for _ in range(3)]
        for i, number in enumerate(numbers):
            await add_campaign(store, number, 200, first_phone=1000 * i)
        me = await worker(store)
        await send_ramps(store, me, numbers)
        await limit(store, numbers[0], 77)
        stores = [open_test_store() for _ in range(4)]
        try:
            answers = await asyncio.gather(
                *(claim(one, me, 40) for one in stores for _ in range(3))
            )
        finally:
            for one in stores:
                await one.close()
        assert sum(len(answer.rows) for answer in answers) == 77 - 15

    async def send_ramps(store: Store, me: UUID, numbers: list[str]) -> None:
        sent = 0
        while sent < 5 * len(numbers):
            rows = (await claim(store, me, 4 * len(numbers))).rows
            if not rows:
                break
            await WorkQueue(store).begin(me, rows[0].claim_id)
            sent += (await WorkQueue(store).settle(me, accepted(rows))).settled

    run(open_test_store, scenario)


def test_rows_in_doubt_keep_their_places_whatever_becomes_of_them(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """They may have been sent: a person's word that they were gives no place back."""

    async def scenario(store: Store) -> None:
        me, campaign = await past_ramp_of_100(store)
        rows = (await claim(store, me, 10)).rows
        await WorkQueue(store).begin(me, rows[0].claim_id)
        doubts = [Settlement(row, Verdict(Outcome.IN_DOUBT)) for row in rows]
        assert (await WorkQueue(store).settle(me, doubts)).settled == 10
        await StuckCampaigns(store).resolve_doubt(
            campaign, "assume_sent", 10, "test", seen_at="infinity"
        )
        sql.execute("update wacampaign_budgets set counted_at = null")
        assert (await budget(store, campaign)).used == 15
        assert await send(store, me) == 45
        assert await send(store, me) == 0
        # A day after they went out they count no more.
        sql.execute("update send_queue set sent_at = sent_at - interval '24 hours'")
        sql.execute("update wacampaign_budgets set counted_at = null")
        assert await send(store, me) == 10

    run(open_test_store, scenario)


def test_a_count_beside_the_claims_keeps_what_was_handed_out(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, _ = await past_ramp_of_100(store)
        held = (await claim(store, me, 10)).rows
        assert await Budgets(store).count(3600) == 0
        assert await Budgets(store).count(0) == 1
        kept = sql.execute("select counted, handed from wacampaign_budgets").fetchone()
        assert kept == (15, 0)
        assert await Budgets(store).count(0) == 0  # nothing was handed out since
        await WorkQueue(store).release(me, held)
        sent = await send(store, me)
        sql.execute("update wacampaign_budgets set counted_at = counted_at - interval '11 s'")
        assert sent + await send(store, me) == 55

    run(open_test_store, scenario)


def test_the_rate_is_capped_by_what_meta_takes(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, rate=250)
        campaign = await add_campaign(store, number, 10)

        async def rate() -> float | None:
            (shown,) = (await Campaigns(store).stats([campaign])).campaigns
            return shown.number.rate

        assert await rate() == 250
        await Budgets(store).told(number, Number(throughput="STANDARD"))
        assert await rate() == 80
        await Budgets(store).told(number, Number(throughput="NOT_APPLICABLE"))
        assert await rate() == 80
        await Budgets(store).told(number, Number(throughput="HIGH"))
        assert await rate() == 250

    run(open_test_store, scenario)
