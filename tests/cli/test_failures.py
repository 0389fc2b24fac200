"""`failures` and `retry-failed`: who failed, why, and trying those again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import phone
from tests.cli.conftest import Seeded, Wacampaign
from tests.store.test_failures import events, fail, status_of
from tests.store.test_results import accept, deliver
from wacampaign.operations import failed_rows
from wacampaign.store.failed_rows import FailedRows

Connection = psycopg.Connection[Any]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def failed(seeded: Seeded, sql: Connection) -> str:
    """20 rows: 6 with 135000, 3 with 131026, 2 without a code, 1 accepted first; 8 ready."""
    campaign = seeded.campaign_id
    fail(sql, campaign, 6, code=135000, text=f"Generic user error for {phone(7)}")
    fail(sql, campaign, 3, code=131026, text="=1+1")
    fail(sql, campaign, 2, text="Request timeout after 30000 ms")
    fail(sql, campaign, 1, code=131000, text="Something went wrong", wamid="wamid.")
    return campaign


def test_each_code_with_its_reason_and_what_to_do(wacampaign: Wacampaign, failed: str) -> None:
    done = wacampaign("failures", "market_1")
    assert done.exit_code == 0, done.stderr
    out = done.stdout
    assert f"market_1 ({failed[:8]}) running: 12 rows failed" in out
    assert "135000 Generic user error: 6 rows, count_pause (template), may be tried again" in out
    assert f"wacampaign investigate-135000 {failed[:8]}" in out
    assert "131026 Message undeliverable: 3 rows, fail_msg (recipient), not tried again" in out
    assert "No code of Meta's: 2 rows" in out
    assert "1 row accepted first and failed later: never sent again" in out
    # Trying again comes after the cause.
    assert out.splitlines()[-1] == f"→ wacampaign investigate-135000 {failed[:8]}"
    done = wacampaign("failures", failed, "--code", "131049")
    assert "investigate" not in done.stdout.splitlines()[-1]
    assert phone(7) not in out


def test_a_wrong_form_of_the_phones_is_named(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection
) -> None:
    """Another program had sent them as they stood."""
    campaign = seeded.campaign_id
    fail(sql, campaign, 4, code=131009, text="(#131009) Parameter value is not valid")
    sql.execute(
        "update send_queue set phone = 'whatsapp:+44770090012' || right(phone, 1)"
        " where campaign_id = %s and error_code = 131009",
        (campaign,),
    )
    done = wacampaign("failures", campaign)
    retry = f"wacampaign retry-failed {campaign[:8]} --code 131009"
    assert "cause: the phones of 4 of 4 failed rows are written in a form" in done.stdout
    assert "whatsapp:+44" in done.stdout
    assert "77009" not in done.stdout
    assert f"you: {retry}" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ {retry}"
    (error,) = json.loads(wacampaign("failures", campaign, "--json").stdout)["errors"]
    assert "went out as they stood" in error["cause"][1]


def test_json_with_samples_of_one_code(wacampaign: Wacampaign, failed: str) -> None:
    done = wacampaign("failures", failed, "--code", "135000", "--json")
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert (answer["campaign"]["id"], answer["failed"]) == (failed, 6)
    (error,) = answer["errors"]
    assert (error["code"], error["count"], error["retryable"]) == (135000, 6, True)
    assert len(answer["samples"]) == 5
    assert phone(7) not in done.stdout
    assert phone(0) not in done.stdout
    whole = wacampaign("failures", failed, "--code", "135000", "--json", "--show-numbers")
    assert phone(0) in whole.stdout


def test_a_code_that_nobody_met(wacampaign: Wacampaign, failed: str) -> None:
    done = wacampaign("failures", failed, "--code", "190")
    assert done.exit_code == 0
    assert "no row has failed with code 190" in done.stdout
    assert wacampaign("failures", "nobody").exit_code == 5


def test_csv_has_every_failed_row(wacampaign: Wacampaign, failed: str, tmp_path: Path) -> None:
    file = tmp_path / "failed.csv"
    done = wacampaign("failures", failed, "--csv", str(file))
    assert done.exit_code == 0, done.stderr
    assert f"written: {file}, 12 rows" in done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    lines = read(file)
    assert list(lines[0]) == list(failed_rows.HEADINGS)
    assert [line["code"] for line in lines] == ["135000"] * 6 + ["131026"] * 3 + ["0"] * 2 + [
        "131000"
    ]
    assert all("***" in line["phone"] for line in lines)
    assert phone(7) not in file.read_text("utf-8-sig")
    assert {line["template"] for line in lines} == {"hello"}
    assert all(line["time"].endswith("Z") for line in lines)
    # No spreadsheet runs what an answer said.
    assert lines[6]["text"] == "'=1+1"


@pytest.fixture
def undelivered(failed: str, sql: Connection) -> str:
    """And 3 that were accepted and failed afterwards: two with 131049, one with 130429."""
    ids = [
        row[0]
        for row in sql.execute(
            "select id::text from send_queue where campaign_id = %s and status = 'ready'"
            " order by id limit 3",
            (failed,),
        )
    ]
    accept(sql, ids)
    for place, (code, n) in enumerate(((131049, 2), (131049, 2), (130429, 1))):
        deliver(
            sql, ids[place], "undelivered", code=code, title="told", details=f"of {phone(9)}",
            failed_at="2026-11-20 10:00:05+00",
        )  # fmt: skip
        sql.execute(
            "insert into wacampaign_delivery_counts (campaign_id, whatsapp_number_id,"
            " template_name, state, code, n) select campaign_id, whatsapp_number_id,"
            " template_name, 'undelivered', %s, %s from send_queue where id = %s"
            " on conflict (campaign_id, whatsapp_number_id, template_name, state, code)"
            " do update set n = excluded.n",
            (code, n, ids[place]),
        )
    return failed


def test_refused_and_undelivered_are_two_kinds(
    wacampaign: Wacampaign, undelivered: str, tmp_path: Path
) -> None:
    done = wacampaign("failures", "market_1")
    assert done.exit_code == 0, done.stderr
    short = undelivered[:8]
    lines = done.stdout.splitlines()
    assert lines[0] == f"market_1 ({short}) running: 12 rows failed, 3 undelivered"
    again = f"wacampaign results {short} --state undelivered --show-numbers --csv FILE"
    start = lines.index("  undelivered: accepted, then failed; 3 rows that stay sent")
    assert lines[start + 2 : start + 5] == [
        "  131049 Not delivered to maintain healthy engagement: 2 rows undelivered (recipient)",
        "    for example: of +999***0009",
        "    you: do not send marketing to this recipient for 24 hours: sooner makes it worse",
    ]
    assert lines[-3] == f"    {again}"
    assert not any("retry-failed" in line and "130429" in line for line in lines)
    file = tmp_path / "f.csv"
    assert wacampaign("failures", "market_1", "--csv", str(file)).exit_code == 0
    rows = read(file)
    assert [row["kind"] for row in rows].count("undelivered") == 4  # one says so in its row
    last = rows[-3:]
    assert [row["code"] for row in last] == ["131049", "131049", "130429"]
    assert last[0]["accepted_at"] == "2026-11-20T10:00:00Z"
    assert last[0]["wamid"].startswith("wamid.")
    assert last[0]["what"].startswith("do not send marketing")
    (error,) = json.loads(wacampaign("failures", "market_1", "--code", "131049", "--json").stdout)[
        "undelivered_errors"
    ]
    assert (error["count"], error["title"]) == (2, "Not delivered to maintain healthy engagement")


def test_those_left_out_are_a_kind_of_their_own(
    wacampaign: Wacampaign, failed: str, sql: Connection, tmp_path: Path
) -> None:
    why = "opted out of marketing on 2026-11-20, the word STOP: not sent"
    fail(sql, failed, 2, text=why)
    fail(
        sql, failed, 1, text="Meta asked for a rest from marketing until 2026-11-21 10:00 UTC: not"
    )
    done = wacampaign("failures", "market_1")
    assert ": 15 rows failed (3 of them left out)" in done.stdout
    assert "No code of Meta's: 2 rows" in done.stdout
    assert "for example: Request timeout after 30000 ms" in done.stdout
    assert "  left out: 3 rows to people who opted out of marketing, or rest from it" in done.stdout
    file = tmp_path / "f.csv"
    wacampaign("failures", "market_1", "--code", "0", "--csv", str(file))
    assert sorted(row["kind"] for row in read(file)) == ["left out"] * 3 + ["refused"] * 2
    answer = json.loads(wacampaign("failures", "market_1", "--json").stdout)
    assert (answer["failed"], answer["left_out"], answer["undelivered"]) == (15, 3, 0)
    (_, _, *states) = (
        json.loads(line)["state"]
        for line in wacampaign("results", "market_1", "--json").stdout.splitlines()
    )
    assert states.count("left out") == 3


def test_none_is_retried_that_was_accepted(
    wacampaign: Wacampaign, undelivered: str, sql: Connection
) -> None:
    done = wacampaign("retry-failed", undelivered, "--code", "131049", "--yes")
    assert "nothing was changed" in done.stdout
    assert "3 undelivered ones were accepted, and are never sent again" in done.stdout
    plan = wacampaign("retry-failed", undelivered, "--dry-run").stdout
    assert "  3 of the accepted are undelivered, and not sent again:" in plan
    left = sql.execute("select count(*) from send_queue where status = 'sent'").fetchone()
    assert left == (3,)


def test_csv_in_pages_with_whole_numbers(
    wacampaign: Wacampaign, failed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailedRows.page, "__kwdefaults__", {"after": None, "limit": 2})
    file = tmp_path / "failed.csv"
    wacampaign("failures", failed, "--code", "135000", "--csv", str(file), "--show-numbers")
    assert [line["phone"] for line in read(file)] == [phone(n) for n in range(6)]


def test_csv_never_overwrites_and_leaves_nothing_half(
    wacampaign: Wacampaign, failed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "failed.csv"
    file.write_text("mine")
    done = wacampaign("failures", failed, "--csv", str(file))
    assert done.exit_code == 6
    assert "failed-2.csv" in done.stderr
    assert file.read_text() == "mine"
    assert wacampaign("failures", failed, "--csv", str(tmp_path / "no" / "f.csv")).exit_code == 2

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failed_rows, "harmless", full)
    other = tmp_path / "other.csv"
    done = wacampaign("failures", failed, "--csv", str(other))
    assert done.exit_code == 2
    assert "No space left" in done.stderr
    assert not other.exists()


def test_retry_needs_yes_and_shows_its_plan(
    wacampaign: Wacampaign, failed: str, sql: Connection
) -> None:
    done = wacampaign("retry-failed", "market_1")
    assert done.exit_code == 6
    done = wacampaign("retry-failed", "market_1", "--dry-run")
    assert done.exit_code == 0
    assert "6 rows: failed (135000 Generic user error) → ready" in done.stdout
    assert "131026" not in done.stdout
    assert "131000" not in done.stdout
    assert done.stdout.count("***") >= 5
    assert phone(0) not in done.stdout
    assert phone(7) not in done.stdout
    assert "6 failed stay failed" in done.stdout
    assert "afterwards: wacampaign run-worker" in done.stdout
    assert events(sql, failed) == []


@pytest.mark.usefixtures("live_worker")
def test_retry_and_a_second_time_changes_nothing(
    wacampaign: Wacampaign, failed: str, sql: Connection
) -> None:
    done = wacampaign("retry-failed", failed, "--yes")
    assert done.exit_code == 0, done.stderr
    assert "made ready again: 6 rows" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ wacampaign monitor {failed[:8]}"
    assert [n for n, _ in events(sql, failed)] == [6]
    done = wacampaign("retry-failed", failed, "--yes")
    assert done.exit_code == 0
    assert "none of its 6 failed rows may be tried again" in done.stdout
    assert "nothing was changed" in done.stdout
    assert len(events(sql, failed)) == 1


def test_retry_of_one_code_whatever_the_table_says(
    wacampaign: Wacampaign, failed: str, sql: Connection
) -> None:
    done = wacampaign("retry-failed", failed, "--code", "131026", "--yes")
    assert "made ready again: 3 rows" in done.stdout
    done = wacampaign("retry-failed", failed, "--code", "0", "--dry-run")
    assert "2 rows: failed (without a code)" in done.stdout
    assert "may have been sent" in done.stdout
    # Accepted once: not even when its code is named.
    done = wacampaign("retry-failed", failed, "--code", "131000", "--yes")
    assert "nothing was changed" in done.stdout
    left = sql.execute("select count(*) from send_queue where status = 'failed'").fetchone()
    assert left == (9,)


def test_retry_in_the_states_of_a_campaign(
    wacampaign: Wacampaign, failed: str, sql: Connection
) -> None:
    def become(status: str) -> None:
        sql.execute("update campaigns set status = %s, end_time = now()", (status,))

    become("failed")
    done = wacampaign("retry-failed", failed, "--yes")
    assert done.exit_code == 6
    assert "cancelled" in done.stderr
    become("completed")
    done = wacampaign("retry-failed", failed, "--dry-run")
    assert "1 campaign: completed → running" in done.stdout
    assert "8 rows that it had left undone will be sent, too" in done.stdout
    done = wacampaign("retry-failed", failed, "--yes")
    assert "was completed, and runs again" in done.stdout
    assert status_of(sql, failed) == ("running", False)
    become("paused")
    done = wacampaign("retry-failed", failed, "--code", "131026", "--yes")
    assert done.stdout.splitlines()[-1] == f"→ wacampaign resume {failed[:8]}"
    assert status_of(sql, failed)[0] == "paused"
