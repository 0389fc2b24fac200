"""The file of `failures --csv`: one line a failed row, written as the rows come."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from wacampaign.problems import NotWritable, Refused
from wacampaign.spreadsheet import harmless

HEADINGS: Final = ("phone", "template", "code", "text", "time")


class FailedCsv:
    """A new file `phone,template,code,text,time`; of a run that fails nothing is left.

    Use as a context manager. UTF-8 with BOM, as spreadsheets need; readable by its owner alone,
    as it may hold phones. Raises `Refused` when the file exists already, `NotWritable` when it
    cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        #: Rows written so far.
        self.rows = 0
        self._file: IO[str]
        self._writer: Any = None

    def add(self, code: int, row: Mapping[str, Any]) -> None:
        """Writes one row; `row` has phone, template, text and at, masked already."""
        cells = (row["phone"], row["template"] or "", str(code), row["text"] or "", row["at"] or "")
        try:
            self._writer.writerow([harmless(cell) for cell in cells])
        except OSError as error:
            raise self._unwritable(error) from None
        self.rows += 1

    def __enter__(self) -> FailedCsv:
        try:
            self._file = open(  # closed by __exit__; pathlib takes no opener
                self.path, "x", encoding="utf-8-sig", newline="", opener=_for_owner
            )
        except FileExistsError:
            raise Refused(
                f"{self.path} exists already, and nothing is written over it",
                f"give --csv another name, such as {_free_name(self.path)}",
            ) from None
        except OSError as error:
            raise self._unwritable(error) from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEADINGS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError as failure:
            self.path.unlink(missing_ok=True)
            raise self._unwritable(failure) from None
        if kind is not None:
            self.path.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> NotWritable:
        return NotWritable(
            f"{self.path} cannot be written: {error.strerror or error}",
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
