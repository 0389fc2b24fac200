"""Addresses that alerts go to: which kind each is, and how it is named without its secrets."""

import hashlib
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_HIDDEN: Final = "***"
#: Labels at the end of a host's name that may be shown: those before may be a secret of their own.
_SHOWN_LABELS: Final = 2


def is_plain(url: str) -> bool:
    """Whether it gets the alert as JSON; every other address is Apprise's."""
    return url.partition("://")[0].lower() in ("http", "https")


def address_mark(url: str) -> str:
    """What tells an address from others, and nothing of it."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def shown_address(url: str) -> str:
    """`https://***.slack.com/***`, `tgram://***`: in most services the rest is a key."""
    scheme = url.partition("://")[0]
    if not is_plain(url):
        return f"{scheme}://{_HIDDEN}"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return f"{scheme}://{_shown_host(host)}/{_HIDDEN}" if host else f"{scheme}://{_HIDDEN}"


def _shown_host(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        hidden = [_HIDDEN] if len(labels) > _SHOWN_LABELS else []
        return ".".join(hidden + labels[-_SHOWN_LABELS:])
    return f"[{host}]" if ":" in host else host
