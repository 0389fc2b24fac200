"""What a setting may be, and how it is shown to people.

Each `read_…` takes a stripped, non-empty text and raises `ValueError` with the end of a sentence
that begins with the setting's name; none repeats the value, which may be a secret.
"""

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any, Final, cast, get_args
from urllib.parse import urlsplit

from wacampaign.core.cells import cell, solid
from wacampaign.database_address import read_database_address
from wacampaign.store_name import StoreName

#: Minutes; a week. More is a mistyped unit.
IN_DOUBT_MINUTES_MAX: Final = 7 * 24 * 60.0
#: Seconds. Meta fetches a link within about a minute; more keeps a campaign waiting for nothing.
STATUS_WAIT_MAX: Final = 120.0
#: Hours. Meta's cap lasts a day, and trying sooner prolongs it (whatsapp-cloud-api, 1.5); more
#: than a month is a mistyped unit.
REST_HOURS_MIN: Final = 24.0
REST_HOURS_MAX: Final = 31 * 24.0
#: Characters from which a part of an alert's address is taken for a key: hosts and names of chat
#: rooms are shorter as a rule, and hidden they would be hidden everywhere.
_URL_KEY_CHARS_MIN: Final = 20
VERSION: Final = re.compile(r"v\d{1,3}\.\d{1,2}")


def read_store(text: str) -> StoreName:
    *names, last = get_args(StoreName)
    if text.lower() not in (*names, last):
        raise ValueError(f"must be {', '.join(names)} or {last}")
    return cast(StoreName, text.lower())


def read_http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", text):
        raise ValueError("must be a URL that starts with https:// (or http://)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, without a user, password or query")
    return text.rstrip("/")


def read_supabase_url(text: str) -> str:
    url = read_http_url(text)
    if url.startswith(("https://supabase.com", "https://app.supabase.com")):
        raise ValueError(
            "is the dashboard's address; the project's is https://<project>.supabase.co"
        )
    return url.removesuffix("/rest/v1")


def read_database_url(text: str) -> str:
    """The address, well formed, whatever other program it was written for."""
    return read_database_address(text).url()


def _unbroken(text: str) -> str:
    """A key or token without what a page or terminal put into it; a space between words stays."""
    return " ".join(map(solid, text.split(" ")))


def read_secret(text: str) -> str:
    text = _unbroken(text)
    # Inside a header white space or a letter beyond ASCII would fail each request, obscurely.
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("has white space or characters in it that no key or token has")
    return text


def read_secrets(text: str) -> tuple[str, ...]:
    """Secrets with commas between them, each once."""
    return tuple(dict.fromkeys(read_secret(one) for part in text.split(",") if (one := cell(part))))


def read_supabase_key(text: str) -> str:
    text = read_secret(text)
    if text.startswith("sb_publishable_"):
        raise ValueError(
            "is the publishable key, which may not read the queue; the secret key starts with "
            "sb_secret_"
        )
    if (role := jwt_role(text)) in ("anon", "authenticated"):
        raise ValueError(
            f"is a key of role {role}, which may not read the queue; take the secret key "
            "(sb_secret_…) or the service_role key"
        )
    return text


def jwt_role(key: str) -> str | None:
    """The role that a JWT claims (unverified), or None when `key` is none or claims none."""
    role = jwt_claims(key).get("role")
    return role if isinstance(role, str) else None


def jwt_claims(key: str) -> dict[str, Any]:
    """What a JWT claims (unverified); nothing when `key` is none."""
    parts = key.split(".")
    if len(parts) != 3 or not key.startswith("eyJ"):
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def key_kind(key: str) -> str:
    """What kind of Supabase key this is, in a few words, without any of it."""
    if key.startswith("sb_secret_"):
        return "secret key"
    if role := jwt_role(key):
        return f"{role} JWT"
    return "key of unknown kind"


def read_version(text: str) -> str:
    if not VERSION.fullmatch(text):
        raise ValueError("must look like v25.0")
    return text


def read_phone(text: str) -> str:
    # Imported here: it takes 60 ms, and few commands have a test phone to read.
    from wacampaign.core.bad_phone import BadPhone
    from wacampaign.core.phones import normalize_phone

    try:
        return normalize_phone(text)
    except BadPhone as bad:
        raise ValueError(f"is no phone number with country code: {bad.reason}") from None


def read_urls(text: str) -> tuple[str, ...]:
    urls = tuple(url for one in text.split(",") if (url := cell(one)))
    if not all(re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", url) for url in urls):
        raise ValueError("must be URLs (name://…) with commas between them")
    return urls


def read_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= IN_DOUBT_MINUTES_MAX:  # also false for nan
        raise ValueError(f"must be minutes, more than 0 and at most {IN_DOUBT_MINUTES_MAX:.0f}")
    return minutes


def read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= STATUS_WAIT_MAX:  # also false for nan
        raise ValueError(f"must be seconds, from 0 (no wait) to {STATUS_WAIT_MAX:.0f}")
    return seconds


def read_hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not REST_HOURS_MIN <= hours <= REST_HOURS_MAX:  # also false for nan
        raise ValueError(f"must be hours, {REST_HOURS_MIN:.0f} to {REST_HOURS_MAX:.0f}")
    return hours


def read_words(text: str) -> tuple[str, ...]:
    # Imported here: its lists take some milliseconds.
    from wacampaign.core.optout_words import normal

    words = tuple(filter(None, map(cell, text.split(","))))
    if not words or not all(map(normal, words)):
        raise ValueError("must be words with commas between them, such as STOP,UNSUBSCRIBE")
    return words


def read_home(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("names a home folder of a user that does not exist") from None


def hidden(value: str) -> str:
    return f"set ({len(value)} characters)"


def hidden_ones(values: tuple[str, ...]) -> str:
    return "; ".join(map(hidden, values))


def shown_urls(urls: tuple[str, ...]) -> str:
    return ", ".join(f"{url.partition('://')[0]}://***" for url in urls)


def keys_of_url(url: str) -> list[str]:
    """What of an alert's address is a key, or may be one."""
    return [part for part in re.split(r"[/?&=@:]+", url) if len(part) >= _URL_KEY_CHARS_MIN]


def shown_database_url(url: str) -> str:
    return read_database_address(url).shown()
