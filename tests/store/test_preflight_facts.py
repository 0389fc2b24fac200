"""What a preflight reads and a start writes, the same over both transports."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import BODY_TEMPLATE, add_campaign, add_number, phone, run, run_on
from tests.database.backends import CAMPAIGNS, make_backend
from tests.odd_values import FINE, MARKUP, PLACEHOLDERS
from tests.servers import SECRET_KEY, PostgresServer, lite_server, migrate
from wacampaign.core.preflight.facts import LaneSurvey, UnsentLane
from wacampaign.core.preflight.row_checks import RowRules, rules_of
from wacampaign.core.template.unmeant import QUICK_PATTERN, Unmeant, pattern_of
from wacampaign.operations.preflight import run_preflight
from wacampaign.problems import NoSuchCampaign, Problem, Refused
from wacampaign.settings import load_settings
from wacampaign.store import preflight_facts
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.rest import RestTransport
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

VIDEO = [
    {"type": "HEADER", "format": "VIDEO"},
    {"type": "BODY", "text": "Hi {{1}}, {{2}}"},
    {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "text": "Copy"}]},
]


def payload(sql: Connection, n: int, value: object, campaign: str) -> None:
    """Changes the payload of the campaign's n-th row."""
    sql.execute(
        "update send_queue set payload = %s where id = (select id from send_queue"
        " where campaign_id = %s order by id offset %s limit 1)",
        (json.dumps(value), campaign, n),
    )


async def survey(store: Store, campaign: str, rules: RowRules) -> LaneSurvey:
    ready = PreflightFacts(store)
    (lane,) = (await ready.readiness(campaign)).lanes
    return await ready.survey(campaign, lane, rules)


def test_all_rows_in_pages_each_once(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_facts, "PAGE_ROWS", 7)

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 40, start=False)
        await add_campaign(store, number, 5, start=False, first_phone=900)
        some = "(select id from send_queue where campaign_id = %s order by id offset %s limit %s)"
        # Tried before, not enqueued by us, out of it; and all with one time.
        sql.execute(
            f"update send_queue set next_retry_at = now() where id in {some}", (campaign, 0, 9)
        )
        sql.execute(
            f"update send_queue set status = 'pending' where id in {some}", (campaign, 9, 9)
        )
        sql.execute(f"update send_queue set status = 'sent' where id in {some}", (campaign, 18, 3))
        payload(sql, 2, {"var1": "two\nlines"}, campaign)
        payload(sql, 12, {"var1": "two\nlines"}, campaign)
        payload(sql, 30, {"var1": "two\nlines"}, campaign)
        found = await survey(store, campaign, rules_of(BODY_TEMPLATE, None))
        assert found.rows == 37
        assert found.not_grouped == 0
        assert {(g.signature, g.n) for g in found.groups} == {("var1:", 34), ("var1:n", 3)}
        (bad,) = [g for g in found.groups if g.n == 3]
        assert bad.payload == {"var1": "two\nlines"}
        assert (await PreflightFacts(store).people(campaign)).people == 37
        assert (await PreflightFacts(store).readiness(campaign)).pending == 9

    run(open_test_store, scenario)


@pytest.mark.parametrize("walked", [False, True])
def test_rows_that_wait_for_their_hours_in_pages_each_once(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch, walked: bool
) -> None:
    monkeypatch.setattr(preflight_facts, "PAGE_ROWS", 7)

    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "bye"))
        campaign = await add_campaign(store, number, 60, templates=("hello", "bye"), start=False)
        other = await add_campaign(store, number, 60, start=False, first_phone=900)
        marked = 60 if walked else 8
        sql.execute(
            "update send_queue set next_retry_at = wacampaign_hours_mark(1)"
            " where id in (select id from send_queue where campaign_id = %s order by id limit %s)",
            (campaign, marked),
        )
        sql.execute(
            "update send_queue set next_retry_at = wacampaign_hours_mark(1) where campaign_id = %s",
            (other,),
        )
        sql.execute(
            "insert into wacampaign_window_zones (campaign_id, zone_id, n) values (%s, 1, %s)",
            (campaign, marked),
        )
        ways = sql.execute(
            "select wacampaign_many_wait(%s, %s, t, 7) from unnest(array['hello', 'bye']) as t",
            (campaign, number),
        )
        assert ways.fetchall() == [(walked,)] * 2
        ready = PreflightFacts(store)
        lanes = (await ready.readiness(campaign)).lanes
        rules = rules_of(BODY_TEMPLATE, None)
        read: list[int] = []
        for lane in lanes:
            found = await ready.survey(campaign, lane, rules, read.append)
            assert (found.rows, found.not_grouped) == (lane.unsent, 0) == (30, 0)
        assert sum(read) == 60
        assert max(read) == 7

    run(open_test_store, scenario)


