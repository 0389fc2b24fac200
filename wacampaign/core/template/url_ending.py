"""What a row brings for a button's URL: the ending, as it can stand in an address.

Meta puts it behind the template's address as it is; a space or an umlaut in it makes a link that
does not open, and a whole address in it a link to nowhere. Source of the characters: RFC 3986, 2.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

#: Reserved and unreserved characters of an address.
_CHARACTERS: Final = r"A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;="
_FOREIGN: Final = re.compile(rf"[^{_CHARACTERS}%]|%(?![0-9A-Fa-f]{{2}})")
_SCHEME: Final = re.compile(r"^https?://", re.IGNORECASE)


class WholeAddress(ValueError):  # noqa: N818 - told to people, not raised as a bug
    """The ending is a whole address, and not one that the template's begins; the text goes after
    the place's name."""


def is_encoded(ending: str) -> bool:
    """Whether it holds nothing but an address's characters."""
    return _FOREIGN.search(ending) is None


def encoded(ending: str) -> str:
    """`ending` with everything percent-encoded that cannot stand in an address. What is encoded
    already stays, so it is safe to repeat."""
    if is_encoded(ending):
        return ending
    return _FOREIGN.sub(lambda match: quote(match[0], safe="", errors="replace"), ending)


def ending_of(value: str, address: str) -> str:
    """The ending that `value` brings for a button whose address before it is `address`.

    A whole address that begins with the template's gives what is behind it. Raises `WholeAddress`
    for any other, and when nothing is left. Behind a `?` an address may be a parameter's value.
    """
    before = _SCHEME.sub("", address)
    given = _SCHEME.sub("", value)
    host = before.partition("/")[0].lower()
    if given == value and not _names_host(value, host):
        return encoded(value)
    if "?" in before and not _begins(given, before, host):
        return encoded(value)
    if "/" not in before or not _begins(given, before, host):
        own = f"; the template's own address, {address}, goes before it" if address else ""
        raise WholeAddress(f"is a whole URL{own}")
    ending = given[len(before) :]
    if not ending:
        raise WholeAddress("is the template's own address, without an ending")
    return encoded(ending)


def hosts_pattern(addresses: Iterable[str]) -> str:
    """An expression, PostgreSQL's and Python's, for what `ending_of` may take for a whole address
    behind one of these."""
    hosts = (_SCHEME.sub("", address).partition("/")[0] for address in addresses)
    own = "".join(f"|{re.escape(host)}" for host in dict.fromkeys(hosts) if host)
    return rf"(?i)^(?:https?://|www\.{own})"


def _names_host(value: str, host: str) -> bool:
    start = re.split(r"[/?#]", value, maxsplit=1)[0].lower()
    return (start.startswith("www.") and "." in start[4:]) or (bool(host) and start == host)


def _begins(given: str, before: str, host: str) -> bool:
    return given[: len(host)].lower() == host and given[len(host) :].startswith(before[len(host) :])
