"""Signals that take the terminal away from the live screen: for good, for a while, or resized."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

#: They end a program that does not listen, and would leave the terminal as the screen had it.
_ENDING: Final = ("SIGTERM", "SIGHUP")


class Signals:
    """What was asked of the process since it was last looked at."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        #: Which signal ends it; None: none has come.
        self.ending: int | None = None
        self._stop = False
        #: Whether all of its job stop with it: a pipeline, or what started it and waits.
        self._with_the_job = False
        self._continued = False

    @property
    def want_the_terminal(self) -> bool:
        """Whether the screen has to give the terminal back."""
        return self.ending is not None or self._stop or self._continued

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listens, where there are such signals; those that whoever started it ignores stay so."""
        numbers = {
            number: name
            for name in (*_ENDING, "SIGTSTP", "SIGCONT", "SIGWINCH")
            if (number := getattr(signal, name, None)) is not None
            and signal.getsignal(number) is not signal.SIG_IGN
        }
        loop = asyncio.get_running_loop()
        for number, name in numbers.items():
            loop.add_signal_handler(number, self._hear, number, name)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _hear(self, number: int, name: str) -> None:
        if name in _ENDING:
            self.ending = number
        elif name == "SIGTSTP":
            self._stop = True
        elif name == "SIGCONT":
            # Stopped by a signal that nobody can hear: a shell has had the terminal meanwhile.
            self._continued = True
        self._changed()

    def stop_the_job(self) -> None:
        """What a terminal does at Ctrl-Z, but not before the screen has given it back."""
        self._stop = self._with_the_job = hasattr(signal, "SIGTSTP")

    async def stop_if_asked(self) -> None:
        """Stops the process as any other stops, once the terminal is given back, until it is
        continued."""
        await asyncio.sleep(0)  # what has come meanwhile is heard
        # Continued before it could stop: whoever did that would not do it again.
        if self._stop and not self._continued:
            heard = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            continued = signal.signal(signal.SIGCONT, signal.SIG_DFL)
            os.kill(0 if self._with_the_job else os.getpid(), signal.SIGTSTP)
            signal.signal(signal.SIGCONT, continued)
            signal.signal(signal.SIGTSTP, heard)
        self._stop = self._with_the_job = self._continued = False

    def end(self) -> None:
        """Ends the process by the signal that came: a shell tells which one it was."""
        if self.ending is not None:
            signal.signal(self.ending, signal.SIG_DFL)
            os.kill(os.getpid(), self.ending)
