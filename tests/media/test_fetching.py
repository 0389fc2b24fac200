"""The stranger on servers that misbehave; every end is a finding."""

from __future__ import annotations

import asyncio
import io
import ipaddress

import pytest

from tests.media.conftest import no_connection_to
from tests.meta.fault_server import FaultServer, answer, serving
from wacampaign.core.media.codes import CODES
from wacampaign.core.media.ports import Fetched
from wacampaign.core.media.report import MediaReport
from wacampaign.core.media.validator import HeaderNeeds, MediaValidator
from wacampaign.media.addresses import is_public
from wacampaign.media.container import ProcessReader
from wacampaign.media.fetching import PublicStranger
from wacampaign.meta.endpoint import tls_context
from wacampaign.sandbox.demo import DEMO_VIDEO

#: Loading what the machine trusts takes longer than most tests here.
TLS = tls_context(None)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
#: Bytes that the fetches here may bring.
LIMIT = 100_000


async def resolved(host: str, port: int) -> list[str]:  # noqa: ARG001 - as `Resolve` has it
    return {"inside.example": ["203.0.113.9", "10.0.0.1"]}.get(host, ["127.0.0.1"])


def stranger() -> PublicStranger:
    return PublicStranger(TLS, allowed=LOOPBACK, resolve=resolved)


def fetched(*replies: bytes, then: str = "close", deadline_s: float = 10) -> Fetched:
    """What comes of a server that gives these replies in turn, the last one for ever."""

    async def behave(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request = await server.read(reader)
        assert not {"authorization", "cookie"} & request.headers.keys()
        assert request.headers["accept-encoding"] == "identity"
        reply = replies[min(len(server.arrived), len(replies)) - 1]
        writer.write(reply.replace(b"PORT", str(server.port).encode()))
        await writer.drain()
        if then == "hang":
            await asyncio.sleep(60)
        while then == "endless":
            writer.write(bytes(65536))
            await writer.drain()

    async def work() -> Fetched:
        sink = io.BytesIO()
        async with serving(behave) as server:
            url = f"http://media.example:{server.port}/a/film.mp4?k=secret"
            got = await stranger().fetch(url, sink, LIMIT, deadline_s)
            await no_connection_to(server.port)
        assert len(sink.getvalue()) == got.received <= LIMIT + 1
        return got

    return asyncio.run(work())


def test_a_good_answer() -> None:
    got = fetched(answer(b"film", "200 OK", "Content-Type: video/mp4", "Set-Cookie: a=b"))
    assert (got.trouble, got.complete, got.content_type) == (None, True, "video/mp4")


def redirect(to: str) -> bytes:
    return answer(b"", "302 Found", f"Location: {to}", "Set-Cookie: a=b")


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("http://media.example:PORT/a/film.mp4?k=secret", "redirect_loop"),
        ("http://10.0.0.7/", "private_address"),
        ("http://inside.example/", "private_address"),
        ("http://[::ffff:10.0.0.7]/", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("http://localhost:PORT/", "private_address"),
        ("file:///etc/passwd", "wrong_scheme"),
        ("http://user:word@media.example/", "url_userinfo"),
    ],
)
def test_redirects(to: str, code: str) -> None:
    got = fetched(redirect(to))
    assert got.trouble == code
    assert "secret" not in got.evidence + repr(got.hops)


def test_a_redirect_is_followed_without_cookies() -> None:
    got = fetched(redirect("/b.mp4"), answer(b"film"))
    assert (got.trouble, got.complete, len(got.hops)) == (None, True, 1)


