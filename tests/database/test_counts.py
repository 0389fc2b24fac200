"""The counts stay right whoever writes, whatever he writes, and when he thinks better of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.database.backends import (
    CAMPAIGNS,
    ERROR_TEXTS,
    NUMBER,
    Connection,
    make_backend,
)
from tests.database.kept_counts import counted, kept
from tests.servers import migrate

STATUSES = ("pending", "ready", "processing", "sent", "failed")
OTHER_NUMBER = NUMBER[:-1] + "2"

campaigns = st.sampled_from((*CAMPAIGNS.values(), None))
numbers = st.sampled_from((NUMBER, OTHER_NUMBER, None))
templates = st.sampled_from(("hello", "bye", None))
statuses = st.sampled_from((*STATUSES, None))
texts = st.sampled_from((*ERROR_TEXTS, None))
codes = st.sampled_from((None, None, 0, 131026))
rows = st.tuples(campaigns, numbers, templates, statuses, texts, codes)
modulus = st.integers(1, 7)

COLUMNS = (
    "campaign_id, whatsapp_number_id, template_name, status, error_message, error_code, id,"
    " phone, payload, retry_count, created_at, updated_at"
)


@pytest.fixture
def lenient(empty_database: str, connect: Callable[..., Connection]) -> Iterator[Connection]:
    """A backend that lets nearly every column be null, migrated."""
    connection = connect(empty_database)
    make_backend(connection)
    connection.execute(
        "alter table send_queue alter campaign_id drop not null,"
        " alter whatsapp_number_id drop not null, alter template_name drop not null,"
        " alter status drop not null"
    )
    connection.execute(
        "insert into whatsapp_numbers (id, number, last_updated) values (%s, '99901', now())",
        (OTHER_NUMBER,),
    )
    migrate(empty_database)
    connection.execute("grant truncate on send_queue to service_role")
    yield connection
    connection.rollback()


class Writer(RuleBasedStateMachine):
    """Somebody who writes to send_queue and knows nothing of the counts."""

    connection: Connection
    savepoints: int

    def execute(self, statement: str, *params: object) -> Any:
        return self.connection.execute(statement.encode(), params)

    def insert(self, listed: list[tuple[object, ...]], tail: str = "") -> None:
        values = ", ".join(
            ["(%s, %s, %s, %s, %s, %s, %s, '9990', '{}', 0, now(), now())"] * len(listed)
        )
        self.execute(
            f"insert into send_queue ({COLUMNS}) values {values} {tail}",
            *(value for row in listed for value in (*row, uuid.uuid4())),
        )

    @initialize()
    def fresh(self) -> None:
        self.execute("rollback") if self.connection.info.transaction_status else None
        self.execute("reset role")
        self.execute("truncate send_queue")
        self.savepoints = 0

    @property
    def in_transaction(self) -> bool:
        return self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    @rule(role=st.sampled_from(("service_role", "none")))
    def become(self, role: str) -> None:
        self.execute(f"set role {role}")

    @rule()
    @precondition(lambda self: not self.in_transaction)
    def begin(self) -> None:
        self.execute("begin")
        self.savepoints = 0

    @rule(how=st.sampled_from(("commit", "rollback")))
    @precondition(lambda self: self.in_transaction)
    def end(self, how: str) -> None:
        self.execute(how)
        self.savepoints = 0

    @rule()
    @precondition(lambda self: self.in_transaction)
    def savepoint(self) -> None:
        self.savepoints += 1
        self.execute(f"savepoint s{self.savepoints}")

    @rule()
    @precondition(lambda self: self.in_transaction and self.savepoints > 0)
    def back_to_savepoint(self) -> None:
        self.execute(f"rollback to savepoint s{self.savepoints}")

    @rule(listed=st.lists(rows, min_size=1, max_size=8))
    def insert_rows(self, listed: list[tuple[object, ...]]) -> None:
        self.insert(listed)

    @rule(listed=st.lists(rows, max_size=8))
    def copy_rows(self, listed: list[tuple[object, ...]]) -> None:
        names = "campaign_id, whatsapp_number_id, template_name, status, error_message, error_code"
        with self.connection.cursor().copy(
            f"copy send_queue ({names}, phone, payload, retry_count, created_at, updated_at)"
            " from stdin".encode()
        ) as copy:
            for row in listed:
                copy.write_row((*row, "9990", "{}", 0, "now", "now"))

    @rule(row=rows, mod=modulus)
    def update_all_columns(self, row: tuple[object, ...], mod: int) -> None:
        self.execute(
            "update send_queue set campaign_id = %s, whatsapp_number_id = %s, template_name = %s,"
            " status = %s, error_message = %s, error_code = %s"
            " where abs(hashtext(id::text)) %% %s = 0",
            *row,
            mod,
        )

    @rule(status=statuses, mod=modulus)
    def update_status(self, status: str | None, mod: int) -> None:
        self.execute(
            "update send_queue set status = %s, retry_count = retry_count + 1"
            " where abs(hashtext(id::text)) %% %s = 0",
            status,
            mod,
        )

    @rule(text=texts, mod=modulus)
    def fail_and_swap(self, text: str | None, mod: int) -> None:
        """One statement that moves rows both ways."""
        self.execute(
            "update send_queue set error_message = %s,"
            " status = case status when 'failed' then 'ready' else 'failed' end"
            " where abs(hashtext(id::text)) %% %s = 0",
            text,
            mod,
        )

    @rule(row=rows, status=statuses)
    def upsert(self, row: tuple[object, ...], status: str | None) -> None:
        self.execute(
            f"insert into send_queue ({COLUMNS})"
            " select %s::uuid, %s::uuid, %s::text, %s::text, %s::text, %s::int, i, '9990',"
            " '{}'::jsonb, 0, now(), now()"
            " from (select id as i from send_queue limit 3) known"
            " union all select %s, %s, %s, %s, %s, %s, gen_random_uuid(), '9990', '{}', 0, now(),"
            " now()"
            " on conflict (id) do update set status = %s, template_name = excluded.template_name",
            *row,
            *row,
            status,
        )

    @rule(row=rows)
    def insert_what_is_there(self, row: tuple[object, ...]) -> None:
        self.execute(
            f"insert into send_queue ({COLUMNS})"
            " select %s::uuid, %s::uuid, %s, %s, %s, %s::int, id, '9990', '{}', 0, now(), now()"
            " from send_queue on conflict do nothing",
            *row,
        )

    @rule(row=rows, mod=modulus)
    def merge(self, row: tuple[object, ...], mod: int) -> None:
        self.execute(
            "merge into send_queue q using (select id from send_queue"
            "   union all select gen_random_uuid()) as s on q.id = s.id"
            " when matched and abs(hashtext(q.id::text)) %% %s = 0 then delete"
            " when matched then update set status = 'sent'"
            f" when not matched then insert ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, s.id,"
            "   '9990', '{}', 0, now(), now())",
            mod,
            *row,
        )

    @rule(mod=modulus)
    def delete(self, mod: int) -> None:
        self.execute("delete from send_queue where abs(hashtext(id::text)) %% %s = 0", mod)

    @rule(mod=modulus, status=statuses)
    def move_in_one_statement(self, mod: int, status: str | None) -> None:
        """Deletes and inserts in one statement, as archiving code does."""
        self.execute(
            "with gone as (delete from send_queue where abs(hashtext(id::text)) %% %s = 0"
            " returning *)"
            f" insert into send_queue ({COLUMNS}) select campaign_id, whatsapp_number_id,"
            " template_name, %s, error_message, error_code, gen_random_uuid(), phone, payload, 0,"
            " now(), now() from gone",
            mod,
            status,
        )

    @rule()
    def truncate(self) -> None:
        self.execute("truncate send_queue")

    @rule(row=rows)
    def fail(self, row: tuple[object, ...]) -> None:
        """A statement that breaks after its first rows were written."""
        try:
            with self.connection.transaction():
                self.insert([row])
                self.insert([(*row[:3], "no such status", *row[4:])])
        except psycopg.errors.CheckViolation:
            pass

    @rule()
    def delete_a_campaign(self) -> None:
        """Its rows go by the foreign key."""
        if not self.in_transaction:
            return
        with self.connection.transaction(force_rollback=True):
            self.execute("reset role")
            self.execute("delete from message_status_logs")
            self.execute("delete from messages")
            self.execute("delete from campaigns where id = %s", CAMPAIGNS["running"])
            self.counts_are_right()

    @invariant()
    def counts_are_right(self) -> None:
        if hasattr(self, "savepoints"):
            assert kept(self.connection) == counted(self.connection)

    def teardown(self) -> None:
        if self.in_transaction:
            self.execute("rollback")


@pytest.mark.timeout(120)
def test_counts_stay_right_whoever_writes(lenient: Connection) -> None:
    class Machine(Writer):
        connection = lenient

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
