"""What the next message of each number waits for: the limit that binds the pace."""

from __future__ import annotations

from collections import Counter, defaultdict
from enum import StrEnum
from typing import Final

#: Share of the looks in which a number waited for one thing, from which that is what binds.
_BINDS_FROM: Final = 0.2


class Binds(StrEnum):
    """What bounds how fast a number sends."""

    #: Its slots: what may be sent a second.
    RATE = "rate"
    #: Answers of the API: all requests that may be on the wire are.
    ANSWERS = "answers"
    #: Calls of the database: rows do not come as fast as they could leave, or outcomes wait.
    DATABASE = "database"
    #: The API cannot be reached.
    API_AWAY = "api_away"
    #: Nothing: there are no rows.
    NOTHING = "nothing"


class Waits:
    """Looks of a while, by number."""

    def __init__(self) -> None:
        self._looks: defaultdict[str, Counter[Binds]] = defaultdict(Counter)

    def note(self, number_id: str, binds: Binds) -> None:
        """One look."""
        self._looks[number_id][binds] += 1

    def take(self) -> dict[str, Binds]:
        """What bound each number since the last time."""
        looks, self._looks = self._looks, defaultdict(Counter)
        return {number: _commonest(seen) for number, seen in looks.items()}


def _commonest(seen: Counter[Binds]) -> Binds:
    binds, n = max(
        ((one, n) for one, n in seen.items() if one is not Binds.NOTHING),
        key=lambda pair: pair[1],
        default=(Binds.NOTHING, 0),
    )
    return binds if n >= _BINDS_FROM * seen.total() else Binds.NOTHING