@pytest.mark.parametrize(
    ("reply", "then", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nfilm", "close", "length_mismatch"),
        (b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-3/9\r\n\r\nfilm", "close", "length_mismatch"),
        (b"HTTP/1.1 200 OK\r\n", "hang", "timed_out"),
        (b"HTTP/1.1 200 OK\r\n\r\nfilm", "hang", "timed_out"),
        (b"HTTP/1.1 206 P\r\nContent-Range: bytes 5-8/9\r\n\r\nfilm", "close", "length_mismatch"),
        (b"HTTP/1.1 206 P\r\nContent-Length: 4\r\n\r\nfilm", "close", "length_mismatch"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfi", "close", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nfilm", "close", "unreachable"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "hang", "timed_out"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 20_000, "hang", "unreachable"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[bad/\r\n\r\n", "close", "bad_redirect"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://x:99999/\r\n\r\n", "close", "bad_redirect"),
        (b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n", "close", "redirect_loop"),
        (b"what is this\r\n\r\n", "close", "unreachable"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "close", "bad_redirect"),
    ],
)
def test_answers_that_lie(reply: bytes, then: str, code: str) -> None:
    got = fetched(reply, then=then, deadline_s=0.3 if code == "timed_out" else 10)
    assert got.trouble == code, got


def test_more_than_declared_is_not_read() -> None:
    got = fetched(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfilm and much more")
    assert (got.received, got.complete, got.trouble) == (4, True, None)


def test_a_server_that_refuses_ranges_is_asked_again_without() -> None:
    got = fetched(answer(b"", "416 Range Not Satisfiable"), answer(b"film"))
    assert (got.status, got.received, got.complete) == (200, 4, True)


def test_a_server_that_refuses_everything_as_a_range() -> None:
    got = fetched(answer(b"", "416 Range Not Satisfiable"))
    assert (got.status, got.trouble, got.complete) == (416, None, False)


def test_a_part_of_a_whole_that_fits() -> None:
    got = fetched(answer(b"film", "206 Partial Content", "Content-Range: bytes 0-3/4"))
    assert (got.declared_length, got.complete) == (4, True)
    got = fetched(answer(b"film", "206 Partial Content", "Content-Range: bytes 0-3/*"))
    assert (got.declared_length, got.complete) == (None, True)


def test_an_answer_without_end_is_cut_at_the_limit() -> None:
    got = fetched(b"HTTP/1.1 200 OK\r\n\r\n", then="endless")
    assert (got.received, got.complete) == (LIMIT + 1, False)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::"),
        *("fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "::127.0.0.1", "2001:db8::1", "fec0::1", "168.63.129.16", "name"),
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    assert not is_public(address)


def test_public_addresses() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:4700::1111")


def judged(*replies: bytes, slow_s: float = 9) -> MediaReport:
    async def behave(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        writer.write(replies[min(len(server.arrived), len(replies)) - 1])
        await writer.drain()

    async def work() -> MediaReport:
        validator = MediaValidator(stranger(), ProcessReader(), slow_s=slow_s)
        async with serving(behave) as server:
            url = f"http://media.example:{server.port}/film.mp4"
            needs = HeaderNeeds("video", "https://scontent.whatsapp.net/x.mp4")
            report, content = await validator.obtain(url, needs)
            await no_connection_to(server.port)
        assert (content is None) is (report.sha256 is None)
        assert all(one.code in CODES for one in report.findings)
        return report

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(DEMO_VIDEO, "200 OK", "Content-Type: text/plain"), "type_mismatch"),
        (answer(DEMO_VIDEO, "200 OK"), "type_undeclared"),
        (answer(b"who?", "401 Unauthorized"), "login_required"),
        (answer(b"no", "403 Forbidden"), "http_status"),
        (answer(b"", "200 OK", "Content-Type: video/mp4"), "empty"),
        (answer(DEMO_VIDEO, "200 OK", "Content-Encoding: gzip"), "content_encoded"),
        (
            b"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/99999999\r\n\r\nfilm",
            "too_large",
        ),
    ],
)
def test_what_the_validator_makes_of_it(reply: bytes, code: str) -> None:
    report = judged(reply)
    assert code in {one.code for one in report.findings}, report.findings
    assert not report.usable


HTML = "Content-Type: text/html; charset=utf-8"
FORM = b"<!DOCTYPE html><form><input name=p type='password'></form>"


@pytest.mark.parametrize(
    ("replies", "asked"),
    [
        ((redirect("/accounts/login?next=film"), answer(b"<html>Hello", "200 OK", HTML)), True),
        ((redirect("/elsewhere"), answer(FORM, "200 OK", HTML)), True),
        ((answer(FORM, "200 OK", "Content-Type: video/mp4"),), True),
        ((redirect("/lesson-one"), answer(b"<html>Gone", "200 OK", HTML)), False),
    ],
)
def test_a_login_page(replies: tuple[bytes, ...], asked: bool) -> None:
    report = judged(*replies)
    codes = [one.code for one in report.findings]
    assert codes.count("login_required") == int(asked), codes
    # Whatever the page is, it is no film.
    assert "not_accepted" in codes
    assert not report.usable


def test_a_slow_host() -> None:
    film = answer(DEMO_VIDEO, "200 OK", "Content-Type: video/mp4")
    report = judged(film, slow_s=0)
    assert "slow" in {one.code for one in report.findings}
    assert report.usable
    assert "slow" not in {one.code for one in judged(film, slow_s=60).findings}


def test_a_host_that_never_ends_leaves_nothing() -> None:
    async def drip(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + DEMO_VIDEO[:999])
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def work() -> MediaReport:
        validator = MediaValidator(stranger(), ProcessReader(), deadlines_s={"video": 0.3})
        async with serving(drip) as server:
            url = f"http://media.example:{server.port}/film.mp4"
            report = await validator.validate(url, HeaderNeeds("video"))
            await no_connection_to(server.port)
        return report

    report = asyncio.run(work())
    assert "timed_out" in {one.code for one in report.findings}
    assert report.sha256 is None


def test_a_sound_film_elsewhere() -> None:
    report = judged(answer(DEMO_VIDEO, "200 OK", "Content-Type: video/mp4"))
    codes = {one.code for one in report.findings}
    assert {"host_differs", "video_sound", "type_agrees", "reachable", "size_fits"} <= codes
    assert report.usable
    assert report.host == "media.example"
