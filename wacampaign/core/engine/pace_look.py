"""Looks at a worker's stages, and says what the next message of each number waits for."""

from __future__ import annotations

from typing import Final

from wacampaign.core.engine.binding import Binds
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.number_pace import ALONE_TOLERANCE
from wacampaign.core.engine.waiting import Waiting

#: Seconds for which a number that had rows is looked at without any: a claim that takes long is
#: part of its pace.
_REMEMBERED_SECONDS: Final = 10.0


class PaceLook:
    """Looks a few times a second; reads, and changes nothing."""

    def __init__(self, waiting: Waiting, in_flight: InFlight) -> None:
        self._waiting = waiting
        self._in_flight = in_flight
        self._waits = in_flight.measures.waits
        self._seen_at: dict[str, float] = {}

    def look(self, now: float, *, asking: bool, backed_up: bool) -> None:
        """One look at `now` (boot seconds).

        `asking`: a claim is under way. `backed_up`: sending waits until outcomes are written.
        """
        heads = self._waiting.heads()
        parked = self._waiting.parked()
        for number in heads.keys() | parked | self._in_flight.numbers_on_wire():
            self._seen_at[number] = now
        for number, seen_at in list(self._seen_at.items()):
            if now - seen_at > _REMEMBERED_SECONDS:
                del self._seen_at[number]
                continue
            behind = backed_up or number in parked
            self._waits.note(number, self._of(heads.get(number), now, asking, behind))

    def _of(self, due: float | None, now: float, asking: bool, behind: bool) -> Binds:
        if self._in_flight.down_until is not None:
            return Binds.API_AWAY
        if behind:
            return Binds.DATABASE
        full = self._in_flight.room == 0
        # One that is late waits for its number's turn, where there is room for it and not for long.
        if due is not None and due > now - (0.0 if full else ALONE_TOLERANCE):
            return Binds.RATE
        if due is not None or full:
            return Binds.ANSWERS
        return Binds.DATABASE if asking else Binds.NOTHING
