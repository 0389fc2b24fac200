"""The gate before the terminal: streams that show nothing harmful and outlive their reader.

`Program` puts one before stdout and one before stderr, so all that a command, a library or a
traceback writes goes through it. Lines of ours come through `tell` and `say` (`output.py`), which
know where a line ends; here a line break may be anybody's and stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from wacampaign.cli.terminal import ascii_stand_ins, has_colours
from wacampaign.core.shown_text import lines_kept
from wacampaign.problems import NotTold

if TYPE_CHECKING:
    from rich.console import Console


class Gate:
    """A text stream that cleans what is written to it.

    When the reader has gone (`| head`), the rest is dropped and the command goes on to its own
    exit code: a change must not stop halfway because nobody reads about it. When a line cannot be
    written for another reason, such as a full disk, the command goes on as well, and `lost` says
    why not all that it told has arrived.
    """

    def __init__(self, stream: TextIO, *, cleans: bool = True, goes_on: bool = False) -> None:
        self._stream: Final = stream
        self._goes_on: Final = goes_on
        self._cleans: Final = cleans
        #: The same stream for Rich, whose own control codes must pass; `console` cleans its texts.
        self.for_rich: Final[Gate] = Gate(stream, cleans=False, goes_on=goes_on) if cleans else self
        self._gone = False
        self._lost: str | None = None
        #: Of our own signs, what a terminal of ASCII shows in their place.
        self._stand_ins: Final = ascii_stand_ins(stream, drawn_only=not cleans)

    @property
    def reader_gone(self) -> bool:
        """Whether nobody reads this stream any more."""
        return self._gone or (self.for_rich is not self and self.for_rich.reader_gone)

    @property
    def lost(self) -> str | None:
        """Why something that was told did not arrive; None: all did, or nobody wanted it."""
        return self._lost or (self.for_rich.lost if self.for_rich is not self else None)

    def write(self, text: str) -> int:
        """Writes `text`, cleaned; returns its length."""
        if self._cleans:
            text = lines_kept(text)
        shown = text.translate(self._stand_ins) if self._stand_ins else text
        try:
            self._stream.write(shown)
        except OSError as error:
            self._failed(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each of `lines`, cleaned."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands what was written to the reader, if there is one."""
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def end(self) -> None:
        """Lets nothing wait to be written any more, as Python would write it and fail at exit."""
        try:
            self._stream.flush()
        except OSError:
            self._drop_the_rest()

    def _failed(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self._lost = error.strerror or str(error)
            # What is said beside the data, as a worker's log is, goes on when there is room again.
            if self._goes_on:
                return
        self._drop_the_rest()

    def _drop_the_rest(self) -> None:
        # Pointed at nothing, so that neither a later write nor Python's flush at exit fails.
        self._gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())
        except (OSError, ValueError):
            pass  # not a real descriptor: nothing is flushed there at exit
        finally:
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def gated() -> Iterator[None]:
    """stdin, stdout and stderr are there and go through the gate, as long as the block lasts."""
    _open_missing()
    before = sys.stdout, sys.stderr
    for stream in before:
        # A terminal that cannot show a character shows another; it must not stop a command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    gates = Gate(sys.stdout), Gate(sys.stderr, goes_on=True)
    sys.stdout, sys.stderr = (cast(TextIO, gate) for gate in gates)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for gate in gates:
            gate.end()


def _open_missing() -> None:
    """Opens what the process was started without (`>&-`, as under cron): nobody reads it.

    Else the next file or socket would get that descriptor, and what is meant for the screen.
    """
    for descriptor, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, flags)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            os.set_inheritable(descriptor, True)
        mode = "r" if descriptor == 0 else "w"
        setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def check_arrived() -> None:
    """Raises `NotTold` when something that was told on stdout did not arrive."""
    if isinstance(sys.stdout, Gate) and (why := sys.stdout.lost) is not None:
        raise NotTold(f"not all that was to be told could be written: {why}")


def reader_gone() -> bool:
    """Whether nobody reads stdout any more: what goes on for ever may end."""
    return isinstance(sys.stdout, Gate) and sys.stdout.reader_gone


def console(stream: TextIO, **options: Any) -> Console:
    """Rich on `stream`, its own control codes let through, every text of ours cleaned.

    `options` are those of `rich.console.Console`.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class CleanConsole(Console):
        """Cleans each text after it is laid out; the layouts clean what they measure."""

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control else Segment(lines_kept(text), style)

    behind = stream.for_rich if isinstance(stream, Gate) else stream
    # By the terminal's name alone Rich takes each for one with colours.
    if stream.isatty() and not has_colours():
        options["no_color"] = True
    return CleanConsole(file=cast(TextIO, behind), highlight=False, **options)
