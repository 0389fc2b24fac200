# ruff: noqa: ARG001 - every behaviour takes server, reader and writer
"""MessageSender against servers that fail in every way: NotSent is proven, never guessed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import traceback
from collections.abc import Callable, Iterator

import pytest
import trustme
from aiohttp.client_proto import ResponseHandler

from wacampaign.core.engine.ports import HttpAnswer, MaybeSent, NotSent, Unconnected, Withheld
from wacampaign.meta.send import (
    ANSWER_LIMIT,
    CancelledBeforeSending,
    CancelledInFlight,
    MessageSender,
)
from wacampaign.problems import Misconfigured

from .conftest import Run
from .fault_server import (
    ACCEPTED,
    Behaviour,
    FaultServer,
    answer,
    reset,
    server_context,
    serving,
)

NUMBER = "100000000000001"
TOKEN = "sandbox-token"


async def post(server: FaultServer, body: bytes = b"{}", **settings: object) -> HttpAnswer:
    async with MessageSender(server.base_url, "v25.0", **settings) as sender:  # type: ignore[arg-type]
        return await sender.post(NUMBER, TOKEN, body)


def idle(sender: MessageSender) -> list[ResponseHandler]:
    """The connections that wait for the next post."""
    assert sender._connector is not None
    return [one for waiting in sender._connector._conns.values() for one, _ in waiting]


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what comes over the network; `run` has the limit."""
    while not condition():  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.005)


async def obliging(
    server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        await server.read(reader)
        writer.write(answer())


# --- what arrives, and what comes back


def test_the_request_on_the_wire(run: Run) -> None:
    async def work() -> None:
        async with serving(obliging) as server:
            assert await post(server, b'{"to":"+447700900123"}') == HttpAnswer(200, ACCEPTED)
            [request] = server.arrived
            assert request.line == f"POST /v25.0/{NUMBER}/messages HTTP/1.1"
            assert request.body == b'{"to":"+447700900123"}'
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            assert request.headers["content-type"] == "application/json"
            assert request.headers["accept-encoding"] == "identity"
            assert request.headers["content-length"] == "22"

    run(work())


def test_a_path_before_the_version_is_kept(run: Run) -> None:
    async def work() -> None:
        async with (
            serving(obliging) as server,
            MessageSender(f"{server.base_url}/graph/", "v25.0") as sender,
        ):
            await sender.post(NUMBER, TOKEN, b"{}")
            assert server.arrived[0].line.split()[1] == f"/graph/v25.0/{NUMBER}/messages"

    run(work())


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "429 Slow", "500 Oops"])
def test_every_status_is_an_answer(run: Run, status: str) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        await server.read(reader)
        writer.write(answer(b"{}", status))
        await reader.read()

    async def work() -> None:
        async with serving(behaviour) as server:
            assert await post(server) == HttpAnswer(int(status[:3]), b"{}")

    run(work())


