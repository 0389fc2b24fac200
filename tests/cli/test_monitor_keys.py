"""Keys of the live screen: what each does, how they come over a line, and that all ask first."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded
from tests.cli.test_monitor import CAMPAIGN, FakeStore, answer, feed
from wacampaign.cli.screens.monitor import frame
from wacampaign.cli.screens.monitor_layout import View
from wacampaign.cli.screens.monitor_navigation import Navigation
from wacampaign.operations.watch import Feed
from wacampaign.problems import Unreachable

THREE = [CAMPAIGN | {"id": f"{i}{CAMPAIGN['id'][1:]}", "name": f"c{i}"} for i in range(3)]


def navigation(*campaigns: dict[str, Any], ids: list[str] | None = None) -> tuple[Navigation, Feed]:
    store = FakeStore(answer(*campaigns))
    one = feed(store, ids)
    asyncio.run(one.tick())
    return Navigation(one, store), one  # type: ignore[arg-type]


def test_arrows_choose_enter_opens_and_escape_goes_back_to_it() -> None:
    keys, watched = navigation(*THREE)
    assert keys.opened is None
    for key in ("down", "j", "j", "k"):
        assert keys.press(key) is None
    assert keys.chosen == THREE[1]["id"]
    keys.press("enter")
    assert keys.opened == watched.opened == THREE[1]["id"]
    keys.press("down")
    assert keys.chosen == THREE[1]["id"]
    keys.press("back")
    assert keys.opened is None
    assert keys.chosen == THREE[1]["id"]


def test_the_only_campaign_is_open_until_there_is_another() -> None:
    store = FakeStore(answer(THREE[0]), answer(*THREE))
    watched = feed(store)
    keys = Navigation(watched, store)  # type: ignore[arg-type]
    asyncio.run(watched.tick())
    assert keys.opened == THREE[0]["id"]
    asyncio.run(watched.tick())
    assert keys.opened is None


def test_help_goes_with_any_key_and_q_leaves() -> None:
    keys, _ = navigation(*THREE)
    keys.press("?")
    assert any("Enter" in line for line in keys.help_lines)
    keys.press("q")
    assert not keys.help_lines
    assert not keys.left
    keys.press("q")
    assert keys.left
    assert not keys.interrupted


@pytest.mark.parametrize(("width", "height", "pages"), [(140, 40, 1), (80, 24, 1), (60, 15, 2)])
def test_help_is_there_in_full(width: int, height: int, pages: int) -> None:
    keys, watched = navigation(*THREE)
    assert watched.stats is not None
    read, wanted = "", set()
    for page in range(2):
        keys.press("?")
        wanted |= set(" ".join(keys.help_lines).split())
        if page < pages:
            footer = keys.footer(unicode=True)
            given = View(watched.stats, 2.0, footer=footer, help_lines=keys.help_lines)
            lines = [line.plain for line in frame(given, width, height)]
            assert len(lines) == height
            read += "\n".join(lines)
    assert "…" not in read
    assert wanted <= set(read.split())
    keys.press("?")
    assert not keys.help_lines


@pytest.mark.parametrize("key", ["x", "Y ", "é", "1", "back"])
def test_other_keys_do_nothing(key: str) -> None:
    keys, _ = navigation(*THREE)
    assert keys.press(key) is None
    assert (keys.opened, keys.left, keys.help_lines) == (None, False, ())


class SilentStore(FakeStore):
    """A database that answers no more, from some moment on."""

    silent = False

    async def call(self, name: str, **given: Any) -> Any:
        if self.silent:
            await asyncio.Event().wait()
        return await super().call(name, campaign_ids=given.get("campaign_ids"))

    async def call_list(self, name: str, **given: Any) -> list[dict[str, Any]]:
        """One campaign is found by its id."""
        assert (name, given) == ("find", {"text": CAMPAIGN["id"]})
        found = await self.call(name)
        return [{key: found["campaigns"][0][key] for key in ("id", "name", "status")}]


async def _begun(work: Coroutine[Any, Any, None] | None) -> asyncio.Task[None]:
    assert work is not None
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("question_was_answered", [False, True])
def test_who_leaves_waits_for_no_database_unless_something_is_being_changed(
    question_was_answered: bool,
) -> None:
    async def play() -> None:
        store = SilentStore(answer(CAMPAIGN))
        watched = feed(store, [CAMPAIGN["id"]])
        await watched.tick()
        keys = Navigation(watched, store)  # type: ignore[arg-type]
        store.silent = not question_was_answered
        asking = await _begun(keys.press("p"))
        if question_was_answered:
            await asking
            store.silent = True
            asking = await _begun(keys.press("y"))
        said = keys.footer(unicode=True)[0][0]
        name = f"{CAMPAIGN['name']} (a3acad26)"
        if question_was_answered:
            assert said == f"pause {name}: no answer yet"
        else:
            assert said == f"asking the database about {name}  q quit"
        assert keys.press("x") is None
        assert not keys.left
        assert keys.press("q") is None
        assert keys.left is not question_was_answered
        # On a slow line several come in one piece.
        keys.press("x")
        assert keys.left is not question_was_answered
        keys.press("ctrl-c")
        keys.press("x")
        assert keys.left
        asking.cancel()

    asyncio.run(play())


def test_keys_that_come_in_one_piece_ask_once_and_interrupt_no_change() -> None:
    async def play() -> None:
        store = SilentStore(answer(CAMPAIGN))
        watched = feed(store, [CAMPAIGN["id"]])
        await watched.tick()
        keys = Navigation(watched, store)  # type: ignore[arg-type]
        asking = keys.press("p")
        assert asking is not None
        assert keys.press("p") is None, "a held-down key asks once"
        await asking
        change = keys.press("y")
        assert change is not None
        assert keys.press("q") is None
        assert not keys.left, "what is being changed is waited for"
        change.close()

    asyncio.run(play())


def test_what_came_of_a_key_is_not_told_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SilentStore(answer(CAMPAIGN), Unreachable("gone"))
    watched = feed(store, [CAMPAIGN["id"]])
    asyncio.run(watched.tick())
    keys = Navigation(watched, store)  # type: ignore[arg-type]
    asking = keys.press("p")
    assert asking is not None
    asyncio.run(asking)
    assert keys.footer(unicode=True)[0] == ("gone: wacampaign doctor", "bold red")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert len(keys.footer(unicode=True)) == 1


class Terminal:
    """The monitor on a terminal of its own."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        import termios

        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", "monitor", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **environment, "TERM": "xterm", "PYTHONUTF8": "1"},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = b""

    def press(self, *parts: bytes) -> None:
        for part in parts:
            os.write(self.master, part)

    def shows(self, mark: str, seconds: float = 20.0) -> None:
        """Waits until `mark` was drawn since the last mark."""
        deadline = time.monotonic() + seconds
        while mark.encode() not in self.seen:
            assert time.monotonic() < deadline, self.seen.decode(errors="replace")
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536)
        self.seen = self.seen.partition(mark.encode())[2]


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(environment, *arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


def _status(sql: psycopg.Connection[Any], seeded: Seeded) -> str:
    row = sql.execute("select status from campaigns where id = %s", [seeded.campaign_id]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_campaign_is_paused_and_resumed_after_a_question_only(
    terminal: Callable[..., Terminal], sql: psycopg.Connection[Any], seeded: Seeded
) -> None:
    screen = terminal("market_1")
    screen.shows("q quit")
    screen.press(b"p")
    screen.shows("y yes")
    screen.press(b"n")
    screen.shows("nothing was changed")
    assert _status(sql, seeded) == "running"
    screen.press(b"p")
    screen.shows("y yes")
    screen.press(b"y")
    screen.shows("paused: 20 rows wait until it is resumed")
    assert _status(sql, seeded) == "paused"
    screen.press(b"r")
    screen.shows("y yes")
    screen.press(b"y")
    screen.shows("resumed: ")
    assert _status(sql, seeded) == "running"
    kinds = [r[0] for r in sql.execute("select kind from wacampaign_events order by id").fetchall()]
    assert kinds[-2:] == ["paused", "resumed"]
    screen.press(b"q")
    assert screen.process.wait(20) == 0


def test_what_is_pasted_is_no_key(
    terminal: Callable[..., Terminal], sql: psycopg.Connection[Any], seeded: Seeded
) -> None:
    screen = terminal("market_1")
    screen.shows("\x1b[?2004h")
    screen.press(b"\x1b[200~pyyq\x1b[201~", b"?")
    screen.shows("WHAT STANDS WHERE")
    assert _status(sql, seeded) == "running"


def test_an_arrow_that_comes_in_pieces_is_an_arrow(
    terminal: Callable[..., Terminal], sql: psycopg.Connection[Any], seeded: Seeded
) -> None:
    screen = terminal("market_1")
    screen.shows("\x1b[?2004h")
    for part in (b"\x1b", b"[", b"B", b"\x1b[1;5A", b"\x1bOP", b"\xc3", b"\xa9", b"?"):
        screen.press(part)
    screen.shows("WHAT STANDS WHERE")
    screen.press(b"\x03")
    assert screen.process.wait(20) == 130
    assert _status(sql, seeded) == "running"


def test_left_before_the_end_is_told_by_the_exit_status(
    terminal: Callable[..., Terminal], seeded: Seeded
) -> None:
    assert seeded.campaign_id
    screen = terminal("market_1", "--exit-status")
    screen.shows("\x1b[?2004h")
    screen.press(b"q")
    assert screen.process.wait(20) == 130


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "q quit  ↑ ↓ choose  Enter open  p pause  ? help"),
        (40, "q quit  ↑ ↓ choose  Enter open  ? help"),
        (20, "q quit  ? help"),
        (10, "q quit  ? help"),
    ],
)
def test_the_keys_take_one_line_of_a_narrow_terminal(width: int, shown: str) -> None:
    keys, _ = navigation(*THREE)
    assert keys.footer(unicode=True, width=width) == ((shown, "dim"),)
