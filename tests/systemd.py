"""Plays systemd for one unit that `wacampaign pm2 --systemd` printed, where no systemd runs.

It starts ExecStart as it stands there, with what systemd gives a service and nothing else, and
hears what the service tells it.
"""

from __future__ import annotations

import configparser
import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.pm2 import clean_environment, install_command
from tests.servers import wait_until

#: prctl(2): as `MemoryDenyWriteExecute=` and `NoNewPrivileges=` have it.
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
PR_SET_NO_NEW_PRIVS = 38


class PlayedSystemd:
    """One service in a folder with `.env`."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], name: str, *arguments: str
    ) -> None:
        folder.mkdir()
        env_file = folder / ".env"
        env_file.write_text("".join(f"{key}='{value}'\n" for key, value in settings.items()))
        env_file.chmod(0o600)
        printed = subprocess.run(
            [install_command(folder), "pm2", "--systemd", *arguments],
            env=clean_environment(),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        # The name of the first file is before the second part, and so on.
        _, *parts = re.split(r"^# (\S+)[.]service$", printed, flags=re.MULTILINE)
        units = dict(zip(parts[::2], parts[1::2], strict=True))
        unit = configparser.RawConfigParser(strict=False, delimiters="=")
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(units[name])
        self.unit = unit["Service"]
        self.said: list[dict[str, str]] = []
        self.log = folder / "journal"
        # An address of a socket is short.
        self._sockets = tempfile.mkdtemp(prefix="wacampaign-notify-")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"{self._sockets}/notify")
        self._socket.setblocking(False)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, watchdog_seconds: float) -> subprocess.Popen[bytes]:
        """`systemctl start`; the unit's own watchdog would let a test wait."""

        def harden() -> None:
            libc = ctypes.CDLL(None)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            # A kernel before 6.3 has it not.
            libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)

        name, _, value = self.unit["Environment"].partition("=")
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            name: value,
            "NOTIFY_SOCKET": f"{self._sockets}/notify",
            "WATCHDOG_USEC": str(int(watchdog_seconds * 1e6)),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {self.unit['ExecStart']}"],
                cwd=self.unit["WorkingDirectory"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=harden,
            )
        return self.process

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                lines = self._socket.recv(4096).decode().splitlines()
                self.said.append(dict(line.split("=", 1) for line in lines))

    def times(self, name: str, value: str = "1") -> int:
        """How often it was told so far."""
        self._hear()
        return sum(one.get(name) == value for one in self.said)

    def wait_told(self, name: str, value: str = "1", *, times: int = 1) -> None:
        def told() -> bool:
            assert self.process is not None
            return self.times(name, value) >= times or self.process.poll() is not None

        wait_until(told, 30, f"{name}={value}")
        assert self.times(name, value) >= times, self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """`systemctl stop`; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(float(self.unit["TimeoutStopSec"]))

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._socket.close()
        Path(f"{self._sockets}/notify").unlink()
        Path(self._sockets).rmdir()
