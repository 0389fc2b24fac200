"""Alerts in the database: whose turn it is to look, what stands, and what is to be told."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from wacampaign.core.alerts.alert import Alert
from wacampaign.core.alerts.causes import Cause, WatchTurn
from wacampaign.core.reading import read
from wacampaign.store.store import Capability

#: Seconds that a turn lasts: all watchers together look so often.
TURN_SECONDS = 9.0
#: Seconds for which nobody else tells what one watcher is telling.
LEASE_SECONDS_OF_ALERT = 60.0


class Alerts(Capability):
    """What is told about causes, once, whoever finds them."""

    async def turn(self, turn: UUID, watcher: str, *, addressed: bool = True) -> WatchTurn | None:
        """The turn, with what ended and who fell silent; None: somebody else looks.

        A watcher that has no address to tell (not `addressed`) gets it when none that has is there.
        """
        answer = await self._store.call(
            "watch_turn",
            turn=str(turn),
            watcher=watcher,
            seconds=TURN_SECONDS,
            addressed=addressed,
        )
        return read(WatchTurn, answer) if answer["turn"] else None

    async def take(self, turn: UUID, causes: Sequence[Cause]) -> list[Alert]:
        """Notes what stands, in the turn; returns what is to be told now, and by nobody else."""
        answer = await self._store.call(
            "alerts_take",
            turn=str(turn),
            causes=json.dumps([asdict(cause) for cause in causes]),
            lease_seconds=LEASE_SECONDS_OF_ALERT,
        )
        return [read(Alert, one) for one in answer["alerts"]]

    async def ring(self, turn: UUID) -> tuple[str | None, int]:
        """Writes the backend's notifications; why one was refused, and how many were written."""
        answer = await self._store.call("alerts_ring", turn=str(turn))
        return answer["bell"], answer["written"]

    async def told(
        self, alert: Alert, taken_by: Sequence[str], *, done: bool, problem: str | None
    ) -> None:
        """Says who has taken an alert; not `done`: it is handed out again in some minutes."""
        await self._store.call(
            "alerts_told",
            key=alert.key,
            telling=alert.id,
            taken_by=list(taken_by),
            done=done,
            problem=problem,
        )
