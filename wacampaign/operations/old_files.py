"""Files in WACAMPAIGN_HOME that are old and that nobody needs any more."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wacampaign.journal.dead_journals import dead_journals
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers

_DAY_SECONDS: Final = 86_400
#: Bodies that could not be read to the end: kept under this name beside the receiver's files.
_DAMAGED: Final = "*/*/*.damaged"


@dataclass(frozen=True, slots=True)
class OldFile:
    """One file that may go."""

    path: Path
    bytes: int
    #: When it was changed last, seconds since 1970.
    changed_at: float

    def remove(self) -> bool:
        """Removes it, unless somebody has written to it since; whether it went."""
        try:
            if self.path.stat().st_mtime != self.changed_at:
                return False
            self.path.unlink()
        except OSError:
            return False  # gone, or kept by a rule of the disk: the next plan has it again
        return True


async def old_files(store: Store, home: Path, days: int) -> list[OldFile]:
    """Files that were not touched for so many days, the journals of dead workers among them.

    Of these only such as this database knows the worker of and has none of its rows in doubt: what
    a journal may prove stays. A worker takes over what the others prove, so these are copies, or
    of workers whose rows were settled otherwise.
    """
    before = time.time() - days * _DAY_SECONDS
    found = _damaged(home, before)
    for journal in dead_journals(home):
        of_it = [*_older((file.path for file in journal.files), before)]
        if len(of_it) < len(journal.files):
            continue
        if await Workers(store).is_settled(journal.worker_id):
            found += of_it
    return found


def _damaged(home: Path, before: float) -> list[OldFile]:
    return [*_older(home.glob(_DAMAGED), before)]


def _older(paths: Iterator[Path], before: float) -> Iterator[OldFile]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_mtime < before:
            yield OldFile(path, status.st_size, status.st_mtime)
