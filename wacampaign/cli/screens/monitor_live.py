"""The live screen: draws frames, listens to keys and to the terminal's size."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleDimensions
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from wacampaign.cli import keys
from wacampaign.cli.output import speaks_unicode
from wacampaign.cli.screens.monitor import frame
from wacampaign.cli.screens.monitor_layout import Staleness, View
from wacampaign.cli.screens.monitor_navigation import Navigation
from wacampaign.cli.screens.monitor_signals import Signals
from wacampaign.core.engine.turns import wait_for
from wacampaign.operations.watch import Feed

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: Seconds between two frames when nothing happens: the age of what is stale must go on.
FRAME_SECONDS: Final = 1.0
#: High enough for every frame: what is written once needs no more than its lines.
_ANY_HEIGHT: Final = 1000


async def watch(feed: Feed, console: Console, store: Store) -> bool:
    """Draws until the campaigns end or a person leaves; the last frame stays on the terminal.

    False: a person left before they ended. Raises `KeyboardInterrupt` for Ctrl-C.
    """
    changed = asyncio.Event()
    navigation = Navigation(feed, store)
    at_work: set[asyncio.Task[None]] = set()
    signals = Signals(changed.set)

    def press(key: str) -> None:
        if key == "ctrl-z":
            signals.stop_the_job()
        elif (work := navigation.press(key)) is not None:
            task = asyncio.create_task(work, name=f"key {key}")
            at_work.add(task)
            task.add_done_callback(at_work.discard)
            task.add_done_callback(lambda _: changed.set())
        changed.set()

    async def draw_on(console: Console) -> None:
        """Until the end, or until somebody else needs the terminal."""
        painter = _Painter(console)
        with console.screen(hide_cursor=True), contextlib.ExitStack() as on:
            painter.paint(_frame(feed, navigation, console))
            if keys.can_be_read():
                on.enter_context(keys.pressed(press))
            while not (navigation.left or looking.done() or signals.want_the_terminal):
                painter.paint(_frame(feed, navigation, console))
                await wait_for(changed, FRAME_SECONDS)

    looking = asyncio.create_task(_look(feed, changed), name="look")
    try:
        with signals.heard():
            while not (navigation.left or looking.done() or signals.ending):
                await draw_on(console)
                await signals.stop_if_asked()
                feed.begin_anew()
    except OSError:
        if signals.ending is None:  # else the terminal is gone
            raise
    finally:
        for task in (looking, *at_work):
            task.cancel()
        await asyncio.gather(looking, *at_work, return_exceptions=True)
        signals.end()
        # No higher than the terminal, less the line of its next prompt: the head must not roll off.
        print_frame(feed, console, opened=navigation.opened, height=console.height - 1)
    if navigation.interrupted:
        raise KeyboardInterrupt
    if not looking.cancelled() and (error := looking.exception()) is not None:
        raise error
    return feed.over


def print_frame(
    feed: Feed, console: Console, *, opened: str | None = None, height: int = _ANY_HEIGHT
) -> None:
    """One frame as ordinary output, as high as it needs, and at most `height`."""
    assert feed.stats is not None
    if opened is None and len(feed.stats.campaigns) == 1:
        opened = feed.stats.campaigns[0].id
    view = View(
        feed.stats,
        feed.wait_seconds,
        stale=_staleness(feed),
        unicode=speaks_unicode(sys.stdout),
        opened=opened,
    )
    for line in frame(view, console.width, height):
        console.print(line)


class _Painter:
    """Puts a frame on the screen: only lines that changed go over the wire."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[object] = []
        self._size = ConsoleDimensions(0, 0)

    def paint(self, lines: Sequence[Text]) -> None:
        """Draws `lines` from the top."""
        console = self._console
        if console.size != self._size:
            self._size, self._shown = console.size, []
        fresh = [(line.plain, str(line.style), tuple(line.spans)) for line in lines]
        with console:  # one write
            if not self._shown:
                console.control(Control.clear())
            for row in range(max(len(fresh), len(self._shown))):
                line = fresh[row] if row < len(fresh) else None
                if row < len(self._shown) and self._shown[row] == line:
                    continue
                # Erased first: a terminal that stands behind its last column erases that one.
                move = Control.move_to(0, row).segment.control or ()
                console.control(Control(*move, (ControlType.ERASE_IN_LINE, 0)))
                if line is not None:
                    console.print(lines[row], end="")
        self._shown = list(fresh)


async def _look(feed: Feed, changed: asyncio.Event) -> None:
    """Asks the database again and again; ends with the campaigns."""
    while not feed.over:
        await asyncio.sleep(feed.wait_seconds)
        await feed.tick()
        changed.set()
    changed.set()


def _measure(console: Console) -> None:
    """Takes the terminal's own size: an exported COLUMNS stays as it was when that changes."""
    with contextlib.suppress(OSError, ValueError):
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        if columns and lines:
            console.size = ConsoleDimensions(columns, lines)


def _frame(feed: Feed, navigation: Navigation, console: Console) -> list[Text]:
    assert feed.stats is not None
    unicode = speaks_unicode(sys.stdout)
    _measure(console)
    width, height = console.size
    footer = navigation.footer(unicode=unicode, width=width)
    view = View(
        stats=feed.stats,
        interval_seconds=feed.wait_seconds,
        stale=_staleness(feed),
        unicode=unicode,
        opened=navigation.opened,
        chosen=navigation.chosen,
        footer=footer if keys.can_be_read() else (("Ctrl-C leaves", "dim"),),
        help_lines=navigation.help_lines,
    )
    return frame(view, width, height)


def _staleness(feed: Feed) -> Staleness | None:
    seconds = feed.stale_seconds
    if seconds is None:
        return None
    return Staleness(seconds, feed.problem.message if feed.problem else None)
