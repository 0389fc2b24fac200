"""The HTTP parser: however the bytes arrive, the requests are the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.sandbox.http1 import HttpConnection, Reply, Request
from wacampaign.sandbox.process import SandboxProcess


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


def connection() -> tuple[HttpConnection, Transport, list[Request]]:
    requests: list[Request] = []

    def handle(request: Request) -> Reply:
        requests.append(request)
        return Reply(str(len(requests)).encode())

    protocol, transport = HttpConnection(handle, set(), "http"), Transport()
    protocol.connection_made(transport)  # type: ignore[arg-type]
    return protocol, transport, requests


STREAM = (
    b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    b"GET /b HTTP/1.1\r\nHOST:h\r\n\r\n"
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\nA;note=1\r\n\r\n\r\n012345\r\n0\r\n\r\n"
    b"DELETE /d HTTP/1.1\r\nAuthorization:  Bearer x \r\n\r\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_any_split_of_the_stream(cuts: list[int]) -> None:
    protocol, transport, requests = connection()
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        protocol.data_received(STREAM[start:end])
    assert [(r.method, r.path, r.query, r.body) for r in requests] == [
        ("POST", "/a", "x=1", b"hello"),
        ("GET", "/b", "", b""),
        ("POST", "/c", "", b"abc\r\n\r\n012345"),
        ("DELETE", "/d", "", b""),
    ]
    assert requests[3].headers == {"authorization": "Bearer x"}
    assert transport.written.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert transport.written.endswith(b"4")


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"GET / SPDY/1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000,
    ],
)
def test_garbage_is_answered_with_400_and_closed(garbage: bytes) -> None:
    protocol, transport, requests = connection()
    protocol.data_received(garbage)
    assert transport.written.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert transport.closed
    assert requests == []


@contextmanager
def connected(sandbox: SandboxProcess) -> Iterator[socket.socket]:
    parts = urlsplit(sandbox.url)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=60)) as sock:
        yield sock


def test_connection_close_is_honoured(sandbox: SandboxProcess) -> None:
    with connected(sandbox) as sock:
        sock.sendall(b"GET /_sandbox/ready HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.endswith(b'{"ready": true}')
    assert b"Connection: close" in answer


def test_expect_100_continue(sandbox: SandboxProcess) -> None:
    with connected(sandbox) as sock:
        sock.sendall(
            b"POST /_sandbox/reset HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_pipelined_requests_are_answered_in_order_despite_latency(sandbox: SandboxProcess) -> None:
    sandbox.control.settings(latency_ms=20)
    with connected(sandbox) as sock:
        sock.sendall(
            b"POST /1/messages HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
            b"GET /_sandbox/ready HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.index(b"AuthException") < answer.index(b'{"ready": true}')
