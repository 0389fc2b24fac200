"""A command in a terminal of its own, as a person has it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from pathlib import Path
from typing import Final

#: Seconds for one command, and for the first lines of one that stays open.
_LONGEST: Final = 120.0
_QUESTION: Final = b"[y/N] "
_STYLES: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
#: A bar of progress, with all its former states.
_BARS: Final = re.compile(r"^.*━.*\n", re.MULTILINE)


class Terminal:
    """One command in a terminal, in a process group of its own. Questions are answered with y."""

    def __init__(
        self, command: str, folder: Path, environment: dict[str, str], columns: int = 80
    ) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "-c", command], environment)
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)
        self._command = command
        self._printed = b""
        self.code: int | None = None

    def until_its_end(self) -> str:
        """All that it printed; AssertionError when that takes too long."""
        end = time.monotonic() + _LONGEST
        while self._read(end):
            pass
        self._reap()
        return self.printed

    def until_lines(self, n: int) -> str:
        """What it printed when it had said so many lines."""
        end = time.monotonic() + _LONGEST
        while self.printed.count("\n") < n:
            assert self._read(end), f"{self._command} ended: {self.printed}"
        return self.printed

    @property
    def printed(self) -> str:
        """As a person sees it."""
        return _BARS.sub("", _STYLES.sub("", self.raw)).replace("\r", "")

    @property
    def raw(self) -> str:
        """With its control codes."""
        return self._printed.decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self) -> None:
        """As Ctrl-C, then for good."""
        if self.code is None:
            os.killpg(self.pid, signal.SIGINT)
            self.until_its_end()
        os.close(self._fd)

    def _read(self, end: float) -> bool:
        """Waits for more; False at the end of output."""
        readable, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
        if not readable:
            os.killpg(self.pid, signal.SIGKILL)
            raise AssertionError(f"{self._command} takes too long: {self.printed}")
        try:
            more = os.read(self._fd, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self._printed += more
        if self._printed.endswith(_QUESTION):
            os.write(self._fd, b"y\n")
        return bool(more)

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
