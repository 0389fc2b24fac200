"""`inbox` and `optouts` on the command line."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import run_on
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.updates import InboundMessage
from wacampaign.operations import inbox
from wacampaign.operations.since import read_since
from wacampaign.settings import load_settings
from wacampaign.store.inbound import Inbound
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
Write = Callable[..., None]


@pytest.fixture
def write(database: str) -> Write:
    """Somebody writes to us."""

    def take(phone: str | None, text: str, ago: int = 60, **more: Any) -> None:
        message = InboundMessage(
            wamid=f"wamid.{phone}.{text}",
            kind="text",
            at=int(time.time()) - ago,
            phone=phone,
            text=text,
            **more,
        )

        async def scenario(store: Store) -> None:
            await Inbound(store).take([message], OptOutWords())

        run_on(database, scenario)

    return take


def answered(sql: SQL, campaign: str, phone: str) -> None:
    """The campaign's message to this phone, an hour ago."""
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " campaign_id, whatsapp_message_id, created_at) select whatsapp_number_id, %s, 'outgoing',"
        " 'template', id, 'wamid.out.' || %s, now() - interval '1 hour' from campaigns"
        " where id = %s",
        (phone, phone, campaign),
    )


def test_the_inbox_shows_the_last_message_of_each(
    wacampaign: Wacampaign, write: Write, sql: SQL, seeded: Seeded
) -> None:
    assert "nobody has replied" in wacampaign("inbox").stderr
    answered(sql, seeded.campaign_id, "447700900001")
    write("447700900001", "first", ago=600, name="Asha")
    write("447700900001", "call me on +44 7700 900999", ago=120)
    write("447700900002", "STOP", ago=90_000)
    write(None, "hello", user_id="GB.abc123", ago=60)
    done = wacampaign("inbox")
    assert done.exit_code == 0
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[1:6] for line in lines[1:]] == [
        ["GB.abc123", "", "hello", "23 h left", ""],
        ["+44***0001", "Asha", "call me on +44***0999", "23 h left", "market_1"],
        ["+44***0002", "", "STOP (opted out)", "over", ""],
    ]
    assert "447700900" not in done.output
    found = json.loads(wacampaign("inbox", "market_1", "--json", "--show-numbers").stdout)
    assert found["schema_version"] == 1
    assert [one["phone"] for one in found["replies"]] == ["447700900001"]
    assert found["replies"][0]["text"] == "call me on +44 7700 900999"
    limited = wacampaign("inbox", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 2
    assert "1 conversation shown, there are older ones: --limit 2 shows more" in limited.stderr
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 3600))
    assert len(wacampaign("inbox", "--since", day).stdout.splitlines()) == 3


def test_the_inbox_takes_what_the_backend_stored(
    wacampaign: Wacampaign, sql: SQL, seeded: Seeded
) -> None:
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " message_body, whatsapp_message_id, status)"
        " values (%s, '447700900003', 'incoming', 'text', 'hi', 'wamid.x', 'received')",
        (seeded.number_id,),
    )
    assert "hi" in wacampaign("inbox").stdout


def test_follow_shows_each_new_message_once(
    database: str, write: Write, environment: dict[str, str]
) -> None:
    settings = load_settings(environ=environment)
    write("447700900001", "before")

    async def scenario(store: Store) -> list[str]:
        seen: list[str] = []
        n = 0
        async for reply in inbox.follow(
            store, settings, None, read_since("2020-01-01", "wacampaign inbox"), 50, print
        ):
            seen.append(reply.said)
            if len(seen) == 4:
                return seen
            message = InboundMessage(f"wamid.{n}", "text", phone="447700900001", text=f"new {n}")
            await Inbound(store).take([message], OptOutWords())
            n += 1
        return seen

    assert run_on(database, scenario) == ["before", "new 0", "new 1", "new 2"]


def test_people_are_entered_and_taken_out(wacampaign: Wacampaign) -> None:
    assert "nobody has opted out" in wacampaign("optouts", "list").stderr
    refused = wacampaign("optouts", "add", "+447700900123")
    assert refused.exit_code == 6
    assert "1 recipient: gets marketing → opted out\n    +44***0123\n" in refused.stdout
    done = wacampaign(
        "optouts", "add", "+44 7700 900123", "IN.abcd", "--reason", "by phone", "--yes"
    )
    assert "entered: 2 numbers" in done.stdout
    again = wacampaign("optouts", "add", "+447700900123", "--yes")
    assert (again.exit_code, again.stdout) == (0, "1 number out already: nothing was changed\n")
    listed = wacampaign("optouts", "list").stdout
    assert "+44***0123" in listed
    assert "by phone" in listed
    assert "IN.abcd" in listed
    bad = wacampaign("optouts", "add", "12", "--yes")
    assert bad.exit_code == 2
    assert "is no phone number with country code" in bad.stderr
    out = wacampaign("optouts", "remove", "447700900123", "--yes")
    assert "taken out: 1 number" in out.stdout
    assert "not out: nothing was changed" in wacampaign(
        "optouts", "remove", "447700900123", "--yes"
    ).stdout  # fmt: skip
    left = json.loads(wacampaign("optouts", "list", "--json").stdout)
    assert (left["total"], left["optouts"][0]["user_id"]) == (1, "IN.abcd")


