"""What the backend's UI is shown of a campaign: rarely while it runs, rightly when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

Connection = psycopg.Connection[Any]

TOTALS = "total_sent, total_failed, total_delivered, total_read, total_replied"


class Run:
    """A running campaign, a worker, and a count of the changes to the campaign's row."""

    def __init__(self, sql: Connection) -> None:
        self.sql = sql
        self.worker, self.number, self.campaign = uuid4(), uuid4(), uuid4()
        sql.execute(
            "create table changes (n int); insert into changes values (0);"
            "create function count_change() returns trigger language plpgsql as"
            " $$ begin update changes set n = n + 1; return null; end $$;"
            "create trigger count_change after update on campaigns"
            " for each row execute function count_change()"
        )
        sql.execute(
            "insert into whatsapp_numbers (id, number, max_send_rate_per_sec)"
            " values (%s, '99900', 1000)",
            (self.number,),
        )
        sql.execute(
            "insert into campaigns (id, name, whatsapp_number_id, total_contacts, status)"
            " values (%s, 'c', %s, 60, 'running')",
            (self.campaign, self.number),
        )
        sql.execute(
            "insert into wacampaign_lanes (campaign_id, whatsapp_number_id, template_name,"
            " run_accepted) values (%s, %s, 'hello', 100)",
            (self.campaign, self.number),
        )
        sql.execute(
            "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
            " payload) select %s, %s, 'hello', g, '{}' from generate_series(1, 60) g",
            (self.campaign, self.number),
        )
        self.register(self.worker)

    def register(self, worker: UUID) -> None:
        self.sql.execute("select wacampaign_register(%s, 'h', 1, '0')", (worker,))

    def send(self, rows: int, outcome: str = "sent", scope: str | None = None) -> list[str]:
        claim = uuid4()
        (answer,) = self.sql.execute(
            "select wacampaign_claim(p_worker_id => %s, p_claim_id => %s, p_limit => %s)",
            (self.worker, claim, rows),
        ).fetchone() or ({},)
        ids = [row["id"] for row in answer["rows"]]
        n = len(ids)
        wamids = [f"w.{row}" if outcome == "sent" else None for row in ids]
        self.sql.execute(
            "select wacampaign_settle(%s, %s::uuid[], %s::uuid[], %s, %s::text[], %s::int[],"
            " %s::text[], %s::int[], %s::int[], %s::int[], %s::text[], %s::int[], %s::int[],"
            " %s::int[], %s::text[])",
            (
                self.worker, ids, [claim] * n, [outcome] * n, wamids, [None] * n, [None] * n,
                [0] * n, [0] * n, [0] * n, [scope] * n, [1] * n, [0] * n, [None] * n, ["why"] * n,
            ),
        )  # fmt: skip
        return [wamid for wamid in wamids if wamid]

    def beat(self) -> None:
        self.sql.execute("select wacampaign_heartbeat(%s, 0)", (self.worker,))

    def ten_seconds_pass(self) -> None:
        self.sql.execute("update wacampaign_runs set shown_at = shown_at - interval '11 s'")
        self.sql.execute("update wacampaign_delivery set counted_at = counted_at - interval '11 s'")

    @property
    def changes(self) -> int:
        (n,) = self.sql.execute("select n from changes").fetchone() or (0,)
        return int(n)

    @property
    def shown(self) -> Any:
        return self.sql.execute(f"select {TOTALS} from campaigns".encode()).fetchone()


@pytest.fixture
def run(sql: Connection) -> Iterator[Run]:
    yield Run(sql)


def test_the_campaigns_row_changes_once_in_ten_seconds(run: Run) -> None:
    for _ in range(5):
        run.send(4)
    assert (run.changes, run.shown[0]) == (1, 4)
    run.beat()
    assert run.changes == 1
    run.ten_seconds_pass()
    run.send(4)
    assert (run.changes, run.shown[0]) == (2, 24)
    # Nothing is settled any more (its worker died): the next beat of any worker shows the rest.
    run.send(4)
    run.ten_seconds_pass()
    run.beat()
    assert (run.changes, run.shown[0]) == (3, 28)
    run.ten_seconds_pass()
    run.beat()
    assert run.changes == 3


