"""After every test nothing is left: no temporary file, no connection, no process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


def _own_connections() -> set[tuple[int, str]]:
    return {(one.fd, str(one.laddr)) for one in psutil.Process().net_connections("inet")}


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
    connections = _own_connections()
    yield
    assert list(temporary.iterdir()) == []
    assert _own_connections() <= connections
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
