"""What a doctor mends by itself: files and folders of this machine. All else it prints.

A schema, rows and what other programs use are changed by the commands and statements that a check
names, by whoever has read it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wacampaign.core.doctor.model import Examined
from wacampaign.core.plan import Change, Plan
from wacampaign.core.preflight.model import Check
from wacampaign.operations.doctor.pm2 import dump_of
from wacampaign.problems import Refused
from wacampaign.settings import Settings

#: For its owner alone: a file with secrets, and a folder with recipients' ids.
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_PERMISSIONS: Final = 0o777
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that can be mended here."""

    check: str
    path: Path
    change: Change
    carry_out: Callable[[], None]


def repairs(settings: Settings, checks: Sequence[Examined]) -> list[Repair]:
    """What can be mended of what these checks found."""
    wrong = {one.id for one in checks if one.verdict in (Check.WARN, Check.FAIL)}
    found = []
    if "env_rights" in wrong and settings.env_file is not None:
        found.append(_private("env_rights", settings.env_file.absolute()))
    dump = dump_of()
    if "pm2_secrets" in wrong and dump.is_file() and dump.stat().st_mode & _OTHERS:
        found.append(_private("pm2_secrets", dump))
    # Told as not there yet; one that fails needs another owner or place.
    if any((one.id, one.verdict) == ("home", Check.WARN) for one in checks):
        change = Change(1, "folder", "not there", f"made, mode {_FOLDER_MODE:o}")
        found.append(Repair("home", settings.home, change, lambda: _make(settings.home)))
    return found


def plan_of(found: Sequence[Repair], left: int) -> Plan:
    """`left`: findings that are left to a person."""
    return Plan(
        title="mend files and folders of this machine",
        steps=tuple(one.change for one in found),
        samples=tuple(str(one.path) for one in found),
        notes=(f"{left} more are left to you: their fixes are printed",) if left else (),
        next_command="wacampaign doctor",
    )


def carry_out(found: Sequence[Repair]) -> None:
    """Mends all of them. Raises `Refused` for what the system does not let us do."""
    for one in found:
        try:
            one.carry_out()
        except OSError as error:
            raise Refused(
                f"{one.path} cannot be changed: {error.strerror or error}",
                "run the fix that is printed, as the owner of it",
            ) from None


def _private(check: str, path: Path) -> Repair:
    mode = path.stat().st_mode & _PERMISSIONS
    change = Change(1, "file", f"mode {mode:o}", f"mode {_FILE_MODE:o}")
    return Repair(check, path, change, lambda: path.chmod(_FILE_MODE))


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    folder.chmod(_FOLDER_MODE)
