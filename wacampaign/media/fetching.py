"""Fetches a link as Meta would: a stranger, without cookies, token or proxy, public hosts only."""

import asyncio
import ipaddress
import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from email.message import Message
from typing import BinaryIO, Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import httpx

from wacampaign import __version__
from wacampaign.core.media.links import split_link
from wacampaign.core.media.ports import Fetched, Hop
from wacampaign.core.template.values import is_link
from wacampaign.core.words import counted
from wacampaign.media.addresses import Network, Resolve, is_public, resolve

#: Redirects that are followed. Browsers take 20; whether Meta follows any is not documented.
MAX_HOPS: Final = 5
#: Addresses of one name that are tried.
_MAX_ADDRESSES: Final = 3
#: Seconds for TCP and TLS to one address.
_CONNECT_S: Final = 5.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Bytes of a file that is too large anyway: enough to tell its type.
_GLANCE: Final = 64 * 1024
#: A part that begins elsewhere than at 0 was not asked for.
_RANGE: Final = re.compile(r"bytes\s+0-\d+/(?:(\d{1,15})|\*)$")


class _Trouble(Exception):  # noqa: N818
    """Ends a fetch; its arguments are the code and the evidence."""


class PublicStranger:
    """The `Stranger` on the internet, or on the sandbox that plays the media hosts.

    With `sandbox` (the address of a sandbox) nothing leaves this machine: `https://HOST/PATH` is
    fetched at `{sandbox}/hosts/HOST/PATH`. `allowed` are networks that count as public; it is for
    tests, and no setting leads there.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        sandbox: str | None = None,
        allowed: Sequence[Network] = (),
        resolve: Resolve = resolve,
    ) -> None:
        self._tls = tls
        self._sandbox = urlsplit(sandbox.rstrip("/")) if sandbox is not None else None
        self._allowed = allowed
        self._resolve = resolve

    async def fetch(self, url: str, sink: BinaryIO, limit: int, deadline_s: float) -> Fetched:
        """See `Stranger.fetch`."""
        attempt = _Attempt(self, sink, limit)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                await attempt.run(url)
        except _Trouble as trouble:
            attempt.ended(*trouble.args)
        except TimeoutError:
            attempt.ended("timed_out", f"{attempt.got.received} bytes in {deadline_s:g} s")
        return replace(attempt.got, seconds=time.monotonic() - begun)

    async def open(
        self, parts: SplitResult, ranged: int | None
    ) -> tuple[httpx.AsyncHTTPTransport, httpx.Response]:
        """Asks the host of `parts`; the first checked address that answers. Raises `_Trouble`."""
        host = parts.hostname or ""
        target, addresses = await self._target(parts)
        headers = {
            "Host": _host_header(target),
            "User-Agent": f"wacampaign/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if ranged is not None:
            headers["Range"] = f"bytes=0-{ranged}"
        failure = _Trouble("unreachable", f"{host}: no address answers")
        for address in addresses[:_MAX_ADDRESSES]:
            port = target.port or (443 if target.scheme == "https" else 80)
            literal = f"[{address}]" if ":" in address else address
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            extensions: dict[str, object] = {
                "timeout": {"connect": _CONNECT_S, "read": None, "write": None, "pool": None}
            }
            if _literal(target.hostname or "") is None:
                extensions["sni_hostname"] = _ascii(target.hostname or "")
            # A new transport for each: no cookie and no connection outlives a hop.
            transport = httpx.AsyncHTTPTransport(
                verify=self._tls, http1=True, http2=False, trust_env=False
            )
            try:
                request = httpx.Request(
                    "GET",
                    f"{target.scheme}://{literal}:{port}{path}",
                    headers=headers,
                    extensions=extensions,
                )
                return transport, await transport.handle_async_request(request)
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
                await transport.aclose()
                reason = str(error).strip() or type(error).__name__
                tls = "CERTIFICATE_VERIFY" in reason.upper()
                failure = _Trouble("tls_failed" if tls else "unreachable", f"{host}: {reason}")
            except BaseException:
                await transport.aclose()
                raise
        raise failure

    async def _target(self, parts: SplitResult) -> tuple[SplitResult, list[str]]:
        """Where to ask instead, and the checked addresses there."""
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        played = self._sandbox
        if played is not None:
            inside = played.hostname or ""
            if (host, port) == (inside, played.port or port):
                target = parts._replace(scheme=played.scheme)
            else:
                self._refuse_names(host)
                named = host if parts.port is None else f"{host}:{parts.port}"
                path = f"{played.path}/hosts/{named}{parts.path or '/'}"
                target = SplitResult(played.scheme, played.netloc, path, parts.query, "")
            return target, ["127.0.0.1" if inside == "localhost" else inside]
        self._refuse_names(host)
        literal = _literal(host)
        if literal is not None:
            return parts, [literal]
        try:
            addresses = await self._resolve(_ascii(host), port)
        except (OSError, UnicodeError) as error:
            raise _Trouble("name_unknown", f"{host}: {error}") from error
        for address in addresses:
            # One is enough: the next resolution may begin with it.
            if not is_public(address, self._allowed):
                raise _Trouble("private_address", f"{host} resolves to {address}")
        if not addresses:
            raise _Trouble("name_unknown", f"{host} has no address")
        return parts, addresses

    def _refuse_names(self, host: str) -> None:
        literal = _literal(host)
        if literal is not None and not is_public(literal, self._allowed):
            raise _Trouble("private_address", host)
        bare = host.rstrip(".").lower()
        if bare == "localhost" or bare.endswith((".localhost", ".local", ".internal")):
            raise _Trouble("private_address", host)


class _Attempt:
    """One fetch: its redirects, and what has come so far."""

    def __init__(self, stranger: PublicStranger, sink: BinaryIO, limit: int) -> None:
        self._stranger = stranger
        self._sink = sink
        self._limit = limit
        self.got = Fetched()

    def ended(self, code: str, evidence: str) -> None:
        self.got = replace(self.got, trouble=code, evidence=evidence)

    async def run(self, url: str) -> None:
        hops: list[Hop] = []
        seen = {url}
        ranged: int | None = self._limit
        while True:
            parts = split_link(url)
            if parts is None:
                code = "bad_redirect" if is_link(url) else "wrong_scheme"
                raise _Trouble(code, _shown(url))
            if parts.username is not None or parts.password is not None:
                raise _Trouble("url_userinfo", f"host {parts.hostname}")
            transport, answer = await self._stranger.open(parts, ranged)
            try:
                self._note(answer, parts)
                if answer.status_code == 416 and ranged is not None:
                    ranged = None  # an empty file, or a server that knows no ranges
                    continue
                if answer.status_code not in _REDIRECTS:
                    await self._content(answer)
                    return
                location = answer.headers.get("location", "")
            finally:
                await answer.aclose()
                await transport.aclose()
            if not location:
                raise _Trouble("bad_redirect", f"HTTP {answer.status_code} without a Location")
            try:
                url = urljoin(url, location)
            except ValueError as error:
                raise _Trouble("bad_redirect", "the Location is no URL") from error
            hops.append(Hop(answer.status_code, _shown(url)))
            self.got = replace(self.got, hops=tuple(hops))
            if url in seen or len(hops) > MAX_HOPS:
                raise _Trouble(
                    "redirect_loop", f"after {counted(len(hops), 'redirect')}: {_shown(url)}"
                )
            seen.add(url)

    def _note(self, answer: httpx.Response, parts: SplitResult) -> None:
        headers = answer.headers
        length: int | None = None
        if answer.status_code == 206:
            match = _RANGE.match(headers.get("content-range", ""))
            if match is not None and match[1] is not None:
                length = int(match[1])
        elif answer.status_code == 200 and headers.get("content-length", "").isdecimal():
            length = int(headers["content-length"])
        disposition = Message()
        disposition["content-disposition"] = headers.get("content-disposition", "")
        self.got = replace(
            self.got,
            status=answer.status_code,
            content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
            content_encoding=headers.get("content-encoding", "").strip().lower(),
            file_name=disposition.get_filename() or "",
            declared_length=length,
            path=unquote(parts.path),
        )

    async def _content(self, answer: httpx.Response) -> None:
        if answer.status_code not in (200, 206):
            return
        part = answer.headers.get("content-range")
        if answer.status_code == 206 and not _RANGE.match(part or ""):
            raise _Trouble("length_mismatch", f"asked for the file's start, got: {part or '?'}")
        declared = self.got.declared_length
        most = self._limit + 1
        if declared is not None and declared > self._limit:
            most = min(most, _GLANCE)
        received = 0
        try:
            async for chunk in answer.stream:  # type: ignore[union-attr]
                taken = chunk[: most - received]
                self._sink.write(taken)
                received += len(taken)
                self.got = replace(self.got, received=received)
                if received >= most:
                    break
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            code = "unreachable" if declared is None else "length_mismatch"
            raise _Trouble(code, f"{received} of {declared} bytes came: {reason}") from error
        finally:
            self._sink.flush()
        if received >= most:
            return
        if declared is not None and received != declared:
            raise _Trouble("length_mismatch", f"{received} bytes came, {declared} were declared")
        self.got = replace(self.got, complete=True)


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _ascii(host: str) -> str:
    """A name as resolvers and certificates have it: no dot at its end, no foreign letters."""
    return host.removesuffix(".").encode("idna").decode()


def _host_header(target: SplitResult) -> str:
    host = target.hostname or ""
    name = host if _literal(host) is not None else _ascii(host)
    shown = f"[{name}]" if ":" in name else name
    return shown if target.port is None else f"{shown}:{target.port}"


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "no URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]
