"""An event loop whose clock jumps to the next timer: a minute of a loop's life in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

#: Calls after which a loop counts as one that does not let the others run: no clock of ours
#: passes while it spins, so that only a count can end it.
CALLS_MAX = 20_000


class Spinning(BaseException):
    """No `Exception`: what a loop catches and goes on after must not catch this."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.now += timeout
        return found


class Inputs:
    """Counts how often the loop under test asks each of its inputs."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """One more call of `name`; ends a loop that never lets go."""
        self.calls[name] += 1
        if self.calls[name] > CALLS_MAX:
            raise Spinning(f"{name} was called {CALLS_MAX} times in a row")


class AlwaysSet(asyncio.Event):
    """An event that somebody sets again each time, before anybody can wait for it."""

    def __init__(self, inputs: Inputs, name: str) -> None:
        super().__init__()
        self._inputs, self._name = inputs, name
        super().set()

    def clear(self) -> None:
        self._inputs.count(f"{self._name} cleared")

    def is_set(self) -> bool:
        self._inputs.count(f"{self._name} looked at")
        return True

    async def wait(self) -> Any:
        self._inputs.count(f"{self._name} waited for")
        return True


def turns_of_another(
    monkeypatch: pytest.MonkeyPatch,
    loop_under_test: Callable[[], Coroutine[Any, Any, object]],
    *,
    seconds: float = 10.0,
) -> int:
    """Runs the loop beside a task that turns every 10 ms; returns how often that one turned."""
    selector = _Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    monkeypatch.setattr(loop, "time", lambda: selector.now)
    monkeypatch.setattr(time, "monotonic", lambda: selector.now)
    turns = 0

    async def other() -> None:
        nonlocal turns
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(0.01)
            turns += 1

    async def both() -> None:
        tested = loop.create_task(loop_under_test())
        await loop.create_task(other())
        if tested.done():
            tested.result()
        tested.cancel()
        await asyncio.gather(tested, return_exceptions=True)

    try:
        loop.run_until_complete(both())
    finally:
        loop.close()
        monkeypatch.undo()
    return turns
