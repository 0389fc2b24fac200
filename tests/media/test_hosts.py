"""Whom the stranger talks to: certificates, names, addresses as they can be written."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import ssl
from collections.abc import Sequence

import certifi
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.conftest import no_connection_to
from tests.meta.fault_server import FaultServer, answer, server_context, serving
from wacampaign.core.media.codes import CODES
from wacampaign.core.media.ports import Fetched
from wacampaign.media.addresses import resolve
from wacampaign.media.fetching import PublicStranger
from wacampaign.media.opening import open_validator
from wacampaign.meta.endpoint import tls_context
from wacampaign.settings import Settings

LOOPBACK = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
    ipaddress.ip_network("::ffff:127.0.0.0/104"),
)
NAME = "media.example"
_TLS = tls_context(None)


class Names:
    """A resolver that remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:  # noqa: ARG002 - as `Resolve` has it
        self.asked.append(host)
        if not self.addresses:
            raise OSError("Name or service not known")
        return self.addresses


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = tls_context(None)
    authority.configure_trust(context)
    return context


def visit(
    url: str,
    *,
    tls: ssl.SSLContext | None = None,
    trusted: ssl.SSLContext | None = None,
    names: Names | None = None,
    allowed: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = LOOPBACK,
) -> tuple[Fetched, FaultServer]:
    """Fetches `url`, in which PORT is the port of a server that has a film."""

    async def behave(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if await reader.read(1) == b"\x16":
            writer.write(b"220 this is no TLS\r\n")
        else:
            await server.read(reader)
            writer.write(answer(b"film"))
        await writer.drain()

    async def work() -> tuple[Fetched, FaultServer]:
        names_or = names or Names("127.0.0.1")
        stranger = PublicStranger(trusted or _TLS, allowed=allowed, resolve=names_or)
        async with serving(behave, tls) as server:
            address = url.replace("PORT", str(server.port))
            got = await stranger.fetch(address, io.BytesIO(), 100, 10)
            await no_connection_to(server.port)
        return got, server

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("url", "certified"),
    [
        (f"https://{NAME}:PORT/film", NAME),
        (f"https://{NAME}.:PORT/film", NAME),
        ("https://bücher.example:PORT/film", "xn--bcher-kva.example"),
        ("https://127.0.0.1:PORT/film", "127.0.0.1"),
    ],
)
def test_the_name_is_what_the_certificate_must_have(
    authority: trustme.CA, url: str, certified: str
) -> None:
    told: list[str | None] = []
    context = server_context(authority, certified)
    context.sni_callback = lambda _sock, name, _context: told.append(name)
    names = Names("127.0.0.1")
    got, server = visit(url, tls=context, trusted=trust(authority), names=names)
    assert (got.trouble, got.complete) == (None, True), got
    assert server.arrived[0].headers["host"] == f"{certified}:{server.port}"
    literal = certified == "127.0.0.1"
    assert told == [None if literal else certified]
    # Asked once: what was checked is what was connected to.
    assert names.asked == ([] if literal else [certified])


def test_the_wrong_name(authority: trustme.CA) -> None:
    context = server_context(authority, "other.example", "127.0.0.1")
    got, server = visit(f"https://{NAME}:PORT/?k=secret", tls=context, trusted=trust(authority))
    assert got.trouble == "tls_failed"
    assert server.arrived == []
    assert "secret" not in got.evidence


def test_an_unknown_authority(authority: trustme.CA) -> None:
    got, server = visit(f"https://{NAME}:PORT/", tls=server_context(authority, NAME))
    assert got.trouble == "tls_failed"
    assert server.arrived == []


def test_no_tls_at_all() -> None:
    assert visit(f"https://{NAME}:PORT/")[0].trouble == "unreachable"


def test_the_trust_of_the_machine_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certifi.where", certifi.core.where)  # the tests have a short list

    async def work() -> ssl.SSLContext:
        async with open_validator(Settings(), None) as validator:
            stranger = validator._stranger
            assert isinstance(stranger, PublicStranger)
            assert not stranger._allowed
            assert stranger._resolve is resolve
            return stranger._tls

    context = asyncio.run(work())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50


