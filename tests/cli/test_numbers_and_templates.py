"""`number` and `templates` against the sandbox: what Meta has comes into the database."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]
pytestmark = pytest.mark.usefixtures("sandbox")
ADD = ("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID)


@pytest.fixture
def sandbox(sandbox: SandboxProcess, environment: dict[str, str]) -> SandboxProcess:
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    return sandbox


def test_add_needs_yes_then_adds_then_updates(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign(*ADD, "--rate", "100")
    assert done.exit_code == 6
    assert "  1 number: none → 100/s" in done.stdout
    assert "  6 templates: at Meta → in the database" in done.stdout
    assert "    template demo_copy_code:en_US\n" in done.stdout
    assert "NOTE: Meta takes at most 80 a second from it, not 100" in done.stdout
    assert sql.execute("select count(*) from whatsapp_numbers").fetchone() == (0,)

    done = wacampaign(*ADD, "--rate", "70", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(
        f"templates: 6 synced\n→ wacampaign templates list --number {DEMO_PHONE_NUMBER_ID}\n"
    )
    assert sql.execute(
        "select number, display_name, waba_id, quality_rating, access_token, max_send_rate_per_sec"
        " from whatsapp_numbers"
    ).fetchall() == [("447700900000", "Sandbox", DEMO_WABA_ID, "GREEN", None, 70)]

    sql.execute("update whatsapp_numbers set display_name = 'Main shop'")
    done = wacampaign(*ADD, "--yes", "--json")
    answer = json.loads(done.stdout)
    assert answer["added"] is False
    assert answer["number"]["configured_rate_per_second"] == 70
    assert sql.execute("select display_name from whatsapp_numbers").fetchone() == ("Main shop",)

    sql.execute("update whatsapp_numbers set is_active = false")
    assert "  1 number: switched off → switched on" in wacampaign(*ADD, "--yes").stdout
    assert sql.execute("select is_active from whatsapp_numbers").fetchone() == (True,)
    assert "switched" not in wacampaign(*ADD, "--dry-run").stdout


def test_add_refuses_what_does_not_belong_together(
    wacampaign: Wacampaign, sandbox: SandboxProcess, environment: dict[str, str], sql: SQL
) -> None:
    sandbox.control.put_waba("100000000000009", DEMO_TOKEN)
    done = wacampaign(*ADD[:3], "--waba", "100000000000009", "--yes")
    assert done.exit_code == 6
    assert "does not have the number" in done.stderr

    done = wacampaign("number", "add", "200000000000009", "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 1
    assert "from the same page" in done.stderr.splitlines()[-1]

    done = wacampaign("number", "add", "+44 7700", "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 2

    environment["META_ACCESS_TOKEN"] = "wrong"
    assert wacampaign(*ADD, "--yes").exit_code == 4

    del environment["META_ACCESS_TOKEN"]
    done = wacampaign(*ADD, "--yes")
    assert done.exit_code == 78
    assert done.stderr.endswith("→ set META_ACCESS_TOKEN in .env\n")

    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    environment["WHATSAPP_API_URL"] = "http://127.0.0.1:9"
    assert wacampaign(*ADD, "--yes").exit_code == 69
    assert sql.execute("select count(*) from whatsapp_numbers").fetchone() == (0,)


def test_a_number_entered_without_its_id_is_not_entered_twice(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    sql.execute("insert into whatsapp_numbers (number) values ('447700900000')")
    done = wacampaign(*ADD, "--yes")
    assert done.exit_code == 6
    assert "is entered already" in done.stderr
    assert "447700900000" not in done.stderr


def test_offline(wacampaign: Wacampaign, environment: dict[str, str]) -> None:
    environment["WHATSAPP_API_URL"] = "http://127.0.0.1:9"
    done = wacampaign(*ADD, "--offline", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"→ wacampaign templates sync --number {DEMO_PHONE_NUMBER_ID}\n")
    done = wacampaign("number", "list")
    assert done.stdout.splitlines()[1].split("\t")[2] == "unknown"


def test_a_typed_token_is_hidden_and_kept_in_the_database(
    environment: dict[str, str], sql: SQL
) -> None:
    del environment["META_ACCESS_TOKEN"]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *ADD, "--yes"],
        env=os.environ | environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = b""
    asked = 0
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other side has ended
            break
        if not part:
            break
        shown += part
        while shown.count(b"(not shown): ") > asked:
            asked += 1
            os.write(leader, b"wrong\n" if asked == 1 else DEMO_TOKEN.encode() + b"\n")
    os.close(leader)
    assert process.wait(20) == 0, shown
    assert asked == 2
    assert DEMO_TOKEN.encode() not in shown
    assert b"wrong" not in shown
    assert sql.execute("select access_token from whatsapp_numbers").fetchone() == (DEMO_TOKEN,)


def test_list_of_numbers(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign("number", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "number add" in done.stderr
    wacampaign(*ADD, "--yes", "--rate", "80")
    sql.execute(
        "insert into wacampaign_buckets (key, rate, rate_changed_at)"
        " select phone_number_id, 10, clock_timestamp() from whatsapp_numbers"
    )
    heads, line = (row.split("\t") for row in wacampaign("number", "list").stdout.splitlines())
    found = dict(zip(heads, line, strict=True))
    assert found.pop("rate/s").endswith(" of 80")
    assert found == {
        "name": "Sandbox",
        "phone_number_id": DEMO_PHONE_NUMBER_ID,
        "number": "+44***0000",
        "quality": "GREEN",
        "templates": "6",
        "token": "settings",
        "active": "yes",
        "marketing": "off",
        "messaging limit": "none (TIER_UNLIMITED)",
    }
    assert "447700900000" in wacampaign("number", "list", "--show-numbers").stdout
    (one,) = json.loads(wacampaign("number", "list", "--json").stdout)["numbers"]
    assert (one["templates"], one["token_in_database"], one["active"]) == (6, False, True)


def template(name: str, text: str = "Hello {{1}}", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "language": "en",
        "components": [{"type": "BODY", "text": text}],
    } | more


def test_sync_reads_every_page_and_tells_what_changed(
    wacampaign: Wacampaign, sandbox: SandboxProcess, sql: SQL
) -> None:
    assert wacampaign("templates", "sync").exit_code == 6  # there is no number yet
    wacampaign(*ADD, "--yes")
    many = [template(f"many_{i:03}") for i in range(230)]
    sandbox.control.put_templates(DEMO_WABA_ID, *many)
    sandbox.control.put_templates(DEMO_WABA_ID, template("demo_text", "Changed {{1}}"))
    sandbox.control.put_templates(
        DEMO_WABA_ID, template("refused", status="REJECTED", rejected_reason="SCAM")
    )
    sandbox.control.put_templates(
        DEMO_WABA_ID,
        {"name": "demo_video", "language": "en_US", "status": "PAUSED"},
    )
    done = wacampaign("templates", "sync", "--dry-run")
    # demo_text is there in en_US: this en is one more.
    assert "  232 templates: unknown → as at Meta" in done.stdout
    assert sql.execute("select count(*) from templates").fetchone() == (6,)

    done = wacampaign("templates", "sync")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Sandbox: 232 new, 1 changed, 0 gone, 5 as before\n")
    assert "  changed: demo_video:en_US (APPROVED → PAUSED)\n" in done.stdout
    assert "  not approved: refused:en is REJECTED (SCAM)\n" in done.stdout
    assert "  demo_text is there in en (APPROVED), en_US (APPROVED)\n" in done.stdout
    assert sql.execute("select count(*) from templates").fetchone() == (237,)
    assert "232 new" not in wacampaign("templates", "sync").stdout


def test_sync_asks_before_it_takes_templates_out_of_use(wacampaign: Wacampaign, sql: SQL) -> None:
    wacampaign(*ADD, "--yes")
    sql.execute(
        "insert into templates (whatsapp_number_id, name, status, language, components)"
        " select id, 'old', 'APPROVED', 'en', '[]' from whatsapp_numbers"
    )
    done = wacampaign("templates", "sync")
    assert done.exit_code == 6
    assert "    gone: old:en of Sandbox" in done.stdout
    active = "select is_active from templates where name = 'old'"
    assert sql.execute(active).fetchone() == (True,)
    done = wacampaign("templates", "sync", "--yes", "--json")
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["changed"]
    assert answer["numbers"][0]["sync"]["gone"] == ["old"]
    assert sql.execute(active).fetchone() == (False,)
    assert json.loads(wacampaign("templates", "sync", "--json").stdout)["changed"] is False
    assert "old" not in wacampaign("templates", "list").stdout
    assert "old\ten\tGONE" in wacampaign("templates", "list", "--all").stdout


def test_a_number_that_fails_does_not_keep_the_others(
    wacampaign: Wacampaign, sandbox: SandboxProcess, sql: SQL
) -> None:
    sql.execute(
        "insert into whatsapp_numbers"
        " (number, display_name, phone_number_id, waba_id, access_token)"
        " values ('15550100', 'Broken', '200000000000005', '1', 'revoked')"
    )
    wacampaign(*ADD, "--yes")
    sandbox.control.put_templates(DEMO_WABA_ID, template("fresh"))
    done = wacampaign("templates", "sync")
    assert done.exit_code == 4
    assert "Broken: Meta answered" in done.stderr
    assert "  new: fresh:en\n" in done.stdout
    assert sql.execute("select count(*) from templates where name = 'fresh'").fetchone() == (1,)


def test_list_of_templates_tells_what_each_needs(wacampaign: Wacampaign) -> None:
    assert "templates sync" in wacampaign("templates", "list").stderr
    wacampaign(*ADD, "--yes")
    rows = [line.split("\t") for line in wacampaign("templates", "list").stdout.splitlines()]
    assert {row[0]: row[3] for row in rows[1:]} == {
        "demo_copy_code": "2 variables",
        "demo_named": "2 variables",
        "demo_paused": "no variables",
        "demo_text": "3 variables",
        "demo_url_button": "1 variable",
        "demo_video": "video + 1 variable",
    }
    answer = json.loads(wacampaign("templates", "list", "--json").stdout)
    assert len(answer["templates"]) == 6


def test_ids_that_were_pasted_are_entered_as_they_are_meant(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    words = ("number", "add", f"\ufeff{DEMO_PHONE_NUMBER_ID}\n", "--waba")
    done = wacampaign(*words, f"\u00a0{DEMO_WABA_ID}\u200b", "--yes")
    assert done.exit_code == 0, done.output
    assert sql.execute("select phone_number_id, waba_id from whatsapp_numbers").fetchall() == [
        (DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID)
    ]


def test_sync_tells_when_the_backends_row_changes_its_language(
    wacampaign: Wacampaign, sandbox: SandboxProcess, sql: SQL
) -> None:
    wacampaign(*ADD, "--yes")
    sandbox.control.put_templates(DEMO_WABA_ID, template("hello", language="en_US"))
    wacampaign("templates", "sync")
    sandbox.control.put_templates(DEMO_WABA_ID, template("hello", language="de"))
    language = "select language from templates where name = 'hello'"
    assert "backend's table" not in wacampaign("templates", "sync").stdout
    assert sql.execute(language).fetchone() == ("en_US",)
    sandbox.control.put_templates(
        DEMO_WABA_ID, template("hello", language="en_US", status="REJECTED")
    )
    told = "hello is de in the backend's table from now on, and was en_US\n"
    assert told in wacampaign("templates", "sync").stdout
    assert sql.execute(language).fetchone() == ("de",)
