"""PM2's channel to a process it started: ready, metrics, answers out; its word and end in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.masking import mask_secrets

#: What a person asks for with `pm2 trigger APP NAME [WORD]`: name and word → answer.
Trigger = Callable[[str, str | None], Awaitable[Mapping[str, Any]]]

#: Bytes that may wait for a PM2 that does not read; metrics beyond are left out.
WAITING_BYTES_MAX: Final = 64_000


class Pm2Channel:
    """The IPC descriptor of PM2 (platform-facts 1.2): newline-delimited JSON on a socket."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsent = b""
        self._heard = b""
        self._on_end: Callable[[str], None] | None = None
        self._on_trigger: Trigger | None = None
        self._answering: set[asyncio.Task[None]] = set()
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)

    @classmethod
    def from_environment(cls) -> Pm2Channel | None:
        """The channel if this process was started by PM2 (or any Node parent)."""
        value = os.environ.pop("NODE_CHANNEL_FD", None)
        if value is None or not value.isdigit():
            return None
        try:
            os.fstat(int(value))
        except OSError:
            return None
        return cls(int(value))

    def ready(self) -> None:
        """Tells PM2 (`wait_ready`) that the process works."""
        self._send("ready")

    def publish(self, metrics: Mapping[str, tuple[float | str, str]]) -> None:
        """Shows values with their units in `pm2 describe` and `pm2 monit`, by name."""
        if len(self._unsent) < WAITING_BYTES_MAX:
            data = {
                name: {"value": value, "unit": unit, "type": "metric", "historic": True}
                for name, (value, unit) in metrics.items()
            }
            self._send({"type": "axm:monitor", "data": data})

    def offer(self, names: Sequence[str], on_trigger: Trigger) -> None:
        """Answers `pm2 trigger` with these names from now on."""
        self._on_trigger = on_trigger
        for name in names:
            action = {"action_name": name, "action_type": "custom", "opts": None, "arity": 1}
            self._send({"type": "axm:action", "data": action})

    def watch(self, on_end: Callable[[str], None]) -> None:
        """Calls `on_end` with the reason when PM2 asks for shutdown, or is gone.

        A PM2 daemon that died leaves its children running, and `pm2 resurrect` starts a second
        copy beside them: so the end of the channel is a signal to stop.
        """
        self._on_end = on_end
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        assert self._on_end is not None
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._on_end("the PM2 daemon is gone")
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                self._take(json.loads(line), self._on_end)

    def _take(self, said: object, on_end: Callable[[str], None]) -> None:
        """A word is an action's name, or an object with one and what was typed after it."""
        if said == "shutdown":
            on_end("PM2 shutdown message")
            return
        name, word = (said.get("msg"), said.get("opts")) if isinstance(said, dict) else (said, None)
        if self._on_trigger is None or not isinstance(name, str):
            return
        given = None if word is None else str(word)
        task = asyncio.ensure_future(self._answer(self._on_trigger, name, given))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, on_trigger: Trigger, name: str, word: str | None) -> None:
        # Always something: `pm2 trigger` waits for it for ever.
        try:
            answer = await on_trigger(name, word)
        except Exception as error:
            answer = {"ok": False, "error": mask_secrets(f"{type(error).__name__}: {error}")}
        self._send({"type": "axm:reply", "data": {"return": answer, "action_name": name}})

    def _send(self, message: object) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self._write()

    def _write(self) -> None:
        """Writes what fits, the rest as soon as PM2 reads: a half line would garble the next."""
        try:
            self._unsent = self._unsent[os.write(self._fd, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""  # PM2 is gone; the reader says so
        loop = asyncio.get_running_loop()
        if self._unsent:
            loop.add_writer(self._fd, self._write)
        else:
            loop.remove_writer(self._fd)
