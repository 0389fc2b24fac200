"""The one alert that no database can arbitrate: that it is away. Each process tells it itself."""

from datetime import UTC, datetime
from typing import Final

from wacampaign.alerting.delivery import AlertDelivery
from wacampaign.core.alerts.alert import Alert, AlertKind, Due
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.words import duration

#: Seconds without an answer before it is told: a restart of a database or a pooler is shorter.
AWAY_SECONDS: Final = 60.0
#: Seconds until it is told again, by how often it was told.
_REMIND_AFTER: Final = {1: 3600.0, 2: 4 * 3600.0}
_DAILY_SECONDS: Final = 24 * 3600.0
#: Seconds between two attempts while no address takes it.
_AGAIN_SECONDS: Final = 60.0


class DatabaseAwayAlert:
    """What one process tells of an outage: once, again after some hours, and its end."""

    def __init__(
        self, delivery: AlertDelivery, who: str, away_seconds: float = AWAY_SECONDS
    ) -> None:
        """`who` looks: `worker 1b2c3d4e@host`."""
        self._delivery = delivery
        self._who = who
        self._away_seconds = away_seconds
        self._since: float | None = None
        self._since_text = ""
        self._times = 0
        self._next = 0.0

    async def note(self, away: bool) -> None:
        """The database gave an answer, or (`away`) none; tells what is to be told now."""
        now = boot_seconds()
        if not away:
            if self._since is not None and self._times:
                await self._tell("end", now - self._since)
            self._since, self._times = None, 0
            return
        if self._since is None:
            self._since, self._next = now, now + self._away_seconds
            self._since_text = _now()
        elif now >= self._next:
            taken = await self._tell("reminder" if self._times else "new", now - self._since)
            self._times += taken
            pause = _REMIND_AFTER.get(self._times, _DAILY_SECONDS)
            self._next = now + (pause if taken else _AGAIN_SECONDS)

    async def _tell(self, due: Due, seconds: float) -> bool:
        """Whether any address took it."""
        host = self._delivery.host
        prefix = {"new": "", "reminder": "Still: ", "end": "Over: "}.get(due, "")
        lasted = f"{duration(seconds)}, as {self._who} sees it"
        if due == "end":
            text = f"it was away for {lasted}; what had to wait goes on"
        else:
            text = f"no answer for {lasted}: nothing is sent meanwhile, and nothing is lost"
        alert = Alert(
            id=f"{self._who}|{self._since_text}|{due}|{self._times}",
            due=due,
            key=f"database_away:{host}",
            kind=AlertKind.AWAY,
            severity="error",
            title=f"{prefix}Database away, seen from {host}",
            text=text,
            command="wacampaign db check",
            first_seen_at=self._since_text,
            ended_at=_now() if due == "end" else None,
            times_told=self._times,
        )
        return any(tried.taken for tried in await self._delivery.tell(alert))


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
