"""Migrations only add: on an empty database, and on a backend's with data in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.database.backends import (
    CAMPAIGNS,
    ERROR_TEXTS,
    NUMBER,
    Connection,
    make_backend,
    snapshot,
)
from tests.database.kept_counts import counted, kept
from tests.servers import migrate, migrations

Connect = Callable[..., Connection]

#: backend-contract.md. Types that it leaves open are text, or what a name makes of it.
CONTRACT = {
    "whatsapp_numbers": "id uuid, number text, display_name text, access_token text,"
    " phone_number_id text, waba_id text, app_id text, app_secret text, verified_name text,"
    " quality_rating text, tier text, max_send_rate_per_sec integer,"
    " last_stable_rate_per_sec integer, is_active boolean,"
    " last_updated timestamp with time zone",
    "templates": "id uuid, whatsapp_number_id uuid, name text, category text, language text,"
    " status text, components jsonb, last_synced timestamp with time zone, is_active boolean,"
    " is_quarantined boolean",
    "campaigns": "id uuid, name text, whatsapp_number_id uuid, template_names text[],"
    " total_contacts integer, invalid_contacts_count integer, total_sent integer,"
    " total_failed integer, start_time timestamp with time zone,"
    " end_time timestamp with time zone, scheduled_start_time timestamp with time zone,"
    " is_scheduled boolean, status text, created_at timestamp with time zone,"
    " current_template_index integer, spam_pause_count integer,"
    " spam_paused_until timestamp without time zone, pause_reason text,"
    " total_delivered integer, total_read integer, total_replied integer",
    "campaign_contacts": "id uuid, campaign_id uuid, phone text, template_name text,"
    " variables jsonb, is_valid boolean, invalid_reason text,"
    " created_at timestamp with time zone",
    "send_queue": "id uuid, campaign_id uuid, whatsapp_number_id uuid, template_name text,"
    " phone text, payload jsonb, status text, retry_count integer, error_message text,"
    " next_retry_at timestamp with time zone, created_at timestamp with time zone,"
    " updated_at timestamp with time zone, sent_at timestamp with time zone,"
    " whatsapp_message_id text, template_order integer, actual_sent_at timestamp with time zone,"
    " spam_error_detected boolean",
    "messages": "id uuid, whatsapp_number_id uuid, user_phone text, direction text,"
    " message_type text, message_body text, template_name text, campaign_id uuid,"
    " whatsapp_message_id text, status text, created_at timestamp with time zone, media_url text",
    "message_status_logs": "id uuid, message_id uuid, whatsapp_number_id uuid, campaign_id uuid,"
    " user_phone text, whatsapp_message_id text, status text, error_code integer,"
    " error_message text, created_at timestamp with time zone",
    "notifications": "id uuid, type text, title text, message text, action_url text,"
    " related_entity_type text, related_entity_id uuid, created_at timestamp with time zone,"
    " is_read boolean",
    "media_library": "id uuid, whatsapp_number_id uuid, media_id text, file_name text,"
    " file_type text, mime_type text, file_size bigint, created_at timestamp with time zone",
}

FORMS: dict[str, dict[str, bool]] = {
    "early": {},
    "early, row security": {"rls": True},
    "later": {"later": True},
    "later, row security": {"later": True, "rls": True},
    "later, a message id twice": {"later": True, "twice": True},
}


def types_of(connection: Connection, table: str) -> dict[str, str]:
    rows = connection.execute(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0",
        (table,),
    ).fetchall()
    return dict(rows)


def has_contract(connection: Connection) -> None:
    for table, columns in CONTRACT.items():
        expected = dict(column.strip().split(" ", 1) for column in columns.split(","))
        found = types_of(connection, table)
        assert {name: found.get(name) for name in expected} == expected, table


def test_an_empty_database_gets_every_table_of_the_contract(
    empty_database: str, connect: Connect
) -> None:
    connection = connect(empty_database)
    migrate(empty_database)
    has_contract(connection)
    before = snapshot(connection)
    migrate(empty_database)
    assert snapshot(connection) == before
    for table, column, value in (
        ("campaigns", "status", "stuck"),
        ("send_queue", "status", "in_doubt"),
        ("messages", "direction", "sideways"),
        ("message_status_logs", "status", "lost"),
        ("notifications", "type", "alarm"),
    ):
        (rule,) = connection.execute(
            "select string_agg(pg_get_constraintdef(oid), ' ') from pg_constraint"
            " where contype = 'c' and conrelid = %s::regclass",
            (table,),
        ).fetchone() or ("",)
        assert column in rule
        assert value not in rule


@pytest.mark.parametrize("form", FORMS)
def test_what_is_there_stays_as_it_is(empty_database: str, connect: Connect, form: str) -> None:
    connection = connect(empty_database)
    make_backend(connection, **FORMS[form])
    before = snapshot(connection)
    assert len(before["send_queue"]["rows"]) == 500
    for _ in range(2):
        migrate(empty_database)
        after = snapshot(connection, like=before)
        for table in before:
            assert after[table] == before[table], table
        assert kept(connection) == counted(connection)
        has_contract(connection)
    unique = connection.execute(
        "select count(*) from pg_index i join pg_attribute a"
        " on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
        " where indrelid = 'send_queue'::regclass and indisunique"
        " and a.attname = 'whatsapp_message_id'"
    ).fetchone()
    # The backend's own, or ours, never both; and none where an id already stands twice.
    assert unique == (0 if FORMS[form].get("twice") else 1,)


def test_a_message_id_that_stands_twice_is_told(empty_database: str, connect: Connect) -> None:
    make_backend(connect(empty_database), later=True, twice=True)
    told: list[str] = []
    connection = connect(empty_database)
    connection.add_notice_handler(lambda d: told.append(f"{d.severity} {d.message_primary}"))
    for _, sql in migrations():
        connection.execute(sql.encode())
    assert [text for text in told if text.startswith("WARNING")] == [
        "WARNING send_queue: a whatsapp_message_id stands twice, so no unique index was made;"
        " see wacampaign audit"
    ]


def test_old_error_texts_are_counted_by_their_code(empty_database: str, connect: Connect) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    migrate(empty_database)
    for text, code in ERROR_TEXTS.items():
        found = connection.execute("select wacampaign_error_code(null, %s)", (text,)).fetchone()
        assert (text, found) == (text, (code,))
    assert connection.execute(
        "select wacampaign_error_code(1, '(#2) x'), wacampaign_error_code(null, null)"
    ).fetchone() == (1, 0)
    campaign = CAMPAIGNS["failed"]
    (stats,) = connection.execute(
        "select wacampaign_stats(array[%s::uuid])", (campaign,)
    ).fetchone() or ({},)
    by_code = {error["code"]: error["count"] for error in stats["campaigns"][0]["errors"]}
    expected = connection.execute(
        "select error_message from send_queue where campaign_id = %s and error_message is not null",
        (campaign,),
    ).fetchall()
    codes = [ERROR_TEXTS[text] for (text,) in expected if ERROR_TEXTS[text]]
    assert by_code == {code: codes.count(code) for code in set(codes)}
    assert len(by_code) >= 3


def test_a_campaign_started_by_plain_update_begins_a_new_run(
    empty_database: str, connect: Connect
) -> None:
    connection, listener = connect(empty_database), connect(empty_database)
    make_backend(connection)
    migrate(empty_database)
    connection.execute(
        "insert into wacampaign_lanes (campaign_id, whatsapp_number_id, template_name,"
        " run_accepted, faults_in_a_row) select id, whatsapp_number_id, 'hello', 99, 3"
        " from campaigns"
    )
    listener.execute("listen wacampaign")

    def heard() -> list[str]:
        return [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)]

    def lanes() -> set[str]:
        return {str(i) for (i,) in connection.execute("select campaign_id from wacampaign_lanes")}

    paused, running = CAMPAIGNS["paused"], CAMPAIGNS["running"]
    connection.execute("update campaigns set status = 'running' where id = %s", (paused,))
    assert heard() == [paused]
    assert lanes() == set(CAMPAIGNS.values()) - {paused}
    # Nothing begins when it ran already, or when another column is written.
    connection.execute("update campaigns set status = 'running' where id = %s", (running,))
    connection.execute("update campaigns set total_sent = total_sent + 1")
    assert lanes() == set(CAMPAIGNS.values()) - {paused}
    # Written by a role that may write campaigns and nothing of ours.
    connection.execute("grant select, update on campaigns to authenticated")
    connection.execute("grant insert on backend_log to authenticated")
    with connection.transaction():
        connection.execute("set local role authenticated")
        connection.execute(
            "update campaigns set status = 'running' where id = %s", (CAMPAIGNS["scheduled"],)
        )
    assert heard() == [CAMPAIGNS["scheduled"]]
    assert lanes() == set(CAMPAIGNS.values()) - {paused, CAMPAIGNS["scheduled"]}


def test_a_big_table_is_not_rewritten(empty_database: str, connect: Connect) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    connection.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload,"
        " status, retry_count, created_at, updated_at)"
        " select %s, %s, 'hello', '9990' || g, '{}', 'ready', 0, now(), now()"
        " from generate_series(1, 20000) g",
        (CAMPAIGNS["running"], NUMBER),
    )

    def file() -> Any:
        return connection.execute(
            "select relfilenode, pg_relation_size(oid) from pg_class"
            " where oid = 'send_queue'::regclass"
        ).fetchone()

    before = file()
    migrate(empty_database)
    assert file() == before
    assert kept(connection) == counted(connection)
    assert sum(kept(connection).values()) == 20_500


def test_a_migration_that_is_cut_leaves_no_trace(empty_database: str, connect: Connect) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    before = last = snapshot(connection)
    for _, sql in migrations():
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute(sql.encode())
            connection.execute("select 1 / 0")
        assert snapshot(connection) == last
        connection.execute(sql.encode())
        last = snapshot(connection)
    assert snapshot(connection, like=before) == before
    assert kept(connection) == counted(connection)


GUARDS = {
    "wacampaign_guard_row": "send_queue",
    "wacampaign_guard_told": "send_queue",
    "wacampaign_guard_deleted": "send_queue",
    "wacampaign_guard_emptied": "send_queue",
    "wacampaign_guard_inserted": "send_queue",
    "wacampaign_guard_completion": "campaigns",
}


def guards(connection: Connection) -> dict[str, tuple[str, str]]:
    """What each of the guard's triggers says, and whether it is enabled."""
    found = connection.execute(
        "select tgname::text, pg_get_triggerdef(oid), tgenabled::text from pg_trigger"
        " where tgname like 'wacampaign\\_guard\\_%'"
    ).fetchall()
    return {name: (says, enabled) for name, says, enabled in found}


def test_a_guard_of_an_earlier_release_is_made_anew(database: str, connect: Connect) -> None:
    """A trigger that was there kept the condition that it was made with."""
    connection = connect(database)
    right = guards(connection)
    assert right.keys() == GUARDS.keys()
    for name, table in GUARDS.items():
        connection.execute(f"drop trigger {name} on {table}".encode())
        connection.execute(
            f"create trigger {name} before update on {table} for each row when (false)"
            " execute function suppress_redundant_updates_trigger()".encode()
        )
    migrate(database)
    assert guards(connection) == right
