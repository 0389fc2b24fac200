"""Checks of a doctor that need a machine or server of another kind; the rest is in tests/doctor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from wacampaign.core.doctor.checks import examine, next_step, without_settings
from wacampaign.core.doctor.database_checks import database_checks
from wacampaign.core.doctor.facts import (
    Database,
    Failed,
    Hearing,
    HeldTable,
    Machine,
    Schema,
    Server,
)
from wacampaign.core.doctor.machine_checks import machine_checks
from wacampaign.core.doctor.model import Examined, Mending, failing, passed, unseen, worst_first
from wacampaign.core.doctor.schema_checks import schema_checks
from wacampaign.core.doctor.traffic_checks import status_check
from wacampaign.core.preflight.model import Check

MACHINE = Machine(
    store="supabase",
    place="https://abc.supabase.co",
    env_file="/srv/.env",
    env_mode=0o600,
    other_env_files=(),
    overridden=(),
    home="/srv/home",
    home_exists=True,
    home_fault="",
    home_fix="",
    home_free=50 << 30,
    api_version="v25.0",
    api_version_from=None,
    today="2026-11-27",
    supabase_host="abc.supabase.co",
    key_kind="secret key",
)
SERVER = Server("15.8", False, False, False, 10, 97, False, (), ())
SCHEMA = Schema("20261127-a", "20261127-a", (), {})
AWAY = Failed("nobody answers", "check the network")
MISSING = Failed("there is no such function", no_schema=True)
DATABASE = Database(12.0, 0.0, 0.1, SERVER, SCHEMA, MISSING)


def verdict(checks: Iterable[Examined], name: str) -> Check:
    (found,) = [one for one in checks if one.id == name]
    assert found.fix or found.verdict is Check.OK
    return Check(found.verdict)


@pytest.mark.parametrize(
    ("name", "changed", "wanted"),
    [
        ("key", {}, Check.OK),
        ("key", {"key_kind": "service_role JWT"}, Check.WARN),
        ("key", {"key_kind": "service_role JWT", "supabase_host": "db.example.com"}, Check.OK),
        ("key", {"key_kind": "service_role JWT", "key_project": "other"}, Check.FAIL),
        ("key", {"key_kind": "service_role JWT", "key_expires": -60.0}, Check.FAIL),
        ("key", {"key_expires": 86_400.0}, Check.WARN),
        ("key", {"key_kind": "key of unknown kind"}, Check.WARN),
        ("environment", {"overridden": ("DATABASE_URL",)}, Check.WARN),
        ("disk", {"home_free": 500 << 20}, Check.WARN),
        ("disk", {"home_free": 5 << 20}, Check.FAIL),
        ("disk", {}, Check.OK),
        ("api_version", {"api_version": "v26.0"}, Check.OK),
        ("api_version", {"api_version": "v21.0"}, Check.WARN),
        ("api_version", {"api_version": "v17.0"}, Check.FAIL),
    ],
)
def test_settings_and_files(name: str, changed: dict[str, object], wanted: Check) -> None:
    assert verdict(machine_checks(replace(MACHINE, **changed)), name) is wanted  # type: ignore[arg-type]


def table(**of: int) -> tuple[HeldTable, ...]:
    return (HeldTable("messages", of.get("rows", 10), of.get("bytes", 10), of.get("dead", 0)),)


@pytest.mark.parametrize(
    ("name", "changed", "wanted"),
    [
        ("connections", {"connections": 90}, Check.WARN),
        ("table_sizes", {"sizes": table(bytes=6 << 30)}, Check.WARN),
        ("table_sizes", {"sizes": table(dead=2_000_000)}, Check.WARN),
        ("table_sizes", {"sizes": table()}, Check.OK),
        ("database_writable", {"standby": True}, Check.FAIL),
        ("jit", {"jit": True}, Check.OK),
    ],
)
def test_a_server(name: str, changed: dict[str, object], wanted: Check) -> None:
    server = replace(SERVER, **changed)  # type: ignore[arg-type]
    assert verdict(database_checks(replace(DATABASE, server=server), MACHINE), name) is wanted


def test_a_table_of_ours_is_cleared_by_a_command_of_ours() -> None:
    held = (HeldTable("wacampaign_webhooks", 9, 6 << 30, 0),)
    facts = replace(DATABASE, server=replace(SERVER, sizes=held))
    (found,) = [one for one in database_checks(facts, MACHINE) if one.id == "table_sizes"]
    assert (found.fix, found.mending) == ("wacampaign prune", Mending.SHELL)


@pytest.mark.parametrize(
    ("milliseconds", "wanted"), [(20.0, Check.OK), (400.0, Check.WARN), (3000.0, Check.FAIL)]
)
def test_how_fast_it_answers(milliseconds: float, wanted: Check) -> None:
    checks = database_checks(replace(DATABASE, answer_ms=milliseconds), MACHINE)
    assert verdict(checks, "database_speed") is wanted


def test_jit_in_a_function_of_ours() -> None:
    facts = replace(
        DATABASE,
        server=replace(SERVER, jit=True),
        schema=replace(SCHEMA, jit_left_on=("wacampaign_claim",)),
    )
    (found,) = [one for one in database_checks(facts, MACHINE) if one.id == "jit"]
    assert found.verdict is Check.WARN
    assert found.fix == "alter function public.wacampaign_claim set jit = off;"


def test_a_name_of_another_program_is_quoted_in_sql() -> None:
    held = (HeldTable('odd "name"; drop table x', 1, 10, 2_000_000),)
    facts = replace(DATABASE, server=replace(SERVER, sizes=held))
    (found,) = [one for one in database_checks(facts, MACHINE) if one.id == "table_sizes"]
    vacuum = 'vacuum (analyze) public."odd ""name""; drop table x";'
    assert found.fix == f"/* in Supabase's SQL editor: each statement by itself */\n{vacuum}"


def test_what_cannot_be_looked_at_is_never_fine() -> None:
    nothing = Database(AWAY, None, 0.0, AWAY, AWAY, AWAY)
    checks = examine(MACHINE, None, nothing, AWAY, "1")
    of_this_machine = {one.id for one in machine_checks(MACHINE)}
    others = [one for one in checks if one.id not in of_this_machine]
    assert {one.verdict for one in others} == {Check.FAIL, Check.SKIPPED}
    assert checks[0].id == "database_reachable"
    skipped = without_settings("KEY is wrong", "mend it", None)
    assert [one.id for one in skipped if one.verdict is not Check.SKIPPED] == ["settings"]
    assert {one.id for one in others} - {"clock", "database_speed"} <= {one.id for one in skipped}
    assert all(one.text for one in skipped)


def test_parts_fail_by_themselves() -> None:
    facts = replace(DATABASE, schema=MISSING)
    checks = [*database_checks(facts, MACHINE), *schema_checks(MISSING, MACHINE, 0)]
    verdicts = {one.id: one.verdict for one in checks}
    assert verdicts["schema"] is Check.FAIL
    assert verdicts["guard"] is verdicts["open_to_anon"] is Check.SKIPPED
    assert verdicts["database_reachable"] is Check.OK


@pytest.mark.parametrize("part", ["server", "schema", "traffic"])
def test_a_question_without_an_answer_is_the_databases_fault(part: str) -> None:
    facts = replace(DATABASE, **{part: AWAY})  # type: ignore[arg-type]
    checks = [*database_checks(facts, MACHINE), *schema_checks(facts.schema, MACHINE, 0)]
    (found,) = [one for one in checks if one.id == "database_reachable"]
    assert (found.verdict, found.fix) == (Check.FAIL, "check the network")
    assert "nobody answers" in found.text
    (schema,) = [one for one in checks if one.id == "schema"]
    assert schema.verdict is (Check.SKIPPED if part == "schema" else Check.OK)


@pytest.mark.parametrize(
    ("accepted", "status", "verdict", "says"),
    [
        (None, None, Check.OK, "Offers: nothing was sent lately"),
        (5.0, None, Check.OK, "Offers: the first messages wait for their statuses"),
        (5.0, 12.0, Check.OK, "Offers: last status 12 s ago"),
        (5.0, 5000.0, Check.OK, "Offers: last status 1 h 23 min ago"),
        (None, 5000.0, Check.OK, "Offers: last status 1 h 23 min ago"),
        (4000.0, 5000.0, Check.FAIL, "no status came since (the last is 1 h 23 min old)"),
        (4000.0, None, Check.FAIL, "no status came since (none ever came)"),
        (4000.0, 4100.0, Check.OK, "Offers: last status 1 h 08 min ago"),
    ],
)
def test_the_last_status_of_a_number_is_told(
    accepted: float | None, status: float | None, verdict: Check, says: str
) -> None:
    # A message without a status since: as the database tells it.
    unheard = accepted if verdict is Check.FAIL else None
    told = status_check("Offers", Hearing("n", accepted, status, unheard))
    assert told.verdict is verdict
    assert says in told.text


def test_the_worst_comes_first_and_says_what_to_type() -> None:
    bad, good, dark = failing("a", "t", "wacampaign x"), passed("b", "t"), unseen("c", "t")
    assert worst_first([good, dark, bad]) == [bad, dark, good]
    assert next_step([bad, good]) == "wacampaign x"
    assert next_step([good]) == "wacampaign queue-stats"
    assert next_step([failing("a", "t", "drop it;", Mending.SQL)]).startswith("wacampaign doctor")


@pytest.mark.parametrize(
    ("facts", "said", "fix"),
    [
        (
            replace(SCHEMA, not_firing=((None, None), (None, "Odd"), ("a b", "etl"))),
            "all databases, the login Odd in all databases, the login etl in the database a b",
            [
                "alter role all reset session_replication_role;",
                'alter role "Odd" reset session_replication_role;',
                'alter role etl in database "a b" reset session_replication_role;',
                "select pg_terminate_backend(a.pid)",
            ],
        ),
        (
            replace(SCHEMA, not_firing_here="configuration file"),
            "by the server's settings",
            [
                "alter system reset session_replication_role;",
                "select pg_reload_conf();",
                "select pg_terminate_backend(a.pid)",
            ],
        ),
        (
            replace(SCHEMA, not_firing_here="database"),
            "as others may that are open",
            ["select pg_terminate_backend(a.pid)"],
        ),
        (
            replace(SCHEMA, not_firing_here="client"),
            "on the connection that asks",
            ["take session_replication_role out of the options in DATABASE_URL"],
        ),
    ],
)
def test_where_no_trigger_fires_the_fix_mends_what_sets_it(
    facts: Schema, said: str, fix: list[str]
) -> None:
    (found,) = [one for one in schema_checks(facts, MACHINE, 0) if one.id == "guard"]
    assert found.verdict is Check.FAIL
    assert said in found.text
    lines = found.fix.splitlines()
    assert len(lines) == len(fix)
    assert all(line.startswith(begin) for line, begin in zip(lines, fix, strict=True)), lines
