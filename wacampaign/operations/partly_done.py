"""A change of many rows in steps: how far it has come, and what is said when it ends early."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wacampaign.core.plan import Progress
from wacampaign.core.words import rows
from wacampaign.problems import Problem


@dataclass(slots=True)
class PartlyDone:
    """Read by whoever is told that the change ended early: by an error, or by Ctrl-C."""

    #: Changed so far.
    rows: int = 0

    async def follow(
        self, steps: AsyncIterator[tuple[int, int]], total: int, progress: Progress
    ) -> None:
        """Takes `steps` (rows changed, rows looked at) to their end; `total`: rows expected."""
        seen = 0
        async for changed, looked_at in steps:
            self.rows += changed
            seen += looked_at
            if progress is not None:
                progress(seen, max(total, seen))

    @contextmanager
    def said_by_problems(self, what: str) -> Iterator[None]:
        """A `Problem` in the block tells what was changed by then: "12 rows" + `what`."""
        try:
            yield
        except Problem as problem:
            if self.rows:
                problem.changed = True
                problem.message += f". {rows(self.rows)} {what}; the same command goes on"
            raise
