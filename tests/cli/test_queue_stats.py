"""`queue-stats`: the contract's JSON, and what people see first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from tests.campaigns import RUNNING, as_found
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.cli.screens.queue_stats import stats_lines
from wacampaign.core.campaign.state import read_stats
from wacampaign.core.errors import explain

CONTRACT_KEYS = {
    "id", "name", "status", "pause_reason", "total_contacts", "counts", "oldest_ready_seconds",
    "rate_per_second", "eta_seconds", "errors",
}  # fmt: skip


def campaign(wacampaign: Wacampaign, *args: str) -> dict[str, Any]:
    done = wacampaign("queue-stats", *args, "--json")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert answer["at"].endswith("Z")
    (one,) = answer["campaigns"]
    return dict(one)


@pytest.mark.usefixtures("seeded")
def test_json_has_the_contracts_keys(wacampaign: Wacampaign, sql: psycopg.Connection[Any]) -> None:
    sql.execute(
        "update send_queue set status = 'failed', error_code = 135000 where id in"
        " (select id from send_queue order by id limit 3)"
    )
    one = campaign(wacampaign)
    assert one.keys() >= CONTRACT_KEYS
    assert one["counts"] == {
        "pending": 0, "ready": 17, "retry_later": 0, "processing": 0, "in_doubt": 0, "sent": 0,
        "failed": 3,
    }  # fmt: skip
    assert one["errors"] == [{"code": 135000, "title": "Generic user error", "count": 3}]
    assert one["eta_seconds"] is None
    assert one["rate_per_second"] == 0.0


@pytest.mark.usefixtures("seeded")
def test_no_live_worker_is_said_and_what_to_do(wacampaign: Wacampaign) -> None:
    done = wacampaign("queue-stats")
    lines = done.stdout.splitlines()
    assert lines[1] == "  ! no live worker: nothing is being sent"
    assert lines[2] == "    → wacampaign run-worker"
    assert "\x1b" not in done.stdout


def test_all_done_without_a_worker_leads_to_what_completes_it(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    """As a worker leaves it that is killed between its last row and its campaign's end."""
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    lines = wacampaign("queue-stats").stdout.splitlines()
    step = f"restart-stuck {seeded.campaign_id[:8]}"
    assert lines[1:3] == [
        "  ! every row is done, but no worker is alive to complete it",
        f"    → wacampaign {step}",
    ]
    assert lines[3].startswith("  pending")
    assert "  rate 0/s (limit 1000/s), all done, not completed" in lines
    watched = wacampaign("monitor", "market_1", "--once").stdout
    assert f'complete it" suggest="wacampaign {step}"' in watched
    assert "nothing is being sent" not in watched

    done = wacampaign(*step.split(), "--yes")
    assert (done.exit_code, "completed: 20 sent, 0 failed" in done.stdout) == (0, True)
    assert campaign(wacampaign, "market_1")["status"] == "completed"


