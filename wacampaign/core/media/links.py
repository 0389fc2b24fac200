"""What a link says before it is fetched: scheme, host, port, signature."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from wacampaign.core.media.codes import finding
from wacampaign.core.media.report import MediaFinding
from wacampaign.core.media.rules import EXPIRES_SOON_H, SAMPLE_HOST

_FORBIDDEN: Final = re.compile(r"[\s\\\x00-\x20\x7f]")


def split_link(url: str) -> SplitResult | None:
    """The parts of an http(s) URL, or None when it is none."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        if not host or parts.port == 0 or _FORBIDDEN.search(url):
            return None
        host.encode("idna")
    except (ValueError, UnicodeError):
        return None
    return parts if parts.scheme in ("http", "https") else None


def host_of(url: str) -> str | None:
    """The host of a URL, lower case, without a dot at its end; or None."""
    parts = split_link(url)
    return (parts.hostname or "").removesuffix(".") if parts is not None else None


def look_at_link(
    parts: SplitResult, sample_url: str | None, now: datetime
) -> Iterator[MediaFinding]:
    """Findings on the link itself; `parts` are those of `split_link`."""
    host = (parts.hostname or "").removesuffix(".")
    if parts.username is not None or parts.password is not None:
        yield finding("url_userinfo", f"host {host}")
    if parts.port not in (None, 80, 443):
        yield finding("odd_port", f"port {parts.port}")
    if parts.scheme == "http":
        yield finding("plain_http", f"http://{host}")
    sample = host_of(sample_url) if sample_url else None
    if sample is None:
        yield finding("host_unknown", f"host {host}")
    elif sample == host:
        yield finding("host_same", f"host {host}")
    else:
        yield finding("host_differs", f"host {host}, the approved sample is on {sample}")
    if host == SAMPLE_HOST:
        yield finding("sample_host_as_link", f"host {host}")
    until = signed_until(dict(parse_qsl(parts.query)))
    if until is not None:
        shown = f"valid until {until:%Y-%m-%d %H:%M} UTC"
        if until <= now:
            yield finding("expired", shown)
        elif until - now < timedelta(hours=EXPIRES_SOON_H):
            yield finding("expires_soon", shown)
        else:
            yield finding("signed_until", shown)


def signed_until(query: Mapping[str, str]) -> datetime | None:
    """When a signed URL ends (UTC), by its parameters: Meta, S3 (two ways), Google, Azure.

    None: it is not signed, or in a way that says nothing.
    """
    given = {name.lower(): value for name, value in query.items()}
    try:
        if "oe" in given and ("oh" in given or "_nc_ht" in given or len(given["oe"]) == 8):
            return datetime.fromtimestamp(int(given["oe"], 16), UTC)
        for vendor in ("x-amz", "x-goog"):
            if f"{vendor}-expires" in given and f"{vendor}-date" in given:
                begun = datetime.strptime(given[f"{vendor}-date"], "%Y%m%dT%H%M%SZ")
                lasts = timedelta(seconds=int(given[f"{vendor}-expires"]))
                return begun.replace(tzinfo=UTC) + lasts
        if "expires" in given and "signature" in given:
            return datetime.fromtimestamp(int(given["expires"]), UTC)
        if "se" in given and "sig" in given:
            end = datetime.fromisoformat(given["se"].replace("Z", "+00:00"))
            return end.astimezone(UTC) if end.tzinfo else end.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