def test_a_run_that_ends_shows_all(run: Run) -> None:
    run.send(4)
    run.send(4)
    run.sql.execute("select wacampaign_set_status(%s, 'pause', 'me')", (run.campaign,))
    assert run.shown[0] == 8
    run.sql.execute("select wacampaign_set_status(%s, 'resume', 'me')", (run.campaign,))
    run.send(1)
    run.send(4)
    other = uuid4()
    run.register(other)
    run.sql.execute("select wacampaign_goodbye(%s)", (other,))
    assert run.shown[0] == 9
    run.sql.execute("select wacampaign_goodbye(%s)", (run.worker,))
    assert run.shown[0] == 13
    run.register(run.worker)
    run.send(4)
    run.send(1, "failed", "template")
    state = run.sql.execute("select status, pause_reason from campaigns").fetchone()
    assert state == ("paused", "why")
    assert run.shown[:2] == (17, 1)


def test_the_guard_shows_all(run: Run) -> None:
    run.send(30)
    run.send(30)
    assert run.shown[0] == 30
    (verdict,) = run.sql.execute(
        "select wacampaign_complete(%s, 'me')", (run.campaign,)
    ).fetchone() or ({},)
    assert verdict["completed"]
    assert run.shown[0] == 60


def log(run: Run, wamids: list[str], status: str) -> None:
    for wamid in wamids:
        run.sql.execute(
            "insert into message_status_logs (whatsapp_number_id, campaign_id, user_phone,"
            " whatsapp_message_id, status) values (%s, %s, '1', %s, %s)",
            (run.number, run.campaign, wamid, status),
        )
    take(run)


def take(run: Run) -> None:
    """As a worker does once a second."""
    run.sql.execute("select wacampaign_take_logged(1000, '{}')")


def incoming(run: Run, phone: str, number: UUID, when: str) -> None:
    run.sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type, created_at)"
        " values (%s, %s, 'incoming', 'text', now() + %s::interval)",
        (number, phone, when),
    )


def replies_taken(run: Run) -> None:
    (waiting,) = run.sql.execute("select wacampaign_logged_messages_waiting()").fetchone() or ({},)
    run.sql.execute(
        "select wacampaign_take_logged_messages(%s, '{}', null)", (json.dumps(waiting["messages"]),)
    )


def test_delivered_read_and_replied_as_the_backend_counts_them(run: Run) -> None:
    wamids = run.send(20)
    log(run, wamids, "sent")
    log(run, wamids[:9], "delivered")
    # Read without delivered: it was delivered all the same.
    log(run, wamids[5:12], "read")
    log(run, wamids[15:], "failed")
    one, two = run.sql.execute("select phone from send_queue where status = 'sent' limit 2")
    for (phone,) in (one, one, two):
        incoming(run, phone, run.number, "0 s")
    incoming(run, "3", run.number, "-1 day")
    incoming(run, "4", uuid4(), "0 s")
    replies_taken(run)
    run.ten_seconds_pass()
    before = run.changes
    run.beat()
    assert run.shown == (20, 0, 12, 7, 2)
    # All five in one change of the row.
    assert run.changes == before + 1
    # They go on coming after the campaign is over.
    run.send(40)
    run.sql.execute("select wacampaign_complete(%s, 'me')", (run.campaign,))
    log(run, wamids[9:], "delivered")
    run.ten_seconds_pass()
    run.beat()
    assert run.shown == (60, 0, 20, 7, 2)


def test_none_is_more_than_was_sent(run: Run) -> None:
    log(run, [f"somebody else's {i}" for i in range(9)], "read")
    run.sql.execute(
        "insert into wacampaign_reply_counts (campaign_id, replied) values (%s, 6)", (run.campaign,)
    )
    log(run, run.send(9), "read")
    # Their rows go, their messages do not.
    run.sql.execute(
        "delete from send_queue where id in"
        " (select id from send_queue where status = 'sent' order by id limit 5)"
    )
    run.send(4)
    run.ten_seconds_pass()
    run.beat()
    sent = run.shown[0]
    assert run.shown == (sent, 0, sent, sent, min(sent, 6))


@pytest.mark.parametrize("step", [2, 3, 7, 1000])
def test_the_log_of_before_is_read_in_steps(run: Run, step: int) -> None:
    wamids = run.send(20)
    log(run, wamids[:13], "delivered")
    log(run, wamids[4:17], "read")
    # As a log that was there before the trigger.
    run.sql.execute("delete from wacampaign_logged_statuses")
    for _ in range(60):
        (taken,) = run.sql.execute(
            "select wacampaign_take_logged(%s, '{}')", (step,)
        ).fetchone() or ({},)
        if not taken["left"]:
            break
    (found,) = run.sql.execute("select wacampaign_delivery_of(%s)", (run.campaign,)).fetchone() or (
        {},
    )
    assert (found["delivered"], found["read"], found["silent"]) == (17, 13, 3)
