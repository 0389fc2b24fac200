"""How `monitor` ends: its exit code by what became of the campaign, and one that is deleted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found
from tests.cli.conftest import Seeded, Wacampaign
from tests.cli.test_monitor import CAMPAIGN, OTHER, FakeStore, answer, feed
from wacampaign.cli.screens.monitor_lines import change_lines
from wacampaign.cli.screens.monitor_navigation import Navigation
from wacampaign.operations.watch import Feed
from wacampaign.problems import NoSuchCampaign

NONE: dict[str, Any] = {**answer(), "campaigns": []}
_ALL_SENT = "update send_queue set status = 'sent'"
_FAILED = """
update send_queue set status = 'failed', error_code = 131026
where id in (select id from send_queue order by id limit {})"""
_IN_DOUBT = """
update send_queue set status = 'processing', in_doubt_since = now(), in_doubt_cause = 'no_answer'
where id in (select id from send_queue order by id limit 1)"""
_DELETED = "delete from send_queue where id in (select id from send_queue order by id limit 1)"
_COMPLETED = "update campaigns set status = 'completed', end_time = now()"
_CANCELLED = "update campaigns set status = 'failed', end_time = now()"


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("meanwhile", "more", "code"),
    [
        ([_ALL_SENT, _COMPLETED], [], 0),
        ([_ALL_SENT, _FAILED.format(1), _COMPLETED], [], 0),
        ([_ALL_SENT, _FAILED.format(2), _COMPLETED], [], 3),
        ([_ALL_SENT, _FAILED.format(2), _COMPLETED], ["--max-failed", "10"], 0),
        ([_ALL_SENT, _FAILED.format(1), _COMPLETED], ["--max-failed", "0"], 3),
        ([_ALL_SENT, _IN_DOUBT, _COMPLETED], [], 3),
        ([_DELETED, _ALL_SENT, _COMPLETED], [], 3),
        ([_COMPLETED], [], 3),
        ([_ALL_SENT, "update campaigns set total_contacts = 21", _COMPLETED], [], 3),
        ([_ALL_SENT, _CANCELLED], [], 3),
        ([_CANCELLED], ["--max-failed", "100"], 3),
    ],
    ids=[
        "all sent", "few failed", "many failed", "as many as are borne", "none are borne",
        "in doubt", "rows deleted", "rows left", "never queued", "cancelled", "cancelled early",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["--plain", "--json"])
def test_the_exit_status_says_how_it_went(
    wacampaign: Wacampaign,
    sql: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: list[str],
    more: list[str],
    code: int,
    mode: str,
) -> None:
    looks, look = 0, Feed.tick

    async def counted(one: Feed) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            for statement in meanwhile:
                if statement is _DELETED:  # as the guard sees it
                    sql.execute(statement)
                else:
                    as_found(sql, statement)
        await look(one)

    monkeypatch.setattr(Feed, "tick", counted)
    line = ["monitor", "market_1", mode, "--interval", "0.5", "--exit-status", *more]
    done = wacampaign(*line)
    assert (done.exit_code, done.stderr) == (code, "")


@pytest.mark.usefixtures("seeded")
def test_without_the_flag_the_end_is_no_finding(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    as_found(sql, _CANCELLED)
    assert wacampaign("monitor", "market_1", "--plain").exit_code == 0
    assert wacampaign("monitor", "market_1", "--plain", "--exit-status").exit_code == 3


def test_once_has_no_end_to_tell(wacampaign: Wacampaign, seeded: Seeded) -> None:
    done = wacampaign("monitor", seeded.campaign_id, "--once", "--exit-status")
    assert done.exit_code == 2
    assert "leave one of them out" in done.stderr


# --- deleted meanwhile ------------------------------------------------------------------------


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("mode", ["--plain", "--json"])
def test_one_that_somebody_deletes_is_not_watched_for_ever(
    wacampaign: Wacampaign,
    sql: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    looks, look = 0, Feed.tick

    async def counted(one: Feed) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            as_found(sql, "delete from send_queue")
            as_found(sql, "delete from campaigns")
        await look(one)

    monkeypatch.setattr(Feed, "tick", counted)
    done = wacampaign("monitor", "market_1", mode, "--interval", "0.5")
    assert done.exit_code == 5
    told = json.loads(done.stderr)["error"]["message"] if mode == "--json" else done.stderr
    assert "market_1" in told
    assert "was deleted while it was watched" in told


def test_of_several_a_deleted_one_leaves_the_list_and_is_told() -> None:
    store = FakeStore(answer(CAMPAIGN, OTHER), answer(OTHER), answer(OTHER), answer(OTHER))
    watched = feed(store)
    keys = Navigation(watched, store)  # type: ignore[arg-type]
    asyncio.run(watched.tick())
    before = watched.stats
    watched.opened = CAMPAIGN["id"]
    keys.press("back")
    for _ in range(2):
        asyncio.run(watched.tick())
    after = watched.stats
    assert before is not None
    assert after is not None
    assert [campaign.name for campaign in after.campaigns] == ["another"]
    assert not watched.over
    (notice, style), _ = keys.footer(unicode=True)
    assert (notice, style) == (f"deleted by somebody: {CAMPAIGN['name']} (a3acad26)", "yellow")
    assert keys.footer(unicode=True)[0][0] == notice
    keys.press("down")
    assert len(keys.footer(unicode=True)) == 1
    (line,) = [one for one in change_lines(before, after) if "event=deleted" in one]
    assert f"level=warning event=deleted campaign={CAMPAIGN['id']}" in line
    assert "was=running" in line


def test_an_opened_one_that_is_deleted_gives_the_list_back() -> None:
    store = FakeStore(answer(CAMPAIGN, OTHER), NONE, answer(OTHER))
    watched = feed(store)
    keys = Navigation(watched, store)  # type: ignore[arg-type]
    asyncio.run(watched.tick())
    keys.press("enter")
    assert keys.opened == CAMPAIGN["id"]
    asyncio.run(watched.tick())
    assert keys.opened != CAMPAIGN["id"]
    assert watched.deleted[0].name == CAMPAIGN["name"]


def test_when_the_last_of_all_is_deleted_the_watch_is_over() -> None:
    watched = feed(FakeStore(answer(), NONE))
    for _ in range(3):
        asyncio.run(watched.tick())
    assert watched.over
    assert watched.deleted


def test_one_that_is_deleted_before_the_first_look_is_told() -> None:
    with pytest.raises(NoSuchCampaign, match="was deleted"):
        asyncio.run(feed(FakeStore(NONE), [CAMPAIGN["id"]]).tick())
