"""Settings: a flag beats the process environment, which beats `.env`."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import platformdirs
from dotenv import dotenv_values

from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES
from wacampaign.core.cells import cell
from wacampaign.core.masking import hide_secrets, mask_phone
from wacampaign.core.optouts import REST_HOURS
from wacampaign.database_address import read_database_address
from wacampaign.problems import Misconfigured
from wacampaign.settings.values import (
    VERSION,
    hidden,
    hidden_ones,
    key_kind,
    keys_of_url,
    read_database_url,
    read_home,
    read_hours,
    read_http_url,
    read_minutes,
    read_phone,
    read_seconds,
    read_secret,
    read_secrets,
    read_store,
    read_supabase_key,
    read_supabase_url,
    read_urls,
    read_version,
    read_words,
    shown_database_url,
    shown_urls,
)
from wacampaign.store_name import StoreName

DEFAULT_API_URL: Final = "https://graph.facebook.com"
DEFAULT_API_VERSION: Final = "v25.0"
#: Seconds. Most statuses come within two; a bad link shows when Meta fetches it, within some more.
STATUS_WAIT_SECONDS: Final = 20.0
#: Bytes of a file of settings, a thousand times what all of them take: the one of 24 MB that
#: somebody named by mistake took half a minute before anything was said.
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. None means not set; secrets are left out of `repr`."""

    #: What to keep campaigns in: set, or chosen from what else is set.
    store: StoreName = "embedded"
    supabase_url: str | None = None
    supabase_key: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    #: Folder for the embedded database and journals; absolute, may not exist yet.
    home: Path = field(default_factory=lambda: _usual_home())
    #: Without a slash at its end.
    api_url: str = DEFAULT_API_URL
    api_version: str = DEFAULT_API_VERSION
    access_token: str | None = field(default=None, repr=False)
    #: Several while one is being replaced, or for several apps; the first is the one to sign with.
    app_secrets: tuple[str, ...] = field(default=(), repr=False)
    webhook_verify_token: str | None = field(default=None, repr=False)
    #: Where the receiver passes each body on.
    webhook_forward: str | None = None
    #: Digits, country code first.
    test_phone: str | None = field(default=None, repr=False)
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    #: Minutes.
    in_doubt_minutes: float = IN_DOUBT_MINUTES
    #: Seconds that the first messages of a run wait for their statuses; 0: they do not.
    status_wait_seconds: float = STATUS_WAIT_SECONDS
    #: Whole messages that mean stop; empty: the usual ones (core/optout_words.py).
    optout_words: tuple[str, ...] = ()
    #: Hours without marketing for a person of whom Meta says that it was enough (131049).
    rest_hours: float = REST_HOURS
    #: The `.env` that was read, or None.
    env_file: Path | None = None
    #: Field name → "flag", "environment" or ".env", for those that were set.
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def names_no_database(self) -> bool:
        """Whether the embedded one is taken only because nothing else is set."""
        return self.store == "embedded" and "store" not in self.sources

    def require_store(self) -> StoreName:
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
    flags = {
        known.names[0]: str(overrides[name])
        for name, known in _KNOWN.items()
        if overrides.get(name) is not None
    }
    places = {"flag": flags, "environment": environ, ".env": from_file}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, known in _KNOWN.items():
        found = _find(known.names, places)
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


def _usual_home() -> Path:
    try:
        return platformdirs.user_data_path("wacampaign", appauthor=False)
    except RuntimeError:
        raise Misconfigured(
            "there is no home folder: neither HOME nor WACAMPAIGN_HOME is set, and the system knows"
            " no other for this user",
            "set WACAMPAIGN_HOME to a folder that this user may write",
        ) from None


def _take_version_from_url(values: dict[str, Any], sources: dict[str, str]) -> None:
    """An API address that ends in a version says which; only a flag says it louder."""
    address, slash, last = values.get("api_url", "").rpartition("/")
    if slash and VERSION.fullmatch(last):
        values["api_url"] = address
        if sources.get("api_version") != "flag":
            values["api_version"], sources["api_version"] = last, sources["api_url"]


def _hide_all(settings: Settings) -> None:
    """Whatever text a secret of ours turns up in, it is masked there."""
    secrets = [
        settings.supabase_key,
        settings.access_token,
        *settings.app_secrets,
        settings.webhook_verify_token,
        *(key for url in settings.alert_urls for key in keys_of_url(url)),
    ]
    if settings.database_url is not None:
        address = read_database_address(settings.database_url)
        password = address.password
        # A local database's password is often its user's name, and no secret.
        if password is not None and password not in (address.user, address.database):
            secrets += [password, quote(password, safe="")]
    hide_secrets(*filter(None, secrets))


