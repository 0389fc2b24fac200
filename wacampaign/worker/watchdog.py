"""Ends a worker whose event loop no longer turns, from a thread beside the loop.

Such a worker sends nothing, hears no signal and says nothing, while PM2 shows it `online` and the
database has long given its rows to others. What it had begun is in the journal.
"""

import asyncio
import contextlib
import os
import sys
import threading
import traceback
from typing import Final

from wacampaign.core.engine.ports import EventLog

#: Seconds between two stamps of the loop, and between two looks of the thread.
LOOK_SECONDS: Final = 1.0
#: Seconds that the last words may take: the loop may stand because nothing reads our output.
LAST_WORDS_SECONDS: Final = 2.0
#: The descriptor, not `sys.stderr`, whose lock the loop may hold.
STDERR: Final = 2
#: Exit code "unexpected error" of the contract; PM2 restarts it (it is none of our
#: `stop_exit_codes`).
EXIT_CODE: Final = 1


class Watchdog:
    """Started and stopped by the loop that it watches.

    Time is counted in looks, not read off a clock: a process that was suspended (SIGSTOP, a
    sleeping machine, no processor for minutes) was not looking either, so that counts as one.
    """

    def __init__(self, log: EventLog, seconds: float) -> None:
        self._log = log
        self._seconds = seconds
        self._look_seconds = min(LOOK_SECONDS, seconds / 4)
        self._turned = True
        self._ended = threading.Event()
        self._stamp: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Watches the running event loop from now on."""
        self._sign()
        self._thread.start()

    def stop(self) -> None:
        """The loop ends as it should."""
        self._ended.set()
        if self._stamp is not None:
            self._stamp.cancel()

    def _sign(self) -> None:
        self._turned = True
        loop = asyncio.get_running_loop()
        self._stamp = loop.call_later(self._look_seconds, self._sign)

    def _watch(self) -> None:
        stood = 0.0
        while not self._ended.wait(self._look_seconds):
            if self._turned:
                self._turned, stood = False, 0.0
            else:
                stood += self._look_seconds
            if stood >= self._seconds:
                self._end(stood)

    def _end(self, stood: float) -> None:
        # In a thread of their own: a pipe that nobody reads, or a lock that the loop holds, must
        # not keep the process alive.
        telling = threading.Thread(target=self._tell, args=(stood,), daemon=True)
        telling.start()
        telling.join(LAST_WORDS_SECONDS)
        # No handlers, no clean-up: they would meet whatever holds up the loop.
        os._exit(EXIT_CODE)

    def _tell(self, stood: float) -> None:
        with contextlib.suppress(OSError):
            os.write(STDERR, where_threads_stand().encode())
        self._log("stands_still", level="error", seconds=round(stood), dump="stderr")


def where_threads_stand() -> str:
    """Each thread's calls, the innermost last.

    Not by `faulthandler`: that writes while it keeps all other threads from running, so one pipe
    that nobody reads would keep the process for ever.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, frame in sys._current_frames().items():
        lines.append(f"thread {names.get(ident, ident)} stands at (innermost call last):")
        calls = [
            f"  {inner.f_code.co_filename}:{line} in {inner.f_code.co_name}"
            for inner, line in traceback.walk_stack(frame)
        ]
        lines += reversed(calls)
    return "\n".join(lines) + "\n"
