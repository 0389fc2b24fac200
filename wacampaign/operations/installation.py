"""Where this installation lies, and what would keep a process manager from starting it."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wacampaign.core.services.service import Installed
from wacampaign.settings import Settings

#: The console script that pip and uv write.
_SCRIPT: Final = "wacampaign"


def find_installed(settings: Settings, env_file: Path | None = None) -> Installed:
    """This program, run from the working directory by whoever asks."""
    return Installed(
        program=_program(),
        folder=Path.cwd(),
        home=settings.home,
        env_file=None if env_file is None else env_file.absolute(),
        user=_user(),
        embedded=settings.store == "embedded",
    )


def _program() -> tuple[str, ...]:
    """The script as it was called, its links kept: an upgrade may move what they lead to."""
    called = Path(shutil.which(sys.argv[0]) or sys.argv[0]).absolute()
    beside = Path(sys.executable).absolute().with_name(_SCRIPT)
    for script in (called, beside):
        if script.name == _SCRIPT and os.access(script, os.X_OK) and script.is_file():
            return (str(script),)
    return (str(Path(sys.executable).absolute()), "-m", _SCRIPT)


def _user() -> str:
    """Whose process this is: not `$USER`, which may be the one before `su`."""
    import pwd  # not on Windows, which has no systemd either

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a user id without a name, as in containers
        return str(os.geteuid())


def obstacles(settings: Settings) -> Iterator[str]:
    """What a service would not find that this shell has, one sentence each."""
    shell = [
        described.name for described in settings.describe() if described.source == "environment"
    ]
    if shell:
        yield (
            f"{', '.join(shell)} {'comes' if len(shell) == 1 else 'come'} from this shell, which"
            " the service does not see: write it into .env"
        )
    if settings.env_file is None:
        yield f"there is no .env in {Path.cwd()}: the service would run without settings"
    elif settings.env_file.stat().st_mode & 0o077:
        file = shlex.quote(str(settings.env_file.absolute()))
        yield f"others may read your secrets: chmod 600 {file}"
    if not settings.home.is_dir():
        home = shlex.quote(str(settings.home))
        yield f"WACAMPAIGN_HOME is not there yet: mkdir -p -m 700 {home}"
    if os.geteuid() == 0:
        yield "it would run as root: make the file as the user who shall run it"
