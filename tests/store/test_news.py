"""What Meta decides by webhook is so in the database: once, never backwards, and taken back."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.campaigns import add_campaign, add_number, run, worker
from tests.store.test_languages import DE, EN, events, holds, put
from wacampaign.core.webhook.updates import News
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.news import NewsStore
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]
WABA = "2000000001"
STATUS = "message_template_status_update"
NOW = int(time.time())
#: Long before: times of events that have their order.
PAST = NOW - 100_000


def template(at: int | None, event: str, language: str = "en", **more: Any) -> News:
    value = {"message_template_name": "hello", "message_template_language": language}
    return News(STATUS, WABA, at, value | {"event": event} | more)


def account(at: int | None, event: str, **more: Any) -> News:
    return News("account_update", WABA, at, {"event": event} | more)


def restricted(at: int | None, expiration: int | None) -> News:
    kind = "RESTRICTED_BIZ_INITIATED_MESSAGING"
    info = [{"restriction_type": kind, "expiration": expiration}]
    return account(at, "ACCOUNT_RESTRICTION", restriction_info=info)


async def take(store: Store, *news: News) -> dict[str, int]:
    return await NewsStore(store).take(news)


def bell(sql: Connection) -> list[tuple[str, str, str]]:
    return sql.execute(
        "select type, title, action_url from notifications"
        # Those of the news, not those that a paused campaign rings by itself.
        " where action_url is not null and title not like 'Campaign paused:%'"
        " order by created_at"
    ).fetchall()


async def state(store: Store, campaign: str) -> tuple[str, str | None]:
    (one,) = (await Campaigns(store).stats([campaign])).campaigns
    return one.status, one.pause_reason


async def claimed(store: Store, me: Any) -> int:
    claim = await WorkQueue(store).claim(me, uuid4(), 10)
    return len(claim.rows)


def test_a_paused_template_stops_its_campaign_and_says_why(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 10)
        me = await worker(store)
        news = template(PAST, "PAUSED", other_info={"title": "FIRST_PAUSE"})
        answer = {"taken": 1, "repeated": 0, "late": 0, "holds": 1, "ignored": 0}
        assert await take(store, news) == answer
        status, reason = await state(store, campaign)
        assert status == "paused"
        assert reason is not None
        assert "it is PAUSED (FIRST_PAUSE)" in reason
        assert "wacampaign preflight" in reason
        assert await claimed(store, me) == 0
        assert bell(sql) == [("error", "Template PAUSED: hello (en)", "/templates")]
        # Twice, as Meta does: nothing more.
        assert (await take(store, news))["repeated"] == 1
        assert (await take(store, news, news))["repeated"] == 2
        assert len(bell(sql)) == 1
        (row,) = sql.execute("select status, rejected_reason from templates").fetchall()
        assert row == ("PAUSED", "FIRST_PAUSE")

        assert (await take(store, template(PAST + 9, "APPROVED")))["taken"] == 1
        assert bell(sql)[1][:2] == ("success", "Template APPROVED: hello (en)")
        await Campaigns(store).set_status(campaign, "resume", "test")
        assert not await holds(store, campaign)
        assert await claimed(store, me) == 1

    run(open_test_store, scenario)


def test_a_running_campaign_goes_on_by_itself_when_another_template_is_left(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "hello_2"))
        campaign = await add_campaign(store, number, 10, templates=["hello", "hello_2"])
        await take(store, template(PAST, "PAUSED"))
        assert (await state(store, campaign))[0] == "running"
        assert len(await holds(store, campaign)) == 1
        await take(store, template(PAST + 1, "REINSTATED"))
        assert not await holds(store, campaign)
        assert len(events(sql, campaign, "hold_lifted")) == 1

    run(open_test_store, scenario)


def test_another_language_is_another_template(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await put(store, number, EN, DE)
        campaign = await add_campaign(store, number, 10)
        await take(store, template(PAST, "DISABLED", "de"))
        assert not await holds(store, campaign)
        assert await state(store, campaign) == ("running", None)
        rows = sql.execute(
            "select language, status from wacampaign_translations order by 1"
        ).fetchall()
        assert rows == [("de", "DISABLED"), ("en", "APPROVED")]

    run(open_test_store, scenario)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.permutations([0, 1, 2, 3, 1, 2]))
def test_whatever_the_order_the_newest_counts(
    open_test_store: OpenStore, sql: Connection, order: list[int]
) -> None:
    words = ["APPROVED", "PAUSED", "APPROVED", "DISABLED"]

    async def scenario(store: Store) -> None:
        waba = str(next(_accounts))
        await add_number(store, waba_id=waba)
        for n in order:
            news = template(PAST + n, words[n])
            await take(store, News(news.field, waba, news.at, news.value))
        rows = sql.execute(
            "select t.status from templates t join whatsapp_numbers w on w.id = whatsapp_number_id"
            " where w.waba_id = %s",
            (waba,),
        ).fetchall()
        assert rows == [("DISABLED",)]

    run(open_test_store, scenario)


_accounts = itertools.count(3_000_000_000)


def test_two_words_of_one_second_count_as_they_come(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        await add_number(store)
        pause, back = template(PAST, "PAUSED"), template(PAST, "APPROVED")
        await take(store, pause)
        await take(store, back)
        assert (await take(store, pause, back))["repeated"] == 2
        assert sql.execute("select status from templates").fetchall() == [("APPROVED",)]
        # Without a time: as it comes, and the same within the hour is a repetition.
        assert (await take(store, template(None, "PAUSED")))["taken"] == 1
        assert (await take(store, template(None, "PAUSED")))["repeated"] == 1
        assert (await take(store, template(PAST + 50, "APPROVED")))["late"] == 1
        # A clock that is ahead must not shut out what comes after it.
        assert (await take(store, template(NOW + 10**8, "APPROVED")))["taken"] == 1
        assert (await take(store, template(None, "DISABLED")))["taken"] == 1

    run(open_test_store, scenario)


def test_quality_is_kept_and_a_category_holds_without_touching_the_backends(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 10)
        value = {"message_template_name": "hello", "message_template_language": "en"}
        await take(
            store,
            News(
                "message_template_quality_update",
                WABA,
                PAST,
                value | {"new_quality_score": "RED"},
            ),
        )
        assert sql.execute("select quality_score from templates").fetchall() == [("RED",)]
        assert await state(store, campaign) == ("running", None)
        category = value | {"previous_category": "MARKETING", "new_category": "UTILITY"}
        await take(store, News("template_category_update", WABA, PAST, category))
        status, reason = await state(store, campaign)
        assert (status, "it is UTILITY, and was MARKETING" in str(reason)) == ("paused", True)
        assert sql.execute("select category from templates").fetchall() == [("MARKETING",)]
        # A status after it does not undo it.
        await take(store, template(PAST, "APPROVED"))
        rows = sql.execute("select category, quality_score from wacampaign_translations").fetchall()
        assert rows == [("UTILITY", "RED")]
        assert [kind for kind, *_ in bell(sql)] == ["warning", "warning"]

    run(open_test_store, scenario)


def test_a_restricted_account_waits_until_the_day_that_meta_names(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        numbers = [await add_number(store) for _ in range(2)]
        other = await add_number(store, waba_id="77")
        campaigns = [await add_campaign(store, n, 5, first_phone=i) for i, n in enumerate(numbers)]
        free = await add_campaign(store, other, 5, first_phone=50)
        assert (await take(store, restricted(PAST, NOW + 86_400)))["holds"] == 2
        for campaign in campaigns:
            assert (await state(store, campaign))[0] == "running"  # it goes on by itself
            (hold,) = await holds(store, campaign)
            assert "RESTRICTED_BIZ_INITIATED_MESSAGING" in hold.reason
        assert not await holds(store, free)
        assert bell(sql) == [("error", "Account stopped", "/whatsapp-numbers")]
        until = sql.execute("select distinct extract(epoch from held_until) from wacampaign_holds")
        (second,) = until.fetchone() or (0,)
        assert abs(int(second) - NOW - 86_400) < 60
        # Another hold is not of this making, and stays.
        await store.call("numbers")
        sql.execute(
            "insert into wacampaign_holds (scope, whatsapp_number_id, reason)"
            " values ('number', %s, 'spam')",
            (numbers[0],),
        )
        await take(store, account(PAST + 1, "ACCOUNT_RESTRICTION"))
        assert [hold.reason for hold in await holds(store, campaigns[0])] == ["spam"]
        assert not await holds(store, campaigns[1])
        assert len(events(sql, campaigns[1], "hold_lifted")) == 1
        assert bell(sql)[-1][0] == "success"

    run(open_test_store, scenario)


def test_a_disabled_account_pauses_until_somebody_resumes(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        ban = {"waba_ban_state": "DISABLE"}
        await take(store, account(PAST, "DISABLED_UPDATE", ban_info=ban))
        status, reason = await state(store, campaign)
        assert (status, "Meta disabled the account" in str(reason)) == ("paused", True)
        back = {"waba_ban_state": "REINSTATE"}
        await take(store, account(PAST + 1, "DISABLED_UPDATE", ban_info=back))
        assert not await holds(store, campaign)
        assert (await state(store, campaign))[0] == "paused"
        # Nothing stands any more: nothing more is told.
        rung = len(bell(sql))
        await take(store, account(PAST + 2, "DISABLED_UPDATE", ban_info=back))
        assert len(bell(sql)) == rung

    run(open_test_store, scenario)


def test_a_restriction_that_is_over_when_it_comes_holds_nothing(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        assert (await take(store, restricted(PAST, PAST + 10)))["holds"] == 0
        assert not await holds(store, campaign)

    run(open_test_store, scenario)
    assert sql.execute("select count(*) from wacampaign_holds").fetchone() == (0,)


def test_numbers_and_limits(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        (digits,) = sql.execute("select number from whatsapp_numbers").fetchone() or ("",)
        update = {"display_phone_number": digits, "event": "THROUGHPUT_UPGRADE"}
        field = "phone_number_quality_update"
        await take(store, News(field, WABA, PAST, update))
        await take(store, News(field, WABA, PAST, update | {"event": "FLAGGED"}))
        limit = {"max_daily_conversations_per_business": "TIER_2K"}
        await take(store, News("business_capability_update", WABA, PAST, limit))
        row = sql.execute(
            "select w.quality_rating, s.throughput_mps, l.people, l.tier"
            " from whatsapp_numbers w join wacampaign_number_settings s on s.number_id = w.id"
            " join wacampaign_messaging_limits l on l.number_id = w.id where w.id = %s",
            (number,),
        ).fetchone()
        assert row == ("RED", 1000, 2000, "TIER_2K")

    run(open_test_store, scenario)


def test_notes_are_told_once_and_the_rest_is_left_alone(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        alert = News("account_alerts", WABA, None, {"alert_info": {"alert_type": "X"}})
        edit = News(
            "message_template_components_update",
            WABA,
            PAST,
            {"message_template_name": "hello", "message_template_language": "en"},
        )
        history = News("history", WABA, PAST, {"messages": []})
        answer = {"taken": 2, "repeated": 1, "late": 0, "holds": 0, "ignored": 1}
        assert await take(store, alert, alert, edit, history) == answer
        assert (await take(store, alert, edit))["repeated"] == 2
        # Of an account and a template that nobody knows here.
        assert (await take(store, template(PAST, "PAUSED"), restricted(PAST, None)))["taken"] == 2
        assert await take(store) == answer | {"taken": 0, "repeated": 0, "ignored": 0}

    run(open_test_store, scenario)
    kinds = sql.execute("select distinct kind, actor from wacampaign_events").fetchall()
    assert kinds == [("told_by_meta", "meta")]


def test_several_at_once_take_each_once(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        numbers = [await add_number(store) for _ in range(2)]
        for n, number in enumerate(numbers):
            await add_campaign(store, number, 5, first_phone=n * 10, name=f"c{n}")
        words = ["PAUSED", "APPROVED", "DISABLED"]
        news = [template(PAST + n, word) for n, word in enumerate(words)]
        news.append(restricted(PAST, NOW + 3600))
        others = [open_test_store() for _ in range(3)]
        try:
            answers = await asyncio.gather(
                *(NewsStore(one).take(news[n:] + news[:n]) for n, one in enumerate(others))
            )
        finally:
            for one in others:
                await one.close()
        assert sum(answer["taken"] for answer in answers) == len(news)

    run(open_test_store, scenario)
    told = sql.execute("select count(*) from wacampaign_events where kind = 'told_by_meta'")
    assert told.fetchone() == (4,)
    assert sql.execute("select distinct status from templates").fetchall() == [("DISABLED",)]


@pytest.mark.parametrize("word", ["\u202eevil", "{", "a'b\"c\\", "x" * 5000])
def test_odd_words_are_no_matter(open_test_store: OpenStore, word: str) -> None:
    async def scenario(store: Store) -> None:
        await add_number(store)
        assert (await take(store, template(PAST, word, word)))["taken"] <= 1

    run(open_test_store, scenario)


FIELDS = st.sampled_from(
    """message_template_status_update message_template_quality_update account_update messages
    template_category_update phone_number_quality_update account_alerts account_review_update
    message_template_components_update business_capability_update""".split()  # noqa: SIM905
)
WORDS: st.SearchStrategy[Any] = st.sampled_from(
    """PAUSED APPROVED ACCOUNT_RESTRICTION RESTRICTED_BIZ_INITIATED_MESSAGING hello en TIER_2K
    DISABLED_UPDATE DISABLE REINSTATE REJECTED THROUGHPUT_UPGRADE 447700900000 9999999999 '"\\
    """.split()  # noqa: SIM905
) | st.sampled_from(["\U0001f600" * 512, 9_999_999_999, -1, 2**40, None])
KEYS = st.sampled_from(
    """event reason message_template_name message_template_language new_category new_quality_score
    display_phone_number max_daily_conversations_per_business decision restriction_type expiration
    waba_ban_state code alert_type""".split()  # noqa: SIM905
)
PLAIN = st.dictionaries(KEYS, WORDS, max_size=8)
VALUES = st.builds(
    lambda value, *more: value
    | dict(zip(("restriction_info", "ban_info", "errors", "alert_info"), more, strict=True)),
    PLAIN, st.lists(PLAIN, max_size=2), PLAIN, st.lists(PLAIN, max_size=2), PLAIN,
)  # fmt: skip


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(FIELDS, st.none() | st.sampled_from([PAST, 9_999_999_999]), VALUES)))
def test_whatever_comes_is_taken(
    open_test_store: OpenStore, given_news: list[tuple[str, int | None, Any]]
) -> None:
    async def scenario(store: Store) -> None:
        waba = next(_accounts)
        await add_number(store, waba_id=str(waba))
        for account in (str(waba), "\U0001f600" * 512):
            answer = await take(store, *(News(f, account, at, v) for f, at, v in given_news))
            assert answer["ignored"] <= len(given_news)

    run(open_test_store, scenario)
