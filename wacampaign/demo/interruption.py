"""Signals that end the demo: as exceptions, held back where they would leave a process behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: What a terminal, a service manager and a closing terminal send.
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Turns the signals into `KeyboardInterrupt` (SIGINT) or `SystemExit(128 + signal)`.

    A context manager for the main thread. After its end the old handlers are back.
    """

    def __init__(self) -> None:
        self._held = False
        self._pending: int | None = None

    def __enter__(self) -> Interruption:
        self._old = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """A signal that comes inside this block ends the program only at the block's end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._pending is not None:
                _raise(self._pending)

    @staticmethod
    def ignore() -> None:
        """From now on nothing interrupts: the clean-up takes a few seconds at most."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = number
        else:
            _raise(number)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
