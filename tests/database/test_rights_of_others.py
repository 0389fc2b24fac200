"""What any role could write before the migration, it can write after it; and nothing of ours is
open to others in between two files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.database.backends import CAMPAIGNS, NUMBER, Connection, make_backend
from tests.database.test_security import OLD_DEFAULTS
from tests.servers import migrate, migrations

Connect = Callable[..., Connection]

ROLES = ("authenticated", "anon", "backend_login")

#: As the backend, its cron, its UI and a person write, by what each is about.
STATEMENTS = {
    "a campaign": "insert into campaigns (id, name, whatsapp_number_id, template_names,"
    " total_contacts, invalid_contacts_count, total_sent, total_failed, is_scheduled, status,"
    " created_at) values ('00000000-0000-4000-8000-0000000000aa', 'new', {number}, '{{hello}}', 2,"
    " 0, 0, 0, false, 'paused', now())",
    "rows": "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
    " payload, status, retry_count, error_message, created_at, updated_at)"
    " select '00000000-0000-4000-8000-0000000000aa', {number}, 'hello', '9997' || g, '{{}}',"
    " case when g = 1 then 'failed' else 'ready' end, 0,"
    " case when g = 1 then '(#135000) Generic user error' end, now(), now()"
    " from generate_series(1, 2) g",
    "start": "update campaigns set status = 'running', start_time = now()"
    " where id in ('00000000-0000-4000-8000-0000000000aa', {paused})",
    "take": "update send_queue set status = 'processing', updated_at = now()"
    " where campaign_id = {running} and status = 'ready'",
    "accept": "update send_queue set status = 'sent', sent_at = now(), whatsapp_message_id ="
    " 'wamid.new.' || id where campaign_id = {running} and status = 'processing'",
    "fail": "update send_queue set status = 'failed', error_message = '(#131026) undeliverable',"
    " retry_count = retry_count + 1 where campaign_id = {scheduled} and status = 'processing'",
    "cron reset": "update send_queue set status = 'ready', updated_at = now()"
    " where status = 'processing' and updated_at < now() + interval '5 minutes'",
    "retry failed": "update send_queue set status = 'ready' where status = 'failed'"
    " and campaign_id = {failed}",
    "back to running": "update campaigns set status = 'running' where status = 'completed'",
    "texts": "update send_queue set error_message = 'Request timeout' where status = 'failed'",
    "scheduler starts": "update campaigns set status = 'running' where status = 'scheduled'",
    "scheduler fails": "update campaigns set status = 'failed' where id = {paused}",
    "message": "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
    " campaign_id, whatsapp_message_id, created_at) values ({number}, '999', 'outgoing',"
    " 'template', {running}, 'wamid.m', now()) on conflict (whatsapp_message_id)"
    " do update set status = 'sent'",
    "message again": "insert into messages (whatsapp_number_id, user_phone, direction,"
    " message_type, campaign_id, whatsapp_message_id, created_at) values ({number}, '999',"
    " 'outgoing', 'template', {running}, 'wamid.m', now()) on conflict (whatsapp_message_id)"
    " do update set status = 'delivered'",
    "status log": "insert into message_status_logs (whatsapp_number_id, user_phone,"
    " whatsapp_message_id, status, created_at) values ({number}, '999', 'wamid.m', 'read', now())"
    " on conflict do nothing",
    "totals": "update campaigns set total_sent = total_sent + 1, total_failed = 3",
    "notification": "insert into notifications (type, title, message, created_at, is_read)"
    " values ('info', 'x', 'y', now(), false)",
    "number": "update whatsapp_numbers set last_stable_rate_per_sec = 70",
    "template": "update templates set status = 'PAUSED'",
    "contacts": "insert into campaign_contacts (campaign_id, phone, variables, is_valid,"
    " created_at) values ({running}, '999', '{{}}', true, now())",
    "delete rows": "delete from send_queue where campaign_id = {completed}",
    "delete a campaign": "delete from campaigns where id = '00000000-0000-4000-8000-0000000000aa'",
    "truncate": "truncate send_queue",
}


def let_write(connection: Connection) -> None:
    """Each role may write the backend's tables, and nothing else."""
    known = connection.execute("select from pg_roles where rolname = 'backend_login'").fetchone()
    if known is None:  # roles are the server's, not the database's
        connection.execute("create role backend_login login")
    for role in ROLES:
        connection.execute(
            f"grant usage on schema public to {role};"
            "grant select, insert, update, delete, truncate on all tables in schema public"
            f" to {role}".encode()
        )


def outcome(connection: Connection, role: str) -> dict[str, str]:
    """What becomes of each statement, one after the other; nothing of it stays."""
    found = {}
    names = {status: f"'{i}'" for status, i in CAMPAIGNS.items()} | {"number": f"'{NUMBER}'"}
    with connection.transaction(force_rollback=True):
        connection.execute(f"set local role {role}".encode())
        for name, statement in STATEMENTS.items():
            try:
                with connection.transaction():
                    done = connection.execute(statement.format(**names).encode())
                    found[name] = f"{done.rowcount} rows"
            except psycopg.Error as error:
                found[name] = str(error.diag.message_primary)
    return found


@pytest.mark.parametrize("later", [False, True], ids=["early", "later"])
def test_who_could_write_before_the_migration_can_write_after_it(
    empty_database: str, connect: Connect, later: bool
) -> None:
    connection = connect(empty_database)
    make_backend(connection, later=later)
    let_write(connection)
    before = {role: outcome(connection, role) for role in ROLES}
    assert all(text.endswith(" rows") for texts in before.values() for text in texts.values())
    migrate(empty_database)
    assert {role: outcome(connection, role) for role in ROLES} == before


def test_what_an_index_or_a_default_calls_is_everybodys(
    empty_database: str, connect: Connect
) -> None:
    """An index expression runs with the rights of whoever writes the row."""
    connection = connect(empty_database)
    migrate(empty_database)
    called = connection.execute(
        "select distinct p.proname::text, has_function_privilege('public', p.oid, 'execute')"
        " from pg_depend d join pg_proc p on p.oid = d.refobjid"
        " where d.refclassid = 'pg_proc'::regclass and p.pronamespace = 'public'::regnamespace"
        " and d.classid::regclass::text in ('pg_class', 'pg_constraint', 'pg_attrdef')"
    ).fetchall()
    assert [name for name, may in called if not may] == []


def test_after_each_file_others_may_call_and_touch_nothing_of_ours(
    empty_database: str, connect: Connect
) -> None:
    """A later release's file is applied alone: `supabase db push` applies what is new."""
    connection = connect(empty_database)
    connection.execute("grant usage on schema public to anon, authenticated")
    connection.execute(OLD_DEFAULTS.encode())
    for name, sql in migrations():
        connection.execute(sql.encode())
        open_to_others: list[Any] = connection.execute(
            "select p.proname::text, r from pg_proc p,"
            " unnest(array['public', 'anon', 'authenticated']) r"
            " where p.pronamespace = 'public'::regnamespace and p.proname like 'wacampaign\\_%'"
            " and has_function_privilege(r, p.oid, 'execute')"
            " and coalesce(obj_description(p.oid, 'pg_proc'), '') not like 'for everybody:%'"
            " union all"
            " select c.relname::text, r from pg_class c, unnest(array['anon', 'authenticated']) r"
            " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
            " and c.relname like 'wacampaign\\_%' and has_table_privilege(r, c.oid,"
            "   'select, insert, update, delete, truncate, references, trigger')"
        ).fetchall()
        assert (name, open_to_others) == (name, [])
