"""`list` says why a campaign does not go on, and until when."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, run_on
from tests.cli.conftest import Seeded, Wacampaign
from tests.cli.test_life_cycle import set_status
from tests.terminal import Terminal
from wacampaign.core.campaign.listed import ListedCampaign
from wacampaign.core.display_width import width
from wacampaign.core.errors import explain

SQL = psycopg.Connection[Any]


def listed(wacampaign: Wacampaign, *more: str) -> Any:
    """The one campaign, as a program has it."""
    done = wacampaign("list", "--json", *more)
    (one,) = json.loads(done.stdout)["campaigns"]
    return one


def lines(environment: dict[str, str], folder: Path, columns: int) -> list[str]:
    """What a terminal of that width shows."""
    variables = {**os.environ, **environment} | {
        "COLUMNS": str(columns),
        "TZ": "Asia/Kolkata",
        "LC_ALL": "C.UTF-8",
    }
    screen = Terminal(f"exec {sys.executable} -m wacampaign list", folder, variables, columns)
    printed = screen.until_its_end().splitlines()
    screen.close()
    assert screen.code == 0
    assert max(map(width, printed)) <= columns
    return printed


def hold(sql: SQL, template: str | None, code: int | None, reason: str, until: str = "") -> None:
    sql.execute(
        "insert into wacampaign_holds (scope, whatsapp_number_id, template_name, code, reason,"
        " held_until) select case when %(t)s::text is null then 'number' else 'template' end,"
        " id, %(t)s::text, %(c)s::int, %(r)s, nullif(%(u)s, '')::timestamptz"
        " from whatsapp_numbers",
        {"t": template, "c": code, "r": reason, "u": until},
    )
    sql.execute("select wacampaign_pause_held(id) from campaigns")


def causes(one: Any) -> tuple[str | None, str | None]:
    return one["waits_for"], one["waits_until"]


@pytest.mark.usefixtures("seeded", "live_worker")
def test_one_that_runs_waits_for_nothing(
    wacampaign: Wacampaign, environment: dict[str, str], tmp_path: Path, sql: SQL
) -> None:
    assert (causes(listed(wacampaign)), listed(wacampaign)["holds"]) == ((None, None), [])
    assert list(listed(wacampaign))[-3:] == ["waits_for", "waits_until", "holds"]
    head, line = (one.split("\t") for one in wacampaign("list").stdout.splitlines())
    assert (head[-2:], line[-2:]) == (["waits_for", "waits_until"], ["", ""])
    assert len(lines(environment, tmp_path, 140)) == 2
    # What is over waits for nothing either, whatever reason was left there.
    sql.execute("update campaigns set status = 'failed', pause_reason = 'cancelled by me'")
    assert causes(listed(wacampaign)) == (None, None)


@pytest.mark.usefixtures("live_worker")
def test_a_pause_by_a_person_and_one_that_ends_by_itself(
    wacampaign: Wacampaign,
    seeded: Seeded,
    environment: dict[str, str],
    tmp_path: Path,
    sql: SQL,
) -> None:
    sql.execute("select wacampaign_set_status(%s, 'pause', 'asha')", [seeded.campaign_id])
    assert causes(listed(wacampaign)) == ("paused by asha", None)
    asked = "select wacampaign_pause_until(%s, '2099-05-01T03:30:00Z', 'asha')"
    sql.execute(asked, [seeded.campaign_id])
    assert causes(listed(wacampaign)) == ("paused by asha", "2099-05-01T03:30:00Z")
    for columns in (60, 80, 140):
        shown = lines(environment, tmp_path, columns)
        assert shown[2] == "    paused by asha until 2099-05-01 09:00 IST"
    # It goes first where there is no room.
    assert "asha" not in "\n".join(lines(environment, tmp_path, 59))
    last = wacampaign("list").stdout.splitlines()[-1].split("\t")
    assert last[-2:] == ["paused by asha", "2099-05-01T03:30:00Z"]


def test_a_start_at_a_time_and_one_that_nobody_began(
    wacampaign: Wacampaign,
    seeded: Seeded,
    environment: dict[str, str],
    tmp_path: Path,
    sql: SQL,
) -> None:
    set_status(sql, seeded.campaign_id, "paused")
    sql.execute("update campaigns set start_time = null, pause_reason = 'not started yet'")
    assert causes(listed(wacampaign)) == ("not started yet", None)
    sql.execute(
        "select wacampaign_schedule(%s, '2099-05-01T03:30:00Z', 'me')", [seeded.campaign_id]
    )
    assert causes(listed(wacampaign)) == ("starts by itself", "2099-05-01T03:30:00Z")
    assert lines(environment, tmp_path, 80)[2] == "    starts by itself at 2099-05-01 09:00 IST"
    sql.execute("update wacampaign_schedule set start_at = now() - interval '3 hours 12 minutes'")
    text, until = causes(listed(wacampaign))
    assert text == "no worker began it, 3 h 12 min late"
    assert until is not None
    assert "no worker began it, 3 h 12 min late: its time was " in lines(
        environment, tmp_path, 80
    )[2]  # fmt: skip
    # The backend's own, at its time and without one.
    sql.execute("delete from wacampaign_schedule")
    sql.execute("update campaigns set status = 'scheduled', scheduled_start_time = '2099-05-01Z'")
    assert causes(listed(wacampaign)) == ("starts by itself", "2099-05-01T00:00:00Z")
    for odd in ("null", "'infinity'", "'-infinity'", "'0044-03-15 BC'"):
        sql.execute(f"update campaigns set scheduled_start_time = {odd}".encode())
        assert causes(listed(wacampaign)) == ("scheduled, without a time", None)
    sql.execute("update campaigns set scheduled_start_time = '29999-01-01Z'")
    assert causes(listed(wacampaign)) == ("starts by itself", "9999-12-30T00:00:00Z")


@pytest.mark.usefixtures("seeded")
def test_a_holds_cause_and_until_when(
    wacampaign: Wacampaign, environment: dict[str, str], tmp_path: Path, sql: SQL
) -> None:
    hold(sql, None, 131056, "131056 Pair rate limit", "2099-05-01T03:30:00Z")
    running = listed(wacampaign)
    assert running["status"] == "running"
    assert causes(running) == (
        "the number waits: 131056 Pair rate limit",
        "2099-05-01T03:30:00Z",
    )
    assert lines(environment, tmp_path, 80)[2] == (
        "    the number waits until 2099-05-01 09:00 IST: 131056 Pair rate limit"
    )
    hold(sql, "hello", 132015, explain(132015))
    one = listed(wacampaign)
    assert one["status"] == "paused"
    assert causes(one) == ("template hello is held: 132015 Template is paused", None)
    assert [(h["template"], h["code"], h["until"]) for h in one["holds"]] == [
        (None, 131056, "2099-05-01T03:30:00Z"),
        ("hello", 132015, None),
    ]
    assert lines(environment, tmp_path, 80)[2] == (
        "    template hello is held: 132015 Template is paused"
    )
    # A person's pause is told, not what else is held.
    sql.execute("update campaigns set pause_reason = 'paused by asha'")
    assert causes(listed(wacampaign)) == ("paused by asha", None)


def test_several_holds_and_what_their_reasons_may_not_show(
    wacampaign: Wacampaign,
    seeded: Seeded,
    environment: dict[str, str],
    tmp_path: Path,
    sql: SQL,
) -> None:
    long = "東京" * 60 + "\x1b[2J to +14155550123; wacampaign resume CAMPAIGN"
    hold(sql, None, None, "gone +14155550123: wacampaign resume CAMPAIGN")
    hold(sql, "hello", None, long)
    one = listed(wacampaign)
    assert causes(one) == (
        "the number is held (and 1 more): gone +1***0123:"
        f" wacampaign resume {seeded.campaign_id[:8]}",
        None,
    )
    assert "4155550123" not in json.dumps(one)
    assert "+14155550123" in listed(wacampaign, "--show-numbers")["waits_for"]
    sql.execute("delete from wacampaign_holds where template_name is null")
    sql.execute("update campaigns set pause_reason = %s", (long,))
    for columns in (60, 80):
        cause = lines(environment, tmp_path, columns)[2]
        assert (cause[:26], cause[-1]) == ("    template hello is held", "…")


@pytest.mark.usefixtures("live_worker")
def test_a_budget_that_is_used_up_and_hours_that_are_closed(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL
) -> None:
    numbers = "array(select id from whatsapp_numbers)"
    sql.execute(
        "insert into wacampaign_budgets (portfolio, numbers, most, counted_at, counted, handed,"
        f" frees_at) values ('p', {numbers}, 20, now(), 15, 5, '2099-05-01T03:30Z')".encode()
    )
    assert causes(listed(wacampaign)) == ("the budget is used up", "2099-05-01T03:30:00Z")
    # Long ago, or not used up: nobody knows that it is.
    sql.execute("update wacampaign_budgets set counted_at = now() - interval '2 minutes'")
    assert causes(listed(wacampaign)) == (None, None)
    sql.execute("update wacampaign_budgets set counted_at = now(), handed = 4")
    assert causes(listed(wacampaign)) == (None, None)
    sql.execute(
        "insert into wacampaign_windows (campaign_id, opens, closes, zone, set_by)"
        " values (%s, '09:00', '20:00', 'UTC', 'me')",
        [seeded.campaign_id],
    )
    sql.execute(
        "insert into wacampaign_window_zones (campaign_id, zone_id, zones, n, is_open, changes_at)"
        " values (%s, 1, '{UTC}', 20, false, '2099-05-01T09:00Z')",
        [seeded.campaign_id],
    )
    assert causes(listed(wacampaign)) == (
        "waits for 09:00-20:00 in the recipients' zones",
        "2099-05-01T09:00:00Z",
    )
    # One row may go now.
    sql.execute("update wacampaign_window_zones set n = 19")
    assert causes(listed(wacampaign)) == (None, None)


def test_one_call_for_all_and_no_cause_from_an_earlier_schema(
    database: str, seeded: Seeded, wacampaign: Wacampaign, sql: SQL
) -> None:
    run_on(
        database, lambda store: add_campaign(store, seeded.number_id, 3, name="two", start=False)
    )
    found = json.loads(wacampaign("list", "--json").stdout)["campaigns"]
    assert [causes(one) for one in found] == [("not started yet", None), (None, None)]
    answer = sql.execute("select wacampaign_list()").fetchone()
    assert answer is not None and [one["waits"] is not None for one in answer[0]] == [True, True]
    assert ListedCampaign(
        "c", "c", "paused", "paused by me", None, None, None, None, 0, 0, 0, 0, 0, False, 0, None
    ).cause is None  # fmt: skip
