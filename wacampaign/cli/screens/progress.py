"""A progress bar on stderr, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wacampaign.cli.gate import console
from wacampaign.core.plan import Progress
from wacampaign.core.shown_text import one_line


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Yields the function that moves the bar, or None where there is no terminal to draw on."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=30),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task(one_line(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