def _find(
    names: tuple[str, ...], places: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str, str] | None:
    """Setting name, text and source of the first of `places` where it is not blank."""
    for source, mapping in places.items():
        for name in names:
            if text := cell(mapping.get(name) or ""):
                return name, text, source
    return None


def _read_env_file(env_file: Path | None) -> tuple[Path | None, Mapping[str, str | None]]:
    path = Path(".env") if env_file is None else env_file
    if env_file is None:
        try:
            Path.cwd()
        except OSError:
            raise Misconfigured(
                "the working directory is gone: it was removed, or another stands in its place",
                'change into it again: cd "$PWD"',
            ) from None
    named = ".env" if env_file is None else f"the file given as --env-file, {path},"
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        if env_file is None and not path.is_symlink():
            return None, {}
        what = "points to a file that" if path.is_symlink() else ""
        raise Misconfigured(" ".join(f"{named} {what} does not exist".split())) from None
    except OSError as error:
        raise Misconfigured(f"{named} cannot be read: {error.strerror or error}") from None
    if is_folder:
        # A container's mount makes a folder of a file that is not there: never as if it was none.
        raise Misconfigured(f"{named} is a folder")
    try:
        with path.open("rb") as file:  # a pipe, too
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise Misconfigured(
                f"{path} is larger than 1 MiB, which no file of settings is",
                "name the file that has the settings, or take out what is not one",
            )
        text = io.StringIO(content.decode("utf-8-sig"), newline=None)
        # Not interpolated: the backend that shares the file takes ${…} in a password as it stands.
        return path, dotenv_values(stream=text, interpolate=False)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not UTF-8 text", "save it as UTF-8") from None


def names_in(mapping: Mapping[str, str | None]) -> dict[str, str]:
    """Under which name a setting stands there, by its first names."""
    return {
        known.names[0]: found[0]
        for known in _KNOWN.values()
        if (found := _find(known.names, {"": mapping})) is not None
    }


def texts_of(env_file: Path | None, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Settings by their first names as they stand in a file, or in `environ` where it is given.

    Raises `Misconfigured` for a file that cannot be read.
    """
    values: Mapping[str, str | None] = environ or _read_env_file(env_file)[1]
    found = ((known.names[0], _find(known.names, {"": values})) for known in _KNOWN.values())
    return {name: one[1] for name, one in found if one is not None}


class _Known(NamedTuple):
    #: Setting names; the first is the one to use.
    names: tuple[str, ...]
    read: Callable[[str], object]
    show: Callable[[Any], str] = str


_KNOWN: Final[Mapping[str, _Known]] = {
    "store": _Known(("WACAMPAIGN_STORE",), read_store),
    "database_url": _Known(("DATABASE_URL",), read_database_url, shown_database_url),
    "supabase_url": _Known(("SUPABASE_URL",), read_supabase_url),
    "supabase_key": _Known(
        ("SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        read_supabase_key,
        lambda key: f"{key_kind(key)}, {hidden(key)}",
    ),
    "home": _Known(("WACAMPAIGN_HOME",), read_home),
    "api_url": _Known(("WHATSAPP_API_URL",), read_http_url),
    "api_version": _Known(("WHATSAPP_API_VERSION",), read_version),
    "access_token": _Known(("META_ACCESS_TOKEN",), read_secret, hidden),
    "app_secrets": _Known(("META_APP_SECRET",), read_secrets, hidden_ones),
    "webhook_verify_token": _Known(("META_WEBHOOK_VERIFY_TOKEN",), str, hidden),
    "webhook_forward": _Known(("WACAMPAIGN_WEBHOOK_FORWARD",), read_http_url),
    "test_phone": _Known(("WACAMPAIGN_TEST_PHONE",), read_phone, mask_phone),
    "alert_urls": _Known(("WACAMPAIGN_ALERT_URLS",), read_urls, shown_urls),
    "in_doubt_minutes": _Known(
        ("WACAMPAIGN_IN_DOUBT_MINUTES",), read_minutes, lambda minutes: f"{minutes:g}"
    ),
    "status_wait_seconds": _Known(
        ("WACAMPAIGN_STATUS_WAIT_SECONDS",), read_seconds, lambda seconds: f"{seconds:g}"
    ),
    "optout_words": _Known(("WACAMPAIGN_OPTOUT_WORDS",), read_words, ", ".join),
    "rest_hours": _Known(("WACAMPAIGN_REST_HOURS",), read_hours, lambda hours: f"{hours:g}"),
}
