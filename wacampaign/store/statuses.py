"""Statuses of accepted messages into the database, from wherever they come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from wacampaign.core.optouts import REST_HOURS
from wacampaign.core.undelivered import hold_rules
from wacampaign.core.webhook.updates import StatusUpdate
from wacampaign.store.store import Capability, Store

#: Statuses a call: some tens of milliseconds of locks, and a REST body below 2 MB.
STATUSES_A_CALL: Final = 1_000


@dataclass(frozen=True, slots=True)
class Logged:
    """What a look for waiting statuses did and left."""

    taken: int
    #: More waits.
    left: bool
    #: A running campaign waits for the statuses of its first messages.
    ramp: bool
    #: A campaign runs.
    running: bool


class Statuses(Capability):
    """What became of accepted messages. Every call may be repeated."""

    def __init__(self, store: Store, *, rest_hours: float = REST_HOURS) -> None:
        super().__init__(store)
        self._rules = _rules(rest_hours)

    async def take(self, statuses: Sequence[StatusUpdate], source: str) -> dict[str, int]:
        """Takes statuses from `receiver`, `backend` or `person`.

        Returns how many messages were `taken`, `new`, `joined` to their row, how many rows in doubt
        they `cleared`, and how many failures `held` something.
        """
        counts = {"taken": 0, "new": 0, "joined": 0, "cleared": 0, "held": 0}
        for start in range(0, len(statuses), STATUSES_A_CALL):
            answer = await self._store.call(
                "take_statuses",
                statuses=json.dumps([_row(one) for one in statuses[start:][:STATUSES_A_CALL]]),
                source=source,
                rules=self._rules,
            )
            counts = {key: n + int(answer.get(key) or 0) for key, n in counts.items()}
        return counts

    async def take_logged(self, limit: int = STATUSES_A_CALL) -> Logged:
        """Takes at most `limit` of what others have stored, and looks for rows of what has none."""
        answer = await self._store.call("take_logged", limit=limit, rules=self._rules)
        return Logged(
            int(answer["taken"]),
            bool(answer["left"]),
            bool(answer["ramp"]),
            bool(answer["running"]),
        )


@cache
def _rules(rest_hours: float) -> str:
    return json.dumps({**hold_rules(), "rest_hours": rest_hours})


def _row(status: StatusUpdate) -> dict[str, Any]:
    return {
        "wamid": status.wamid,
        "status": status.status,
        "at": status.at,
        "phone_number_id": status.phone_number_id,
        "phone": status.recipient,
        "user_id": status.user_id,
        "callback": status.callback,
        "code": status.code,
        "title": status.title,
        "details": status.details,
        "said": status.said,
    }
