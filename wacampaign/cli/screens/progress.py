"""A progress bar on stderr, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wacampaign.cli.gate import console
from wacampaign.core.shown_text import one_line

#: Called with what is done and what there is in all.
Advance = Callable[[int, int], None]


@contextmanager
def progress_bar(title: str) -> Iterator[Advance | None]:
    """Yields the function that moves the bar, or None where there is no terminal to draw on."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task(one_line(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
