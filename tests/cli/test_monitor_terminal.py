"""The live screen gives the terminal back: to who ends it by a signal, and to who stops it."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Seeded
from tests.docs.pages import ROOT
from tests.servers import wait_until

_PROMPT = "ready>"
#: What the screen takes, and how each is given back: the alternate screen, the cursor, marks of
#: what is pasted.
_TAKEN = {"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l"}


class Shell:
    """A shell with job control in a terminal of its own, as a person has it."""

    def __init__(self, environment: dict[str, str]) -> None:
        own = {"TERM": "xterm", "PYTHONUTF8": "1", "PS1": _PROMPT, "LC_ALL": "C.UTF-8"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            shell = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
            os.execvpe(shell[0], shell, {**os.environ, **environment, **own})
        termios.tcsetwinsize(self.terminal, (24, 80))
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def shows(self, mark: str, seconds: float = 30.0) -> str:
        """Waits until `mark` was written since the last one; what was written up to it."""
        end = time.monotonic() + seconds
        while mark not in self.seen:
            assert time.monotonic() < end, f"{mark!r} not in {self.seen!r}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        before, _, self.seen = self.seen.partition(mark)
        return before

    @property
    def is_raw(self) -> bool:
        """Whether keys come one by one."""
        return not termios.tcgetattr(self.terminal)[3] & termios.ICANON

    def monitor(self, started_by: str = "{}") -> psutil.Process:
        """Starts it, and waits until it listens to keys."""
        self.shows(_PROMPT)
        self.type(started_by.format(f"{sys.executable} -m wacampaign monitor market_1") + "\n")
        self.shows("\x1b[?2004h")
        return psutil.Process(self.pid).children(recursive=True)[-1]


@pytest.fixture
def shell(environment: dict[str, str], seeded: Seeded) -> Iterator[Callable[[], Shell]]:
    assert seeded.campaign_id
    opened: list[Shell] = []

    def start() -> Shell:
        opened.append(Shell(environment))
        return opened[-1]

    yield start
    for one in opened:
        for process in (*psutil.Process(one.pid).children(recursive=True), psutil.Process(one.pid)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        os.waitpid(one.pid, 0)
        with suppress(OSError):
            os.close(one.terminal)


def _is_given_back(written: str) -> bool:
    """Whether all that was taken was given back, and nothing taken again."""
    return all(
        given in written and written.rfind(taken) < written.rfind(given)
        for taken, given in _TAKEN.items()
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(
    shell: Callable[[], Shell], number: signal.Signals, code: int
) -> None:
    terminal = shell()
    monitor = terminal.monitor()
    assert terminal.is_raw
    monitor.send_signal(number)
    assert _is_given_back(terminal.shows(_PROMPT))
    # Of a program, not of the shell that mends what it finds: an exit code is that of the signal.
    terminal.type("echo code $?\n")
    terminal.shows(f"\ncode {code}")


@pytest.mark.parametrize("by", ["key", "signal"])
def test_it_stops_as_any_program_and_comes_back_whole(shell: Callable[[], Shell], by: str) -> None:
    terminal = shell()
    monitor = terminal.monitor()
    if by == "key":
        terminal.type("\x1a")
    else:
        monitor.send_signal(signal.SIGTSTP)
    assert _is_given_back(terminal.shows("Stopped"))
    assert monitor.status() == psutil.STATUS_STOPPED
    terminal.shows(_PROMPT)
    terminal.type("fg\n")
    terminal.shows("\x1b[?1049h")
    drawn = terminal.shows("\x1b[?2004h")
    assert "market_1" in drawn
    assert "STALE" not in drawn
    assert terminal.is_raw
    terminal.type("?")
    terminal.shows("WHAT STANDS WHERE")
    terminal.type("xq")
    terminal.shows(_PROMPT)
    assert not monitor.is_running()


def test_what_started_it_stops_with_it_and_goes_on_with_it(shell: Callable[[], Shell]) -> None:
    terminal = shell()
    monitor = terminal.monitor("sh -c '{}; echo after'")
    assert monitor.parent() != psutil.Process(terminal.pid)
    for _ in range(5):
        terminal.type("\x1a")
        # The shell says so when all of the job stand still: so the terminal is given back by then.
        assert _is_given_back(terminal.shows("Stopped"))
        terminal.shows(_PROMPT)
        terminal.type("fg\n")
        terminal.shows("\x1b[?2004h")
    terminal.type("q")
    terminal.shows("after")


#: Asked to stop, and continued before it gave the terminal back: a shell's `fg` came first.
_CONTINUED_FIRST = """
import asyncio, os, signal
from wacampaign.cli.screens.monitor_signals import Signals

async def play():
    signals = Signals(lambda: None)
    with signals.heard():
        os.kill(os.getpid(), signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGCONT)
        while not signals.want_the_terminal:
            await asyncio.sleep(0)
        await signals.stop_if_asked()
    print("went", "on")

asyncio.run(play())
"""


def test_one_that_is_continued_before_it_could_stop_goes_on(
    shell: Callable[[], Shell], tmp_path: Path
) -> None:
    (tmp_path / "play.py").write_text(_CONTINUED_FIRST)
    terminal = shell()
    terminal.shows(_PROMPT)
    terminal.type(f"PYTHONPATH={ROOT} {sys.executable} play.py\n")
    terminal.shows("went on")


def test_one_that_was_stopped_unheard_draws_all_again(shell: Callable[[], Shell]) -> None:
    terminal = shell()
    monitor = terminal.monitor()
    monitor.suspend()
    terminal.shows("Stopped")
    terminal.shows(_PROMPT)
    terminal.type("fg\n")
    terminal.shows("\x1b[?1049h")
    assert "market_1" in terminal.shows("\x1b[?2004h")
    terminal.type("?")
    terminal.shows("WHAT STANDS WHERE")


def test_a_resized_terminal_is_drawn_anew_whatever_columns_are_exported(
    shell: Callable[[], Shell],
) -> None:
    terminal = shell()
    terminal.monitor("COLUMNS=100 LINES=20 {}")
    # Narrower than a clock has room: the rule is as wide as the terminal.
    for columns in (50, 70):
        termios.tcsetwinsize(terminal.terminal, (24, columns))
        terminal.shows("\x1b[2J")
        terminal.shows("─" * columns)
        assert not terminal.seen.startswith("─")


def test_a_terminal_that_is_closed_ends_it(shell: Callable[[], Shell]) -> None:
    terminal = shell()
    monitor = terminal.monitor()
    os.close(terminal.terminal)
    wait_until(lambda: not monitor.is_running() or monitor.status() == psutil.STATUS_ZOMBIE)
