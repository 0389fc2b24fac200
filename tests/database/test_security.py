"""Who may do what: the service role all of ours, everybody else nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import accepted, add_campaign, add_number, counts, past_ramp
from tests.database.backends import Connection, make_backend, our_tables, tables
from tests.database.protocol import BY_HAND, PROTOCOL
from tests.servers import NODE_MODULES, migrate, tcp_address
from wacampaign.core.alerts.alert import AlertKind
from wacampaign.core.alerts.causes import Cause
from wacampaign.core.daily_window import Hours
from wacampaign.core.engine.ports import KnownOutcome, Settlement
from wacampaign.core.numbers import Number
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.core.preflight.row_checks import rules_of
from wacampaign.core.pruning import PruneAges
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.core.webhook.updates import InboundMessage, News, Preference, StatusUpdate
from wacampaign.store.alerts import Alerts
from wacampaign.store.budgets import Budgets
from wacampaign.store.campaign_report import CampaignReports
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.doctor import Diagnosis
from wacampaign.store.evidence import CampaignEvidence
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.functions import functions
from wacampaign.store.inbound import Inbound
from wacampaign.store.news import NewsStore
from wacampaign.store.numbers import Numbers
from wacampaign.store.optouts import OptOuts
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.pruning import Pruning
from wacampaign.store.repairs import Repairs, Targets
from wacampaign.store.results import Results
from wacampaign.store.rows_in_doubt import RowsInDoubt
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.templates import Templates
from wacampaign.store.webhooks import Webhooks
from wacampaign.store.windows import Windows
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OUTSIDERS = ("anon", "authenticated")

#: What Supabase projects made before 2026 grant on every new object in `public`.
OLD_DEFAULTS = """
alter default privileges in schema public
    grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
    grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public
    grant all on sequences to anon, authenticated, service_role;
"""

#: Called by an index with the rights of whoever writes a failed row; reads nothing.
EVERYBODYS = {"wacampaign_error_code"}


@pytest.fixture(params=["a project of 2026", "an older project"])
def guarded(
    request: pytest.FixtureRequest, empty_database: str, connect: Callable[..., Connection]
) -> Connection:
    """A migrated database that was empty, by the defaults of newer and of older projects."""
    connection = connect(empty_database)
    connection.execute("grant usage on schema public to anon, authenticated")
    if request.param == "an older project":
        connection.execute(OLD_DEFAULTS.encode())
    migrate(empty_database)
    return connection


def test_functions_are_the_service_roles_alone(guarded: Connection) -> None:
    rows = guarded.execute(
        "select p.oid::regprocedure::text, r.role, has_function_privilege(r.role, p.oid, 'execute')"
        " from pg_proc p,"
        " unnest(array['public', 'anon', 'authenticated', 'service_role']) as r (role)"
        " where p.pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert len(rows) > 4 * len(PROTOCOL)
    rows = [row for row in rows if row[0].partition("(")[0] not in EVERYBODYS]
    assert [row for row in rows if row[2] != (row[1] == "service_role")] == []


def test_no_outsider_runs_what_runs_as_its_owner(guarded: Connection) -> None:
    """Lints 0028 and 0029 of Supabase's advisor, which its command line does not have yet."""
    definers = guarded.execute(
        "select p.proname::text, p.prorettype = 'trigger'::regtype,"
        " has_function_privilege('anon', p.oid, 'execute')"
        " or has_function_privilege('authenticated', p.oid, 'execute')"
        " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where p.prosecdef and n.nspname = 'public'"
    ).fetchall()
    # These are triggers, which nobody can call; and there are no others.
    assert sorted(definers) == [
        ("wacampaign_campaign_started", True, False),
        ("wacampaign_count_rows", True, False),
        ("wacampaign_guard_completion", True, False),
        ("wacampaign_guard_deleted", True, False),
        ("wacampaign_guard_inserted", True, False),
        ("wacampaign_guard_told", True, False),
        ("wacampaign_log_message", True, False),
        ("wacampaign_schedule_over", True, False),
        ("wacampaign_status_logged", True, False),
    ]


