"""Each kind of template from a list to the message: created, sent by a worker, taken by the API.

One worker sends all of them, so that it takes seconds.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.template_kinds import KINDS, Kind
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]


@pytest.fixture
def account(
    sandbox: SandboxProcess, environment: dict[str, str], wacampaign: Wacampaign
) -> SandboxProcess:
    """An account with all kinds of templates, entered and synced."""
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    sandbox.control.put_templates(DEMO_WABA_ID, *(kind.template for kind in KINDS))
    done = wacampaign("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 0, done.output
    return sandbox


def written(folder: Path, kind: Kind, phone: str, *, wrong: bool = False) -> Path:
    """A list of one row, its columns in another order than the template's."""
    row = {**kind.row, **(kind.wrong[0] if wrong and kind.wrong else {})}
    columns = {"city": "Leeds", **dict(reversed(row.items())), "phone": phone}
    path = folder / f"{kind.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([columns.keys(), columns.values()])
    return path


def at_marketing_endpoint(wacampaign: Wacampaign) -> None:
    """GIFs go there alone; the other marketing templates go along."""
    done = wacampaign("number", "set", DEMO_PHONE_NUMBER_ID, "--marketing-endpoint", "on", "--yes")
    assert done.exit_code == 0, done.output


def create(wacampaign: Wacampaign, path: Path, kind: Kind, *more: str) -> Any:
    return wacampaign(
        "create",
        *("--csv", str(path), "--number", DEMO_PHONE_NUMBER_ID, "--template", kind.name),
        *more,
    )


def test_all_kinds_are_sent_as_the_table_says(
    account: SandboxProcess, wacampaign: Wacampaign, tmp_path: Path, environment: dict[str, str]
) -> None:
    at_marketing_endpoint(wacampaign)
    phones = {}
    for n, kind in enumerate(KINDS, start=100):
        phones[kind.name] = phone = f"44770090{n:04}"
        path = written(tmp_path, kind, f"+{phone}")
        done = create(wacampaign, path, kind, "--start", "--skip-preflight", "--yes")
        assert done.exit_code == 0, (kind.name, done.output)
        assert "left out: city" in done.output
    worker = subprocess.run(
        [sys.executable, "-m", "wacampaign", "run-worker", "--until-idle"],
        env={k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert worker.returncode == 0, worker.stderr
    sent = {message["to"]: message["template"] for message in account.control.messages()}
    assert account.control.totals()["refused"] == {}
    for kind in KINDS:
        assert sent[phones[kind.name]] == {
            "name": kind.name,
            "language": {"code": "en_US"},
            "components": kind.message,
        }
    assert len(sent) == len(KINDS) == account.control.totals()["accepted"]


def test_a_wrong_row_of_each_kind_is_found_before(
    account: SandboxProcess, wacampaign: Wacampaign, tmp_path: Path
) -> None:
    at_marketing_endpoint(wacampaign)
    found = 0
    for kind in KINDS:
        if kind.wrong is None:
            continue
        path = written(tmp_path, kind, "+447700900123", wrong=True)
        done = create(wacampaign, path, kind, "--dry-run")
        assert done.exit_code == 6, (kind.name, done.output)
        assert kind.wrong[1] in done.output, (kind.name, done.output)
        assert "line 2: " in done.output
        found += 1
    assert found >= 12
    assert account.control.totals()["accepted"] == 0


def _kind(name: str) -> Kind:
    [kind] = [kind for kind in KINDS if kind.name == name]
    return kind


def _list(folder: Path, **columns: str) -> Path:
    path = folder / "list.csv"
    path.write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n", "utf-8")
    return path


@pytest.mark.usefixtures("account")
def test_what_is_the_same_for_all_is_said_once(
    wacampaign: Wacampaign, tmp_path: Path, sql: SQL
) -> None:
    path = _list(tmp_path, phone="+447700900123", body1="Asha", coupon="SAVE20", url="A")
    image = "image=https://cdn.example/a.jpg"
    ends = ("--expires", "2099-12-31 18:00Z")
    done = create(wacampaign, path, _kind("offer"), "--set", image, *ends, "--yes")
    assert done.exit_code == 0, done.output
    assert "all rows" in done.output
    assert sql.execute("select payload from send_queue").fetchone() == (
        {
            "var1": "https://cdn.example/a.jpg",
            "var2": "Asha",
            "var3": "4102423200000",
            "var4": "SAVE20",
            "var5": "A",
        },
    )
    sql.execute("delete from send_queue")
    path = _list(tmp_path, phone="+447700900123", document="https://cdn.example/a", body1="Asha")
    done = create(
        wacampaign, path, _kind("document"), "--filename", "Your bill.pdf", "--yes", "--again"
    )
    assert done.exit_code == 0, done.output
    row = sql.execute("select payload ->> 'filename' from send_queue").fetchone()
    assert row == ("Your bill.pdf",)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("offer", ["--expires", "2020-01-01 10:00"], "is over: it means 2020-01-01 10:00"),
        ("offer", ["--expires", "3/5/2090 10:00"], "2090-05-03 or 2090-03-05"),
        ("offer", ["--expires", "2090-05-03"], "no time of day"),
        ("text", ["--expires", "2090-05-03 10:00"], "nothing that is called “expires”"),
        ("text", ["--filename", "a.pdf"], "nothing that is called “filename”"),
        ("text", ["--set", "body1"], "takes VAR=TEXT"),
        ("text", ["--set", "phone=1"], "all rows cannot have one phone"),
        ("text", ["--set", "body1=a", "--set", "1=b"], "given twice"),
        ("text", ["--set", "body1=a", "--map", "body1=body1"], "given twice"),
        ("document", ["--filename", "x" * 241], "241 characters"),
        ("multi_product", ["--set", "products=A1, A2"], "no list of sections"),
    ],
)
def test_what_all_rows_cannot_have_is_refused_at_once(
    wacampaign: Wacampaign,
    tmp_path: Path,
    name: str,
    more: list[str],
    words: str,
) -> None:
    path = _list(tmp_path, phone="+447700900123", body1="Asha")
    done = create(wacampaign, path, _kind(name), *more, "--yes")
    assert (done.exit_code, words in done.output) == (2, True), done.output
    assert "→ " in done.output
