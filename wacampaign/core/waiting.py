"""Claimed rows that wait for their slot, in the order of the slots."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from wacampaign.core.ports import ClaimedRow


@dataclass(slots=True)
class HeldClaim:
    """A claim at hand: rows wait for its fence. `left`: rows neither sent nor given back yet."""

    left: int
    #: When the fence was last asked with success, in boot seconds: from there on its age counts.
    fenced_at: float | None = None
    #: The fence is being asked now.
    asking: bool = False
    parked: list[ClaimedRow] = field(default_factory=list)

    def holds(self, now: float, fence_seconds: float) -> bool:
        """Whether its rows may leave at `now` without asking the fence (again)."""
        return self.fenced_at is not None and now - self.fenced_at <= fence_seconds


class Waiting:
    """A heap of rows by slot, and the claims that they belong to."""

    def __init__(self) -> None:
        self.claims: dict[str, HeldClaim] = {}
        self._order = itertools.count()
        self._due: list[tuple[float, int, ClaimedRow]] = []

    def __len__(self) -> int:
        return len(self._due)

    def next_due(self) -> float | None:
        """The earliest slot, in boot seconds."""
        return self._due[0][0] if self._due else None

    def add_claim(self, rows: list[ClaimedRow]) -> HeldClaim:
        """Opens the claim of these rows; which of them wait says `put`."""
        claim = self.claims[rows[0].claim_id] = HeldClaim(len(rows))
        return claim

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