def test_every_function_has_a_fixed_search_path(guarded: Connection) -> None:
    rows = guarded.execute(
        "select proname::text, prosecdef, coalesce(proconfig, '{}') from pg_proc"
        " where pronamespace = 'public'::regnamespace"
    ).fetchall()
    # Not empty where it is the caller's rights that count: triggers of the backend fire inside,
    # and theirs is the caller's (the test of the whole protocol below has one).
    paths = {False: "search_path=public, extensions, pg_temp", True: 'search_path=""'}
    # The guard's row trigger and what says who writes have one name for each thing they touch.
    closed = {"wacampaign_guard_row", "wacampaign_who"}
    assert [
        name for name, definer, config in rows if paths[definer or name in closed] not in config
    ] == []


def test_outsiders_have_no_right_on_any_table(guarded: Connection) -> None:
    names = our_tables(guarded) + tables(guarded)
    assert len(names) >= 8 + 9
    rights = ["select", "insert", "update", "delete", "truncate", "references", "trigger"]
    if guarded.info.server_version >= 170000:
        rights.append("maintain")
    rows = guarded.execute(
        "select t, r, p from unnest(%s::text[]) t, unnest(%s::text[]) r, unnest(%s::text[]) p"
        " where has_table_privilege(r, t, p)",
        (names, list(OUTSIDERS), rights),
    ).fetchall()
    assert rows == []
    no_row_security = guarded.execute(
        "select relname::text from pg_class where relkind = 'r' and not relrowsecurity"
        " and relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert no_row_security == []
    sequences = guarded.execute(
        "select c.relname::text, r from pg_class c, unnest(%s::text[]) r where relkind = 'S'"
        " and relnamespace = 'public'::regnamespace"
        " and has_sequence_privilege(r, c.oid, 'usage, select, update')",
        (list(OUTSIDERS),),
    ).fetchall()
    assert sequences == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_an_outsider_tries(guarded: Connection, role: str) -> None:
    for table in our_tables(guarded) + tables(guarded):
        (column,) = guarded.execute(
            "select attname::text from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and attidentity = '' limit 1",
            (table,),
        ).fetchone() or ("",)
        for statement in (
            f"select * from {table}",
            f"insert into {table} default values",
            f"update {table} set {column} = {column}",
            f"delete from {table}",
        ):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege),
                guarded.transaction(),
            ):
                guarded.execute(f"set local role {role}".encode())
                guarded.execute(statement.encode())
    for name, params in PROTOCOL.items():
        arguments = ", ".join(f"p_{key} => null::{kind}" for key, kind in params.items())
        with pytest.raises(psycopg.errors.InsufficientPrivilege), guarded.transaction():
            guarded.execute(f"set local role {role}".encode())
            guarded.execute(f"select public.wacampaign_{name}({arguments})".encode())


def test_a_right_given_by_mistake_is_taken_back(
    database: str, connect: Callable[..., Connection]
) -> None:
    connection = connect(database)
    connection.execute("grant execute on all functions in schema public to anon, public")
    connection.execute("grant all on wacampaign_workers, wacampaign_events to authenticated")
    migrate(database)
    test_functions_are_the_service_roles_alone(connection)
    test_outsiders_have_no_right_on_any_table(connection)


def test_the_functions_read_from_the_sql_are_what_the_database_has(sql: Connection) -> None:
    rows = sql.execute(
        "select p.proname::text,"
        " array(select t::oid from unnest(p.proargtypes) with ordinality as u (t, n) order by n),"
        " coalesce(p.proargnames, '{}'), p.prorettype::regtype::text"
        " from pg_proc p where p.pronamespace = 'public'::regnamespace"
    ).fetchall()
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)), "PostgREST cannot choose between overloads of json"
    in_database = {row[0]: row[1:] for row in rows}
    assert in_database.keys() == {f"wacampaign_{name}" for name in functions()}
    for name, function in functions().items():
        (types,) = sql.execute(
            "select array(select t::regtype::oid"
            " from unnest(%s::text[]) with ordinality as u (t, n) order by n)",
            (list(function.parameters.values()),),
        ).fetchone() or ([],)
        names = [f"p_{key}" for key in function.parameters]
        in_sql, args, returns = in_database[f"wacampaign_{name}"]
        # What it returns by columns comes after its arguments.
        assert (name, in_sql, args[: len(names)]) == (name, types, names)
        if name in PROTOCOL:
            # Its rows are handed on as they are: json costs a third of the time.
            assert (name, returns) == (name, "json" if name == "claim" else "jsonb")

    # All others are parts of these, or triggers.
    inner = in_database.keys() - {f"wacampaign_{name}" for name in PROTOCOL.keys() | BY_HAND}
    for name in inner:
        (used,) = sql.execute(
            "select exists (select 1 from pg_proc"
            "               where prosrc like %s and proname <> %s)"
            " or exists (select 1 from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
            "            where p.proname = %s)",
            (f"%public.{name}(%", name, name),
        ).fetchone() or (False,)
        assert used, f"{name} is called by nobody"


