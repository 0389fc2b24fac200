"""Keys of a terminal, one by one and without Enter, while other things go on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPress

#: Seconds that the rest of an arrow key may take on a slow line before Escape is a key by itself:
#: more than a round trip to the other side of the world.
ESCAPE_SECONDS: Final = 0.4
#: Text that is pasted comes in one piece then, and is no keys.
_PASTE_MARKED: Final = "\x1b[?2004h"
_PASTE_UNMARKED: Final = "\x1b[?2004l"


def can_be_read() -> bool:
    """Whether a person can press keys."""
    return sys.stdin.isatty()


@contextlib.contextmanager
def pressed(on_key: Callable[[str], None]) -> Iterator[None]:
    """Calls `on_key` with each key: a character, `up`, `down`, `enter`, `back`, `ctrl-c`,
    `ctrl-z`.

    What else there is on a keyboard, and what is pasted, is left out. Inside an event loop only.
    """
    # A tenth of a second: imported where the first picture is drawn already (ADR 0035).
    from prompt_toolkit.input import create_input
    from prompt_toolkit.keys import Keys

    names = {
        Keys.Up: "up",
        Keys.Down: "down",
        Keys.Enter: "enter",
        Keys.ControlJ: "enter",
        Keys.Escape: "back",
        Keys.Left: "back",
        Keys.Backspace: "back",
        Keys.ControlC: "ctrl-c",
        Keys.ControlD: "q",
        Keys.ControlZ: "ctrl-z",
    }
    terminal = create_input(sys.stdin)
    loop = asyncio.get_running_loop()
    waiting: asyncio.TimerHandle | None = None

    def hand_on(found: list[KeyPress]) -> None:
        for key in (one.key for one in found):
            if isinstance(key, Keys):
                if key in names:
                    on_key(names[key])
            elif len(key) == 1 and key.isprintable():
                on_key(key)

    def flush() -> None:
        hand_on(terminal.flush_keys())

    def read() -> None:
        nonlocal waiting
        if waiting is not None:
            waiting.cancel()
        hand_on(terminal.read_keys())
        waiting = loop.call_later(ESCAPE_SECONDS, flush)

    with terminal.raw_mode(), terminal.attach(read):
        _tell_terminal(_PASTE_MARKED)
        try:
            yield
        finally:
            if waiting is not None:
                waiting.cancel()
            _tell_terminal(_PASTE_UNMARKED)


def _tell_terminal(command: str) -> None:
    stream = getattr(sys.stdout, "for_rich", sys.stdout)
    stream.write(command)
    stream.flush()
