"""Passes each body on to the backend: the same bytes and signature, in order, until it takes them.

What waits is on the disk, not in the way of the answer to Meta, and outlives this process. The
truth is in our database: what finds no room here is dropped, counted and said.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from wacampaign.core.engine.ports import EventLog
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.webhook.kept_bodies import KeptBodies
from wacampaign.webhook.signature import HEADER, sign, signed_with
from wacampaign.webhook.splitting import EXPRESS_BYTES, parts_of

#: Bytes of bodies that wait at most: some two million statuses.
STORE_BYTES_MAX: Final = 1_000_000_000
#: Seconds that an answer to Meta waits for the file, which takes well under a millisecond.
PUT_SECONDS: Final = 0.05
#: Bodies and bytes that are read at a time.
_READ_BODIES: Final = 200
_READ_BYTES: Final = 4_000_000
#: First and longest pause before a body is tried again, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
#: Seconds that the backend may take for one answer; it answers before it works.
ANSWER_SECONDS: Final = 30.0
#: Answers that are about the body itself, and tries until it is passed over: one such body must not
#: keep all others. Whatever else is answered may come right by itself.
_ABOUT_THE_BODY: Final = frozenset({400, 413, 415, 422})
_TRIES_MAX: Final = 5
#: Seconds between two lines about a backend that does not take anything.
_TELL_SECONDS: Final = 60.0
#: Seconds between two looks for what dead receivers left.
ADOPT_SECONDS: Final = 5.0


class Forwarding:
    """One address that gets everything."""

    def __init__(
        self,
        url: str,
        kept: KeptBodies,
        secrets_for: Callable[[bytes], tuple[str, ...]],
        log: EventLog,
        *,
        bytes_max: int = STORE_BYTES_MAX,
    ) -> None:
        """`secrets_for`: what a body may be signed with, to sign its parts anew."""
        self._url = url
        self._kept = kept
        self._secrets_for = secrets_for
        self._log = log
        self._bytes_max = bytes_max
        self._came = asyncio.Event()
        self._puts: set[asyncio.Task[None]] = set()
        self._told_at = float("-inf")
        self._failing_since: float | None = None
        self._last_error: str | None = None
        #: Bodies passed on; passed over as the backend refuses them; never written down.
        self.passed = 0
        self.passed_over = 0
        self.dropped = 0

    def health(self) -> dict[str, Any]:
        """What /healthz says of it."""
        return {
            "waiting": self._kept.waiting,
            "bytes": self._kept.waiting_bytes,
            "passed": self.passed,
            "passed_over": self.passed_over,
            "dropped": self.dropped,
            "error": self._last_error,
        }

    # --- in -----------------------------------------------------------------------------------

    async def put(self, body: ReceivedBody) -> None:
        """Writes a body down; returns soon in any case, and never raises."""
        if self._kept.waiting_bytes + len(body.body) > self._bytes_max:
            self._drop(f"{self._bytes_max / 1e6:,.0f} MB wait to be passed on")
            return
        put = asyncio.create_task(self._put(body))
        self._puts.add(put)
        put.add_done_callback(self._puts.discard)
        await asyncio.wait((put,), timeout=PUT_SECONDS)

    async def _put(self, body: ReceivedBody) -> None:
        try:
            await self._kept.append(body)
        except Exception as error:
            self._drop(str(error))
            return
        self._came.set()

    def _drop(self, why: str) -> None:
        self.dropped += 1
        self._tell("forward_dropped", "error", why, dropped=self.dropped)

    def _tell(self, event: str, level: str, error: object, **more: object) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            waiting = self._kept.waiting
            self._log(event, level=level, error=error, **more, waiting=waiting)

    # --- out ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Passes on until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        looked_at = float("-inf")
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            while True:
                if time.monotonic() - looked_at >= ADOPT_SECONDS:
                    looked_at = time.monotonic()
                    await self._kept.adopt()
                self._came.clear()
                if not await self._pass_some(session):
                    try:
                        async with asyncio.timeout(ADOPT_SECONDS):
                            await self._came.wait()
                    except TimeoutError:
                        continue

    async def _pass_some(self, session: aiohttp.ClientSession) -> bool:
        """Passes on what is read at once; whether there was anything."""
        try:
            bodies = await self._kept.read(_READ_BODIES, _READ_BYTES)
            for body in bodies:
                await self._pass(session, body)
                await self._kept.done([body])
        except OSError as error:
            self._tell("forward_not_read", "error", error)
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            return True
        return bool(bodies)

    async def _pass(self, session: aiohttp.ClientSession, body: ReceivedBody) -> None:
        """Returns when the backend has taken it, or was given it often enough."""
        pause = FIRST_PAUSE_SECONDS
        tries = refused = 0
        parts = self._parts(body) if len(body.body) > EXPRESS_BYTES else [(body.body, None)]
        while parts:
            data, signature = parts[0]
            status, error = await self._post(session, body, data, signature)
            if status is not None and 200 <= status < 300:
                del parts[0]
                tries, pause = 0, FIRST_PAUSE_SECONDS
                self._note_success()
                continue
            if status == 413 and data is body.body and len(more := self._parts(body)) > 1:
                parts = more
                continue
            tries += status in _ABOUT_THE_BODY
            self._note_failure(error)
            if tries < _TRIES_MAX:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            del parts[0]
            refused += 1
            tries, pause = 0, FIRST_PAUSE_SECONDS
        if not refused:
            self.passed += 1
            return
        self.passed_over += 1
        self._log(
            "forward_refused",
            level="error",
            error=self._last_error,
            body=body.id,
            bytes=len(body.body),
            parts=refused,
        )

    def _parts(self, body: ReceivedBody) -> list[tuple[bytes, str | None]]:
        """The body in parts with their signatures; whole, with its own, without its secret."""
        secret = signed_with(body.signature, body.body, self._secrets_for(body.body))
        if secret is None:
            return [(body.body, None)]
        parts = parts_of(body.body)
        if len(parts) == 1:
            return [(body.body, None)]
        return [(part, sign(secret, part)) for part in parts]

    async def _post(
        self,
        session: aiohttp.ClientSession,
        body: ReceivedBody,
        data: bytes,
        signature: str | None,
    ) -> tuple[int | None, str]:
        """Status, or None without an answer; what to say of it."""
        headers = {"Content-Type": body.content_type, HEADER: signature or body.signature}
        try:
            async with session.post(
                self._url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, f"the backend answered {answer.status}"
        except TimeoutError:
            return None, f"the backend did not answer within {ANSWER_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return None, f"the backend cannot be reached: {error}"

    def _note_success(self) -> None:
        if self._failing_since is not None:
            seconds = time.monotonic() - self._failing_since
            self._log("forward_works", after_seconds=round(seconds), waiting=self._kept.waiting)
            self._told_at = float("-inf")
        self._failing_since = self._last_error = None

    def _note_failure(self, error: str) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        self._last_error = error
        self._tell("forward_fails", "warning", error)

    async def close(self) -> None:
        """Waits for what is being written."""
        if self._puts:
            await asyncio.wait(self._puts, timeout=1.0)
