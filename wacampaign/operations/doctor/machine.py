"""This machine's part: settings, the files they stand in, the folder of the journals."""

import contextlib
import errno
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wacampaign.core.doctor.facts import EnvFile, Machine
from wacampaign.problems import Misconfigured
from wacampaign.settings import Settings, names_in, texts_of
from wacampaign.settings.values import jwt_claims, key_kind

#: Bits of a file's mode that say who may what.
_PERMISSIONS: Final = 0o777
#: Unix seconds of the year 33,658: what is beyond is no time.
_LAST: Final = 1e12
#: Settings that are a machine's or a program's own, and may differ between two files.
_OWN: Final = frozenset({"WACAMPAIGN_HOME", "WACAMPAIGN_TEST_PHONE"})


def look_at_machine(settings: Settings, pm2_files: Iterable[str], now: float) -> Machine:
    """`pm2_files`: what processes of ours under PM2 read; `now`: Unix seconds."""
    env_file = settings.env_file.absolute() if settings.env_file is not None else None
    in_file: dict[str, str] = {}
    with contextlib.suppress(Misconfigured):  # it was read before; it may be gone by now
        in_file = texts_of(env_file) if env_file is not None else {}
    in_environment = texts_of(None, os.environ)
    in_shell = names_in(os.environ)
    fault, fix, exists, free = _look_into(settings.home)
    claims = jwt_claims(settings.supabase_key or "")
    uses_key = settings.store == "supabase" and settings.supabase_key is not None
    expires = claims.get("exp")
    project = claims.get("ref")
    return Machine(
        store=settings.store,
        place=_place(settings),
        env_file=str(env_file) if env_file is not None else None,
        env_mode=_mode(env_file) if env_file is not None else None,
        other_env_files=tuple(_others(env_file, in_file | in_environment, pm2_files)),
        overridden=tuple(
            in_shell[name]
            for name, text in in_file.items()
            if name in in_environment and in_environment[name] != text
        ),
        home=str(settings.home),
        home_exists=exists,
        home_fault=fault,
        home_fix=fix,
        home_free=free,
        api_version=settings.api_version,
        api_version_from=_version_from(settings, in_environment | in_file, in_shell),
        today=datetime.fromtimestamp(now, UTC).date().isoformat(),
        supabase_host=urlsplit(settings.supabase_url or "").hostname,
        key_kind=key_kind(settings.supabase_key or "") if uses_key else None,
        key_expires=expires - now
        if uses_key and isinstance(expires, int | float) and 0 < expires < _LAST
        else None,
        key_project=project if uses_key and isinstance(project, str) else None,
    )


def _place(settings: Settings) -> str:
    shown = {one.name: one.value for one in settings.describe()}
    names = {"postgres": "DATABASE_URL", "supabase": "SUPABASE_URL", "embedded": "WACAMPAIGN_HOME"}
    return str(settings.home) if settings.store == "embedded" else shown[names[settings.store]]


def _mode(path: Path) -> int | None:
    if os.name == "nt":  # others are kept out by other means there
        return None
    try:
        return path.stat().st_mode & _PERMISSIONS
    except OSError:
        return None


def _others(
    env_file: Path | None, used: dict[str, str], pm2_files: Iterable[str]
) -> Iterator[EnvFile]:
    """Files beside the one that was read that another program of ours, or the backend, reads."""
    here = (env_file.parent if env_file is not None else Path.cwd()).absolute()
    looked_for = [Path.cwd() / ".env", here / "backend" / ".env", *map(Path, pm2_files)]
    # The backend has one at its root and one in `backend/`, by where it is started.
    if here.name == "backend" or (here.parent / "backend").is_dir():
        looked_for.append(here.parent / ".env")
    mine = os.path.realpath(env_file) if env_file is not None else None
    for path in dict.fromkeys(one.absolute() for one in looked_for):
        if os.path.realpath(path) == mine:
            continue
        try:
            if not path.is_file():
                continue
            with path.open("rb"):
                there = texts_of(path)
        except OSError as error:
            yield EnvFile(str(path), (), error.strerror or str(error))
            continue
        except Misconfigured as problem:
            yield EnvFile(str(path), (), problem.message.replace(str(path), "it", 1))
            continue
        differing = [
            name
            for name, text in there.items()
            if name not in _OWN and (used.get(name, text) != text or not used)
        ]
        if there:
            yield EnvFile(str(path), tuple(differing))


def _version_from(
    settings: Settings, texts: Mapping[str, str], in_shell: Mapping[str, str]
) -> str | None:
    """The setting that gives the API's version, and where it stands."""
    source = settings.sources.get("api_version")
    if source is None:
        return None
    address = texts.get("WHATSAPP_API_URL", "").rstrip("/")
    by_address = address.endswith(f"/{settings.api_version}")
    name = "WHATSAPP_API_URL" if by_address else "WHATSAPP_API_VERSION"
    return f"{name} in {'the environment' if name in in_shell else settings.env_file or source}"


def _look_into(home: Path) -> tuple[str, str, bool, int | None]:
    """Why nothing can be written there and what mends it, whether it is there, and bytes free."""
    try:
        there = next((one for one in (home, *home.parents) if one.exists()), None)
        free = shutil.disk_usage(there).free if there is not None else None
    except OSError as error:
        return error.strerror or str(error), "", False, None
    path, mode = shlex.quote(str(home)), '-m 700 -o "$(id -u)" -g "$(id -g)"'
    if there is None:
        return "there is no such place", "", False, None
    if not there.is_dir():
        moved = f"mv {shlex.quote(str(there))} {shlex.quote(f'{there}.old')}"
        return f"{there} is no folder", f"{moved} && mkdir -p -m 700 {path}", there == home, free
    if there != home:
        if os.access(there, os.W_OK | os.X_OK):
            return "", "", False, free
        if _read_only(there):
            return f"{there} is on a disk that is read only", "", False, free
        return f"{there} is not ours", f"sudo install -d {mode} {path}", False, free
    try:
        with tempfile.TemporaryFile(dir=home):
            return "", "", True, free
    except OSError as error:
        theirs = error.errno in (errno.EACCES, errno.EPERM)
        fix = f'sudo chown -R "$(id -u)" {path} && chmod -R u+rwX {path}' if theirs else ""
        return error.strerror or str(error), fix, True, free


def _read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
