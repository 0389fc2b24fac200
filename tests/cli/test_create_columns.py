"""`create` with lists as people have them: columns in any order, values that nobody meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_number, run_on
from tests.cli.conftest import Wacampaign
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
NUMBER = "200000000000008"
TEMPLATES = {
    "visit": [{"type": "BODY", "text": "Dear {{first_name}}, see you on {{day}}."}],
    "visit2": [{"type": "BODY", "text": "On {{day}} we expect you, {{first_name}}."}],
    "both": [
        {"type": "HEADER", "format": "TEXT", "text": "Visit of {{day}}"},
        {"type": "BODY", "text": "Dear {{first_name}}, on {{day}} at {{hour}}."},
    ],
    "hello": [{"type": "BODY", "text": "Hello {{1}}"}],
    "sale": [
        {"type": "HEADER", "format": "TEXT", "text": "Sale for {{1}} until Sunday"},
        {"type": "BODY", "text": "Hello {{1}}"},
    ],
    "track": [
        {"type": "BODY", "text": "Hello {{1}}"},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "URL", "text": "Buy", "url": "https://example.com/t/{{1}}"}],
        },
    ],
    "bill": [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BODY", "text": "Dear {{1}}, your bill of {{2}}"},
    ],
}

pytestmark = pytest.mark.usefixtures("number")


@pytest.fixture
def number(database: str) -> None:
    """NUMBER with `TEMPLATES`."""

    async def add(store: Store) -> None:
        number_id = await add_number(store, phone_number_id=NUMBER, rate=100, templates=())
        with psycopg.connect(database, autocommit=True) as connection:
            for name, components in TEMPLATES.items():
                connection.execute(
                    "insert into templates (whatsapp_number_id, name, status, language, components)"
                    " values (%s, %s, 'APPROVED', 'en', %s)",
                    (number_id, name, json.dumps(components)),
                )

    run_on(database, add)


def command(text: str, template: str, *more: str) -> list[str]:
    Path("list.csv").write_text(text)
    return ["create", "--csv", "list.csv", "--number", NUMBER, "--template", template, *more]


def payloads(sql: SQL) -> list[Any]:
    rows = sql.execute("select payload from send_queue order by created_at, id").fetchall()
    return [payload for (payload,) in rows]


SWAPPED = "phone,day,first_name\n+447700900123,Monday,Asha\n+447700900124,Friday,Ravi\n"


def test_a_header_in_another_order(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign(*command(SWAPPED, "visit", "--yes"))
    assert done.exit_code == 0, done.output
    for line in (
        "  columns, by name: in another order than the template's:",
        "    phone      → phone                +44***0123 | +44***0124",
        "    first_name → body {{first_name}}  Asha | Ravi",
        "    day        → body {{day}}         Monday | Friday",
    ):
        assert line in done.stdout.splitlines(), done.stdout
    assert payloads(sql)[0] == {"var1": "Asha", "var2": "Monday"}


def test_templates_that_name_their_variables_in_another_order(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    done = wacampaign(*command(SWAPPED, "visit,visit2", "--yes"))
    assert done.exit_code == 0, done.output
    assert "  columns of visit2, by name:" in done.stdout
    assert payloads(sql) == [
        {"var1": "Asha", "var2": "Monday"},
        {"var1": "Friday", "var2": "Ravi"},
    ]


def test_columns_that_nothing_needs(wacampaign: Wacampaign, sql: SQL) -> None:
    text = "email,first_name,Mobile,day,city\na@example.com,Asha,+447700900123,Monday,Leeds\n"
    done = wacampaign(*command(text, "visit", "--yes"))
    assert done.exit_code == 0, done.output
    assert "    left out: email, city" in done.stdout.splitlines(), done.stdout
    assert payloads(sql) == [{"var1": "Asha", "var2": "Monday"}]


def test_one_variable_in_header_and_body(wacampaign: Wacampaign, sql: SQL) -> None:
    text = "phone,first_name,day,hour\n+447700900123,Asha,Monday,9\n"
    assert wacampaign(*command(text, "both", "--yes")).exit_code == 0
    assert payloads(sql) == [{"var1": "Monday", "var2": "Asha", "var3": "Monday", "var4": "9"}]


def test_what_is_not_clear_is_asked_with_a_map_that_settles_it(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    text = "phone,day,Vorname,city\n+447700900123,Monday,Asha,Leeds\n"
    done = wacampaign(*command(text, "visit", "--yes"))
    assert done.exit_code == 6
    assert "visit: no column is named for body {{first_name}}" in done.stderr
    assert "  Vorname → ?             Asha" in done.stderr.splitlines(), done.stderr
    suggested = done.stderr.splitlines()[-1].partition("--map '")[2].rstrip("'")
    assert suggested == "phone=phone,first_name=Vorname,day=day"
    done = wacampaign(*command(text, "visit", "--yes", "--map", suggested))
    assert done.exit_code == 0, done.output
    assert payloads(sql) == [{"var1": "Asha", "var2": "Monday"}]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("frist_name=Vorname", "nothing that is called “frist_name”; “first_name”?"),
        ("first_name=Vornam", "there is no column “Vornam”; “Vorname”?"),
        ("first_name", "--map takes VAR=COLUMN"),
    ],
)
def test_a_map_that_names_nothing(wacampaign: Wacampaign, said: str, message: str) -> None:
    text = "phone,day,Vorname\n+447700900123,Monday,Asha\n"
    done = wacampaign(*command(text, "visit", "--yes", "--map", said))
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_map_for_several_templates(wacampaign: Wacampaign, sql: SQL) -> None:
    text = "phone,a,b\n+447700900123,Monday,Asha\n+447700900124,Friday,Ravi\n"
    said = "day=a,first_name=b"
    done = wacampaign(*command(text, "visit,visit2", "--yes", "--map", said))
    assert done.exit_code == 0, done.output
    assert payloads(sql) == [{"var1": "Asha", "var2": "Monday"}, {"var1": "Friday", "var2": "Ravi"}]
    done = wacampaign(*command(text, "visit,visit2", "--dry-run", "--map", "dya=a"))
    assert done.exit_code == 2
    assert "nothing that is called “dya”; “day”?" in done.stderr


def test_columns_that_are_missing(wacampaign: Wacampaign) -> None:
    done = wacampaign(*command("phone,day\n+447700900123,Monday\n", "visit", "--yes"))
    assert done.exit_code == 6
    assert "no column is named for body {{first_name}}" in done.stderr
    assert "a header that fits: phone,first_name,day" in done.stderr.splitlines()[-1]


def test_names_that_have_nothing_in_common(wacampaign: Wacampaign) -> None:
    text = "phone,vorname,tag\n+447700900123,Asha,Montag\n"
    done = wacampaign(*command(text, "visit", "--dry-run"))
    assert done.exit_code == 0
    assert "by position: the header has none of the template's names, so look at" in done.stdout


def test_a_document_with_its_name(wacampaign: Wacampaign, sql: SQL) -> None:
    text = (
        "phone,file,filename,name,month\n"
        "+447700900123,https://example.com/1.pdf,May.pdf,Asha,May\n"
        "+447700900124,https://example.com/2.pdf,,Ravi,May\n"
    )
    assert wacampaign(*command(text, "bill", "--yes")).exit_code == 0
    first, second = payloads(sql)
    assert first["filename"] == "May.pdf"
    assert second == {"var1": "https://example.com/2.pdf", "var2": "Ravi", "var3": "May"}


def test_values_that_are_no_values(wacampaign: Wacampaign, sql: SQL) -> None:
    odd = ["#N/A", "nan", "NULL", "undefined", "#REF!", "{{name}}", "-", "None"]
    rows = "".join(f"+4477009001{n:02},{value}\n" for n, value in enumerate(odd))
    text = f"phone,name\n+447700900199,Asha\n{rows}+447700900198,Tom &amp; Jo\n"
    done = wacampaign(*command(text, "hello", "--dry-run"))
    assert "  1 contact: the list → the queue, ready" in done.stdout
    assert "    line 3: +44***0100 body {{1}}: “#N/A” is a spreadsheet's error" in done.stdout
    assert "    8 rows of them would be sent with --allow-placeholders" in done.stdout
    assert "    1 row of them would be sent with --allow-markup" in done.stdout
    done = wacampaign(*command(text, "hello", "--yes", "--allow-placeholders", "--allow-markup"))
    assert done.exit_code == 0, done.output
    assert len(payloads(sql)) == 10


def test_nobody_left_names_the_flag(wacampaign: Wacampaign) -> None:
    done = wacampaign(*command("phone,name\n+447700900120,#N/A\n", "hello", "--yes"))
    assert done.exit_code == 6
    assert "line 2: body {{1}}: “#N/A” is a spreadsheet's error" in done.stderr
    assert "--allow-placeholders" in done.stderr.splitlines()[-1]


def test_a_header_too_long_with_its_value(wacampaign: Wacampaign) -> None:
    season = "Winter clearance of everything in the shop and more of it"
    done = wacampaign(*command(f"phone,s,n\n+447700900123,{season},Asha\n", "sale", "--yes"))
    assert done.exit_code == 6
    assert "header has 79 characters with its value, at most 60 are possible" in done.stderr


def test_endings_of_urls_are_sent_as_an_address_has_them(wacampaign: Wacampaign, sql: SQL) -> None:
    text = (
        "phone,name,url\n+447700900123,Asha,?utm=a b\n+447700900124,Ravi,example.com/t/A3\n"
        "+447700900125,Tom,https://example.org/x\n"
    )
    done = wacampaign(*command(text, "track", "--yes"))
    assert done.exit_code == 0, done.output
    assert 'line 4: +44***0125 button 1 "Buy" URL ending is a whole URL' in done.stdout
    assert [payload["var2"] for payload in payloads(sql)] == ["?utm=a%20b", "A3"]


def test_json_has_the_columns(wacampaign: Wacampaign) -> None:
    done = wacampaign(*command(SWAPPED, "visit", "--dry-run", "--json"))
    (one,) = json.loads(done.stdout)["columns"]
    assert (one["template"], one["by"], one["phone"], one["left_out"]) == (
        "visit", "name", "phone", [],
    )  # fmt: skip
    assert one["filled"][0] == {
        "key": "var1", "place": "body {{first_name}}", "column": "first_name", "number": 3,
        "constant": None,
    }  # fmt: skip


def test_messages_as_they_will_be_seen(wacampaign: Wacampaign) -> None:
    text = "phone,name,url\n+447700900123,Asha,A3\n+447700900124,Ravi,A4\n"
    done = wacampaign(*command(text, "track", "--yes"))
    rule = "    " + "─" * 72
    shown = [
        "  message to +44***0123, line 2, as its recipient sees it:",
        rule,
        "    Hello Asha",
        "    [Buy → https://example.com/t/A3]",
        rule,
    ]
    lines = done.stdout.splitlines()
    at = lines.index(shown[0])
    assert lines[at : at + len(shown)] == shown
    assert "Ravi" not in done.stdout[done.stdout.index(shown[0]) :]
    done = wacampaign(*command(text, "track", "--dry-run", "--json", "--show", "2"))
    messages = json.loads(done.stdout)["messages"]
    assert [one["preview"]["bubble"]["body"] for one in messages] == ["Hello Asha", "Hello Ravi"]
    done = wacampaign("preflight", "list", "--show", "2")
    assert "  [Buy → https://example.com/t/A4]" in done.stdout.splitlines()
    assert "message to +44***0124, track, as its recipient sees it:" in done.stdout
    done = wacampaign("preflight", "list", "--show", "9", "--json")
    assert len(json.loads(done.stdout)["messages"]) == 2
    assert "447700900124" not in done.output


@pytest.mark.parametrize("columns", [40, 60])
def test_messages_fit_a_narrow_terminal(wacampaign: Wacampaign, columns: int) -> None:
    text = f"phone,name,url\n+447700900123,{'Asha ' * 20}end,A3\n"
    narrow = {"COLUMNS": str(columns)}
    for line in (command(text, "track", "--yes"), ["preflight", "list", "--show", "1"]):
        told = wacampaign(*line, env=narrow).stdout.splitlines()
        at, end = (i for i, one in enumerate(told) if one.strip().startswith("──"))
        assert len(told[at]) == columns
        shown = " ".join(one.strip() for one in told[at + 1 : end])
        assert shown == f"Hello {'Asha ' * 20}end [Buy → https://example.com/t/A3]"
        assert all(len(one) <= columns for one in told[at : end + 1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (" \u200b ", "the name in --name is empty"),
        ("a\x1b[2Jb", "the name in --name has a line break or a control character"),
        ("two\nlines", "the name in --name has a line break or a control character"),
        ("x" * 300, "the name in --name has 300 characters, at most 100 are possible"),
    ],
)
def test_a_name_that_is_none(wacampaign: Wacampaign, name: str, message: str) -> None:
    done = wacampaign(*command(SWAPPED, "visit", "--yes", "--name", name))
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_file_name_becomes_a_name(wacampaign: Wacampaign, sql: SQL) -> None:
    args = command(SWAPPED, "visit", "--yes")
    odd = "May\x1b[2J\n \u202esale" + "x" * 200 + ".csv"
    Path("list.csv").rename(odd)
    assert wacampaign(*["create", "--csv", odd, *args[3:]]).exit_code == 0
    (name,) = sql.execute("select name from campaigns").fetchone() or ("",)
    assert name == ("May [2J sale" + "x" * 200)[:100]