def with_role(url: str, role: str) -> str:
    return f"{url}&options=-c%20role%3D{role}"


async def workers_protocol(store: Store) -> tuple[str, str, UUID]:
    """A small campaign from the number to its end: number, campaign, and the worker that lives."""
    number = await add_number(store, templates=("hello", "hello_2"))
    campaign = await add_campaign(store, number, 40)
    assert (await Campaigns(store).find("test campaign"))[0].id == campaign
    await store.call("filled", campaign_id=campaign, actor="test")
    me, dead = uuid4(), uuid4()
    for worker in (me, dead):
        await Workers(store).register(worker, "host", 1, "0")
    assert (await Workers(store).heartbeat(me, 0))["known"]
    assert await past_ramp(store, me, campaign) == 5
    assert (await WorkQueue(store).sending([number]))[0].templates

    claim = await WorkQueue(store).claim(me, uuid4(), 10)
    assert len(claim.rows) == 10
    await WorkQueue(store).begin(me, claim.rows[0].claim_id)
    verdicts = [
        Verdict(Outcome.SENT, wamid="wamid.1"),
        Verdict(Outcome.FAILED, code=131026, text="(#131026) Message undeliverable"),
        Verdict(Outcome.RETRY, code=131000, text="again", wait_ms=1, max_retries=3),
        Verdict(Outcome.WAIT, code=130429, text="slower", wait_ms=1, slow_number=True),
        Verdict(Outcome.IN_DOUBT, text="no answer"),
    ]
    batch = [Settlement(row, v) for row, v in zip(claim.rows, verdicts, strict=False)]
    assert (await WorkQueue(store).settle(me, batch)).settled == 5
    assert await WorkQueue(store).release(me, claim.rows[5:]) == 5

    # The other worker dies with rows that it had begun; its journal knows of one.
    await Campaigns(store).set_status(campaign, "pause", "test")
    await Campaigns(store).set_status(campaign, "resume", "test")
    lost = await WorkQueue(store).claim(dead, uuid4(), 5, ahead_ms=5000)
    assert lost.rows
    await WorkQueue(store).begin(dead, lost.rows[0].claim_id)
    assert (await Workers(store).reap([str(dead)]))["in_doubt"] == len(lost.rows)
    doubts = await Workers(store).doubts(str(dead))
    assert len(doubts) == len(lost.rows)
    facts = [KnownOutcome(doubts[0][0], doubts[0][1], Outcome.SENT, "wamid.2", None, None)]
    facts += [KnownOutcome(row, claim_id, "unsent") for row, claim_id in doubts[1:]]
    assert (await WorkQueue(store).recover(me, facts))["sent"] == 1

    while claim.rows:
        claim = await WorkQueue(store).claim(me, uuid4(), 100, ahead_ms=60_000)
        if claim.rows:
            await WorkQueue(store).begin(me, claim.rows[0].claim_id)
            await WorkQueue(store).settle(me, accepted(claim.rows))
    left = await counts(store, campaign)
    assert (left["in_doubt"], left["failed"], left["sent"]) == (1, 1, 38)
    verdict = await store.call("complete", campaign_id=campaign, actor="test", in_doubt_minutes=0.0)
    assert verdict["completed"], verdict
    return number, campaign, me


async def alerts(store: Store) -> None:
    """What stands is looked at and told."""
    turn = uuid4()
    seen = await Alerts(store).turn(turn, "worker")
    assert seen is not None
    cause = Cause("k", AlertKind.PROBLEM, "error", "title", "text", "command", settles=0)
    taken = await Alerts(store).take(turn, [cause])
    refused, _ = await Alerts(store).ring(turn)
    assert refused is None
    for alert in taken:
        await Alerts(store).told(alert, ["a"], done=True, problem="b is away")


