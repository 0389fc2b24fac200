"""After every test nothing is left: no temporary file, no connection, no process."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest


def _own_sockets() -> set[tuple[int, int]]:
    """Descriptor and what it leads to, of each socket of this process."""
    found = set()
    for path in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            status = os.fstat(int(path.name))
            if stat.S_ISSOCK(status.st_mode):
                found.add((int(path.name), status.st_ino))
    return found


def _own_connections() -> set[int]:
    """Descriptors of those that lead to another machine. Takes as long as many a test here."""
    return {one.fd for one in psutil.Process().net_connections("inet")}


def _own_processes() -> set[int]:
    return {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="package")
def others_processes() -> set[int]:
    """Servers that other tests share. Asked once: it takes longer than most tests here."""
    return _own_processes()


@pytest.fixture(autouse=True)
def nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others_processes: set[int]
) -> Iterator[None]:
    """Fails the test that leaves something behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = _own_sockets()
    yield
    assert list(temporary.iterdir()) == []
    opened = {descriptor for descriptor, _ in _own_sockets() - before}
    assert not opened or not opened & _own_connections()
    assert _own_processes() <= others_processes


async def no_connection_to(port: int) -> None:
    """Waits some turns of the loop, in which transports close, for our end to be gone."""
    for _ in range(20):
        mine = [
            one
            for one in psutil.Process().net_connections("tcp")
            if one.raddr and one.raddr.port == port
        ]
        if not mine:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"still connected: {mine}")
