"""The file beside a contact list that says which rows were left out, and why."""

from __future__ import annotations

import csv
import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from wacampaign.problems import NotWritable
from wacampaign.spreadsheet import harmless

#: Characters of the phone as written; what is longer is no phone and only fills the file.
PHONE_CHARS_MAX: Final = 100

#: Errors of a disk or a quota that is full.
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RejectedFile:
    """Rows `line,phone,reason`, streamed to a temporary file that takes its name when all is well.

    Use as a context manager: it appears (replacing an earlier one) only when the block ends
    without an exception and at least one row was added. UTF-8 with BOM, as spreadsheets need;
    readable by those who can read the list (`source`), as it holds phones too. Raises
    `NotWritable` when the folder cannot be written.
    """

    def __init__(self, source: Path, beside: Path) -> None:
        self._source = source
        self.path: Final = beside.with_name(f"{beside.stem}.rejected.csv")
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, line: int, phone: str, reason: str) -> None:
        """Write one row; `phone` as it stands in the list."""
        try:
            if self._file is None:
                self._open()
            self._writer.writerow((line, harmless(phone[:PHONE_CHARS_MAX]), reason))
        except OSError as error:
            raise self._unwritable(error) from None

    def _open(self) -> None:
        self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by __exit__
            "w",
            encoding="utf-8-sig",
            newline="",
            dir=self.path.parent,
            prefix=f".{self.path.name}.",
            delete=False,
        )
        Path(self._file.name).chmod(self._source.stat().st_mode & 0o666)
        self._writer = csv.writer(self._file)
        self._writer.writerow(("line", "phone", "reason"))

    def __enter__(self) -> RejectedFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        temporary = Path(self._file.name)
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                temporary.replace(self.path)
        except OSError as failure:
            raise self._unwritable(failure) from None
        finally:
            with suppress(OSError):  # it writes once more what there was no room for
                self._file.close()
            temporary.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> NotWritable:
        return NotWritable(
            f"the rows that cannot be sent to belong into {self.path}, which cannot be written: "
            f"{error.strerror or error}",
            "make room there, or copy the list to a disk that has some"
            if error.errno in _NO_ROOM
            else "make the folder writable, or copy the list into one that is",
        )
