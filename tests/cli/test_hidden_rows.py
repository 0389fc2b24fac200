"""A login from which row level security hides all rows is told that, and never that there are none.

`doctor` says how it is mended.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded, Wacampaign
from tests.cli.test_monitor import CAMPAIGN, FakeStore, answer, feed
from tests.terminal import Terminal
from wacampaign.problems import AccessRefused

OPTOUTS = "phone\n447700900123\n"


@pytest.fixture
def hidden(seeded: Seeded, sql: psycopg.Connection[Any], database: str) -> dict[str, str]:
    """The settings of a login that may do everything and sees no row."""
    assert seeded
    sql.execute(
        "do $$ begin create role sees_nothing login in role service_role;"
        " exception when duplicate_object then null; end $$"
    )
    return {"DATABASE_URL": database.replace("postgres@", "sees_nothing@")}


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "audit",
        "pause market_1 --yes",
        "events market_1",
        "queue-stats",
        "queue-stats market_1",
        "restart-stuck --dry-run",
        "restart-stuck --yes",
        "monitor",
        "monitor --once",
        "monitor --once --plain",
        "monitor --once --json",
        "number list",
        "number set 99900 --marketing-endpoint on --yes",
        "templates list",
        "templates list --number 99900",
        "templates sync --yes",
        "templates copy hello hello_2 --yes",
        "webhook subscribe --dry-run",
        "optouts list",
        "optouts export --csv out.csv",
        "optouts add +447700900123 --dry-run",
        "optouts remove +447700900123 --yes",
        "inbox",
        "inbox --follow",
        "create --csv in.csv --number 99900 --template hello --dry-run",
        "prune --yes",
    ],
)
def test_nothing_is_told_as_if_there_were_none(
    wacampaign: Wacampaign, hidden: dict[str, str], command: str, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(OPTOUTS)
    done = wacampaign(*command.split(), env=hidden)
    assert (done.exit_code, done.stdout) == (4, ""), (done.stdout, done.stderr)
    assert "row level security hides all rows from the login sees_nothing" in done.stderr
    step = '"suggestion": "wacampaign doctor"' if "--json" in command else "→ wacampaign doctor\n"
    assert step in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_the_live_screen_is_not_even_begun(
    hidden: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    there = {**os.environ, "TERM": "xterm", **environment, **hidden}
    screen = Terminal(f"{sys.executable} -m wacampaign monitor", tmp_path, there)
    printed = screen.until_its_end()
    screen.close()
    assert screen.code == 4
    assert printed.startswith("error: row level security hides all rows from the login sees_")
    assert printed.endswith(("→ wacampaign doctor\n", "-> wacampaign doctor\n"))


@pytest.mark.parametrize("ids", [None, [CAMPAIGN["id"]]])
def test_a_campaign_that_is_hidden_meanwhile_was_not_deleted(ids: list[str] | None) -> None:
    store = FakeStore(answer(), {**answer(), "campaigns": []})
    one = feed(store, ids)
    asyncio.run(one.tick())
    store.blind = "sees_nothing"
    with pytest.raises(AccessRefused, match="hides all rows from the login sees_nothing"):
        asyncio.run(one.tick())


def test_a_monitor_of_nothing_asks_once_whether_rows_are_hidden() -> None:
    store = FakeStore({**answer(), "campaigns": []})
    asked: list[str] = []
    call = store.call

    async def noted(function: str, **given: Any) -> Any:
        asked.append(function)
        return await call(function, **given)

    store.call = noted  # type: ignore[method-assign]
    one = feed(store)
    for _ in range(3):
        asyncio.run(one.tick())
    assert asked == ["stats", "server", "stats", "stats"]


def test_what_is_found_costs_no_look_at_rights(
    wacampaign: Wacampaign, seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seeded

    async def never(_: object) -> None:
        raise AssertionError("asked though something was found")

    monkeypatch.setattr("wacampaign.store.campaigns.Campaigns.hidden_from", never)
    for command in (
        "queue-stats",
        "restart-stuck --dry-run",
        "monitor --once",
        "number list",
        "templates list",
    ):
        done = wacampaign(*command.split())
        assert (done.exit_code, bool(done.stdout)) == (0, True), (done.stderr, done.exception)
