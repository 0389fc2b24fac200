"""Bodies on this machine's disk, beside the event loop: written in groups, read in their order.

First comes what processes left that are gone, then what this one wrote.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from wacampaign.core.engine.ports import EventLog
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.home import folder_in
from wacampaign.problems import Problem
from wacampaign.webhook.body_log import BodyLog, DeadLog, LogReader, dead_logs

Answer = TypeVar("Answer")
Given = ParamSpec("Given")

#: The folder in WACAMPAIGN_HOME, in which each kind has one of its own.
FOLDER: Final = "webhooks"
#: Seconds after which a disk that refused is tried again.
AGAIN_SECONDS: Final = 5.0
#: Bytes that are written to see whether the disk takes a body: one with a status has 600.
_TRIED_BYTES: Final = 4096


class KeptBodies:
    """One kind of log. Blocking work is done by one thread, so each step is whole."""

    def __init__(self, home: Path, kind: str, owner: str, log: EventLog, *, durable: bool) -> None:
        self._home = home
        self._kind = kind
        self._owner = owner
        self._log = log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=kind)
        self._own = BodyLog(home / FOLDER / kind, owner, durable=durable)
        self._dead: list[DeadLog] = []
        #: Bodies and bytes that the dead left and that were not taken over yet.
        self._left: tuple[int, int] = (0, 0)
        self._reading: LogReader = self._own
        self._group: list[tuple[ReceivedBody, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._refused_at = float("-inf")
        #: Whether that was seen without a body.
        self._only_tried = False
        #: Why the disk refused last; None while it takes what it is given.
        self.refusal: str | None = None

    @property
    def usable(self) -> bool:
        """False for some seconds after the disk refused."""
        return self._refused_at + AGAIN_SECONDS < asyncio.get_running_loop().time()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read: no body, and no log of a dead process to remove."""
        return not self._dead and self.waiting == 0

    @property
    def waiting(self) -> int:
        """Bodies that are written or being written, and not taken over."""
        return self._own.waiting + len(self._group) + self._left[0]

    @property
    def waiting_bytes(self) -> int:
        """The bytes of those that are written."""
        return self._own.waiting_bytes + self._left[1]

    async def _in_thread(
        self, work: Callable[Given, Answer], *given: Given.args, **_: Given.kwargs
    ) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def append(self, one: ReceivedBody) -> None:
        """Returns when it is written. Raises what kept it from that."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.append((one, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name=f"write {self._kind}")
        await done

    async def _write(self) -> None:
        """Writes what has come in, and what comes in meanwhile."""
        try:
            while self._group:
                group = self._group[:]
                error: Exception | None = None
                try:
                    await self._in_thread(self._put, [one for one, _ in group])
                except Exception as refused:  # whatever it is: each is waited for
                    error = refused
                del self._group[: len(group)]
                self._note(error)
                for _, done in group:
                    if done.done():  # whoever waited is gone
                        continue
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
        finally:
            self._writing = None

    def _put(self, bodies: list[ReceivedBody]) -> None:
        folder_in(self._home / FOLDER, self._kind)
        self._own.append(bodies)

    def _note(self, error: Exception | None) -> None:
        self._only_tried = False
        if error is not None:
            self._refused_at = asyncio.get_running_loop().time()
        self._tell(error)

    def _tell(self, error: Exception | None) -> None:
        if error is None:
            if self.refusal is not None:
                self._log(f"{self._kind}_written_again")
            self.refusal = None
            return
        if self.refusal is None:
            self._log(f"{self._kind}_not_written", level="error", error=error)
        self.refusal = (isinstance(error, OSError) and error.strerror) or str(error)

    async def try_disk(self) -> None:
        """Tells whether it takes what it is given before somebody's answer hangs on it.

        A body is written to it all the same: a smaller one may fit.
        """
        if self.refusal is not None and not self._only_tried:
            return  # what is really written says when it takes that again
        error: Exception | None = None
        try:
            await self._in_thread(self._try)
        except (OSError, Problem) as refused:
            error = refused
        self._only_tried = error is not None
        self._tell(error)

    def _try(self) -> None:
        folder = folder_in(self._home / FOLDER, self._kind)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_TRIED_BYTES))

    async def adopt(self) -> None:
        """Takes over what processes left that are gone. A folder that cannot be read is told."""
        try:
            found, left = await self._in_thread(self._find)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._log(f"{self._kind}_not_read", level="warning", error=error)
            return
        if left[0]:
            self._log(f"{self._kind}_adopted", bodies=left[0], logs=len(found))
        self._dead += found
        self._left = (self._left[0] + left[0], self._left[1] + left[1])

    def _find(self) -> tuple[list[DeadLog], tuple[int, int]]:
        found = dead_logs(self._own.folder, self._owner)
        counts = [log.count() for log in found]
        return found, (sum(n for n, _ in counts), sum(size for _, size in counts))

    async def read(self, count_max: int, bytes_max: int) -> list[ReceivedBody]:
        """The next bodies; empty: none wait. Raises `OSError`."""
        while self._dead:
            dead = self._dead[0]
            if bodies := await self._in_thread(dead.read, count_max, bytes_max):
                self._reading = dead
                return bodies
            await self._in_thread(dead.remove)
            if dead.damaged:
                self._log(
                    f"{self._kind}_damaged",
                    level="warning",
                    bytes=dead.damaged_bytes,
                    files=", ".join(path.with_suffix(".damaged").name for path in dead.damaged),
                )
            del self._dead[0]
        self._left = (0, 0)
        self._reading = self._own
        if self._own.waiting == 0:
            return []
        return await self._in_thread(self._own.read, count_max, bytes_max)

    async def done(self, bodies: list[ReceivedBody]) -> None:
        """These first ones of the last `read` were taken over. Raises `OSError`."""
        if self._reading is not self._own:
            size = sum(len(one.body) for one in bodies)
            self._left = (max(0, self._left[0] - len(bodies)), max(0, self._left[1] - size))
        await self._in_thread(self._reading.done, len(bodies))

    async def close(self) -> None:
        """Waits for what is being written; what is left is for the next process."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        logs: Sequence[BodyLog | DeadLog] = (self._own, *self._dead)
        for log in logs:
            await self._in_thread(log.close)
        self._thread.shutdown(wait=False)
