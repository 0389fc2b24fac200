"""`wacampaign …` and the tests' own workers as real processes, forked from one that imported all.

To start Python and import the program takes half a second of a core, and the tests would do that
five hundred times. What is about the start itself (PM2, closed streams, limits) starts Python.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import certifi

_starting = threading.Lock()
#: Bytes of a request: the environment is most of it.
_REQUEST = 1 << 17
#: Bytes of a number that is told: a process may end before its id was read.
_NUMBER = 12


class Forked:
    """One such process, with what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        module: str = "wacampaign",
        env: Mapping[str, str],
        cwd: Path,
        out: IO[bytes],
    ) -> None:
        """As `python -m MODULE ARGUMENTS`. `out` gets output and errors; the input is empty."""
        self.args = [module, *arguments]
        self.returncode: int | None = None
        request = {"words": self.args, "env": dict(env), "cwd": str(cwd)}
        self._told, tell = os.pipe()
        try:
            with _starting:  # several threads at once would start several, and keep one
                parent = _parent()
            socket.send_fds(parent, [json.dumps(request).encode()], [out.fileno(), tell])
        finally:
            os.close(tell)
        self.pid = self._next()

    def _next(self) -> int:
        number = os.read(self._told, _NUMBER)
        assert number, "the process that forks has ended"
        return int(number)

    def poll(self) -> int | None:
        """The exit code, -N for signal N; None while it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.returncode = self._next()
            os.close(self._told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """As poll, after its end. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, signal_number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal_number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _parent() -> socket.socket:
    """Leads to the process that forks, started at the first call; it ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-X", "utf8", "-m", "tests.forked"]
    with its:
        # Its output is no terminal, so what is printed is buffered as it would be into a file.
        _started.append(subprocess.Popen(command, stdin=its, stdout=subprocess.DEVNULL))
    return ours


#: Kept, as Python warns of a process that nobody waited for.
_started: list[subprocess.Popen[bytes]] = []


def fork_for_each_request() -> None:
    """Until the tests end: forks a process for each request, tells its pid, and then its end."""
    requests = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tellers: dict[int, int] = {}
    while True:
        ready = select.select([requests, woken], [], [])[0]
        if requests in ready:
            request, given, _, _ = socket.recv_fds(requests, _REQUEST, 2)
            if not request:
                return
            out, tell = given
            pid = os.fork()
            if pid == 0:
                for descriptor in (requests.detach(), woken, wake, tell, *tellers.values()):
                    os.close(descriptor)
                become(json.loads(request), out)
            os.close(out)
            tellers[pid] = tell
            tell_number(tell, pid)
        if woken in ready:
            os.read(woken, 1 << 10)
            while tellers and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                tell = tellers.pop(ended[0])
                tell_number(tell, os.waitstatus_to_exitcode(ended[1]))
                os.close(tell)


def tell_number(tell: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody asks any more
        os.write(tell, f"{number:{_NUMBER}}".encode())


def become(request: dict[str, Any], out: int) -> None:
    """Makes of the forked process what `python -m MODULE` would be, and ends it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    sys.stdout.reconfigure(write_through="PYTHONUNBUFFERED" in os.environ)  # type: ignore[union-attr]
    sys.argv = request["words"]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit()


def import_all() -> None:
    """The program, and the libraries that it imports late."""
    import wacampaign

    for module in pkgutil.walk_packages(wacampaign.__path__, "wacampaign."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("aiohttp", "httpx", "phonenumbers", "psycopg_pool", "supabase", "uvloop"):
        importlib.import_module(name)
    for name in ("rich.console", "rich.live", "rich.progress", "rich.table"):
        importlib.import_module(name)
    certifi.where = lambda: os.environ["SSL_CERT_FILE"]
    gc.freeze()


if __name__ == "__main__":
    import_all()
    fork_for_each_request()
