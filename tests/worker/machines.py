"""Several machines on one: network and host name of their own for each, behind one bridge.

Needs root and Linux (`ip`, `nsenter`, `unshare`). What is cut off loses its packets, as behind a
switch that lost power: nobody is told that a connection ended.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

#: Of the range for tests between networks (RFC 2544), another one for each run of tests.
NETWORK: Final = f"198.18.{os.getpid() % 250}"
BRIDGE: Final = f"wcbr{os.getpid() % 10_000}"
#: The bridge's own address: here stand the database and the API.
HERE: Final = f"{NETWORK}.1"
_VETH: Final = ("ip", "link", "add", "wc0", "type", "veth", "peer", "name", "wc1")


def why_not() -> str | None:
    """Why there can be no machines here; None: there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    for program in ("ip", "nsenter", "unshare", "hostname"):
        if shutil.which(program) is None:
            return f"needs {program}"
    made = subprocess.run(
        ["unshare", "--net", "--uts", *_VETH],
        capture_output=True,
        check=False,
    )
    return None if made.returncode == 0 else "this kernel or container makes no networks"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Machine:
    """One machine on the bridge."""

    def __init__(self, number: int, home: Path) -> None:
        self.name = f"app{number}"
        self.home = home / self.name
        self.home.mkdir()
        self._link = f"wcv{os.getpid() % 10_000}-{number}"
        self._space = f"wc{os.getpid()}-{number}"
        _ip("netns", "add", self._space)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self._space)
        _ip("link", "set", self._link, "master", BRIDGE, "up")
        _ip("-n", self._space, "addr", "add", f"{NETWORK}.{10 + number}/24", "dev", "eth0")
        _ip("-n", self._space, "link", "set", "eth0", "up")
        _ip("-n", self._space, "link", "set", "lo", "up")

    @property
    def program(self) -> tuple[str, ...]:
        """What runs a program there, before the program itself."""
        enter = ("nsenter", f"--net=/run/netns/{self._space}", "unshare", "--uts", "sh", "-c")
        return (*enter, f'hostname {self.name} && exec "$@"', "sh")

    def cut_off(self) -> None:
        """From now on nothing gets through, either way."""
        _ip("link", "set", self._link, "down")

    def join(self) -> None:
        """The network is back."""
        _ip("link", "set", self._link, "up")

    def remove(self) -> None:
        """The machine is gone."""
        subprocess.run(["ip", "netns", "del", self._space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self._link], check=False, capture_output=True)


class Machines:
    """So many machines, and the bridge."""

    def __init__(self, count: int, home: Path) -> None:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{HERE}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        self.all = [Machine(number, home) for number in range(1, count + 1)]

    def __enter__(self) -> list[Machine]:
        return self.all

    def __exit__(self, *_: object) -> None:
        for machine in self.all:
            machine.remove()
        _ip("link", "del", BRIDGE)