async def whole_protocol(store: Store) -> None:
    """As a worker's, up to the audit, with every function that programs call."""
    number, campaign, me = await workers_protocol(store)
    await Workers(store).measured(me, {"in_flight": 3})
    assert (await Campaigns(store).audit(campaign))["ok"]
    kinds = {e["kind"] for e in await store.call("events_of", campaign_id=campaign, limit=100)}
    assert {"created", "started", "paused", "resumed", "recovered", "completed"} <= kinds
    assert kinds <= {e.kind for e in await Campaigns(store).events(campaign)}
    assert (await Campaigns(store).recent(5))[0].id == campaign
    assert campaign in [one.id for one in await Campaigns(store).names()]
    assert campaign in [one.id for one in await Campaigns(store).listed()]
    (failure,) = await FailedRows(store).by_code(campaign)
    assert (failure["code"], failure["count"], failure["accepted"]) == (131026, 1, 0)
    assert len(await FailedRows(store).page(campaign, 131026)) == 1
    assert (await FailedRows(store).retry(campaign, 131026, "test"))["reopened"]
    stuck = StuckCampaigns(store)
    (seen,) = (await stuck.look([campaign])).campaigns
    assert len(await stuck.sample(campaign, "in_doubt", 5)) == 1
    assert await stuck.settle_by_messages(campaign, "test") == 0
    assert not any((await stuck.mend_rows(campaign, "test")).values())
    assert not (await stuck.restart(campaign, seen.token, "test", "why"))["changed"]
    assert (await stuck.resolve_doubt(campaign, "assume_sent", 1, "test", seen_at="infinity"))[
        "rows"
    ] == 1
    evidence = CampaignEvidence(store)
    assert (await evidence.campaigns(campaign, 131026))[0].id == campaign
    assert (await evidence.groups(campaign, 131026, [])).files == ()
    assert await evidence.failed_rows(campaign, 135000) == []
    assert len(await evidence.sent_rows(campaign)) > 0
    assert (await evidence.history(campaign, "2026-01-01", "2026-01-02")).events
    report = CampaignReports(store)
    assert (await report.facts(campaign)).templates[0].counts["sent"] > 0
    times, prices = await report.course(campaign)
    assert (sum(one.sent for one in times) > 0, prices) == (True, ())
    assert await SentTests(store).write_probe_down(
        campaign, str(uuid4()), "test", accepted=True, reason="why", detail={}
    )
    await look_before_start(store, number)
    await hours_and_times(store, number)
    await replies_and_opt_outs(store, campaign)
    await languages(store, number)
    await webhooks(store)
    await alerts(store)

    await doctor(store)
    await repair_and_undo(store, number)
    assert (await store.call("numbers"))[0]["has_token"]
    assert await Numbers(store).set(number, "test", marketing_endpoint="auto")
    assert not await Numbers(store).set(number, "test", onboarding="ONBOARDED")
    assert number in await Budgets(store).due(15)
    told = Number(messaging_limit="TIER_2K", throughput="STANDARD")
    assert await Budgets(store).told(number, told, ("1", "Acme"))
    assert (await Budgets(store).set(number, "test", people=9, portfolio="acme"))[0]
    paused = {"message_template_name": "hello_2", "message_template_language": "en"}
    news = News("message_template_status_update", "2000000001", None, paused | {"event": "PAUSED"})
    assert (await NewsStore(store).take([news]))["taken"] == 1
    assert await Budgets(store).of_campaign(campaign) is not None
    assert await Budgets(store).count(0) == 0
    assert len(await store.call("templates", number_id=number)) == 2
    statuses = Statuses(store)
    assert (await statuses.take([StatusUpdate("wamid.1", "read")], "receiver"))["joined"] == 1
    assert not (await statuses.take_logged()).left
    assert (await report.facts(campaign)).delivery["read"] == 1
    assert (await store.call("delivery_shown", campaign_id=campaign))["read"] == 1
    results, doubts = Results(store), RowsInDoubt(store)
    assert await results.page(campaign)
    assert await results.variables(campaign)
    assert await results.undelivered(campaign) == []
    assert await results.undelivered_page(campaign, 131049) == []
    assert await doubts.known(campaign, 1) == []
    assert not await doubts.confirm(str(uuid4()), None, "test")
    assert await store.call("schema_version")
    await Workers(store).goodbye(me)
    await Pruning(store).due(PruneAges())
    await Pruning(store).step("webhooks", 7, 500, None)
    await Workers(store).is_settled(str(me))


