"""Which addresses a link from campaign data may lead to: public ones only."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
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
    answer: Future[list[str]] = Future()
    answer.set_running_or_notify_cancel()  # whoever asked may go, and the answer has to fit

    def work() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result(list(dict.fromkeys(str(info[4][0]) for info in infos)))
        except OSError as error:
            answer.set_exception(error)
        except UnicodeError as error:
            answer.set_exception(OSError(str(error)))

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wrap_future(answer)
