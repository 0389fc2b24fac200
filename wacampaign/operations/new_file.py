"""A new CSV file of ours: whole or not at all, and never over another one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wacampaign.problems import NotWritable, Refused


@contextmanager
def new_csv(path: Path) -> Iterator[IO[str]]:
    """A new file for `csv.writer`; of a run that fails nothing is left.

    UTF-8 with BOM, as spreadsheets need; readable by its owner alone, as it may hold phones.
    Raises `Refused` when the file exists already, `NotWritable` when it cannot be written.
    """
    try:
        file = open(  # noqa: SIM115 - closed below; pathlib takes no opener
            path, "x", encoding="utf-8-sig", newline="", opener=_for_owner
        )
    except FileExistsError:
        raise Refused(
            f"{path} exists already, and nothing is written over it",
            f"give --csv another name, such as {_free_name(path)}",
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def _unwritable(path: Path, error: OSError) -> NotWritable:
    return NotWritable(
        f"{path} cannot be written: {error.strerror or error}",
        "give --csv a name in a folder that can be written",
    )


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free_name(path: Path) -> Path:
    """`failed.csv` → `failed-2.csv`, the first that is free."""
    n = 2
    while (free := path.with_name(f"{path.stem}-{n}{path.suffix}")).exists():
        n += 1
    return free
