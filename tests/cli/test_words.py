"""What commands say where words decide: a no, a home, a zone, a mask, the next command."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import wacampaign
from tests.cli.conftest import Seeded, Wacampaign

SQL = psycopg.Connection[Any]
ZONE = "Asia/Kolkata"


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator's own."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", ZONE)
        time.tzset()
        yield
    time.tzset()


def answered(words: list[str], environment: dict[str, str], answer: str) -> tuple[int, str]:
    """Exit code and output of a command at a terminal, where somebody answers its question."""
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *words],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    os.close(its)
    os.write(mine, answer.encode())
    output = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:  # the terminal's end, on Linux
            break
        if not part:
            break
        output += part
    os.close(mine)
    return process.wait(60), output.decode()


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_a_declined_question_is_no_success(
    answer: str, environment: dict[str, str], seeded: Seeded, sql: SQL
) -> None:
    code, output = answered(["pause", seeded.campaign_id], environment, answer)
    assert code == 6, output
    assert "nothing was changed" in output
    assert sql.execute("select status from campaigns").fetchone() == ("running",)


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("columns", ["60", "200"])
def test_a_change_tells_its_times_the_same_way_whether_or_not_their_line_is_broken(
    columns: str, environment: dict[str, str], seeded: Seeded, sql: SQL
) -> None:
    sql.execute("update campaigns set start_time = now()")
    asked = ["pause", "market_1", "--until", "2099-05-01 04:00+00:00", "--yes"]
    environment |= {"TZ": ZONE, "COLUMNS": columns}
    code, output = answered(asked, environment, "")
    assert code == 0, output
    # By the clocks here, and by those of the others.
    shown = " ".join(output.split())
    assert "it goes on by itself at 2099-05-01 09:30 IST (2099-05-01T04:00Z), in " in shown
    assert "until 2099-05-01 09:30 IST (2099-05-01T04:00Z)" in shown
    assert max(map(len, output.splitlines())) <= int(columns)
    # What the database noted is told by the clocks here alone.
    code, output = answered(["resume", seeded.campaign_id, "--dry-run"], environment, "")
    assert code == 0, output
    assert "paused (paused until 2099-05-01 09:30 IST by " in " ".join(output.split())


def test_another_number_typed_resends_nothing(
    environment: dict[str, str], seeded: Seeded, sql: SQL
) -> None:
    sql.execute(
        "update send_queue set status = 'processing', in_doubt_since = now() where id in"
        " (select id from send_queue limit 2)"
    )
    words = ["restart-stuck", seeded.campaign_id, "--in-doubt", "resend"]
    code, output = answered(words, environment, "3\n")
    assert code == 6, output
    assert "nothing was changed" in output
    (left,) = sql.execute("select count(*) from send_queue where status = 'processing'").fetchone()  # type: ignore[misc]
    assert left == 2


def test_a_home_that_cannot_be_written_is_78_by_its_settings_name(
    wacampaign: Wacampaign, seeded: Seeded, tmp_path: Path
) -> None:
    assert seeded
    (tmp_path / "file").touch()
    home = {"WACAMPAIGN_HOME": str(tmp_path / "file" / "home")}
    embedded = home | {"DATABASE_URL": "", "WACAMPAIGN_STORE": "embedded"}
    for words, env in (
        (("run-worker", "--until-idle"), home),
        (("queue-stats",), embedded),
        (("db", "check"), embedded),
    ):
        done = wacampaign(*words, env=env)
        assert done.exit_code == 78, done.output
        assert "WACAMPAIGN_HOME" in done.stderr.splitlines()[-2]
        assert "WACAMPAIGN_HOME" in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("zone")
def test_times_on_screens_say_their_zone_and_json_has_utc(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL
) -> None:
    sql.execute(
        "update send_queue set status = 'failed', error_message = '(#135000) x',"
        " updated_at = '2026-11-10 12:34+00'"
    )
    sql.execute(
        "update campaigns set status = 'completed', end_time = '2026-11-10 12:35+00',"
        " start_time = '2026-11-10 12:30+00'"
    )
    done = wacampaign("queue-stats", seeded.campaign_id)
    assert re.search(r"ended 2026-11-10 18:05 IST", done.stdout), done.stdout
    done = wacampaign("failures", seeded.campaign_id, "--code", "135000")
    assert re.search(r"2026-11-10 18:04 IST", done.stdout), done.stdout
    answer = json.loads(wacampaign("queue-stats", seeded.campaign_id, "--json").stdout)
    end = datetime.fromisoformat(answer["campaigns"][0]["end_time"])
    assert end.utcoffset() == timedelta()


def test_a_csv_says_that_it_masks_and_how_not_to(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL, tmp_path: Path
) -> None:
    sql.execute("update send_queue set status = 'failed', error_message = '(#135000) x'")
    for more, told in (((), True), (("--show-numbers",), False)):
        file = tmp_path / f"failed{len(more)}.csv"
        done = wacampaign("failures", seeded.campaign_id, "--csv", str(file), *more)
        assert done.exit_code == 0
        assert ("masked" in done.stderr and "--show-numbers" in done.stderr) is told
        assert ("***" in file.read_text("utf-8-sig")) is told


def test_a_file_that_cannot_be_written_has_one_exit_code(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL, tmp_path: Path
) -> None:
    sql.execute("update send_queue set status = 'failed', error_message = '(#135000) x'")
    nowhere = str(tmp_path / "gone" / "x")
    (tmp_path / "file").touch()
    for words in (
        ("failures", seeded.campaign_id, "--csv", f"{nowhere}.csv"),
        ("investigate-135000", seeded.campaign_id, "--no-probe", "--report", f"{nowhere}.md"),
        ("db", "sql", "--output-dir", str(tmp_path / "file" / "x")),
    ):
        done = wacampaign(*words)
        assert done.exit_code == 2, (words, done.output)
        assert "cannot be written" in done.stderr


def test_rows_in_doubt_lead_to_what_sends_nothing(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL
) -> None:
    sql.execute("update send_queue set status = 'processing', in_doubt_since = now()")
    short = seeded.campaign_id[:8]
    done = wacampaign("queue-stats", seeded.campaign_id)
    assert f"→ wacampaign audit {short}" in done.stdout
    done = wacampaign("audit", seeded.campaign_id)
    assert done.stdout.splitlines()[-1] == f"→ wacampaign restart-stuck {short} --in-doubt hold"
    for words in (("restart-stuck",), ("restart-stuck", "--dry-run")):
        done = wacampaign(*words)
        assert "resend" not in "".join(done.stdout.splitlines()[-1:])


def test_a_refused_list_points_to_itself(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL, tmp_path: Path
) -> None:
    assert seeded
    (number,) = sql.execute("select phone_number_id from whatsapp_numbers").fetchone()  # type: ignore[misc]
    (tmp_path / "offer.csv").write_text("phone,name\n+447700900001,\n+447700900002,\n")
    words = ("create", "--csv", "offer.csv", "--number", number, "--template", "hello", "--yes")
    done = wacampaign(*words)
    assert done.exit_code in (2, 6)
    assert "queue-stats" not in done.stderr
    assert "offer" in done.stderr.splitlines()[-1]


def test_a_time_that_is_over_suggests_one_to_come(wacampaign: Wacampaign) -> None:
    done = wacampaign("start", "market_1", "--at", "2001-01-01 09:15")
    assert done.exit_code == 2
    suggested = re.search(r'start market_1 --at "([^"]+)"', done.stderr)
    assert suggested is not None, done.stderr
    at = datetime.fromisoformat(suggested[1])
    assert at > datetime.now()
    assert (at.hour, at.minute) == (9, 15)


def test_started_without_a_worker_it_says_so(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL, tmp_path: Path
) -> None:
    assert seeded
    (number,) = sql.execute("select phone_number_id from whatsapp_numbers").fetchone()  # type: ignore[misc]
    (tmp_path / "offer.csv").write_text("phone,name\n+447700900001,Ann\n")
    words = ("create", "--csv", "offer.csv", "--number", number, "--template", "hello")
    done = wacampaign(*words, "--start", "--skip-preflight", "--yes")
    assert done.exit_code == 0, done.output
    assert "no worker is alive" in done.stdout
    assert done.stdout.splitlines()[-1] == "→ wacampaign run-worker"


def test_stats_is_not_taken_for_start(wacampaign: Wacampaign) -> None:
    done = wacampaign("stats", prog_name="wacampaign")
    assert done.exit_code == 2
    assert "start" not in done.stderr
    assert done.stderr.splitlines()[-1] == "→ wacampaign queue-stats"


def test_one_of_anything_is_told_in_the_singular() -> None:
    """Of the package's own sentences: the words behind a count follow it."""
    plural = re.compile(
        r"(?:rows|counted)\((?:[^()]|\([^()]*\))*\)\} (?:are|were|have|do|go|wait|stay|need)\b"
        r"|(?<!all )(?<!of )\{[^{}]+:,\} (?:rows|contacts|messages|webhooks|phones) "
        r"|\{len\([^{}]*\)\} (?:differences|migrations|messages|files|redirects)\b"
    )
    package = Path(wacampaign.__file__).parent
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if plural.search(line) and "== 1 else" not in line
    ]
    assert found == []