@pytest.mark.usefixtures("seeded", "live_worker")
def test_all_done_with_a_worker_is_no_finding(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    shown = wacampaign("queue-stats").stdout
    assert "  rate 0/s (limit 1000/s), all done, a worker completes it\n" in shown
    assert "!" not in shown
    sql.execute("update campaigns set total_contacts = 25")
    assert ", all done but 5 contacts without a row\n" in wacampaign("queue-stats").stdout


@pytest.mark.usefixtures("seeded")
def test_missing_contacts_are_no_work_for_a_worker(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    sql.execute("update campaigns set total_contacts = 25")
    shown = wacampaign("queue-stats").stdout
    assert "! nothing else is left of it, and with contacts missing it never completes" in shown
    assert "run-worker" not in shown


@pytest.mark.usefixtures("seeded", "live_worker")
def test_a_live_worker_is_listed(wacampaign: Wacampaign) -> None:
    done = wacampaign("queue-stats")
    assert "no live worker" not in done.stdout
    assert "app1 pid 4121  3 in flight" in done.stdout


@pytest.mark.usefixtures("seeded")
def test_rows_in_doubt_are_an_attention_note_also_when_completed(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute(
        "update send_queue set status = 'processing', in_doubt_since = now() where id in"
        " (select id from send_queue order by id limit 4)"
    )
    sql.execute("update send_queue set status = 'sent' where status = 'ready'")
    as_found(sql, "update campaigns set status = 'completed'")
    one = campaign(wacampaign, "market_1")
    assert one["attention"] == "4 in doubt"
    assert "! 4 in doubt" in wacampaign("queue-stats", "market_1").stdout


@pytest.mark.usefixtures("seeded")
def test_the_incident_of_rows_left_behind_is_red(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    as_found(sql, "update campaigns set status = 'completed'")
    done = wacampaign("queue-stats", "market_1")
    assert "! completed, but 20 rows never sent" in done.stdout


@pytest.mark.usefixtures("seeded")
def test_counts_that_somebody_wrote_to_are_red(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update wacampaign_counts set n = -5 where status = 'ready'")
    done = wacampaign("queue-stats", "market_1")
    assert "! the kept counts are not those of the rows" in done.stdout
    assert "wacampaign db migrate" in done.stdout


@pytest.mark.usefixtures("live_worker")
def test_holds_say_until_when_and_how_they_end(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute(
        "insert into wacampaign_holds (scope, whatsapp_number_id, template_name, code, reason)"
        " values ('template', %s, 'hello', 135000, 'three of three')",
        (seeded.number_id,),
    )
    done = wacampaign("queue-stats")
    assert "! template hello is held until you resume (135000): three of three" in done.stdout
    short = seeded.campaign_id[:8]
    assert f"→ wacampaign resume {short}" in done.stdout
    wacampaign("pause", "market_1", "--yes")
    assert "holds lifted: 1" in wacampaign("resume", "market_1", "--yes").stdout
    assert "held" not in wacampaign("queue-stats").stdout


def test_a_hold_names_the_campaign_and_the_command_of_its_reason(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    short = seeded.campaign_id[:8]
    sql.execute(
        "insert into wacampaign_holds (scope, whatsapp_number_id, template_name, reason)"
        " values ('template', %s, 'hello', 'it is PAUSED; wacampaign preflight CAMPAIGN says why')",
        (seeded.number_id,),
    )
    stdout = wacampaign("queue-stats").stdout
    assert f"it is PAUSED; wacampaign preflight {short} says why" in stdout
    assert f"    → wacampaign preflight {short}\n" in stdout
    assert "CAMPAIGN" not in stdout + wacampaign("preflight", "market_1").stdout


def lines_of(workers: Sequence[dict[str, Any]] = (), **given: Any) -> list[str]:
    number = {"display_name": None, "phone_number_id": None}
    campaign = RUNNING | {"number": number} | given
    answer = {"at": "2026-11-23T14:32:07Z", "campaigns": [campaign], "workers": list(workers)}
    return ["".join(text for text, _ in line) for line in stats_lines(read_stats(answer))]


def test_a_long_reason_is_broken_at_words_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = {"scope": "template", "template": "offer", "code": None, "until": None}
    hold["reason"] = "it is UTILITY, " * 9
    number = {"display_name": None, "phone_number_id": None}
    paused = RUNNING | {"status": "paused", "holds": [hold], "number": number}
    stats = read_stats({"at": "", "campaigns": [paused], "workers": []})

    def shown() -> list[str]:
        return ["".join(text for text, _ in line) for line in stats_lines(stats)]

    assert any(len(line) > 150 for line in shown())
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((60, 24)))
    lines = shown()
    assert max(map(len, lines)) <= 60
    begun = next(i for i, line in enumerate(lines) if line.startswith("  ! "))
    assert lines[begun].startswith("  ! template offer is held until you resume")
    assert lines[begun + 1].startswith("    it is UTILITY")


def test_a_ramp_that_waits_for_statuses_says_so() -> None:
    ramp = {"lanes": 1, "accepted": 1, "waits_since": "2026-11-23T14:32:00+00:00"}
    sender = {
        "id": "w1", "host": "app1", "pid": 4121, "alive": True, "version": "0.1.0",
        "in_flight": 0, "started_at": "2026-11-23T14:20:00+00:00", "beat_age_seconds": 1.0,
    }  # fmt: skip
    lines = lines_of([sender], counts=RUNNING["counts"] | {"ready": 599, "sent": 1}, ramp=ramp)
    (lately,) = (line for line in lines if line.startswith("  lately"))
    assert lately.endswith("limited by the ramp: its first messages wait for their statuses")


def test_doubts_that_are_left_alone_are_not_called_on_their_way() -> None:
    counts = RUNNING["counts"] | {"sent": 595}
    (pace,) = (line for line in lines_of(counts=counts | {"in_doubt": 5}) if "  rate " in line)
    assert pace.endswith("all done but 5 in doubt, which keep it for a while")
    (pace,) = (line for line in lines_of(counts=counts | {"processing": 5}) if "  rate " in line)
    assert "in doubt" not in pace


def test_failed_rows_without_a_code_are_told_as_such() -> None:
    counts = RUNNING["counts"] | {"failed": 9}
    number = {"display_name": None, "phone_number_id": None}
    errors = [{"code": 131026, "count": 2}]
    campaign = RUNNING | {"counts": counts, "number": number, "errors": errors}
    answer = {"at": "2026-11-23T14:32:07Z", "campaigns": [campaign], "workers": []}
    lines = ["".join(text for text, _ in line) for line in stats_lines(read_stats(answer))]
    (failed,) = (line for line in lines if line.startswith("  failed"))
    assert "   7 without a code of Meta's, such as people who opted out: wacampaign fai" in failed


def test_what_stopped_a_campaign_is_told_once(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    short = seeded.campaign_id[:8]
    reason = explain(135000, short)
    hold = (
        "insert into wacampaign_holds (scope, whatsapp_number_id, template_name, code, reason)"
        " values ('template', %s, 'hello', 135000, %s)"
    )
    sql.execute(hold, (seeded.number_id, reason))
    sql.execute(
        "update campaigns set status = 'paused', pause_reason = %s",
        (f"{reason} (template hello, number 1)",),
    )
    sql.execute(
        "update send_queue set status = 'failed', error_code = 135000 where id in"
        " (select id from send_queue order by id limit 3)"
    )
    lines = wacampaign("queue-stats").stdout.splitlines()
    assert lines[1:3] == [
        "  ! template hello is held until you resume: 135000 Generic user error, 3 rows",
        f"    → wacampaign investigate-135000 {short}",
    ]
    assert not [line for line in lines[3:] if "!" in line]
    # Its rows were repaired: the next step is no longer to look for the cause.
    sql.execute("update send_queue set status = 'ready', error_code = null")
    lines = wacampaign("queue-stats").stdout.splitlines()
    assert lines[1].endswith("135000 Generic user error, no row any more")
    assert lines[2] == f"    → wacampaign resume {short}"
    # The hold was lifted, and the campaign is still paused.
    sql.execute("update wacampaign_holds set lifted_at = now()")
    assert "  ! paused: 135000 Generic user error\n" in wacampaign("queue-stats").stdout
    sql.execute("update campaigns set pause_reason = 'paused by asha'")
    assert "  ! paused by asha\n" in wacampaign("queue-stats").stdout


@pytest.mark.usefixtures("seeded")
def test_phone_numbers_are_masked_unless_asked_for(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update campaigns set status = 'paused', pause_reason = 'bad: 447700900123'")
    assert "447700900123" not in wacampaign("queue-stats").stdout
    assert "447700900123" not in wacampaign("queue-stats", "--json").stdout
    assert "447700900123" in wacampaign("queue-stats", "--show-numbers").stdout


@pytest.mark.parametrize(
    ("status", "ready", "rate", "eta"),
    [
        ("running", 10_307, 78.6, 131),
        ("running", 10_307, 0.0, None),
        ("running", 0, 78.6, 0),
        ("paused", 10_307, 78.6, None),
    ],
)
def test_eta(status: str, ready: int, rate: float, eta: int | None) -> None:
    counts = dict.fromkeys(
        ("pending", "ready", "retry_later", "processing", "in_doubt", "sent", "failed"), 0
    )
    given = {
        "id": "5a5c39a6-d038-47c5-8c6c-421a7c1afdf3",
        "name": "n",
        "status": status,
        "pause_reason": None,
        "total_contacts": 10_807,
        "counts": counts | {"ready": ready, "processing": 400, "sent": 100},
        "oldest_ready_seconds": 1.0,
        "rate_per_second": rate,
        "errors": [],
        "templates": [],
        "number": {"display_name": None, "rate": 80, "configured_rate": 80, "is_active": True},
        "holds": [],
        "never_enqueued": 0,
        "deleted": 0,
        "others": [],
        "start_time": None,
        "end_time": None,
        "scheduled_start_time": None,
        "guarded": True,
        "next_retry_at": None,
        "far_away": "2026-11-27T00:00:00+00:00",
    }
    answer = {"at": "2026-11-23T14:32:07Z", "campaigns": [given], "workers": []}
    (one,) = read_stats(answer).campaigns
    assert one.eta_seconds == eta


def shown(**delivery: Any) -> list[str]:
    """The lines of a campaign with 10,000 accepted messages."""
    counts = RUNNING["counts"] | {"sent": 10_000}
    given = {
        "known": True, "delivered": 9_600, "read": 4_100, "undelivered": 210, "held": 0,
        "silent": 190, "replied": 35, "errors": [{"code": 131049, "title": "", "count": 210}],
        "lag": {"p50_seconds": 2.1, "p95_seconds": 31.0}, "contradicted": 0, "waiting": 0,
        "passed_on": 100, "late": 40,
    } | delivery  # fmt: skip
    number = {"display_name": None, "phone_number_id": None}
    campaign = RUNNING | {"counts": counts, "number": number, "delivery": given}
    answer = {"at": "2026-11-23T14:32:07Z", "campaigns": [campaign], "workers": []}
    return ["".join(text for text, _ in line) for line in stats_lines(read_stats(answer))]


def test_what_became_of_the_accepted_is_told_apart_from_them() -> None:
    lines = shown(contradicted=3, waiting=12)
    start = lines.index("  delivery of the 10,000 accepted")
    assert lines[start : start + 11] == [
        "  delivery of the 10,000 accepted",
        "    delivered    9,600    96.0 %   4,100 of them read; half within 2 s, 95 % within 31 s",
        "    undelivered    210     2.1 %   accepted, then failed at Meta; never sent again by a"
        " machine",
        "    held             0     0.0 %",
        "    silent         190     1.9 %   100 on the way to the phone, 90 without any status yet",
        "    replied         35",
        "  undelivered by code",
        "    131049     210  Not delivered to maintain healthy engagement",
        "  3 told as failed and as delivered, too: counted as delivered, as they arrived",
        "  12 statuses are stored and not yet counted",
        "",
    ]


def test_what_nobody_told_is_not_called_delivered() -> None:
    text = "\n".join(shown(known=False))
    assert (
        "  delivery unknown: no status was ever received for its number; wacampaign webhook" in text
    )
    assert "delivered " not in text


def test_nothing_to_show(wacampaign: Wacampaign) -> None:
    assert "no campaign is scheduled, running or paused" in wacampaign("queue-stats").stdout
    answer = json.loads(wacampaign("queue-stats", "--json").stdout)
    assert answer["campaigns"] == []


@pytest.mark.usefixtures("seeded")
def test_stdout_is_json_and_nothing_else(environment: dict[str, str]) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wacampaign", *args, "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )

    done = run("queue-stats")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["campaigns"]
    done = run("queue-stats", "nobody")
    assert (done.returncode, done.stdout) == (5, "")
    assert json.loads(done.stderr)["error"]["code"] == "no_such_campaign"


def test_a_database_that_is_away_or_empty(
    wacampaign: Wacampaign, postgres: Any, tmp_path: Any
) -> None:
    url = f"postgresql://postgres@/x?host={tmp_path}"
    done = wacampaign("queue-stats", "--json", env={"DATABASE_URL": url})
    assert done.exit_code == 69
    done = wacampaign(
        "queue-stats", "--json", env={"DATABASE_URL": postgres.new_database("template0")}
    )
    assert done.exit_code == 78
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "schema_missing"
    assert error["suggestion"].startswith("wacampaign db migrate")


@pytest.mark.usefixtures("seeded")
def test_somebodys_open_transaction_keeps_nobody_from_reading(
    wacampaign: Wacampaign,
    sql: psycopg.Connection[Any],
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A status that cannot be taken meanwhile waits, and is counted as such."""
    monkeypatch.setattr("wacampaign.cli.session.LONGEST_TAKING_SECONDS", 1.0)
    as_found(
        sql,
        "update send_queue set status = 'sent', whatsapp_message_id = 'w.1', sent_at = now()"
        " where id in (select id from send_queue order by id limit 1)",
    )
    sql.execute(
        "insert into message_status_logs (whatsapp_message_id, status, error_code)"
        " values ('w.1', 'failed', 131053)"
    )
    with psycopg.connect(database) as somebody:
        somebody.execute("select 1 from campaigns for update")
        found = campaign(wacampaign)["delivery"]
        assert (found["waiting"], found["silent"]) == (1, 1)
    found = campaign(wacampaign)["delivery"]
    assert (found["waiting"], found["undelivered"]) == (0, 1)
