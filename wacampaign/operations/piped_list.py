"""A list that comes through a pipe: kept in a private file meanwhile, as lists are read twice."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from wacampaign.problems import NotWritable, Usage

#: What stands for standard input on the command line, and what it is called from then on.
STDIN: Final = Path("-")
STDIN_NAME: Final = Path("stdin")


def shown_path(path: Path) -> Path:
    """What a list is called, and beside which path its rejected rows are listed."""
    return STDIN_NAME if path == STDIN else path


@contextmanager
def regular_file(path: Path, stdin: BinaryIO | None) -> Iterator[Path]:
    """`path`, or a file with all that comes through it when it is `-` or a named pipe.

    `stdin` is None where it is closed, as cron may leave it. The file is readable by its owner
    only, has the list's name, and is removed at the end. Raises `Usage` when nothing is piped into
    standard input, `NotWritable` when there is no room for it.
    """
    if path == STDIN:
        if stdin is None or stdin.isatty():
            raise Usage(
                "--csv - reads a list that is piped in, and nothing is piped in",
                "cat FILE | wacampaign … --csv - …, or give the file's path",
            )
        with _kept(stdin, STDIN_NAME.name) as kept:
            yield kept
    elif _is_pipe(path):
        with path.open("rb") as pipe, _kept(pipe, path.name) as kept:
            yield kept
    else:
        yield path


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def _kept(source: BinaryIO, name: str) -> Iterator[Path]:
    # A folder of mode 700: the file can have the list's own name, which messages show.
    with tempfile.TemporaryDirectory(prefix="wacampaign-") as folder:
        kept = Path(folder, name)
        try:
            kept.touch(mode=0o600)
            with kept.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError as error:
            raise NotWritable(
                f"the list from the pipe does not get into {Path(folder).parent}: "
                f"{error.strerror or error}",
                "free some space there, or set TMPDIR to a folder that has it",
            ) from None
        yield kept
