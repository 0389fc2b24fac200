"""Settings: a flag beats the process environment, which beats `.env`."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast
from urllib.parse import quote, urlsplit

import platformdirs
from dotenv import dotenv_values

from wacampaign.core.cells import cell, solid
from wacampaign.core.masking import hide_secrets, mask_phone
from wacampaign.database_address import read_database_address
from wacampaign.problems import Misconfigured

Store = Literal["postgres", "supabase", "embedded"]

DEFAULT_API_URL: Final = "https://graph.facebook.com"
DEFAULT_API_VERSION: Final = "v25.0"
#: Minutes that rows in doubt are waited for before a campaign completes without them.
DEFAULT_IN_DOUBT_MINUTES: Final = 10.0
#: Minutes; a week. More is a mistyped unit.
IN_DOUBT_MINUTES_MAX: Final = 7 * 24 * 60.0
_VERSION: Final = re.compile(r"v\d{1,3}\.\d{1,2}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. None means not set; secrets are left out of `repr`."""

    #: What to keep campaigns in: set, or chosen from what else is set.
    store: Store = "embedded"
    supabase_url: str | None = None
    supabase_key: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    #: Folder for the embedded database and journals; absolute, may not exist yet.
    home: Path = field(default_factory=lambda: _default_home())
    #: Without a slash at its end.
    api_url: str = DEFAULT_API_URL
    api_version: str = DEFAULT_API_VERSION
    access_token: str | None = field(default=None, repr=False)
    app_secret: str | None = field(default=None, repr=False)
    webhook_verify_token: str | None = field(default=None, repr=False)
    #: Digits, country code first.
    test_phone: str | None = field(default=None, repr=False)
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    #: Minutes.
    in_doubt_minutes: float = DEFAULT_IN_DOUBT_MINUTES
    #: The `.env` that was read, or None.
    env_file: Path | None = None
    #: Field name → "flag", "environment" or ".env", for those that were set.
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    def require_store(self) -> Store:
        """The store, when all it needs is set; raises `Misconfigured` naming what is missing."""
        if self.store == "postgres" and not self.database_url:
            raise Misconfigured("WACAMPAIGN_STORE is postgres, but DATABASE_URL is not set")
        if self.store == "supabase":
            if not self.supabase_url:
                raise Misconfigured("WACAMPAIGN_STORE is supabase, but SUPABASE_URL is not set")
            if not self.supabase_key:
                raise Misconfigured(
                    "SUPABASE_URL is set, but SUPABASE_SERVICE_KEY is not",
                    "take the secret key (sb_secret_…) from the project's API settings",
                )
        return self.store

    def describe(self) -> tuple[Described, ...]:
        """Each setting with its value masked and its source, to be shown to people."""
        return tuple(
            Described(
                known.names[0],
                known.show(value) if (value := getattr(self, name)) else "not set",
                self.sources.get(name, "default"),
            )
            for name, known in _KNOWN.items()
        )


class Described(NamedTuple):
    """One setting as `doctor` shows it."""

    name: str
    value: str
    #: flag, environment, .env or default.
    source: str


def load_settings(
    env_file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    **overrides: object,
) -> Settings:
    """Read the settings; `environ` is not changed.

    `env_file` must exist when given; without it `.env` in the working directory is read if there
    is one. `overrides` are flags by field name of `Settings` (`store="embedded"`); None stands for
    a flag that was not given. Blank values count as not set.

    Raises `Misconfigured` naming the setting for a value that cannot be right.
    """
    if unknown := overrides.keys() - _KNOWN.keys():
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    file, from_file = _read_env_file(env_file)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, known in _KNOWN.items():
        found = _find(name, known.names, overrides, environ, from_file)
        if found is None:
            continue
        setting, text, source = found
        try:
            values[name] = known.read(text)
        except ValueError as error:
            raise Misconfigured(f"{setting} ({source}) {error}") from None
        sources[name] = source
    if "store" not in values:
        if "database_url" in values:
            values["store"] = "postgres"
        elif "supabase_url" in values:
            values["store"] = "supabase"
    _take_version_from_url(values, sources)
    settings = Settings(**values, env_file=file, sources=sources)
    _hide_all(settings)
    return settings


def _take_version_from_url(values: dict[str, Any], sources: dict[str, str]) -> None:
    """An API address that ends in a version says which; only a flag says it louder."""
    address, slash, last = values.get("api_url", "").rpartition("/")
    if slash and _VERSION.fullmatch(last):
        values["api_url"] = address
        if sources.get("api_version") != "flag":
            values["api_version"], sources["api_version"] = last, sources["api_url"]


def _hide_all(settings: Settings) -> None:
    """Whatever text a secret of ours turns up in, it is masked there."""
    secrets = [
        settings.supabase_key,
        settings.access_token,
        settings.app_secret,
        settings.webhook_verify_token,
    ]
    if settings.database_url is not None:
        address = read_database_address(settings.database_url)
        password = address.password
        # A local database's password is often its user's name, and no secret.
        if password is not None and password not in (address.user, address.database):
            secrets += [password, quote(password, safe="")]
    hide_secrets(*filter(None, secrets))


def _find(
    field_name: str,
    names: tuple[str, ...],
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    from_file: Mapping[str, str | None],
) -> tuple[str, str, str] | None:
    """Setting name, text and source of the strongest source that is not blank."""
    given = overrides.get(field_name)
    if given is not None and (text := cell(str(given))):
        return names[0], text, "flag"
    for source, mapping in (("environment", environ), (".env", from_file)):
        for name in names:
            if text := cell(mapping.get(name) or ""):
                return name, text, source
    return None


