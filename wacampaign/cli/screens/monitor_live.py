"""The live screen: draws frames, listens to keys and to the terminal's size."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, Group
from rich.live import Live

from wacampaign.cli.output import speaks_unicode
from wacampaign.cli.screens.monitor import View, frame
from wacampaign.core.engine.turns import wait_for
from wacampaign.operations.watch import Feed

#: Seconds between two frames when nothing happens: the age of what is shown must go on.
FRAME_SECONDS: Final = 1.0


async def watch(feed: Feed, console: Console) -> None:
    """Draws until the campaigns end or a person leaves; the last frame stays on the terminal."""
    changed = asyncio.Event()
    left = asyncio.Event()

    def leave() -> None:
        left.set()
        changed.set()

    looking = asyncio.create_task(_look(feed, changed), name="look")
    try:
        with (
            _keys({"q": leave, "Q": leave}),
            _resizes(changed.set),
            Live(
                console=console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live,
        ):
            while not left.is_set() and not looking.done():
                live.update(_draw(feed, console, footer="q quit"), refresh=True)
                await wait_for(changed, FRAME_SECONDS)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        print_frame(feed, console)
    if not looking.cancelled() and (error := looking.exception()) is not None:
        raise error


def print_frame(feed: Feed, console: Console) -> None:
    """One frame as ordinary output, as high as it needs."""
    for line in frame(_view(feed, footer=""), console.width, height=1000):
        console.print(line)


async def _look(feed: Feed, changed: asyncio.Event) -> None:
    """Asks the database again and again; ends with the campaigns."""
    while not feed.over:
        await asyncio.sleep(feed.wait_seconds)
        await feed.tick()
        changed.set()
    changed.set()


def _draw(feed: Feed, console: Console, *, footer: str) -> Group:
    return Group(*frame(_view(feed, footer=footer), console.width, console.height))


def _view(feed: Feed, *, footer: str) -> View:
    assert feed.stats is not None
    return View(
        stats=feed.stats,
        rates=feed.rates,
        interval_seconds=feed.wait_seconds,
        stale_seconds=feed.stale_seconds,
        unicode=speaks_unicode(sys.stdout),
        footer=footer,
    )


@contextlib.contextmanager
def _keys(actions: dict[str, Callable[[], None]]) -> Iterator[None]:
    """Calls what belongs to a key, without Enter. Without a terminal on stdin: nothing."""
    if not sys.stdin.isatty() or sys.platform == "win32":
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def read() -> None:
        keys = os.read(descriptor, 64).decode(errors="replace")
        if not keys:  # the terminal has gone
            loop.remove_reader(descriptor)
        for key in keys:
            if action := actions.get(key):
                action()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizes(changed: Callable[[], None]) -> Iterator[None]:
    """Calls `changed` when the terminal's size does, where there is such a signal."""
    if not hasattr(signal, "SIGWINCH"):
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, changed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
