"""`results`: one row a recipient, in a file, on stdout, as JSON."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.campaigns import phone
from tests.cli.conftest import Seeded, Wacampaign
from tests.store.test_results import accept, deliver, row_ids
from wacampaign.core.campaign.recipient import COLUMNS, STATES, recipient, variables_in_order
from wacampaign.operations.results import RecipientsWanted, print_results, show_results
from wacampaign.store.results import Results

Connection = psycopg.Connection[Any]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def sent(seeded: Seeded, sql: Connection) -> list[str]:
    """20 rows: one delivered, one undelivered, one silent, one whose error runs as a formula."""
    ids = row_ids(sql, seeded.campaign_id)
    accept(sql, ids[:3])
    deliver(sql, ids[0], "delivered", delivered_at="2026-11-20 10:00:02+00")
    deliver(
        sql, ids[1], "undelivered", failed_at="2026-11-20 10:00:05+00", code=131049,
        title="told", details=f"not to {phone(1)}",
    )  # fmt: skip
    sql.execute(
        "update send_queue set status = 'failed', error_code = 131026, error_message = '=1+1',"
        " payload = %s where id = %s",
        (json.dumps({"var1": f"call {phone(7)}", "phone": "@x"}), ids[3]),
    )
    return ids


def test_a_file_with_everything(
    wacampaign: Wacampaign, sent: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Results.page, "__kwdefaults__", {"after": None, "limit": 3})
    file = tmp_path / "r.csv"
    done = wacampaign("results", "market_1", "--csv", str(file))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert f"written: {file}, 20 recipients; phones are masked" in done.stderr
    assert "  undelivered            1" in done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text("utf-8-sig")
    rows = read(text)
    assert list(rows[0]) == [*COLUMNS, "phone (value)", "var1"]
    assert [row["state"] for row in rows[:5]] == [
        "delivered", "undelivered", "silent", "refused", "waiting",
    ]  # fmt: skip
    assert rows[0]["delivered_at"] == "2026-11-20T10:00:02Z"
    assert rows[0]["wamid"] == f"wamid.{sent[0]}"
    assert rows[0]["var1"] == "person 0"
    assert rows[1]["title"] == "Not delivered to maintain healthy engagement"
    assert rows[3]["details"] == "'=1+1"
    assert rows[3]["phone (value)"] == "'@x"
    assert all("***" in row["phone"] for row in rows)
    assert not any(phone(n) in text for n in range(20))
    again = wacampaign("results", "market_1", "--csv", str(file))
    assert again.exit_code == 6
    assert "r-2.csv" in again.stderr


@pytest.mark.usefixtures("sent")
def test_whole_numbers_and_one_state(wacampaign: Wacampaign) -> None:
    done = wacampaign(
        "results", "market_1", "--csv", "-", "--state", "undelivered", "--show-numbers"
    )
    assert done.exit_code == 0, done.stderr
    (row,) = read(done.stdout)
    assert (row["phone"], row["details"]) == (phone(1), f"not to {phone(1)}")
    assert "\r" not in done.stdout
    wrong = wacampaign("results", "market_1", "--csv", "-", "--state", "lost")
    assert wrong.exit_code == 2
    assert "undelivered" in wrong.stderr


@pytest.mark.usefixtures("sent")
def test_json_is_a_line_a_recipient_or_tells_of_the_file(
    wacampaign: Wacampaign, tmp_path: Path
) -> None:
    done = wacampaign("results", "market_1", "--json")
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 20
    assert list(rows[0]) == ["schema_version", *COLUMNS, "values"]
    assert rows[0]["values"] == {"var1": "person 0"}
    assert rows[0]["read_at"] is None
    file = tmp_path / "r.csv"
    answer = json.loads(wacampaign("results", "market_1", "--csv", str(file), "--json").stdout)
    assert (answer["recipients"], answer["file"]) == (20, str(file))
    assert list(answer["states"]) == list(STATES)
    assert answer["states"]["silent"] == 1


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("arguments", [(), ("--csv", "-", "--json")])
def test_it_is_told_where_to(wacampaign: Wacampaign, arguments: tuple[str, ...]) -> None:
    done = wacampaign("results", "market_1", *arguments)
    assert done.exit_code == 2
    assert "--csv FILE" in done.stderr


def test_variables_stand_as_they_fill_a_template() -> None:
    assert variables_in_order({"var10", "var9", "var1", "name", "a1b2", "a1b10"}) == [
        "a1b2", "a1b10", "name", "var1", "var9", "var10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "values", [None, [], "text", 3, {"a": None, "b": [1], "c": True, "d": "x"}]
)
def test_what_another_program_wrote_as_values(values: Any) -> None:
    shown = recipient({"state": "waiting", "values": values}, show_numbers=False)
    wanted = {"a": "", "b": "[1]", "c": "true", "d": "x"} if isinstance(values, dict) else {}
    assert shown["values"] == wanted
    assert shown["phone"] == ""


@pytest.mark.usefixtures("sent")
def test_a_new_campaign_of_the_undelivered_ones(
    wacampaign: Wacampaign, tmp_path: Path, sql: Connection
) -> None:
    """As `failures` advises."""
    file = tmp_path / "again.csv"
    command = f"results market_1 --state undelivered --show-numbers --csv {file}"
    assert wacampaign(*command.split()).exit_code == 0
    (number,) = sql.execute("select phone_number_id from whatsapp_numbers").fetchone() or ("",)
    # A number that can be written to.
    file.write_text(file.read_text("utf-8-sig").replace(phone(1), "447700900001"), "utf-8")
    done = wacampaign(
        "create", "--csv", str(file), "--number", number, "--template", "hello", "--dry-run"
    )
    assert done.exit_code == 0, done.stderr + done.stdout
    assert "Hello person 1" in done.stdout


@pytest.mark.parametrize(
    "command", ["queue-stats", "monitor --once", "audit", "failures", "results"]
)
def test_what_the_backend_stored_is_taken_before_it_is_shown(
    wacampaign: Wacampaign, seeded: Seeded, sql: Connection, command: str
) -> None:
    """With no worker and no receiver alive."""
    (row_id,) = row_ids(sql, seeded.campaign_id)[:1]
    accept(sql, [row_id])
    sql.execute(
        "insert into message_status_logs (whatsapp_number_id, user_phone, whatsapp_message_id,"
        " status, error_code, error_message, created_at)"
        " values (%s, %s, %s, 'failed', '131049', 'told', now())",
        (seeded.number_id, phone(0), f"wamid.{row_id}"),
    )
    done = wacampaign(*command.split(), "market_1", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[0])
    match command:
        case "results":
            assert (found["state"], found["code"]) == ("undelivered", 131049)
        case "failures":
            assert found["undelivered"] == 1
        case "monitor --once":
            assert found["delivery"]["undelivered"] == 1
        case _:
            assert found["campaigns"][0]["delivery"]["undelivered"] == 1


class Answers:
    """A store that has these recipients, a page of two at a time."""

    def __init__(self, recipients: list[dict[str, Any]]) -> None:
        self.recipients = [{"id": str(n), **one} for n, one in enumerate(recipients)]

    async def call(self, _: str, **__: Any) -> dict[str, Any]:
        values = [one["values"] for one in self.recipients]
        names = {name for one in values if isinstance(one, dict) for name in one}
        return {"names": sorted(names), "last": None}

    async def call_list(self, function: str, **params: Any) -> list[dict[str, Any]]:
        if function == "find":
            return [{"id": "c", "name": "c", "status": "running"}]
        start = 0 if params["after"] is None else int(params["after"]) + 1
        return self.recipients[start : start + 2]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.none() | st.integers() | TEXTS | st.dictionaries(TEXTS, TEXTS | st.booleans())
RECIPIENTS = st.fixed_dictionaries(
    {"state": st.sampled_from(STATES), "values": VALUES},
    optional={
        "phone": st.none() | TEXTS | st.from_regex(r"\A[1-9][0-9]{9,14}\Z"),
        "template": TEXTS, "error": st.none() | TEXTS, "details": TEXTS, "reply": TEXTS,
        "title": TEXTS, "code": st.integers(0, 10**6), "billable": st.booleans(),
    },
)  # fmt: skip


@given(st.lists(RECIPIENTS, max_size=5))
@example([{"state": "waiting", "values": {"\r0": "a\rb\r\nc"}}])
def test_whatever_is_in_a_row_it_stays_a_row_and_no_formula(rows: list[dict[str, Any]]) -> None:
    parts: list[str] = []

    def keep(lines: str) -> bool:
        parts.append(lines)
        return True

    wanted = RecipientsWanted()
    store: Any = Answers(rows)
    done = asyncio.run(print_results(store, "c", wanted, keep))
    headings, *lines = csv.reader(io.StringIO("".join(parts), newline=""))
    assert headings[: len(COLUMNS)] == list(COLUMNS)
    assert (done.recipients, len(lines)) == (len(rows), len(rows))
    for line, row in zip(lines, rows, strict=True):
        assert len(line) == len(headings)
        assert not any(re.match(r"[=@\t\r]|[+-]\D", cell) for cell in line)
        phone = row.get("phone") or ""
        assert len(phone) < 8 or not phone.isascii() or phone not in line[0]


@given(TEXTS)
def test_nobody_reads_on(text: str) -> None:
    rows = [{"state": "waiting", "values": {"var1": text}}] * 7
    shown: list[Any] = []

    def show(one: Any) -> bool:
        shown.append(one)
        return len(shown) < 3

    store: Any = Answers(rows)
    asyncio.run(show_results(store, "c", RecipientsWanted(), show))
    assert len(shown) == 3
