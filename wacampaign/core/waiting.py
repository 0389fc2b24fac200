"""Claimed rows that wait for their slot, in the order of the slots."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.ports import ClaimedRow

#: Longest delay by which the slots of a number are moved, in seconds: what is later than that has
#: another cause than a late answer of the database.
LONGEST_SHIFT_SECONDS: Final = 2.0
#: Seconds a row may go out after its slot without its number's slots being moved: a tick of the
#: loop and the noise of its timers.
PUNCTUAL_SECONDS: Final = 0.02


@dataclass(slots=True)
class HeldClaim:
    """A claim at hand: rows wait for its fence. `left`: rows neither sent nor given back yet."""

    first_due: float
    left: int
    begun: bool = False
    asked: bool = False
    parked: list[ClaimedRow] = field(default_factory=list)


class Waiting:
    """A heap of rows by slot, and the claims that they belong to.

    The database spaces the slots of a number over all workers. A row that is late must not be
    caught up with, or two messages go out where one may: so a number's later rows move with it.
    """

    def __init__(self) -> None:
        self.claims: dict[str, HeldClaim] = {}
        self._order = itertools.count()
        self._due: list[tuple[float, int, ClaimedRow]] = []
        self._shift: dict[str, float] = {}
        #: Seconds between two slots of a number, as its last claim had them.
        self._gap: dict[str, float] = {}
        #: Loop time before which the number's next row must not go out.
        self._free: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def next_due(self) -> float | None:
        """Loop time of the earliest slot."""
        return self._due[0][0] if self._due else None

    def add_claim(self, rows: list[ClaimedRow]) -> HeldClaim:
        """Takes the rows of one claim."""
        if not self._due:
            self._shift.clear()
        for row in rows:
            row.due += self._shift.get(row.number_id, 0.0)
        self._learn_gaps(rows)
        claim = HeldClaim(min(row.due for row in rows), len(rows))
        self.claims[rows[0].claim_id] = claim
        self.put(rows)
        return claim

    def _learn_gaps(self, rows: list[ClaimedRow]) -> None:
        slots: dict[str, list[float]] = {}
        for row in rows:
            slots.setdefault(row.number_id, []).append(row.due)
        for number_id, due in slots.items():
            if len(due) > 1:
                self._gap[number_id] = (max(due) - min(due)) / (len(due) - 1)

    def takes_turn(self, row: ClaimedRow, now: float) -> bool:
        """Whether the row may go out now. If not, it waits for its number's next turn.

        Rows pile up while the wire is full. They leave with the distance of their slots, not at
        once.
        """
        number_id = row.number_id
        free = self._free.get(number_id, 0.0)
        if free > now:
            row.due = free
            heapq.heappush(self._due, (free, next(self._order), row))
            return False
        self._free[number_id] = max(free, now - PUNCTUAL_SECONDS) + self._gap.get(number_id, 0.0)
        return True

    def put(self, rows: list[ClaimedRow]) -> None:
        """Rows wait for their `due`."""
        for row in rows:
            heapq.heappush(self._due, (row.due, next(self._order), row))

    def pop(self) -> ClaimedRow:
        """The row with the earliest slot."""
        return heapq.heappop(self._due)[2]

    def leaves(self, row: ClaimedRow) -> None:
        """The row is sent or given back: its claim needs to be known no longer than its rows."""
        claim = self.claims.get(row.claim_id)
        if claim is not None:
            claim.left -= 1
            if claim.left == 0:
                del self.claims[row.claim_id]

    def withdraw(self, concerned: Callable[[ClaimedRow], bool]) -> list[ClaimedRow]:
        """Takes out the rows that match."""
        taken = [row for _, _, row in self._due if concerned(row)]
        if taken:
            self._due = [item for item in self._due if not concerned(item[2])]
            heapq.heapify(self._due)
        for claim in self.claims.values():
            parked = [row for row in claim.parked if concerned(row)]
            if parked:
                claim.parked = [row for row in claim.parked if not concerned(row)]
                taken += parked
        return taken

    def move(self, number_id: str, late: float) -> None:
        """Moves the number's slots, now and in claims to come, by `late` seconds."""
        shift = self._shift.get(number_id, 0.0)
        late = min(late, LONGEST_SHIFT_SECONDS - shift)
        if late <= 0:
            return
        self._shift[number_id] = shift + late
        rows = self.withdraw(lambda row: row.number_id == number_id)
        for row in rows:
            row.due += late
        self.put(rows)