def test_the_second_address_when_the_first_refuses() -> None:
    # The server listens on 127.0.0.1 alone.
    got, server = visit(f"http://{NAME}:PORT/", names=Names("127.0.0.2", "127.0.0.1"))
    assert (got.complete, len(server.arrived)) == (True, 1)


def test_no_address_answers() -> None:
    got, _ = visit(f"http://{NAME}:PORT/", names=Names("127.0.0.2", "127.0.0.3"))
    assert got.trouble == "unreachable"


@pytest.mark.parametrize("addresses", [("127.0.0.1", "10.0.0.1"), ("10.0.0.1", "127.0.0.1")])
def test_one_address_that_is_not_public_is_enough(addresses: tuple[str, ...]) -> None:
    got, server = visit(f"http://{NAME}:PORT/", names=Names(*addresses))
    assert (got.trouble, got.evidence) == ("private_address", f"{NAME} resolves to 10.0.0.1")
    assert server.connections == 0


def test_a_name_that_nobody_knows() -> None:
    assert visit(f"http://{NAME}/", names=Names())[0].trouble == "name_unknown"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]"),
        *("localhost", "localhost.", "LOCALHOST", "a.localhost", "printer.local", "db.internal"),
        *("[fe80::1%25eth0]", "[::]", "0.0.0.0", "169.254.169.254"),
    ],
)
def test_hosts_that_are_this_machine(host: str) -> None:
    got, server = visit(f"http://{host}:PORT/", allowed=())
    assert got.trouble == "private_address"
    assert server.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0177.0.0.1", "0"),
        *("①②⑦.0.0.1", "１２７.0.0.1", "127。0。0。1", "127.0.0.1."),
    ],
)
def test_other_ways_to_write_a_loopback_address(host: str) -> None:
    """As the machine's own resolver reads them; some read less, and find nothing."""

    async def work() -> Fetched:
        return await PublicStranger(_TLS).fetch(f"http://{host}/", io.BytesIO(), 100, 10)

    assert asyncio.run(work()).trouble in ("private_address", "name_unknown")


def test_some_of_them_do_resolve() -> None:
    assert asyncio.run(resolve("2130706433", 80)) == ["127.0.0.1"]
    assert asyncio.run(resolve("0x7f.1", 80)) == ["127.0.0.1"]


def test_an_ipv4_address_inside_ipv6() -> None:
    got, server = visit("http://[::ffff:127.0.0.1]:PORT/")
    if got.trouble == "unreachable":
        pytest.skip("this machine has no IPv6")
    assert got.complete
    assert server.arrived[0].headers["host"] == f"[::ffff:127.0.0.1]:{server.port}"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://user:word@media.example/", "url_userinfo"),
        ("http://user@media.example/", "url_userinfo"),
        ("http://@media.example/", "url_userinfo"),
        ("ftp://media.example/", "wrong_scheme"),
        ("http://[bad/", "bad_redirect"),
        ("http://./", "bad_redirect"),
        ("http://a..b/", "bad_redirect"),
        ("http://" + "a" * 64 + ".example/", "bad_redirect"),
        ("http://media.example:0/", "bad_redirect"),
        ("http://media.example:66000/", "bad_redirect"),
        ("http://media.example\\@inside.example/", "bad_redirect"),
        ("http://media.example/a b", "bad_redirect"),
        ("http://media.example/\r\nHost: inside.example", "bad_redirect"),
        ("http://media.example/" + "a" * 70_000, "unreachable"),
    ],
)
def test_links_that_are_none(url: str, code: str) -> None:
    got, server = visit(url)
    assert got.trouble == code, got
    assert server.connections == 0
    assert "word" not in got.evidence


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(),
        st.text().map("https://".__add__),
        st.text(alphabet="[]@%/\\?#x\u3002\uff11\xfc").map("http://".__add__),
    )
)
def test_no_link_is_too_strange_to_be_refused(url: str) -> None:
    """Every one ends with a code; nobody is asked, for every name is one of an inner network."""
    stranger = PublicStranger(_TLS, resolve=Names("10.0.0.1"))
    got = asyncio.run(stranger.fetch(url, io.BytesIO(), 100, 10))
    assert got.trouble in CODES