def test_what_differs_is_kept_apart(open_test_store: OpenStore, sql: Connection) -> None:
    media = "https://example.com/a.mp4"
    rows: dict[str, Any] = {
        "var1:u var2: var3: var4:": {"var1": media, "var2": "A", "var3": "₹ 5 —", "var4": "AB12"},
        "var1:u var2:e var3:z var4:c": {
            "var1": media,
            "var2": " \u00a0",
            "var3": "\u200b ",
            "var4": "AB-12",
        },
        "var1:u var2:nt var3:s var4:l": {
            "var1": media,
            "var2": "a\n\tb",
            "var3": "a      b",
            "var4": "A" * 21,
        },
        "var1:m var2:#d var3:b var4:N": {
            "var1": "123456789012345",
            "var2": 12,
            "var3": True,
            "var4": None,
        },
        "var1:e var2:u var3:o other:": {
            "var1": "",
            "var2": "HTTP://x.y/",
            "var3": {},
            "other": "x",
        },
        "var1:u var2: var3: var4: !body": {
            "var1": media,
            "var2": "A" * 600,
            "var3": "B" * 600,
            "var4": "C",
        },
        "var1:u var2:l var3: var4: !body": {
            "var1": media,
            "var2": "A" * 1100,
            "var3": "B",
            "var4": "C",
        },
        "no object array": ["x"],
        "": None,
        "var1:u": {"var1": media},
    }

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), len(rows), start=False)
        for n, value in enumerate(rows.values()):
            payload(sql, n, value, campaign)
        found = await survey(store, campaign, rules_of(VIDEO, None))
        assert sorted(g.signature for g in found.groups) == sorted(rows)
        assert found.media == {media: 6, "123456789012345": 1}
        assert not found.more_media

    run(open_test_store, scenario)


@pytest.mark.parametrize("prose", [True, False])
def test_the_database_sees_the_same_signs(sql: Connection, prose: bool) -> None:
    """Of values that nobody meant to send: PostgreSQL's expressions and Python's are one text."""
    for pattern in (QUICK_PATTERN, *(pattern_of(kind, prose=prose) for kind in Unmeant)):
        for text in (*PLACEHOLDERS, *MARKUP, *FINE):
            found = sql.execute("select %s::text ~ %s", (text, pattern)).fetchone()
            assert found == (re.search(pattern, text) is not None,), (pattern, text)


def test_values_that_nobody_meant_are_kept_apart(
    open_test_store: OpenStore, sql: Connection
) -> None:
    body = [
        {"type": "BODY", "text": "Hi {{1}}, {{2}}"},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "URL", "text": "Go", "url": "https://example.com/{{1}}"}],
        },
    ]
    rows = {
        "var1: var2: var3:": {"var1": "Nan", "var2": "5 %", "var3": "?a=%day%"},
        "var1:p var2:x var3:": {"var1": " #N/A ", "var2": "Tom &amp; Jo", "var3": "A\\nB"},
        "var1:x var2:p var3:p": {"var1": "one\\ntwo", "var2": "{{name}}", "var3": "undefined"},
        "var1: var2: var3:h": {"var1": "a", "var2": "b", "var3": "Example.com/A3"},
        "var1: var2: var3:uh": {"var1": "a", "var2": "b", "var3": "https://example.org"},
        "var1:l var2: var3: !body": {"var1": "x" * 1020, "var2": "a", "var3": "b"},
    }

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), len(rows), start=False)
        for n, value in enumerate(rows.values()):
            payload(sql, n, value, campaign)
        found = await survey(store, campaign, rules_of(body, None))
        assert sorted(g.signature for g in found.groups) == sorted(rows)

    run(open_test_store, scenario)