def test_a_list_is_imported_and_an_export_comes_back(
    wacampaign: Wacampaign, write: Write, sql: SQL, tmp_path: Path
) -> None:
    write("447700900110", "stop")
    write("447700900111", "start", ago=86_400)
    file = tmp_path / "unsubscribed.csv"
    file.write_text(
        "name,mobile,since,reason\n"
        "a,+44 7700 900110,,\n"
        "b,+44 (0)7700 900111,2024-05-01,left\n"
        "c,447700900112,2024-05-01T10:00:00Z,=cmd()\n"
        "d,12345,,\n"
        "e,+447700900113,31.5.2024,\n"
        "f,447700900112,,\n"
        "g,00447700900114,,\n"
    )
    plan = wacampaign("optouts", "import", "--csv", str(file), "--dry-run")
    assert plan.exit_code == 0, plan.output
    assert "3 recipients: gets marketing → opted out" in plan.stdout
    assert "2 are out already, or in the list before" in plan.stdout
    assert "left out: 1 line naming nobody" in plan.stdout
    undated = "left out: 1 line with a date that cannot be read: THESE PEOPLE STILL GET MARKETING"
    assert undated in plan.stdout
    assert "line 5: ***: " in plan.stdout
    assert "line 6: +44***0113: '31.5.2024' is no date such as 2026-11-26" in plan.stdout
    done = wacampaign("optouts", "import", "--csv", str(file), "--yes")
    assert "entered: 3 numbers of unsubscribed.csv" in done.stdout
    assert "1 of them said START since, and get marketing" in done.stdout
    assert undated in done.stdout
    again = wacampaign("optouts", "import", "--csv", str(file), "--dry-run")
    assert again.exit_code == 0
    assert "5 numbers out already" in again.stdout
    assert "nothing was changed" in again.stdout
    assert undated in again.stdout
    told = json.loads(wacampaign("optouts", "import", "--csv", str(file), "--json").stdout)
    assert (told["unreadable"], told["undated"]) == (2, 1)

    masked, whole = tmp_path / "masked.csv", tmp_path / "whole.csv"
    assert "phones are masked" in wacampaign("optouts", "export", "--csv", str(masked)).stderr
    assert "447700900" not in masked.read_text("utf-8-sig")
    wacampaign("optouts", "export", "--csv", str(whole), "--show-numbers")
    with whole.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["phone"] for row in rows] == ["447700900110", "447700900112", "447700900114"]
    assert rows[1]["since"] == "2024-05-01T10:00:00Z"
    assert rows[1]["evidence"] == "'=cmd()"
    assert wacampaign("optouts", "export", "--csv", str(whole)).exit_code == 6
    stood = "select person, date_trunc('s', since) from wacampaign_optouts where ended_at is null"
    before = sql.execute(stood).fetchall()
    sql.execute("truncate wacampaign_optouts, wacampaign_wishes")
    done = wacampaign("optouts", "import", "--csv", str(whole), "--yes")
    assert "entered: 3 numbers" in done.stdout
    assert sorted(sql.execute(stood).fetchall()) == sorted(before)


def test_a_list_is_piped_in(wacampaign: Wacampaign) -> None:
    piped = "phone\n+447700900110\n+447700900111\n"
    done = wacampaign("optouts", "import", "--csv", "-", "--yes", input=piped)
    assert done.exit_code == 0, done.stderr
    assert "entered: 2 numbers of stdin" in done.stdout


def test_a_list_without_country_codes_is_refused(wacampaign: Wacampaign, tmp_path: Path) -> None:
    file = tmp_path / "national.csv"
    file.write_text("phone\n" + "".join(f"98765432{n:02d}\n" for n in range(20)))
    done = wacampaign("optouts", "import", "--csv", str(file), "--yes")
    assert done.exit_code != 0
    done = wacampaign("optouts", "import", "--csv", str(file), "--default-region", "IN", "--yes")
    assert "entered: 20 numbers" in done.stdout


def test_preflight_and_retry_say_who_is_left_out(
    wacampaign: Wacampaign, sql: SQL, seeded: Seeded
) -> None:
    rows = sql.execute(
        "select phone from send_queue where campaign_id = %s order by phone", (seeded.campaign_id,)
    )
    phones = [phone for (phone,) in rows]
    wacampaign("optouts", "add", *(f"+{phone}" for phone in phones[:3]), "--yes")
    sql.execute(
        "insert into wacampaign_rests values (%s, now() + interval '1 hour', now(), 131049)",
        (phones[3],),
    )
    wacampaign("pause", "market_1", "--yes")
    for command, *more in (("start", "--skip-preflight"), ("resume",)):
        planned = wacampaign(command, "market_1", "--dry-run", *more)
        assert (
            f"{command} will send 16 rows; 4 of 20 rows will be left out (opted out of marketing,"
            " or rest from it); 0 already accepted will not be touched"
        ) in planned.stdout
    found = {
        (line["id"], line["verdict"], line["text"])
        for line in json.loads(wacampaign("preflight", "market_1", "--json").stdout)["lines"]
        if line["id"] == "opt_outs"
    }
    assert found == {
        (
            "opt_outs",
            "warn",
            "3 of 20 rows are for people who opted out of marketing: they will be left out",
        ),
        (
            "opt_outs",
            "warn",
            "1 of 20 rows is for people who rest from marketing for a day, as Meta asked"
            " (131049): they will be left out",
        ),
    }
    sql.execute("update send_queue set status = 'failed', error_message = 'x'")
    plan = wacampaign("retry-failed", "market_1", "--code", "0", "--dry-run")
    assert "16 rows: failed (without a code) → ready" in plan.stdout
    assert "4 failed stay failed" in plan.stdout
    assert "4 of them opted out of marketing, or rest from it: wacampaign optouts list" in (
        plan.stdout
    )
    done = wacampaign("retry-failed", "market_1", "--code", "0", "--yes")
    assert "made ready again: 16 rows of market_1" in done.stdout
    none = wacampaign("retry-failed", "market_1", "--code", "0", "--yes")
    assert "4 rows would be tried again, but their people opted out of marketing" in none.stdout
    assert none.exit_code == 0
