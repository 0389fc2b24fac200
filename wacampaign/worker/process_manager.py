"""PM2's channel to a process it started: readiness out, "shutdown" and the channel's end in."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable


class Pm2Channel:
    """The IPC descriptor of PM2 (platform-facts 1.2): newline-delimited JSON on a socket."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_inheritable(fd, False)

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
        """Tells PM2 (`wait_ready`) that the worker works."""
        with contextlib.suppress(OSError):
            os.write(self._fd, b'"ready"\n')

    def watch(self, on_end: Callable[[str], None]) -> None:
        """Calls `on_end` with the reason when PM2 asks for shutdown, or is gone.

        A PM2 daemon that died leaves its children running, and `pm2 resurrect` starts a second
        copy beside them: so the end of the channel is a signal to stop.
        """
        loop = asyncio.get_running_loop()

        def readable() -> None:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                loop.remove_reader(self._fd)
                on_end("the PM2 daemon is gone")
            elif b'"shutdown"' in data:
                on_end("PM2 shutdown message")

        os.set_blocking(self._fd, False)
        loop.add_reader(self._fd, readable)
