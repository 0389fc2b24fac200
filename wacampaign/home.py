"""WACAMPAIGN_HOME, the folder of journals and of the embedded database: made, or named as wrong."""

import errno
from pathlib import Path
from typing import Final

from wacampaign.problems import Misconfigured, Problem

#: Refusals that pass by themselves: no space, quota or file size used up, an error of the disk, too
#: many files.
_PASSING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE}
)


def folder_in(home: Path, name: str) -> Path:
    """The folder `name` in `home`, made for its owner alone if it is not there.

    Raises `Misconfigured`, or `Problem` where the disk is full.
    """
    folder = home / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise home_problem(home, error) from None
    return folder


def home_problem(home: Path, error: OSError, fate: str = "") -> Problem:
    """What a person reads when `home` cannot be written; `fate` says what became of the work."""
    told = f"WACAMPAIGN_HOME ({home}) cannot be written: {error.strerror or error}"
    if fate:
        told += f". {fate}"
    if error.errno in _PASSING:
        return Problem(told, "free space on that disk, then run the same command again")
    return Misconfigured(told, "set WACAMPAIGN_HOME to a folder that can be written")
