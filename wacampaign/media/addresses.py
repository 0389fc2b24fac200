"""Which addresses a link from campaign data may lead to: public ones only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Resolves a name to addresses; OSError when it cannot.
Resolve = Callable[[str, int], Awaitable[list[str]]]

#: All public IPv6 addresses so far (IANA).
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")
#: IPv4 inside IPv6 (RFC 6052): the inner address counts.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_REFUSED: Final = (
    ipaddress.ip_network("192.0.0.0/24"),  # IETF protocols
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's platform, from inside of it
)


def is_public(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether a stranger on the internet could reach it. `allowed` are exceptions, for tests."""
    try:
        ip: _Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(ip in network for network in allowed):
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_V6 or ip.scope_id is not None:
            return False
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
        return False
    return not any(ip in network for network in _REFUSED if network.version == ip.version)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, each once. Raises OSError.

    On a thread that nobody waits for: a resolver that hangs would hold up the program's end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str] | None, error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def work() -> None:
        found: list[str] | None = None
        failure: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            failure = error
        except UnicodeError as error:
            failure = OSError(str(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, failure)

    threading.Thread(target=work, daemon=True).start()
    return await answer
