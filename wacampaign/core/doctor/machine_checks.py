"""Settings and files of this machine: which are read, who may read them, whether there is room."""

import shlex
from collections.abc import Iterator
from typing import Final

from wacampaign.core.doctor.facts import Machine
from wacampaign.core.doctor.model import Examined, Mending, failing, passed, some, unseen, wanting
from wacampaign.core.words import duration

#: Bits of a file's mode that let the group or everybody in; those that let them write.
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
#: Bytes of free space: below the first a journal may not be written soon, below the second now.
_FREE_LITTLE: Final = 1 << 30
_FREE_NONE: Final = 100 << 20
#: Seconds before its expiry that a key is told of: a month to get another one.
_KEY_SOON: Final = 30 * 86_400
#: When a version of the Graph API ends (whatsapp-cloud-api, 2.7).
_VERSION_ENDS: Final = {
    "v18.0": "2026-01-26",
    "v19.0": "2026-05-21",
    "v20.0": "2026-09-24",
    "v21.0": "2027-01-21",
    "v22.0": "2027-05-20",
    "v23.0": "2027-10-08",
    "v24.0": "2028-02-18",
    "v25.0": "2028-07-29",
}
#: The host of hosted projects: legacy keys end there, not on one's own server.
_HOSTED: Final = ".supabase.co"

OF_THE_MACHINE: Final = ("env_files", "env_rights", "api_version", "home", "disk")


def machine_checks(facts: Machine) -> Iterator[Examined]:
    """All of one machine."""
    yield _settings(facts)
    yield from _other_files(facts)
    yield from _overridden(facts)
    if facts.env_file is not None and facts.env_mode is not None:
        yield _rights(facts.env_file, facts.env_mode)
    if facts.key_kind is not None:
        yield _key(facts)
    yield _version(facts)
    yield from _home(facts)


def _settings(facts: Machine) -> Examined:
    where = f"{facts.env_file} was read" if facts.env_file else "there is no .env in this folder"
    return passed("settings", f"the store is {facts.store}; {where}")


def _other_files(facts: Machine) -> Iterator[Examined]:
    for other in facts.other_env_files:
        if other.fault:
            yield unseen("env_files", f"{other.path} cannot be read: {other.fault}")
        elif other.differing:
            yield failing(
                "env_files",
                f"{other.path} differs from {facts.env_file or 'the settings that are used here'}"
                f" in {some(other.differing)}: what is started there works elsewhere",
                "make both the same, or replace one by a link: ln -sf"
                f" {shlex.quote(facts.env_file) if facts.env_file else 'FILE'}"
                f" {shlex.quote(other.path)}",
                Mending.WORDS,
            )
    same = [one.path for one in facts.other_env_files if not (one.differing or one.fault)]
    if same:
        yield passed("env_files", f"the same settings are in {some(same)}")


def _overridden(facts: Machine) -> Iterator[Examined]:
    if facts.overridden:
        names = some(facts.overridden)
        yield wanting(
            "environment",
            f"the environment has another {names} than {facts.env_file}, and beats it here; what"
            " PM2 or systemd starts may read the file",
            f"unset {' '.join(facts.overridden)}",
        )


def _rights(path: str, mode: int) -> Examined:
    if not mode & _OTHERS:
        return passed("env_rights", f"{path} is for its owner alone ({mode:03o})")
    fix = f"chmod 600 {shlex.quote(path)}"
    if mode & _OTHERS_WRITE:
        text = f"others may write {path} ({mode:03o}): whoever does sends with your token"
        return failing("env_rights", text, fix)
    return wanting("env_rights", f"others may read {path} ({mode:03o}), and the keys in it", fix)


def _key(facts: Machine) -> Examined:
    kind, host = facts.key_kind, facts.supabase_host or ""
    hosted = host.endswith(_HOSTED)
    advice = (
        "take the secret key (sb_secret_…) from the project's API settings into"
        " SUPABASE_SERVICE_KEY"
    )
    if facts.key_expires is not None and facts.key_expires <= 0:
        ago = duration(-facts.key_expires)
        return failing("key", f"the {kind} expired {ago} ago", advice, Mending.WORDS)
    if hosted and facts.key_project and facts.key_project != host.removesuffix(_HOSTED):
        text = f"the {kind} is for the project {facts.key_project}, and SUPABASE_URL names {host}"
        return failing("key", text, advice, Mending.WORDS)
    if facts.key_expires is not None and facts.key_expires < _KEY_SOON:
        text = f"the {kind} expires in {duration(facts.key_expires)}"
        return wanting("key", text, advice, Mending.WORDS)
    if hosted and kind == "service_role JWT":
        text = "a legacy service_role key: Supabase ends these at the end of 2026"
        return wanting("key", text, advice, Mending.WORDS)
    if kind == "key of unknown kind":
        text = "the key has no form that Supabase gives (sb_secret_…, or a service_role JWT)"
        return wanting("key", text, advice, Mending.WORDS)
    return passed("key", f"a {kind}")


def _version(facts: Machine) -> Examined:
    version = facts.api_version
    end = _VERSION_ENDS.get(version)
    where = facts.api_version_from or "WHATSAPP_API_VERSION in .env"
    advice = f"take the version out of {where}: then it is the one of this program"
    if end is None:
        known = sorted(_VERSION_ENDS, key=_number)
        if _number(version) > _number(known[-1]):
            return passed("api_version", f"{version}, newer than this program")
        text = f"{version} of the Cloud API has ended"
        return failing("api_version", text, advice, Mending.WORDS)
    if end <= facts.today:
        text = f"{version} of the Cloud API ended on {end}"
        return failing("api_version", text, advice, Mending.WORDS)
    # The month is what counts: Meta names the day, and keeps to it.
    if end[:7] <= _in_three_months(facts.today):
        text = f"{version} of the Cloud API ends on {end}"
        return wanting("api_version", text, advice, Mending.WORDS)
    return passed("api_version", f"{version} of the Cloud API, good until {end}")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _in_three_months(day: str) -> str:
    year, month = int(day[:4]), int(day[5:7]) + 3
    return f"{year + (month > 12)}-{(month - 1) % 12 + 1:02}"


def _home(facts: Machine) -> Iterator[Examined]:
    path = shlex.quote(facts.home)
    if not facts.home_exists and not facts.home_fault:
        text = f"WACAMPAIGN_HOME ({facts.home}) is not there yet: the first worker makes it"
        yield wanting("home", text, f"mkdir -p -m 700 {path}")
    elif facts.home_fault:
        yield failing(
            "home",
            f"nothing can be written into WACAMPAIGN_HOME ({facts.home}): {facts.home_fault}."
            " A worker without its journal does not start",
            facts.home_fix or "set WACAMPAIGN_HOME to a folder that can be written",
            Mending.SHELL if facts.home_fix else Mending.WORDS,
        )
    else:
        yield passed("home", f"journals go to {facts.home}")
    if facts.home_free is None:
        return
    room = f"{facts.home_free / (1 << 30):,.1f} GiB free on the disk of {facts.home}"
    advice = "free space on that disk, or set WACAMPAIGN_HOME to a folder on another one"
    if facts.home_free < _FREE_NONE:
        yield failing("disk", room, advice, Mending.WORDS)
    elif facts.home_free < _FREE_LITTLE:
        yield wanting("disk", room, advice, Mending.WORDS)
    else:
        yield passed("disk", room)
