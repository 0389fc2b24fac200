"""`restart-stuck`: what it finds, tells, asks and changes, and that it never does it twice."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import as_found, run_on
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.cli.commands import restart_stuck
from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES
from wacampaign.core.engine.ports import ClaimedRow
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.journal.writing import WorkerJournal
from wacampaign.store.windows import Windows

Connection = psycopg.Connection[Any]
DOUBT = (
    "update send_queue set status = 'processing', in_doubt_since = now(), in_doubt_cause ="
    " 'no_answer', claim_id = gen_random_uuid() where id in (select id from send_queue where"
    " status = 'ready' order by id limit {})"
)


@pytest.fixture
def ended_early(seeded: Seeded, sql: Connection) -> Seeded:
    """Completed after nine seconds: 3 of 20 sent."""
    sql.execute(
        "update send_queue set status = 'sent' where id in"
        " (select id from send_queue order by id limit 3)"
    )
    as_found(
        sql,
        "update campaigns set status = 'completed', total_sent = 3, start_time = now(),"
        " end_time = now() + interval '9 seconds'",
    )
    return seeded


def status(sql: Connection) -> Any:
    row = sql.execute("select status from campaigns").fetchone()
    assert row is not None
    return row[0]


def in_states(sql: Connection) -> dict[str, int]:
    return dict(sql.execute("select status, count(*)::int from send_queue group by 1").fetchall())


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_stuck, "at_terminal", lambda: True)


@pytest.mark.parametrize("at", ["wacampaign_hours_mark(1)", "now() + interval '5 minutes'"])
def test_rows_that_wait_are_samples_too(
    wacampaign: Wacampaign, ended_early: Seeded, sql: Connection, at: str
) -> None:
    """For another try, or for their recipients' morning."""
    sql.execute(f"update send_queue set next_retry_at = {at} where status = 'ready'".encode())
    planned = wacampaign("restart-stuck", "--dry-run").stdout
    assert planned.count(f"  hello  never sent  {ended_early.campaign_id[:8]}") == 5


def test_found_without_being_told_where(
    wacampaign: Wacampaign, ended_early: Seeded, sql: Connection
) -> None:
    short_id = ended_early.campaign_id[:8]
    stats = wacampaign("queue-stats", "market_1").stdout
    assert (
        f"! completed, but 17 rows never sent\n    → wacampaign restart-stuck {short_id}" in stats
    )
    dry = wacampaign("restart-stuck", "--dry-run")
    assert dry.exit_code == 0
    assert dry.stdout.splitlines() == [
        f"market_1 ({short_id}) completed",
        "  ! completed with rows left",
        "    it says completed after 9 s, with 3 sent and 0 failed, and 17 rows never sent",
        "  changes: 1 campaign: completed → running",
        "  stays:   3 accepted are never touched",
        "",
        "plan: restart 1 campaign",
        "  1 campaign: completed → running",
        *(
            line
            for line in dry.stdout.splitlines()
            if line.startswith("    +999***") and line.endswith(f"hello  never sent  {short_id}")
        ),
        "  17 rows that were never sent will be sent",
        "  3 accepted are never touched",
        "  afterwards: wacampaign run-worker    (no worker is alive)",
        "dry run: nothing was changed",
    ]
    assert dry.stdout.count("never sent  ") == 5

    refused = wacampaign("restart-stuck")
    assert refused.exit_code == 6
    assert "--yes" in refused.stderr
    assert status(sql) == "completed"

    done = wacampaign("restart-stuck", "--yes")
    assert done.exit_code == 0
    assert f"restarted: market_1 ({short_id}), 17 rows ready" in done.stdout
    assert "3 accepted before were not touched" in done.stdout
    assert done.stdout.splitlines()[-1] == "→ wacampaign run-worker    (no worker is alive)"
    assert status(sql) == "running"
    assert in_states(sql) == {"ready": 17, "sent": 3}

    again = wacampaign("restart-stuck", "--yes")
    assert again.exit_code == 0
    assert "! running with no live worker" in again.stdout
    assert "nothing was changed; 3 accepted are never touched" in again.stdout


@pytest.mark.usefixtures("ended_early", "live_worker")
def test_nothing_is_stuck(wacampaign: Wacampaign) -> None:
    assert wacampaign("restart-stuck", "market_1", "--yes").exit_code == 0
    done = wacampaign("restart-stuck", "--yes")
    assert done.exit_code == 0
    assert done.stdout == "nothing is stuck: nothing was changed\n→ wacampaign queue-stats\n"