def test_too_many_kinds_are_counted_and_not_kept(
    open_test_store: OpenStore, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_facts, "GROUPS_KEPT", 3)
    monkeypatch.setattr(preflight_facts, "MEDIA_KEPT", 2)

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 8, start=False)
        for n in range(8):
            payload(sql, n, {"var1": f"https://example.com/{n}", f"name{n}": "x"}, campaign)
        found = await survey(store, campaign, rules_of(VIDEO, None))
        assert (len(found.groups), found.not_grouped) == (3, 5)
        assert len(found.media) == 2
        assert found.more_media

    run(open_test_store, scenario)


def test_recipients_however_they_are_written(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 6, start=False)
        for n, written in ((1, phone(0)), (2, f"+{phone(0)}"), (3, f" {phone(4)} ")):
            sql.execute("update send_queue set phone = %s where phone = %s", (written, phone(n)))
        people = await PreflightFacts(store).people(campaign)
        assert (people.people, people.repeated, people.surplus) == (3, 2, 3)
        assert people.samples == ((phone(0), 3), (phone(4), 2))

    run(open_test_store, scenario)


def test_what_stands_around_a_campaign(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        ready = PreflightFacts(store)
        number = await add_number(store, rate=50, templates=("hello", "other"))
        campaign = await add_campaign(store, number, 6, total=9, start=False)
        await add_campaign(store, number, 4, first_phone=50)
        sql.execute(
            "insert into wacampaign_holds (scope, whatsapp_number_id, template_name, reason)"
            " values ('template', %s, 'hello', 'three refusals'), ('template', %s, 'other', '-')",
            (number, number),
        )
        facts = await ready.readiness(campaign)
        assert facts.lanes == (UnsentLane(number, "hello", 6),)
        assert (facts.total, facts.rows, facts.missing, facts.unsent) == (9, 6, 3, 6)
        assert facts.status == "paused"
        assert [n.rate_configured for n in facts.numbers] == [50]
        assert facts.queued_elsewhere == {number: 4}
        assert [(t.name, t.status, t.language) for t in facts.known] == [
            ("hello", "APPROVED", "en")
        ]
        assert [(h.template, h.reason) for h in facts.holds] == [("hello", "three refusals")]
        assert facts.live_workers == 0
        with pytest.raises(NoSuchCampaign):
            await ready.readiness(str(uuid4()))

    run(open_test_store, scenario)


def test_a_start_without_a_look_is_written_down_once(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False)
        assert (await Campaigns(store).start_unchecked(campaign, "me@here"))["changed"]
        assert not (await Campaigns(store).start_unchecked(campaign, "me@here"))["changed"]
        assert sql.execute(
            "select kind, actor from wacampaign_events where campaign_id = %s"
            " and kind in ('started', 'preflight_skipped') order by id",
            (campaign,),
        ).fetchall() == [("started", "me@here"), ("preflight_skipped", "me@here")]

    run(open_test_store, scenario)


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_all_of_it_on_the_early_form_of_the_backend(
    postgres: PostgresServer, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wacampaign.meta.client.BACK_OFF_S", 0.01)
    url = postgres.new_database("template1")
    with psycopg.connect(url, autocommit=True) as connection:
        make_backend(connection, later=False)
    migrate(url)
    settings = load_settings(environ={"WHATSAPP_API_URL": "http://127.0.0.1:9"})

    async def scenario(store: Store) -> None:
        for campaign in CAMPAIGNS.values():
            found = await run_preflight(store, settings, campaign)
            assert {line.id for line in found.lines} >= {"campaign", "contacts", "recipients"}
        number = await add_number(store)
        campaign = await add_campaign(store, number, 4, start=False)
        found = await run_preflight(store, settings, campaign)
        assert not found.failures
        assert "all 4 rows fit their template" in [line.text for line in found.lines]
        assert await Campaigns(store).schedule(campaign, in_future(hours=1), "me")
        await Campaigns(store).due_campaigns(None)
        assert (await Campaigns(store).start_unchecked(campaign, "me"))["changed"]

    with ExitStack() as stack:
        if transport == "postgres":
            run_on(url, scenario)
        else:
            rest = stack.enter_context(lite_server(url))
            run(lambda: Store(RestTransport(rest, SECRET_KEY)), scenario)


def in_future(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def test_schedule_and_who_may_not_be(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 2, start=False)
        at = in_future(hours=1)
        assert await Campaigns(store).schedule(campaign, at, "me")
        assert not await Campaigns(store).schedule(campaign, at, "me")
        status, is_scheduled, reason = sql.execute(
            "select status, is_scheduled, pause_reason from campaigns where id = %s", (campaign,)
        ).fetchone() or ("", "", "")
        assert (status, is_scheduled) == ("paused", False)
        assert reason.startswith("starts at ")
        assert await Campaigns(store).due_campaigns(None) == []
        with pytest.raises(Problem, match="over"):
            await Campaigns(store).schedule(campaign, in_future(hours=-1), "me")
        with pytest.raises(Refused, match="running"):
            await Campaigns(store).schedule(
                await add_campaign(store, number, 1, first_phone=9), at, "me"
            )
        # The backend's own, all of whose contacts are in the queue: its cron does not see it.
        sql.execute(
            "insert into campaign_contacts (campaign_id, phone) values (%s, '1')", (campaign,)
        )
        assert await Campaigns(store).schedule(campaign, in_future(hours=2), "me")
        # Its cron would enqueue the contacts of these once more.
        sql.execute("update campaigns set status = 'scheduled' where id = %s", (campaign,))
        with pytest.raises(Refused, match="backend"):
            await Campaigns(store).schedule(campaign, in_future(hours=3), "me")
        sql.execute(
            "update campaigns set status = 'paused', total_contacts = 3 where id = %s", (campaign,)
        )
        with pytest.raises(Refused, match="backend"):
            await Campaigns(store).schedule(campaign, in_future(hours=3), "me")

    run(open_test_store, scenario)


def due(sql: Connection, campaign: str) -> None:
    sql.execute(
        "update campaigns set status = 'scheduled', pause_reason = null,"
        " scheduled_start_time = now() - interval '1 second' where id = %s",
        (campaign,),
    )


def come(sql: Connection, campaign: str) -> None:
    """Its time, set with `start --at`, has come."""
    sql.execute(
        "update wacampaign_schedule set start_at = now() - interval '1 second'"
        " where campaign_id = %s",
        (campaign,),
    )


#: What the backend's cron does to every campaign whose time it sees.
CRON = (
    "update campaigns set status = 'running' where status = 'scheduled'"
    " and scheduled_start_time <= now()",
    "update campaigns set status = 'failed' where status = 'scheduled'",
    "update campaigns set status = 'running' where is_scheduled or scheduled_start_time <= now()",
)


def test_the_backends_scheduler_does_not_see_our_time(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False, name="m")
        status = "select status from campaigns where id = %s"
        await Campaigns(store).schedule(campaign, in_future(hours=1), "me")
        assert await Campaigns(store).due_campaigns(None) == []
        come(sql, campaign)
        for statement in CRON:
            assert sql.execute(statement).rowcount == 0
        assert sql.execute(status, (campaign,)).fetchone() == ("paused",)
        assert await Campaigns(store).due_campaigns(None) == [(campaign, "m")]
        assert await Campaigns(store).due_campaigns([]) == []
        assert await Campaigns(store).start_scheduled(campaign, "worker")
        assert sql.execute(status, (campaign,)).fetchone() == ("running",)
        assert not await Campaigns(store).start_scheduled(campaign, "worker")
        # Paused by the backend's UI: it stays so, its time is over.
        sql.execute("update campaigns set status = 'paused' where id = %s", (campaign,))
        assert await Campaigns(store).due_campaigns(None) == []

    run(open_test_store, scenario)


@pytest.mark.parametrize("decided", ["running", "failed", "completed"])
def test_whoever_decides_otherwise_takes_the_time_away(
    open_test_store: OpenStore, sql: Connection, decided: str
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False)
        await Campaigns(store).schedule(campaign, in_future(hours=1), "me")
        if decided == "completed":  # which the guard lets nobody say while rows are left
            sql.execute(
                "update send_queue set status = 'failed' where campaign_id = %s", (campaign,)
            )
        for status in (decided, "paused"):
            sql.execute("update campaigns set status = %s where id = %s", (status, campaign))
        come(sql, campaign)
        assert await Campaigns(store).due_campaigns(None) == []
        assert not await Campaigns(store).start_scheduled(campaign, "worker")

    run(open_test_store, scenario)


def test_due_is_what_is_complete_and_whose_time_has_come(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        names = ("ready", "missing", "empty", "paused", "later")
        ids = {
            name: await add_campaign(
                store, number, 0 if name == "empty" else 2, name=name, start=False,
                total=3 if name == "missing" else None, first_phone=10 * n,
            )
            for n, name in enumerate(names)
        }  # fmt: skip
        for name in ("ready", "missing", "empty", "later"):
            due(sql, ids[name])
        sql.execute(
            "update campaigns set scheduled_start_time = now() + interval '1 hour' where id = %s",
            (ids["later"],),
        )
        assert await Campaigns(store).due_campaigns(None) == [(ids["ready"], "ready")]
        assert await Campaigns(store).due_campaigns([ids["later"]]) == []
        assert not await Campaigns(store).start_scheduled(ids["paused"], "worker")
        assert not await Campaigns(store).start_scheduled(ids["later"], "worker")

    run(open_test_store, scenario)


@pytest.mark.parametrize("scheduled_by", ["ours", "the backend or an earlier version"])
@pytest.mark.parametrize("failure", [None, "token: it was refused"])
def test_of_several_workers_one_starts_or_pauses(
    open_test_store: OpenStore, sql: Connection, failure: str | None, scheduled_by: str
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False, name="m")
        if scheduled_by == "ours":
            await Campaigns(store).schedule(campaign, in_future(hours=1), "me")
            come(sql, campaign)
        else:
            due(sql, campaign)
        done = await asyncio.gather(
            *(Campaigns(store).start_scheduled(campaign, f"worker {n}", failure) for n in range(4))
        )
        assert sorted(map(bool, done)) == [False, False, False, True]
        status, reason = sql.execute(
            "select status, pause_reason from campaigns where id = %s", (campaign,)
        ).fetchone() or ("", "")
        kinds = [
            kind
            for (kind,) in sql.execute(
                "select kind from wacampaign_events where campaign_id = %s"
                " and kind not in ('created', 'filled', 'scheduled')",
                (campaign,),
            )
        ]
        told = sql.execute("select title, message from notifications").fetchall()
        if failure is None:
            assert (status, reason, kinds, told) == ("running", None, ["started"], [])
        else:
            assert (status, kinds) == ("paused", ["preflight_failed"])
            assert reason == f"not started at its time: {failure}"
            assert told == [("Campaign not started: m", reason)]

    run(open_test_store, scenario)


def test_a_test_message_counts_in_no_campaign(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 2, start=False)
        test = str(uuid4())
        for _ in range(2):
            await SentTests(store).write_down(
                campaign_id=campaign, test=test, actor="me", number_id=number, phone=phone(7),
                template="hello", wamid="wamid.T", reason="accepted",
            )  # fmt: skip
        assert sql.execute("select campaign_id, user_phone, status from messages").fetchall() == [
            (None, phone(7), "sent")
        ]
        events = sql.execute("select row_count from wacampaign_events where kind = 'test_sent'")
        assert events.fetchall() == [(1,)]
        assert await SentTests(store).status("wamid.T") == ([], False)
        sql.execute(
            "insert into message_status_logs (whatsapp_number_id, user_phone, whatsapp_message_id,"
            " status, error_code, error_message) values (%s, '1', 'wamid.T', 'failed', 5, 'x')",
            (number,),
        )
        assert await SentTests(store).status("wamid.T") == (
            [{"status": "failed", "code": 5, "text": "x"}],
            True,
        )
        assert await SentTests(store).status("wamid.U") == ([], True)

    run(open_test_store, scenario)