def _read_env_file(env_file: Path | None) -> tuple[Path | None, Mapping[str, str | None]]:
    path = Path(".env") if env_file is None else env_file
    if not path.is_file():
        if env_file is None:
            return None, {}
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Misconfigured(f"the file given as --env-file, {path}, {what}")
    try:
        # Not interpolated: the backend that shares the file takes ${…} in a password as it stands.
        return path, dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not UTF-8 text", "save it as UTF-8") from None


# What a value may be. Each reads a stripped, non-empty text and raises ValueError with the end of
# a sentence that begins with the setting's name; none repeats the value, which may be a secret.


def _read_store(text: str) -> Store:
    if text.lower() not in ("postgres", "supabase", "embedded"):
        raise ValueError("must be postgres, supabase or embedded")
    return cast(Store, text.lower())


def _read_http_url(text: str) -> str:
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


def _read_supabase_url(text: str) -> str:
    url = _read_http_url(text)
    if url.startswith(("https://supabase.com", "https://app.supabase.com")):
        raise ValueError(
            "is the dashboard's address; the project's is https://<project>.supabase.co"
        )
    return url.removesuffix("/rest/v1")


def _read_database_url(text: str) -> str:
    """The address, well formed, whatever other program it was written for."""
    return read_database_address(text).url()


def _unbroken(text: str) -> str:
    """A key or token without what a page or terminal put into it; a space between words stays."""
    return " ".join(map(solid, text.split(" ")))


def _read_secret(text: str) -> str:
    text = _unbroken(text)
    # Inside a header white space or a letter beyond ASCII would fail each request, obscurely.
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("has white space or characters in it that no key or token has")
    return text


def _read_supabase_key(text: str) -> str:
    text = _read_secret(text)
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
    parts = key.split(".")
    if len(parts) != 3 or not key.startswith("eyJ"):
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    role = payload.get("role") if isinstance(payload, dict) else None
    return role if isinstance(role, str) else None


def key_kind(key: str) -> str:
    """What kind of Supabase key this is, in a few words, without any of it."""
    if key.startswith("sb_secret_"):
        return "secret key"
    if role := jwt_role(key):
        return f"{role} JWT"
    return "key of unknown kind"


def _read_version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError("must look like v25.0")
    return text


def _read_phone(text: str) -> str:
    # Imported here: it takes 60 ms, and few commands have a test phone to read.
    from wacampaign.core.phones import BadPhone, normalize_phone

    try:
        return normalize_phone(text)
    except BadPhone as bad:
        raise ValueError(f"is no phone number with country code: {bad.reason}") from None


def _read_urls(text: str) -> tuple[str, ...]:
    urls = tuple(url for one in text.split(",") if (url := cell(one)))
    if not all(re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", url) for url in urls):
        raise ValueError("must be URLs (name://…) with commas between them")
    return urls


def _read_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= IN_DOUBT_MINUTES_MAX:  # also false for nan
        raise ValueError(f"must be minutes, more than 0 and at most {IN_DOUBT_MINUTES_MAX:.0f}")
    return minutes


def _read_home(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("names a home folder of a user that does not exist") from None


def _default_home() -> Path:
    return platformdirs.user_data_path("wacampaign", appauthor=False)


# How a value is shown.


def _hidden(value: str) -> str:
    return f"set ({len(value)} characters)"


def _shown_urls(urls: tuple[str, ...]) -> str:
    return ", ".join(f"{url.partition('://')[0]}://***" for url in urls)


def _shown_database_url(url: str) -> str:
    return read_database_address(url).shown()


class _Known(NamedTuple):
    #: Setting names; the first is the one to use.
    names: tuple[str, ...]
    read: Callable[[str], object]
    show: Callable[[Any], str] = str


_KNOWN: Final[Mapping[str, _Known]] = {
    "store": _Known(("WACAMPAIGN_STORE",), _read_store),
    "database_url": _Known(("DATABASE_URL",), _read_database_url, _shown_database_url),
    "supabase_url": _Known(("SUPABASE_URL",), _read_supabase_url),
    "supabase_key": _Known(
        ("SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        _read_supabase_key,
        lambda key: f"{key_kind(key)}, {_hidden(key)}",
    ),
    "home": _Known(("WACAMPAIGN_HOME",), _read_home),
    "api_url": _Known(("WHATSAPP_API_URL",), _read_http_url),
    "api_version": _Known(("WHATSAPP_API_VERSION",), _read_version),
    "access_token": _Known(("META_ACCESS_TOKEN",), _read_secret, _hidden),
    "app_secret": _Known(("META_APP_SECRET",), _read_secret, _hidden),
    "webhook_verify_token": _Known(("META_WEBHOOK_VERIFY_TOKEN",), str, _hidden),
    "test_phone": _Known(("WACAMPAIGN_TEST_PHONE",), _read_phone, mask_phone),
    "alert_urls": _Known(("WACAMPAIGN_ALERT_URLS",), _read_urls, _shown_urls),
    "in_doubt_minutes": _Known(
        ("WACAMPAIGN_IN_DOUBT_MINUTES",), _read_minutes, lambda minutes: f"{minutes:g}"
    ),
}