def test_a_redirect_is_not_followed(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        while True:
            await server.read(reader)
            writer.write(answer(b"", "307 Elsewhere", "Location: /elsewhere"))

    async def work() -> None:
        async with serving(behaviour) as server:
            assert (await post(server))[0] == 307
            assert len(server.arrived) == 1

    run(work())


def test_cookies_are_not_kept(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        while True:
            await server.read(reader)
            writer.write(answer(b"{}", "200 OK", "Set-Cookie: a=b"))

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            for _ in range(2):
                await sender.post(NUMBER, TOKEN, b"{}")
            assert server.connections == 1
            assert all("cookie" not in request.headers for request in server.arrived)

    run(work())


def test_tls_with_its_own_authority(run: Run, authority: trustme.CA, ca_file: str) -> None:
    async def work() -> None:
        async with serving(obliging, server_context(authority)) as server:
            assert await post(server, ca_file=ca_file) == HttpAnswer(200, ACCEPTED)

    run(work())


def test_each_number_and_token_has_its_own_request(run: Run) -> None:
    async def work() -> None:
        async with (
            serving(obliging) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            for number, token in (("1", "sandbox-a"), ("2", "sandbox-b"), ("1", "sandbox-a")):
                await sender.post(number, token, b"{}")
            got = [(r.line.split("/")[2], r.headers["authorization"]) for r in server.arrived]
            assert got == [
                ("1", "Bearer sandbox-a"),
                ("2", "Bearer sandbox-b"),
                ("1", "Bearer sandbox-a"),
            ]

    run(work())


def test_no_request_waits_for_anothers_connection(run: Run) -> None:
    """With a limit, 400 hanging requests kept all others from a connection, for 5 s each."""

    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        request = await server.read(reader)
        if request.line.startswith("POST /v25.0/1/"):
            await asyncio.sleep(30)
        writer.write(answer(request.body))

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0", connect_timeout_s=10) as sender,
        ):
            hanging = [asyncio.create_task(sender.post("1", TOKEN, b"%d" % n)) for n in range(450)]
            await until(lambda: len(server.arrived) == 450)
            assert await sender.post("2", TOKEN, b"other") == HttpAnswer(200, b"other")
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    run(work())


@pytest.mark.parametrize("mark", ["X-FB-Trace-ID: abc", "x-fb-rev: 1", "Facebook-API-Version: v25"])
def test_an_answer_with_the_headers_of_metas_servers_is_from_meta(run: Run, mark: str) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        await server.read(reader)
        writer.write(answer(b"{}", "502 Bad Gateway", mark))
        await server.read(reader)
        writer.write(answer(b"{}", "502 Bad Gateway", "X-Request-ID: abc"))

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            assert await sender.post(NUMBER, TOKEN, b"1") == HttpAnswer(502, b"{}", True)
            assert await sender.post(NUMBER, TOKEN, b"2") == HttpAnswer(502, b"{}", False)

    run(work())


def test_what_is_only_informational_is_no_answer(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        await server.read(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(answer())

    async def work() -> None:
        async with serving(behaviour) as server:
            assert await post(server) == HttpAnswer(200, ACCEPTED)

    run(work())


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_that_never_has_a_body(run: Run, status: str) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        while True:
            await server.read(reader)
            writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            for n in range(2):
                got = await sender.post(NUMBER, TOKEN, b"%d" % n)
                assert got == HttpAnswer(int(status[:3]), b"")
            assert server.connections == 1

    run(work())


def test_a_body_without_a_length_ends_with_its_connection(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        await server.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nthe ")
        await asyncio.sleep(0.05)
        writer.write(b"rest")

    async def work() -> None:
        async with serving(behaviour) as server:
            assert await post(server) == HttpAnswer(200, b"the rest")

    run(work())


# --- certainly not sent


def test_refused_port(run: Run) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = FaultServer(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}")
        with pytest.raises(NotSent, match="Cannot connect"):
            run(post(server))


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port that no longer answers to SYN, because nobody accepts."""
    if sys.platform != "linux":
        pytest.skip("other systems answer although the backlog is full")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def test_connection_that_is_never_made(run: Run, full_backlog: int) -> None:
    server = FaultServer(base_url=f"http://127.0.0.1:{full_backlog}")
    with pytest.raises(NotSent, match=r"[Tt]imeout"):
        run(post(server, connect_timeout_s=0.3))


def test_name_that_does_not_exist(run: Run) -> None:
    with pytest.raises(NotSent):
        run(post(FaultServer(base_url="http://graph.example.invalid")))


def test_name_server_that_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(30)
        return []

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    with pytest.raises(NotSent, match=r"[Tt]imeout"):
        run(post(FaultServer(base_url="http://graph.example"), connect_timeout_s=0.2))


def test_untrusted_certificate(run: Run, authority: trustme.CA) -> None:
    async def work() -> None:
        async with serving(obliging, server_context(authority)) as server:
            with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
                await post(server)
            assert not server.arrived

    run(work())


def test_certificate_of_another_host(run: Run, authority: trustme.CA, ca_file: str) -> None:
    async def work() -> None:
        context = server_context(authority, "elsewhere.example")
        async with serving(obliging, context) as server:
            with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
                await post(server, ca_file=ca_file)
            assert not server.arrived

    run(work())


async def silent(
    server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read()
    await asyncio.sleep(30)


async def hang_up(
    server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    pass


@pytest.mark.parametrize("behaviour", [obliging, silent, hang_up])
def test_tls_handshake_that_fails(run: Run, behaviour: Behaviour) -> None:
    async def work() -> None:
        async with serving(behaviour) as server:
            server.base_url = server.base_url.replace("http:", "https:")
            with pytest.raises(NotSent):
                await post(server, connect_timeout_s=0.3)
            assert not server.arrived

    run(work())


def test_withheld_at_the_last_instant(run: Run) -> None:
    """Nothing leaves, and the connection that was made for it carries the next one."""

    async def work() -> None:
        async with (
            serving(obliging) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            with pytest.raises(Withheld):
                await sender.post(NUMBER, TOKEN, b"never", lambda: False)
            assert await sender.post(NUMBER, TOKEN, b"next", lambda: True)
            with pytest.raises(Withheld):
                await sender.post(NUMBER, TOKEN, b"never", lambda: False)
            assert await sender.post(NUMBER, TOKEN, b"last")
            assert server.bodies == [b"next", b"last"]
            assert server.connections == 1

    run(work())


def test_the_last_instant_is_after_the_connection_was_made(run: Run, full_backlog: int) -> None:
    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(True)
        return True

    async def work() -> None:
        url = f"http://127.0.0.1:{full_backlog}"
        async with MessageSender(url, "v25.0", connect_timeout_s=0.2) as sender:
            with pytest.raises(Unconnected):
                await sender.post(NUMBER, TOKEN, b"never", may_leave)

    run(work())
    assert asked == []


@pytest.mark.parametrize("token", ["", "sandbox token", "sandbox\r\nX-Injected: 1", "sandbøx"])
def test_token_that_no_header_may_carry(run: Run, token: str) -> None:
    async def work() -> None:
        async with (
            serving(obliging) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            with pytest.raises(NotSent) as raised:
                await sender.post(NUMBER, token, b"{}")
            assert not token or token not in str(raised.value)
            with pytest.raises(NotSent):
                await sender.post("1/../2", TOKEN, b"{}")
            assert server.connections == 0

    run(work())


# --- in doubt


async def hang_up_after_reading(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)


async def reset_after_reading(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    reset(writer)


async def half_a_head(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def half_a_body(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(answer()[:-20])


async def half_a_chunk(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nabc")


async def never_answers(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    await asyncio.sleep(30)


async def never_ends_its_body(server, reader, writer):  # type: ignore[no-untyped-def]
    # Without a length, the end of the connection would be the end of the body.
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + ACCEPTED)
    await asyncio.sleep(30)


async def answers_drop_by_drop(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.1)


async def garbage(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"\x00\xff this is no HTTP\r\n\r\n")
    await reader.read()


async def ssh(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    await reader.read()


async def huge_body(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(answer(b" " * (ANSWER_LIMIT + 1)))
    await reader.read()


async def endless_body(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 10_000)
        await writer.drain()


async def endless_headers(server, reader, writer):  # type: ignore[no-untyped-def]
    await server.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Again: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "behaviour",
    [
        hang_up_after_reading,
        reset_after_reading,
        half_a_head,
        half_a_body,
        half_a_chunk,
        never_answers,
        never_ends_its_body,
        answers_drop_by_drop,
        garbage,
        ssh,
        huge_body,
        endless_body,
        endless_headers,
    ],
    ids=lambda behaviour: behaviour.__name__,
)
def test_in_doubt_and_arrived_once(
    run: Run, behaviour: Behaviour, secure: bool, authority: trustme.CA, ca_file: str
) -> None:
    async def work() -> None:
        tls: ssl.SSLContext | None = server_context(authority) if secure else None
        async with serving(behaviour, tls) as server:
            with pytest.raises(MaybeSent) as raised:
                await post(server, b"once", timeout_s=0.4, connect_timeout_s=2, ca_file=ca_file)
            await asyncio.sleep(0.05)
            assert server.bodies == [b"once"]
            assert server.connections == 1
            told = "".join(traceback.format_exception(raised.value)) + repr(
                raised.value.__context__
            )
            assert TOKEN not in told

    run(work())


def test_closing_the_sender_leaves_posts_in_doubt(run: Run) -> None:
    async def work() -> None:
        async with serving(never_answers) as server:
            async with MessageSender(server.base_url, "v25.0") as sender:
                task = asyncio.create_task(sender.post(NUMBER, TOKEN, b"once"))
                await server.got_one.wait()
            with pytest.raises(MaybeSent):
                await task
            assert server.bodies == [b"once"]

    run(work())


# --- cancelled


def test_cancelled_in_flight(run: Run) -> None:
    async def work() -> None:
        async with (
            serving(never_answers) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            task = asyncio.create_task(sender.post(NUMBER, TOKEN, b"once"))
            await server.got_one.wait()
            task.cancel()
            with pytest.raises(CancelledInFlight) as raised:
                await task
            assert isinstance(raised.value, MaybeSent)
            assert isinstance(raised.value, asyncio.CancelledError)
            assert task.cancelled()
            assert server.bodies == [b"once"]

    run(work())


def test_cancelled_while_connecting(run: Run, full_backlog: int) -> None:
    async def work() -> None:
        async with MessageSender(f"http://127.0.0.1:{full_backlog}", "v25.0") as sender:
            task = asyncio.create_task(sender.post(NUMBER, TOKEN, b"never"))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(CancelledBeforeSending) as raised:
                await task
            assert isinstance(raised.value, NotSent)
            assert task.cancelled()

    run(work())


@pytest.mark.parametrize("turns", range(12))
def test_cancelled_at_any_turn_of_the_loop(run: Run, turns: int) -> None:
    """Whatever the moment, NotSent means that the server never gets it."""

    async def work() -> None:
        async with (
            serving(never_answers) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            task = asyncio.create_task(sender.post(NUMBER, TOKEN, b"once"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except NotSent:
                await asyncio.sleep(0.1)
                assert server.bodies == []
            except MaybeSent:
                pass
            except asyncio.CancelledError:
                assert turns == 0  # the task never began, so post() never ran

    run(work())


# --- connections that are used again


def test_closed_between_requests_goes_over_a_new_connection(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        await server.read(reader)
        writer.write(answer())

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            for n in range(3):
                assert (await sender.post(NUMBER, TOKEN, b"%d" % n))[0] == 200
                await until(lambda: not any(one.is_connected() for one in idle(sender)))
            assert server.bodies == [b"0", b"1", b"2"]
            assert server.connections == 3

    run(work())


def test_idle_connection_is_let_go_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wacampaign.meta.send.KEEP_ALIVE_S", 0.05)

    async def work() -> None:
        async with (
            serving(obliging) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            await sender.post(NUMBER, TOKEN, b"1")
            await asyncio.sleep(0.2)
            await sender.post(NUMBER, TOKEN, b"2")
            assert server.connections == 2

    run(work())


def test_an_answer_nobody_asked_for_is_not_taken_for_ones_own(run: Run) -> None:
    taken = asyncio.Event()

    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        while True:
            request = await server.read(reader)
            writer.write(answer(request.body))
            if not taken.is_set():
                await taken.wait()
                writer.write(answer(b"not yours", "408 Request Timeout"))

    async def work() -> None:
        async with (
            serving(behaviour) as server,
            MessageSender(server.base_url, "v25.0") as sender,
        ):
            assert await sender.post(NUMBER, TOKEN, b"1") == HttpAnswer(200, b"1")
            [connection] = idle(sender)
            taken.set()
            await until(lambda: connection.should_close)
            with pytest.raises(NotSent):
                await sender.post(NUMBER, TOKEN, b"2")
            assert await sender.post(NUMBER, TOKEN, b"3") == HttpAnswer(200, b"3")
            assert server.bodies == [b"1", b"3"]

    run(work())


def test_an_answer_before_the_request(run: Run) -> None:
    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        writer.write(answer(b"too early"))
        await server.read(reader)

    async def work() -> None:
        async with serving(behaviour) as server:
            # The answer may arrive just before or just after the request is written.
            try:
                got = await post(server, b"once")
            except NotSent:
                await asyncio.sleep(0.05)
                assert server.bodies == []
            else:
                assert got == HttpAnswer(200, b"too early")

    run(work())


@pytest.mark.parametrize("ending", ["close", "reset", "close at once", "reset at once"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_at_most_once_while_connections_break(
    run: Run, ending: str, secure: bool, authority: trustme.CA, ca_file: str
) -> None:
    """Many posts, connections that end between, before and after requests."""

    async def behaviour(server, reader, writer):  # type: ignore[no-untyped-def]
        if "at once" in ending and server.connections % 2:
            if "reset" in ending:
                reset(writer)
            return
        for _ in range(server.connections % 3):
            request = await server.read(reader)
            writer.write(answer(request.body))
            await writer.drain()
        if "reset" in ending:
            reset(writer)

    async def work() -> None:
        tls = server_context(authority) if secure else None
        outcomes: dict[bytes, str] = {}
        async with serving(behaviour, tls) as server:
            async with MessageSender(server.base_url, "v25.0", ca_file=ca_file) as sender:

                async def work_through(numbers: Iterator[int]) -> None:
                    for n in numbers:
                        body = b"message %d" % n
                        try:
                            assert await sender.post(NUMBER, TOKEN, body) == HttpAnswer(200, body)
                            outcomes[body] = "sent"
                        except NotSent:
                            outcomes[body] = "not sent"
                        except MaybeSent:
                            outcomes[body] = "in doubt"

                numbers = iter(range(200))
                await asyncio.gather(*(work_through(numbers) for _ in range(8)))
            await asyncio.sleep(0.05)
            assert len(outcomes) == 200
            for body, outcome in outcomes.items():
                times = server.bodies.count(body)
                assert times <= 1
                if outcome == "sent":
                    assert times == 1
                if outcome == "not sent":
                    assert times == 0

    run(work())


# --- settings


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "graph.facebook.com",
        "ftp://graph.facebook.com",
        "https://",
        "https://user:secret@graph.facebook.com",
        "https://graph.facebook.com?access_token=x",
        "https://graph.facebook.com/#x",
        "https://graph.facebook.com:99999",
        "https://graph.facebook.com\n",
    ],
)
def test_base_url_that_cannot_be_right(base_url: str) -> None:
    with pytest.raises(Misconfigured, match="WHATSAPP_API_URL"):
        MessageSender(base_url, "v25.0")


@pytest.mark.parametrize("version", ["", "25.0", "v25", "v25.0/x", "latest"])
def test_version_that_cannot_be_right(version: str) -> None:
    with pytest.raises(Misconfigured, match="WHATSAPP_API_VERSION"):
        MessageSender("https://graph.facebook.com", version)


def test_ca_file_that_cannot_be_used(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Misconfigured, match="CA file"):
        MessageSender("https://graph.facebook.com", "v25.0", ca_file=str(tmp_path / "none.pem"))
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(Misconfigured, match="CA file"):
        MessageSender("https://graph.facebook.com", "v25.0", ca_file=str(bad))


def test_outside_of_its_context(run: Run) -> None:
    with pytest.raises(RuntimeError):
        run(MessageSender("http://127.0.0.1:1", "v25.0").post(NUMBER, TOKEN, b"{}"))
