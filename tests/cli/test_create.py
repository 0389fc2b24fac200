"""`create`: from a CSV to a paused or running campaign, or to a clear refusal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from tests.campaigns import add_number, run_on
from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY, wait_until
from wacampaign.cli.app import app
from wacampaign.operations.enqueue import BATCH_ROWS
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
NUMBER = "200000000000007"

pytestmark = pytest.mark.usefixtures("number")


@pytest.fixture
def number(database: str) -> None:
    """NUMBER with three templates of one variable, and one of each other kind."""

    async def add(store: Store) -> None:
        number_id = await add_number(
            store, phone_number_id=NUMBER, rate=100, templates=("hello", "b", "c")
        )
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "insert into templates (whatsapp_number_id, name, status, language, components)"
                " values (%(n)s, 'plain', 'APPROVED', 'en', %(none)s),"
                " (%(n)s, 'film', 'APPROVED', 'en', %(film)s),"
                " (%(n)s, 'asleep', 'PAUSED', 'en', %(none)s)",
                {
                    "n": number_id,
                    "none": '[{"type": "BODY", "text": "Hello"}]',
                    "film": '[{"type": "HEADER", "format": "VIDEO"},'
                    ' {"type": "BODY", "text": "Hello"}]',
                },
            )

    run_on(database, add)


def write(text: str, name: str = "offer.csv") -> str:
    Path(name).write_text(text)
    return name


def people(count: int, first: int = 919000000001) -> str:
    return "".join(f"{first + i},Person {i}\n" for i in range(count))


def command(csv: str, *more: str, template: str = "hello") -> list[str]:
    return ["create", "--csv", csv, "--number", NUMBER, "--template", template, *more]


def campaigns(sql: SQL) -> list[Any]:
    return sql.execute(
        "select name, status, total_contacts, invalid_contacts_count from campaigns order by 1"
    ).fetchall()


def test_plan_then_refusal_without_a_terminal(wacampaign: Wacampaign, sql: SQL) -> None:
    bad = "91900000,short\n9.19E+11,rounded\n919000000001,again\n919000000002,\n"
    csv = write("phone,name\n" + people(250) + bad)
    done = wacampaign(*command(csv))
    assert done.exit_code == 6
    assert done.stderr.endswith("→ run it again with --yes, or look first with --dry-run\n")
    for line in (
        "plan: create offer from offer.csv",
        "  250 contacts: the list → the queue, ready",
        "  template hello (en, 1 variable): 250",
        "  columns, by position (the header does not name all of them):",
        "    phone → phone       +91***0001 | +91***0002 | +91***0003",
        "    name  → body {{1}}  Person 0 | Person 1 | Person 2",
        "  countries: +91 250",
        "  left out: 1 listed before (--allow-repeats takes them)",
        "  left out: 3 that cannot be sent to",
        "    line 254: +91***0001 the same recipient as line 2",
        "  all that are left out: offer.rejected.csv",
        "  takes about 2 s at 100 a second",
        "  afterwards: wacampaign start offer",
    ):
        assert line in done.stdout.splitlines(), done.stdout
    assert "919000000001" not in done.output
    assert campaigns(sql) == []


def test_dry_run_writes_nothing_at_all(wacampaign: Wacampaign, sql: SQL) -> None:
    csv = write(people(3) + "bad,x\n")
    done = wacampaign(*command(csv, "--dry-run", "--json"))
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["created"] is False
    assert (answer["accepted"], answer["rejected"], answer["rejected_file"]) == (3, 1, None)
    assert "dry run: nothing was changed" in done.stderr
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == ["offer.csv"]
    assert campaigns(sql) == []


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_it_creates_and_starts(
    transport: str,
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    sql: SQL,
) -> None:
    env = dict(environment)
    if transport == "supabase":
        del env["DATABASE_URL"]
        env["SUPABASE_URL"] = request.getfixturevalue("rest_url")
        env["SUPABASE_SERVICE_KEY"] = SECRET_KEY

    def run(*args: str) -> Any:
        return CliRunner().invoke(app, list(args), env=env)

    csv = write("phone,name\n" + people(7) + "bad,x\n")
    done = run(*command(csv, "--yes", template="hello,b"))
    assert done.exit_code == 0, done.output
    short_id = done.stdout.splitlines()[-1].split()[3]
    assert f"→ wacampaign start {short_id}" in done.stdout
    assert campaigns(sql) == [("offer", "paused", 7, 1)]
    assert sql.execute(
        "select phone, template_name, payload ->> 'var1', status from send_queue"
        " order by created_at, id"
    ).fetchall() == [
        (str(919000000001 + i), ("hello", "b")[i % 2], f"Person {i}", "ready") for i in range(7)
    ]

    # The same list with the same template, under another name.
    twice = command(csv, "--yes", "--start", "--name", "again", "--json")
    done = run(*twice)
    assert done.exit_code == 6
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["changed"]) == ("created_before", False)
    assert "the same list with the same template already: offer" in error["message"]
    assert re.search(r"created \d+ s ago, paused: 0 of 7 sent", error["message"])
    assert f"wacampaign queue-stats {short_id}" in error["suggestion"]
    assert campaigns(sql) == [("offer", "paused", 7, 1)]
    done = run(*twice, "--again")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["campaign"]["status"] == "running"
    assert answer["templates"] == {"hello": 7}
    assert campaigns(sql) == [("again", "running", 7, 1), ("offer", "paused", 7, 1)]

    done = run(*command(csv, "--dry-run"))
    assert "NOTE: 1 campaign is named 'offer' already; it takes --again" in done.stdout
    assert "the same list with the same template already: again" in done.stdout
    # Under its name, before the list is read.
    Path(csv).write_text("phone,name\n" + people(3, first=919000009001))
    done = run(*command(csv, "--yes"))
    assert done.exit_code == 6
    assert "a campaign of this name already: offer" in done.stderr
    assert run(*command(csv, "--yes", "--name", "third")).exit_code == 0
    assert run("cancel", "third", "--yes").exit_code == 0
    assert run(*command(csv, "--yes", "--name", "third")).exit_code == 0


def test_the_number_may_be_given_by_its_digits(wacampaign: Wacampaign, sql: SQL) -> None:
    sql.execute("update whatsapp_numbers set number = '+44 7700 900000'")
    args = command(write(people(2)), "--yes")
    args[args.index(NUMBER)] = "447700900000"
    assert wacampaign(*args).exit_code == 0


@pytest.mark.parametrize(
    ("template", "code", "message", "suggestion"),
    [
        ("nope", 6, "no template 'nope'", f"wacampaign templates sync --number {NUMBER}"),
        ("asleep", 6, "'asleep' is PAUSED", "wacampaign templates sync"),
        ("hello,plain", 2, "hello: 1 variable; plain: no variables", "one campaign for each"),
        ("hello,film", 2, "hello: 1 variable; film: video", "one campaign for each"),
        ("hello,hello", 2, "given twice", "once"),
        ("plain", 6, "1 column beside the phone and no header", "--map 'phone=#1'"),
    ],
)
def test_templates_that_do_not_fit(
    wacampaign: Wacampaign,
    sql: SQL,
    template: str,
    code: int,
    message: str,
    suggestion: str,
) -> None:
    done = wacampaign(*command(write(people(2)), "--yes", template=template))
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert suggestion in done.stderr.splitlines()[-1]
    assert campaigns(sql) == []


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 6, "is empty"),
        ("PK\x03\x04", 6, "Excel"),
        ("phone,name\nhello,x\n", 6, "no phone numbers"),
        ("9.19E+11,x\n9.19E+11,y\n", 6, "nobody in offer.csv can be sent to: line 1"),
        ('919000000001,"open\n', 6, "never closed"),
    ],
)
def test_broken_lists_create_nothing(
    wacampaign: Wacampaign, sql: SQL, text: str, code: int, message: str
) -> None:
    done = wacampaign(*command(write(text), "--yes"))
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert campaigns(sql) == []


def test_unknown_file_and_unknown_number(wacampaign: Wacampaign) -> None:
    assert wacampaign(*command("missing.csv", "--yes")).exit_code == 2
    args = command(write(people(2)), "--yes")
    args[args.index(NUMBER)] = "123"
    done = wacampaign(*args)
    assert done.exit_code == 6
    assert done.stderr.endswith("→ wacampaign number list\n")


def test_repeats_and_a_region(wacampaign: Wacampaign, sql: SQL) -> None:
    csv = write("9000000001,a\n9000000001,b\n")
    done = wacampaign(*command(csv, "--yes", "--allow-repeats", "--default-region", "IN"))
    assert done.exit_code == 0, done.output
    assert sql.execute(
        "select phone, payload ->> 'var1' from send_queue order by id"
    ).fetchall() == [
        ("919000000001", "a"),
        ("919000000001", "b"),
    ]


@pytest.fixture
def held_up(sql: SQL) -> str:
    """From the second batch on whoever writes contacts waits, until this is executed."""
    sql.execute(
        "create function hold_up() returns trigger language plpgsql as $$ begin"
        " if exists (select from public.send_queue) then perform pg_advisory_xact_lock_shared(7);"
        " end if; return null; end $$;"
        "create trigger hold_up before insert on send_queue execute function hold_up();"
        "select pg_advisory_lock(7)"
    )
    return "select pg_advisory_unlock(7)"


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_the_middle(
    environment: dict[str, str], sql: SQL, held_up: str, times: int
) -> None:
    csv = write(people(3 * BATCH_ROWS))
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *command(csv, "--yes")],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    waits = (
        "select 1 from pg_locks l join pg_database d on d.oid = l.database"
        " where d.datname = current_database() and locktype = 'advisory' and not granted"
    )
    with process.stderr as stderr:
        wait_until(lambda: sql.execute(waits.encode()).fetchone(), 60, "the second batch waits")
        process.send_signal(signal.SIGINT)
        # What it says at once; only then is it known to wait for the rows on their way.
        assert stderr.readline() == "\n"
        assert stderr.readline().startswith("stopping")
        if times == 2:
            process.send_signal(signal.SIGINT)
        else:
            sql.execute(held_up.encode())
        told = stderr.read()
    assert process.wait(20) == 130
    (campaign_id,) = sql.execute("select id::text from campaigns").fetchone() or ("",)
    assert f"({campaign_id}) is paused and incomplete" in told
    assert f"→ wacampaign cancel {campaign_id}, then create it again" in told
    assert "Traceback" not in told
    (status, reason) = sql.execute("select status, pause_reason from campaigns").fetchone() or ("",)
    assert (status, reason) == ("paused", "its contacts are being written")
    # The rows on their way were waited for once, and given up at the second time.
    written = (3 - times) * BATCH_ROWS
    assert sql.execute("select count(*) from send_queue").fetchone() == (written,)
    assert f"({written:,} of {3 * BATCH_ROWS:,} contacts written)" in told


def test_ctrl_c_while_a_pipe_is_read(environment: dict[str, str], tmp_path: Path) -> None:
    (folder := tmp_path / "kept").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *command("-", "--yes")],
        env=os.environ | environment | {"TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stderr is not None
    with process.stdin, process.stderr as stderr:
        wait_until(lambda: any(folder.glob("*/stdin")), 60, "the list is awaited")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert stderr.read().startswith("error: interrupted: nothing was created\n→ ")
    assert not any(folder.iterdir())


def test_phones_without_a_country_code_beside_others_name_the_way_out(
    wacampaign: Wacampaign,
) -> None:
    csv = write("phone,name\n+447700900101,Asha\n+447700900102,Ben\n07700 900103,Chloe\n")
    done = wacampaign(*command(csv, "--dry-run"))
    assert done.exit_code == 0, done.output
    way_out = "without a country code: --default-region GB, if they are of United Kingdom"
    assert way_out in done.stdout
    done = wacampaign(*command(csv, "--dry-run", "--default-region", "UK"))
    assert "3 contacts: the list" in done.stdout
    assert "--default-region" not in done.stdout
