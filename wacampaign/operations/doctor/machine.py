"""This machine's part: settings, the files they stand in, the folder of the journals."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wacampaign.core.doctor.facts import EnvFile, Machine
from wacampaign.settings import Settings, texts_of
from wacampaign.settings.values import jwt_claims, key_kind

#: Bits of a file's mode that say who may what.
_PERMISSIONS: Final = 0o777
#: Settings that are a machine's or a program's own, and may differ between two files.
_OWN: Final = frozenset({"WACAMPAIGN_HOME", "WACAMPAIGN_TEST_PHONE"})


def look_at_machine(settings: Settings, pm2_files: Iterable[str], now: float) -> Machine:
    """`pm2_files`: what processes of ours under PM2 read; `now`: Unix seconds."""
    env_file = settings.env_file.absolute() if settings.env_file is not None else None
    in_file = texts_of(env_file) if env_file is not None else {}
    in_environment = texts_of(None, os.environ)
    fault, exists, free = _look_into(settings.home)
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
            name
            for name, text in in_file.items()
            if name in in_environment and in_environment[name] != text
        ),
        home=str(settings.home),
        home_exists=exists,
        home_fault=fault,
        home_free=free,
        api_version=settings.api_version,
        today=datetime.fromtimestamp(now, UTC).date().isoformat(),
        supabase_host=urlsplit(settings.supabase_url or "").hostname,
        key_kind=key_kind(settings.supabase_key or "") if uses_key else None,
        key_expires=float(expires) - now if uses_key and isinstance(expires, int | float) else None,
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
    mine = env_file.resolve() if env_file is not None else None
    for path in dict.fromkeys(one.absolute() for one in looked_for):
        if path.resolve() == mine or not path.is_file():
            continue
        there = texts_of(path)
        differing = [
            name
            for name, text in there.items()
            if name not in _OWN and (used.get(name, text) != text or not used)
        ]
        if there:
            yield EnvFile(str(path), tuple(differing))


def _look_into(home: Path) -> tuple[str, bool, int | None]:
    """Why nothing can be written there, whether it is there, and how many bytes are free."""
    there = next((one for one in (home, *home.parents) if one.exists()), None)
    if there is None:
        return "there is no such place", False, None
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    if there == home:
        try:
            with tempfile.TemporaryFile(dir=home):
                return "", True, free
        except OSError as error:
            return error.strerror or str(error), True, free
    if not there.is_dir():
        return f"{there} is no folder", False, free
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not ours", False, free
