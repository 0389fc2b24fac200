"""An address for alerts, and a rig for workers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.alerting.listener import AlertListener, alert_listener
from tests.worker.rig import Rig
from wacampaign.sandbox.process import SandboxProcess


@pytest.fixture
def listener() -> Iterator[AlertListener]:
    with alert_listener() as one:
        yield one


@pytest.fixture
def rig(database: str, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(database, sandbox, tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def dripping() -> Iterator[str]:
    """An address whose answer comes a byte at a time, and never whole."""
    closing = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not closing.wait(0.05):
                    connection.sendall(b"x")

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    Thread(target=answer, args=(connection,), daemon=True).start()

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        closing.set()
        server.shutdown(socket.SHUT_RDWR)