async def hours_and_times(store: Store, number: str) -> None:
    """A campaign with sending hours is paused for a while."""
    campaign = await add_campaign(store, number, 2, first_phone=800)
    windows = Windows(store)
    await windows.keep_zones()
    window, _ = await windows.survey(campaign, Hours(540, 1200), "UTC", "test")
    assert [(group.rows, group.unknown) for group in window.zones] == [(2, True)]
    assert await windows.set(campaign, Hours(540, 1200), "UTC", "test")
    assert await Campaigns(store).pause_until(campaign, "2099-01-01T00:00:00Z", "test")


async def doctor(store: Store) -> None:
    """All that a doctor asks; the service role sees the whole catalogue."""
    diagnosis = Diagnosis(store)
    schema = await diagnosis.schema()
    assert (schema.version, schema.deviations) == (await diagnosis.version(), ())
    assert (await diagnosis.server())[0].sizes
    assert (await diagnosis.traffic(7)).processes


async def webhooks(store: Store) -> None:
    """A receiver comes, keeps a body that is worked on, and goes."""
    bodies, me = Webhooks(store), uuid4()
    await bodies.beat(me, "host", 1, "0", {})
    one = ReceivedBody(str(uuid4()), datetime.now(UTC), b"{}", "sha256=", "application/json")
    assert (await bodies.keep([one]), await bodies.keep([one])) == (1, 0)
    assert await bodies.app_secrets() == []
    state = await bodies.state()
    assert (state["waiting"], state["receiver_alive"]) == (1, True)
    (leased,) = await bodies.lease(10, 1000, 60)
    assert (leased.id, await bodies.lease(10, 1000, 60)) == (one.id, [])
    await bodies.give_back([one.id], 0)
    assert len(await bodies.lease(10, 1000, 60)) == 1
    await bodies.taken([one.id], {one.id: ["a fault"]})
    await bodies.goodbye(me)
    state = await bodies.state()
    assert (state["waiting"], state["with_faults"], state["receiver_alive"]) == (0, 1, False)


async def replies_and_opt_outs(store: Store, campaign: str) -> None:
    """A person writes and opts out, another is entered; both are read."""
    inbound, optouts = Inbound(store), OptOuts(store)
    told = InboundMessage("wamid.in", "text", at=1, phone="447700900001", text="STOP")
    assert (await inbound.take([told], OptOutWords()))["wishes"] == 1
    assert not (await inbound.take_logged(OptOutWords()))["left"]
    assert await inbound.conversations() == await inbound.conversations(campaign_id=campaign) == []
    assert await inbound.after(await inbound.newest()) == []
    wish = Preference("stop", "marketing_messages", at=2, phone="447700900001")
    assert (await optouts.take([wish]))["new"] == 1
    people = ["447700900001", "447700900002"]
    answer = await optouts.enter("stop", people, [None, None], cause="person", actor="test")
    assert answer["changed"] == 1
    assert len(await optouts.of(people)) == len(await optouts.newest()) == 2
    assert len(await optouts.page()) == (await optouts.counts())["out"] == 2
    assert await optouts.left_out(campaign) == {"opted_out": 0, "resting": 0}


async def languages(store: Store, number: str) -> None:
    """A campaign that is not over, and what is known of its template."""
    campaign = await add_campaign(store, number, 2, first_phone=700, start=False)
    assert await Numbers(store).tokens([number]) == {number: "test-token"}
    templates = Templates(store)
    uses = await templates.uses(number, await templates.of(number))
    assert (campaign, "en") in [(use.campaign.id, use.language) for use in uses]
    assert [one.label for one in await templates.of_campaign(campaign)] == ["hello:en"]
    await templates.take(campaign, await templates.changes(campaign), "test")