def test_a_campaign_that_waits_for_places_is_not_stuck(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection
) -> None:
    sql.execute("update campaigns set status = 'running', start_time = now()")
    sql.execute(
        "insert into wacampaign_workers (id, host, pid, version) values (gen_random_uuid(),"
        " 'app1', 1, '0')"
    )
    sql.execute(
        "insert into wacampaign_messaging_limits (number_id, set_people, set_at)"
        " select id, 1, now() from whatsapp_numbers"
    )
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type)"
        " select id, '447700900999', 'outgoing', 'template' from whatsapp_numbers"
    )
    done = wacampaign("restart-stuck", seeded.campaign_id, "--yes")
    assert "waits and goes on by itself: budget of the portfolio: 1 of 1 used, next" in done.stdout
    assert "nothing is stuck: nothing was changed" in done.stdout


@pytest.mark.usefixtures("live_worker")
def test_what_waits_for_its_time_or_hours_is_not_stuck_and_says_until_when(
    wacampaign: Wacampaign, seeded: Seeded, database: str, sql: Connection
) -> None:
    sql.execute("update campaigns set status = 'paused'")
    sql.execute(
        "select wacampaign_schedule(%s, '2099-05-01T03:30:00Z', 'me')", [seeded.campaign_id]
    )
    name = f"market_1 ({seeded.campaign_id[:8]})"
    said = wacampaign("restart-stuck", "--dry-run", env={"TZ": "UTC"}).stdout
    assert said.splitlines() == [
        f"{name} waits and goes on by itself: at 2099-05-01 03:30 UTC,"
        " or once a worker runs after that",
        "nothing is stuck: nothing was changed",
        "→ wacampaign queue-stats",
    ]

    # Its hours begin 12 hours from now, on a whole minute.
    run_on(database, lambda store: Windows(store).keep_zones())
    sql.execute("update campaigns set status = 'running'")
    begins = sql.execute(
        "select date_trunc('minute', now() at time zone 'utc' + interval '12 hours')"
    ).fetchone()
    assert begins is not None
    opens = begins[0]
    sql.execute(
        "select wacampaign_set_window(%s, %s, %s, 'UTC', 'me')",
        [seeded.campaign_id, f"{opens:%H:%M}", f"{opens + timedelta(minutes=1):%H:%M}"],
    )
    sql.execute("select wacampaign_claim(id, gen_random_uuid(), 100) from wacampaign_workers")
    said = wacampaign("restart-stuck", "--json", "--dry-run", env={"TZ": "UTC"}).stdout
    (waiting,) = json.loads(said)["waiting"]
    assert waiting == {
        "id": seeded.campaign_id,
        "name": "market_1",
        "why": f"its hours begin at {opens:%Y-%m-%d %H:%M} UTC",
    }


@pytest.mark.usefixtures("ended_early")
def test_a_second_operator_is_told_so(
    wacampaign: Wacampaign, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: object, **__: object) -> bool:
        monkeypatch.undo()
        assert wacampaign("restart-stuck", "--yes").exit_code == 0
        return True

    monkeypatch.setattr(restart_stuck, "agreed", meanwhile)
    done = wacampaign("restart-stuck", "--yes")
    assert done.exit_code == 75
    assert "somebody else restarted market_1" in done.stderr
    events = sql.execute("select count(*) from wacampaign_events where kind = 'restarted'")
    assert events.fetchone() == (1,)


