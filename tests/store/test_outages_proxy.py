"""The proxy of the tests of outages leaves nothing in a log that a test reads."""

from __future__ import annotations

import socket

import pytest

from tests.store.outages import postgres_proxy


def test_an_open_connection_at_its_end_logs_nothing(
    caplog: pytest.LogCaptureFixture, database: str
) -> None:
    with postgres_proxy(database) as (url, _):
        port = int(url.rpartition(":")[2].partition("/")[0])
        client = socket.create_connection(("127.0.0.1", port))
        # SSLRequest: answered, so the connection is passed on by then.
        client.sendall(bytes((0, 0, 0, 8, 4, 210, 22, 47)))
        assert client.recv(1)
    client.close()
    assert caplog.text == ""
