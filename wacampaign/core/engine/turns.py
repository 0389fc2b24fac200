"""How the worker waits: each turn of a loop lets the other tasks run, and no wait is for ever.

A loop that finds its event set and goes on at once shuts out everything else in the process: the
heartbeat, the signals, the task that would have changed what it looks at. So no loop waits for an
event by itself; it comes here, at one place, on each of its turns.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

Answer = TypeVar("Answer")

#: Seconds that a turn takes at least when what it waits for is there already: 200 turns a second
#: cost a few percent of a core at worst, and 5 ms delay nothing that matters.
SHORTEST_SECONDS: Final = 0.005
#: Seconds that a cancelled task may take to let go, twice.
CANCEL_SECONDS: Final = 0.25


async def wait_for(event: asyncio.Event, at_most: float | None = None) -> None:
    """Waits until `event` is set, at most so many seconds (None: no limit), and consumes it."""
    if event.is_set():
        await asyncio.sleep(SHORTEST_SECONDS)
    else:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await event.wait()
    event.clear()


async def within(seconds: float, work: Coroutine[Any, Any, Answer]) -> Answer:
    """The result of `work`. Raises `TimeoutError` after `seconds`, and then waits no longer."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait((task,), timeout=seconds)
    finally:
        await give_up(task)
    if not done:
        raise TimeoutError
    return task.result()


async def give_up(*tasks: asyncio.Future[Any]) -> None:
    """Cancels tasks and waits for their ends, but not for long.

    A database driver answers a first cancellation by asking the server to stop the statement, and
    waits for that: ten seconds, if no server answers. At the second it lets go.
    """
    left: set[asyncio.Future[Any]] = {task for task in tasks if not task.done()}
    for seconds in (CANCEL_SECONDS, CANCEL_SECONDS):
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=seconds)