def test_doubts_are_held_unless_a_person_says_otherwise(
    wacampaign: Wacampaign, ended_early: Seeded, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql.execute(DOUBT.format(4).encode())
    sql.execute("update send_queue set status = 'sent' where status = 'ready'")
    short_id = ended_early.campaign_id[:8]
    held = wacampaign("restart-stuck", short_id, "--yes")
    assert held.exit_code == 0
    assert "4 rows in doubt: the request went out and no answer came" in held.stdout
    assert "4 in doubt are held: nobody knows if they were sent" in held.stdout
    assert in_states(sql) == {"processing": 4, "sent": 16}
    assert held.stdout.splitlines()[-1] == f"→ wacampaign audit {short_id}"

    assert wacampaign("restart-stuck", "--in-doubt", "resend").exit_code == 6
    at_terminal(monkeypatch)
    for typed in ("y\n", "3\n", "\n"):
        asked = wacampaign("restart-stuck", "--in-doubt", "resend", input=typed)
        assert asked.exit_code == 6
        assert "Some of these people may get the message twice" in asked.stdout
        assert asked.stderr.startswith("Type the number of rows to resend (4): error: ")
        assert "nothing was changed\n" in asked.stderr
    assert in_states(sql) == {"processing": 4, "sent": 16}
    done = wacampaign("restart-stuck", "--in-doubt", "resend", input="4\n")
    assert done.exit_code == 0
    assert f"market_1 ({short_id}): 4 rows in doubt ready again" in done.stdout
    assert in_states(sql) == {"ready": 4, "sent": 16}
    assert status(sql) == "running"


@pytest.mark.usefixtures("ended_early")
def test_doubts_may_count_as_sent(wacampaign: Wacampaign, sql: Connection) -> None:
    sql.execute(DOUBT.format(4).encode())
    sql.execute("update send_queue set status = 'sent' where status = 'ready'")
    done = wacampaign("restart-stuck", "--in-doubt", "assume-sent", "--yes")
    assert done.exit_code == 0
    assert "4 rows in doubt counted as sent" in done.stdout
    assert in_states(sql) == {"sent": 20}
    audit = wacampaign("audit", "market_1")
    assert audit.exit_code == 0
    assert "attention: 4 of the accepted are assumed, as a person decided" in audit.stdout


def test_the_old_processors_rows_and_totals(
    wacampaign: Wacampaign, ended_early: Seeded, sql: Connection
) -> None:
    sql.execute(
        "update send_queue set status = 'processing' where id in (select id from send_queue"
        " where status = 'ready' order by id limit 2)"
    )
    sql.execute("update campaigns set total_sent = 0")
    # The backend's own record says that one of the two was accepted.
    sql.execute(
        "insert into messages (user_phone, direction, message_type, template_name, campaign_id,"
        " whatsapp_message_id) select phone, 'outgoing', 'template', template_name, campaign_id,"
        " 'wamid.1' from send_queue where status = 'processing' order by id limit 1"
    )
    dry = wacampaign("restart-stuck", "--dry-run")
    assert "2 rows: processing (another program) → in doubt" in dry.stdout
    assert "switch that program off first" in dry.stdout
    assert "totals shown as 0 sent, 0 failed → 3, 0" in dry.stdout
    assert in_states(sql)["processing"] == 2
    done = wacampaign("restart-stuck", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 row turned out to be accepted, as messages tell" in done.stderr
    assert in_states(sql) == {"processing": 1, "ready": 15, "sent": 4}
    assert sql.execute("select status, total_sent from campaigns").fetchone() == ("running", 4)
    assert ended_early.campaign_id[:8] in done.stdout


@pytest.mark.usefixtures("ended_early")
@pytest.mark.parametrize(
    ("shown", "told"), [(5, None), (3, "totals shown as 3 sent, 0 failed → 5, 0")]
)
def test_totals_that_will_be_right_are_no_change(
    wacampaign: Wacampaign, sql: Connection, shown: int, told: str | None
) -> None:
    """Of rows that wait though they were accepted, both numbers are looked at after the mend."""
    sql.execute(
        "update send_queue set whatsapp_message_id = 'wamid.old.' || phone where id in (select id"
        " from send_queue where status = 'ready' order by id limit 2)"
    )
    sql.execute("update campaigns set total_sent = %s", (shown,))
    dry = wacampaign("restart-stuck", "--dry-run")
    assert "2 rows: ready (accepted before) → sent" in dry.stdout
    assert ("totals shown" in dry.stdout) is (told is not None)
    assert told is None or told in dry.stdout
    assert wacampaign("restart-stuck", "--yes").exit_code == 0
    assert sql.execute("select total_sent from campaigns").fetchone() == (5,)


def test_journals_of_lost_workers_are_read_first(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection, tmp_path: Path
) -> None:
    lost, claim = uuid4(), str(uuid4())
    rows = [row[0] for row in sql.execute("select id::text from send_queue order by id limit 3")]
    sql.execute(
        "insert into wacampaign_workers (id, host, pid, version, last_beat_at)"
        " values (%s, 'app1', 1, '0', now() - interval '1 hour')",
        (lost,),
    )
    sql.execute(
        "update send_queue set status = 'processing', in_doubt_since = now(), in_doubt_cause ="
        " 'worker_lost', claim_id = %s, worker_id = %s, claimed_at = now() where id = any(%s)",
        (claim, lost, [*map(str, rows)]),
    )
    journal = WorkerJournal(tmp_path / "home", lost)
    held = [ClaimedRow(row, claim, seeded.campaign_id, "", "hello", "", {}, 0.0) for row in rows]
    journal.begun(held[:2])
    journal.answered(held[0], Verdict(Outcome.SENT, wamid="wamid.0"))
    journal.close(settled=False)

    for arguments in (["--dry-run"], []):
        assert "they are read with --yes" in wacampaign("restart-stuck", *arguments).stderr
    assert in_states(sql)["processing"] == 3
    done = wacampaign("audit", "market_1")
    assert "was read: 1 accepted, 0 refused, 1 never sent" in done.stderr
    assert "attention: 1 in doubt" in done.stdout
    assert in_states(sql) == {"processing": 1, "ready": 18, "sent": 1}
    assert not list((tmp_path / "home" / "journals").iterdir())


@pytest.mark.usefixtures("seeded", "live_worker")
def test_paused_by_a_person_is_not_stuck(wacampaign: Wacampaign, sql: Connection) -> None:
    assert wacampaign("pause", "market_1", "--yes").exit_code == 0
    assert "nothing is stuck" in wacampaign("restart-stuck").stdout
    assert status(sql) == "paused"


@pytest.mark.usefixtures("seeded", "live_worker")
def test_a_hold_that_was_repaired(wacampaign: Wacampaign, sql: Connection) -> None:
    sql.execute(
        "select wacampaign_hold('template', id, whatsapp_number_id, 'hello', 135000,"
        " 'Generic user error', null, gen_random_uuid()) from campaigns"
    )
    event = (
        "insert into wacampaign_events (campaign_id, kind, actor) select id, %s, 'x' from campaigns"
    )
    for kind in ("", "repaired", "repair_undone"):
        if kind:
            sql.execute(event.encode(), (kind,))
        stuck = "nothing is stuck" not in wacampaign("restart-stuck", "--dry-run").stdout
        assert stuck is (kind == "repaired")
    sql.execute(event.encode(), ("repaired",))
    done = wacampaign("restart-stuck", "--yes")
    assert "! paused, and the cause is gone" in done.stdout
    assert "gone: its rows were repaired at" in done.stdout
    assert "1 hold: standing → lifted" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("→ wacampaign monitor ")
    assert status(sql) == "running"


def test_doubts_alone_are_completed_without_a_worker(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection
) -> None:
    """Only a worker asked the completion guard: without one it was `running` for ever."""
    short_id = seeded.campaign_id[:8]
    sql.execute(DOUBT.format(4).encode())
    sql.execute("update send_queue set status = 'sent' where status = 'ready'")
    sql.execute("update campaigns set total_sent = 16")
    early = wacampaign("restart-stuck", short_id, "--yes")
    assert early.exit_code == 0
    assert 'completes with the note "4 in doubt" in ' in " ".join(early.stdout.split())
    assert status(sql) == "running"
    stats = wacampaign("queue-stats").stdout
    assert (
        f'completes it with the note "4 in doubt"\n    → wacampaign restart-stuck {short_id}'
        in (stats)
    )
    wait = f"{IN_DOUBT_MINUTES:g} minutes (or WACAMPAIGN_IN_DOUBT_MINUTES)"
    assert f"nothing else is left: {wait}" in " ".join(stats.split())

    sql.execute("update send_queue set in_doubt_since = now() - interval '11 minutes'")
    done = wacampaign("restart-stuck", short_id, "--yes")
    assert done.exit_code == 0
    assert 'running → completed, with the note "4 in doubt"' in done.stdout
    assert "completed: 16 sent, 0 failed, attention: 4 in doubt" in done.stdout
    assert status(sql) == "completed"
    again = wacampaign("restart-stuck", short_id, "--yes")
    assert "nothing was changed" in again.stdout


def test_a_paused_campaign_with_pending_rows_needs_one_run(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection
) -> None:
    sql.execute(
        "select wacampaign_hold('template', id, whatsapp_number_id, 'hello', 132015, 'paused',"
        " null, gen_random_uuid()) from campaigns"
    )
    sql.execute("update wacampaign_holds set lifted_at = now()")
    sql.execute("update send_queue set status = 'pending'")
    assert status(sql) == "paused"
    done = wacampaign("restart-stuck", seeded.campaign_id[:8], "--yes")
    assert done.exit_code == 0, done.stdout
    assert status(sql) == "running"
    assert in_states(sql) == {"ready": 20}