async def repair_and_undo(store: Store, number: str) -> None:
    """A third campaign gets another header media, and its own back."""
    campaign = await add_campaign(store, number, 2, first_phone=600, start=False)
    repairs, targets = Repairs(store), Targets([("hello", number, "30001")])
    assert (await repairs.lanes(campaign))[0].ready == 2
    assert (await repairs.survey(campaign, None, targets)).lanes[0].no_media == 2
    begun = await repairs.begin(
        uuid4(),
        campaign,
        kind="media_id",
        what="30001",
        command="c",
        code=None,
        actor="test",
        targets=targets,
    )
    assert [step async for step in repairs.steps(begun.id)] == [(0, 2)]
    assert await repairs.finish(begun.id, "test") == 0
    assert not await repairs.restart(campaign, "test")
    assert (await repairs.of(campaign))[0].id == begun.id
    assert (await repairs.undo_survey(begun.id)).fates == []
    await repairs.undo_begin(begun.id, "test")
    assert [step async for step in repairs.undo_steps(begun.id)] == []
    assert await repairs.undo_finish(begun.id, "test") == 0
    move = Targets([("hello", number, None)], template_to="hello_2")
    assert (await repairs.survey(campaign, None, move)).count("change") == 2
    moved = await repairs.begin(
        uuid4(),
        campaign,
        kind="template",
        what="hello_2",
        command="m",
        code=None,
        actor="test",
        targets=move,
    )
    assert [step async for step in repairs.steps(moved.id)] == [(2, 2)]
    assert await repairs.finish(moved.id, "test") == 2
    await repairs.undo_begin(moved.id, "test")
    assert [step async for step in repairs.undo_steps(moved.id)] == [(2, 2)]
    assert await repairs.undo_finish(moved.id, "test") == 2
    file = {"file_name": "a.mp4", "file_type": "video", "mime_type": "video/mp4", "file_size": 3}
    await store.call("remember_upload", number_id=number, media_id="30001", sha256="ab", **file)
    known = await store.call("remembered_upload", number_id=number, sha256="ab")
    assert known["media_id"] == "30001"
    assert (await store.call("uploaded_at", number_id=number, media_id="30001"))["at"]


async def look_before_start(store: Store, number: str) -> None:
    """A second campaign, looked at, scheduled, tested and started."""
    ready = PreflightFacts(store)
    campaign = await add_campaign(store, number, 3, first_phone=500, start=False)
    facts = await ready.readiness(campaign)
    rules = rules_of(facts.known[0].components, facts.known[0].parameter_format)
    assert (await ready.survey(campaign, facts.lanes[0], rules)).rows == 3
    assert (await ready.people(campaign)).people == 3
    other = await add_campaign(store, number, 3, first_phone=500)
    assert [(one.other.id, one.will) for one in await ready.repeats(campaign, 3)] == [(other, 3)]
    await Campaigns(store).keep_list(UUID(campaign), 3, [1, 2, 3])
    assert len(await Campaigns(store).repeated_by("x", ["hello"], 3, [1, 2, 3])) == 1
    await Campaigns(store).set_status(other, "cancel", "test")
    assert await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "test")
    assert await Campaigns(store).due_campaigns([campaign]) == []
    assert not await Campaigns(store).start_scheduled(campaign, "test")
    assert (await Campaigns(store).start_unchecked(campaign, "test"))["changed"]
    sent = {"number_id": number, "phone": "15550000001", "template": "hello", "reason": "accepted"}
    await SentTests(store).write_down(
        campaign_id=campaign, test=str(uuid4()), actor="test", wamid="wamid.test", **sent
    )
    assert (await SentTests(store).status("wamid.test"))[0] == []


@pytest.mark.parametrize("before", ["nothing", "early", "later with row security"])
def test_the_service_role_runs_the_whole_protocol(
    empty_database: str, connect: Callable[..., Connection], before: str
) -> None:
    connection = connect(empty_database)
    if before != "nothing":
        make_backend(connection, later=before != "early", rls=before != "early")
        connection.execute("update campaigns set status = 'paused'")
        connection.execute("update whatsapp_numbers set is_active = false")
    migrate(empty_database)
    called: set[str] = set()

    class Listed(PostgresTransport):
        async def call(self, function: str, params: dict[str, Any]) -> Any:
            called.add(function)
            return await super().call(function, params)

    async def play() -> None:
        store = Store(Listed(with_role(empty_database, "service_role")))
        try:
            assert (await store.call("schema_version"))["version"]
            await whole_protocol(store)
        finally:
            await store.close()

    asyncio.run(play())
    assert called == PROTOCOL.keys()


def test_supabases_advisor_warns_of_nothing(guarded: Connection, tmp_path: Path) -> None:
    with tcp_address(
        f"postgresql://postgres@/{guarded.info.dbname}?host={guarded.info.host}"
    ) as url:
        advice = subprocess.run(
            [
                *(NODE_MODULES / ".bin" / "supabase", "db", "advisors", f"--remote={url}"),
                *("--type", "all", "--level", "info", "--fail-on", "warn"),
                *("--output-format", "json"),
            ],
            env=os.environ | {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert advice.returncode == 0, advice.stdout + advice.stderr
    # It did look: tables that only the service role reads are told, as information.
    assert "rls_enabled_no_policy" in advice.stdout
