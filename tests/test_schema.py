"""What `store/schema.py` reads from our SQL is what it makes; what is gone is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.servers import PostgresServer
from wacampaign.problems import AccessRefused, Busy, Unreachable
from wacampaign.settings import Settings
from wacampaign.store import schema, schema_difference


def test_tables_are_dated_and_applied_in_that_order() -> None:
    names = [one.name.partition("/") for one in schema.sql_files()]
    dates = [name.partition("_")[0] for folder, _, name in names if folder == "tables"]
    assert dates == sorted(set(dates))
    assert all(len(date) == 14 and date.isdigit() for date in dates)


def test_the_database_answers_the_expected_version(sql: psycopg.Connection[Any]) -> None:
    row = sql.execute("select wacampaign_schema_version() ->> 'version'").fetchone()
    assert row == (schema.expected_version(),)


def test_everything_that_our_sql_makes_is_looked_at(sql: psycopg.Connection[Any]) -> None:
    expected = schema_difference._expected()
    functions = sql.execute("select proname::text from pg_proc where proname like 'wacampaign%'")
    assert expected.functions.keys() == {row[0] for row in functions}
    columns = sql.execute(
        "select table_name::text, column_name::text from information_schema.columns"
        " where table_schema = 'public'"
    )
    assert expected.columns == set(columns)
    triggers = sql.execute(
        "select tgrelid::regclass::text, tgname::text from pg_trigger where not tgisinternal"
    )
    assert expected.triggers == set(triggers)
    indexes = sql.execute(
        "select indexname::text from pg_indexes where schemaname = 'public'"
        " and indexname like 'wacampaign%' and indexname not like '%\\_pkey'"
    )
    assert expected.indexes == {row[0] for row in indexes}


def test_a_fresh_database_and_a_second_time(postgres: PostgresServer) -> None:
    url = postgres.new_database("template0")
    assert schema.migrate(url) == []
    assert schema.migrate(url) == []
    assert schema.check(url) == []


@pytest.mark.parametrize(
    ("damage", "kind", "name"),
    [
        ("drop table wacampaign_pace", "table", "wacampaign_pace"),
        (
            "alter table send_queue drop column in_doubt_cause",
            "column",
            "send_queue.in_doubt_cause",
        ),
        ("drop index wacampaign_queue_waiting", "index", "wacampaign_queue_waiting"),
        (
            "drop trigger wacampaign_count_update on send_queue",
            "trigger",
            "wacampaign_count_update",
        ),
        ("alter table send_queue disable trigger user", "trigger", "wacampaign_count_delete"),
        ("alter table campaigns disable trigger user", "trigger", "wacampaign_campaign_started"),
        (
            "alter table send_queue enable replica trigger wacampaign_guard_row",
            "trigger",
            "wacampaign_guard_row",
        ),
        ("drop function wacampaign_find(text)", "function", "wacampaign_find"),
        (
            "create or replace function wacampaign_find(p_text text) returns jsonb language sql"
            " as $$ select '[]'::jsonb $$",
            "function",
            "wacampaign_find",
        ),
        ("alter function wacampaign_find(text) reset search_path", "function", "wacampaign_find"),
        ("alter function wacampaign_find(text) volatile", "function", "wacampaign_find"),
        ("alter function wacampaign_find(text) security definer", "function", "wacampaign_find"),
        ("grant execute on function wacampaign_find to anon", "grant", "wacampaign_find"),
        (
            "revoke execute on function wacampaign_find from service_role",
            "grant",
            "wacampaign_find",
        ),
        ("update wacampaign_counts set n = n + 1", "count", ""),
    ],
)
def test_damage_is_found_and_healed(
    database: str, sql: psycopg.Connection[Any], damage: str, kind: str, name: str
) -> None:
    campaign = sql.execute(
        "insert into campaigns (name) values ('x') returning id::text"
    ).fetchone()
    assert campaign is not None
    sql.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone)"
        " values (%s, gen_random_uuid(), 't', '999000000000001')",
        campaign,
    )
    assert schema.check(database) == []
    sql.execute(damage.encode())
    found = schema.check(database)
    assert (kind, name or campaign[0]) in {(one.kind, one.name) for one in found}
    assert schema.migrate(database) == []
    assert schema.check(database) == []


def test_two_migrations_at_once(database: str, sql: psycopg.Connection[Any]) -> None:
    sql.execute("select pg_advisory_lock(%s)", (schema.LOCK_KEY,))
    with pytest.raises(Busy):
        schema.migrate(database)


def test_a_table_in_use_is_not_waited_for_for_ever(
    database: str, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_SECONDS", 1)
    sql.execute("alter table send_queue drop column in_doubt_cause")
    with sql.transaction():
        sql.execute("lock table send_queue in access share mode")
        with pytest.raises(Busy, match=f"process {sql.info.backend_pid}") as refused:
            schema.migrate(database)
    assert refused.value.suggestion == "wacampaign db migrate"
    assert schema.migrate(database) == []


def test_where_nothing_is_missing_no_table_is_locked(
    database: str, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("drop function wacampaign_find")
    with sql.transaction():
        sql.execute("lock table send_queue, campaigns, wacampaign_counts in access share mode")
        assert schema.migrate(database) == []


def test_an_index_that_was_left_half_made_is_made_anew(
    database: str, sql: psycopg.Connection[Any]
) -> None:
    for index in ("wacampaign_queue_fresh", "send_queue_whatsapp_message_id_key"):
        sql.execute(
            "update pg_index set indisvalid = false where indexrelid = %s::regclass", (index,)
        )
    assert [one.name for one in schema.check(database)] == ["wacampaign_queue_fresh"]
    assert schema.migrate(database) == []
    left = sql.execute("select count(*) from pg_index where not indisvalid").fetchone()
    assert left == (0,)


def test_who_cannot_connect_is_told_why(postgres: PostgresServer, tmp_path: Any) -> None:
    with pytest.raises(Unreachable):
        schema.check(f"postgresql://postgres@/x?host={tmp_path}")
    with pytest.raises((AccessRefused, Unreachable)):
        schema.check(postgres.url("postgres").replace("postgres@", "nobody@"))


def test_the_embedded_database_migrates_itself(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database("template0")
    monkeypatch.setattr("wacampaign.store.embedded.start_embedded", lambda _: url)
    settings = Settings(store="embedded")
    with ThreadPoolExecutor(2) as commands:
        list(commands.map(schema.prepare_embedded, [settings, settings]))
    assert schema.check(url) == []
    applied: list[object] = []
    monkeypatch.setattr(schema, "_apply", applied.append)
    schema.prepare_embedded(settings)
    assert applied == []


def test_other_stores_are_left_alone() -> None:
    schema.prepare_embedded(Settings(store="postgres", database_url="postgresql://nowhere/x"))
