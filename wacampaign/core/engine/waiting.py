"""Claimed rows that were not sent yet: they wait for their slot, in the order of the slots."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.engine.deadlines import DEAD_SECONDS
from wacampaign.core.engine.ports import ClaimedRow

#: Seconds for which a claim's fence holds, from when the database was asked. The database takes the
#: question for a heartbeat as well, and calls no worker dead within `DEAD_SECONDS` of one: so at
#: the end half of them are left in which no other worker can have taken the rows.
FENCE_SECONDS: Final = DEAD_SECONDS / 2


@dataclass(slots=True)
class HeldClaim:
    """A claim of which rows wait."""

    #: Rows neither sent nor given back yet.
    left: int
    #: When the fence was last asked with success, in boot seconds: from there on its age counts.
    fenced_at: float | None = None
    #: The fence is being asked now.
    asking: bool = False
    #: Rows whose slot has come, but whose fence has to be asked first.
    parked: list[ClaimedRow] = field(default_factory=list)

    def holds(self, now: float) -> bool:
        """Whether its rows may leave at `now` (boot seconds) without asking the fence (again)."""
        return self.fenced_at is not None and now - self.fenced_at <= FENCE_SECONDS


Slot = tuple[float, int, ClaimedRow]


class Waiting:
    """A heap of rows by slot for each lane, and the claims that they belong to."""

    def __init__(self) -> None:
        self.claims: dict[str, HeldClaim] = {}
        #: Rows neither sent nor given back yet.
        self.rows = 0
        #: Seconds that it takes at present to ask for a claim's fence.
        self.fence_seconds = 0.0
        self._order = itertools.count()
        self._lanes: dict[tuple[str, str], list[Slot]] = {}

    def next_due(self) -> float | None:
        """The earliest slot, in boot seconds."""
        return min((slots[0][0] for slots in self._lanes.values()), default=None)

    def heads(self) -> dict[str, float]:
        """Number → its earliest slot, in boot seconds."""
        heads: dict[str, float] = {}
        for (number_id, _), slots in self._lanes.items():
            heads[number_id] = min(slots[0][0], heads.get(number_id, slots[0][0]))
        return heads

    def parked(self) -> set[str]:
        """Numbers with rows whose slot has come and whose fence is being asked."""
        return {row.number_id for claim in self.claims.values() for row in claim.parked[:1]}

    def add_claim(self, rows: list[ClaimedRow]) -> None:
        """Counts the rows of a new claim; `put` says which of them wait for a slot."""
        self.claims[rows[0].claim_id] = HeldClaim(len(rows))
        self.rows += len(rows)

    def put(self, rows: list[ClaimedRow]) -> None:
        """Rows wait for their `due`."""
        for row in rows:
            slots = self._lanes.setdefault(row.lane, [])
            heapq.heappush(slots, (row.due, next(self._order), row))

    def take_due(self, now: float, stuck: set[tuple[str, str]]) -> Iterator[ClaimedRow]:
        """Takes out the rows whose slot has come, the earliest first.

        A row whose lane is in `stuck` when the next one is asked for stays, with all behind it: so
        a look costs what leaves, and not what waits.
        """
        heads = [(slots[0], lane) for lane, slots in self._lanes.items() if slots[0][0] <= now]
        heapq.heapify(heads)
        while heads:
            (_, _, row), lane = heads[0]
            yield row
            slots = self._lanes[lane]
            if lane in stuck:
                heapq.heappop(heads)
                continue
            heapq.heappop(slots)
            if slots and slots[0][0] <= now:
                heapq.heapreplace(heads, (slots[0], lane))
                continue
            heapq.heappop(heads)
            if not slots:
                del self._lanes[lane]

    def leaves(self, row: ClaimedRow) -> None:
        """The row is sent or given back; with its last row a claim is forgotten."""
        self.rows -= 1
        claim = self.claims.get(row.claim_id)
        if claim is not None:
            claim.left -= 1
            if claim.left == 0:
                del self.claims[row.claim_id]

    def withdraw(self, concerned: Callable[[ClaimedRow], bool]) -> list[ClaimedRow]:
        """Takes out the rows that match, as rows that leave."""
        taken: list[ClaimedRow] = []
        for lane, slots in list(self._lanes.items()):
            matching = [row for _, _, row in slots if concerned(row)]
            if not matching:
                continue
            taken += matching
            kept = [slot for slot in slots if not concerned(slot[2])]
            heapq.heapify(kept)
            self._lanes[lane] = kept
            if not kept:
                del self._lanes[lane]
        for claim in self.claims.values():
            parked = [row for row in claim.parked if concerned(row)]
            if parked:
                claim.parked = [row for row in claim.parked if not concerned(row)]
                taken += parked
        for row in taken:
            self.leaves(row)
        return taken

    def withdraw_claim(self, claim_id: str) -> list[ClaimedRow]:
        """Takes out the rows of one claim."""
        return self.withdraw(lambda row: row.claim_id == claim_id)
