"""What the worker measures, told to the database every few seconds, for everybody who watches."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from wacampaign.core.engine.binding import Binds
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.measures import Measures, Report
from wacampaign.core.engine.ports import EventLog
from wacampaign.core.engine.turns import within
from wacampaign.core.outcomes import Outcome
from wacampaign.store.workers import Workers
from wacampaign.worker.supervisor import Supervisor

#: Seconds between two reports: half of a beat, so that a screen shows what binds the pace while it
#: does. One small write in five seconds is nothing beside the claims.
TELL_SECONDS: Final = 5.0


class Measured:
    """Tells what was measured until cancelled. Nothing depends on it, so nothing waits for it."""

    def __init__(
        self,
        workers: Workers,
        worker_id: UUID,
        in_flight: InFlight,
        log: EventLog,
        supervisor: Supervisor,
    ) -> None:
        self._workers = workers
        self._worker_id = worker_id
        self._in_flight = in_flight
        self._log = log
        self._supervisor = supervisor
        self._report = Report(in_flight.measures)
        self._failed = False
        #: As last told; empty before the first time.
        self.facts: dict[str, Any] = {}

    async def run(self) -> None:
        """One report after the other; that it fails is said once, until it works again."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            facts = self.facts = self._report.facts(
                in_flight=self._in_flight.requests,
                away_since=self._in_flight.down_since,
                memory_bytes=memory_bytes(),
            )
            self._supervisor.publish(shown_measures(facts, self._in_flight.measures))
            try:
                await within(TELL_SECONDS, self._workers.measured(self._worker_id, facts))
                self._failed = False
            except Exception as error:
                # An earlier schema has no such function; the heartbeat tells of an outage.
                if not self._failed:
                    self._log("measures_untold", level="debug", error=error)
                self._failed = True


def shown_measures(
    facts: Mapping[str, Any], measures: Measures
) -> dict[str, tuple[float | str, str]]:
    """The few figures that `pm2 describe` and `systemctl status` show, with their units."""
    ended = Counter[Outcome]()
    for (outcome, _), n in measures.outcomes.items():
        ended[outcome] += n
    shown: dict[str, tuple[float | str, str]] = {
        "queue": (measures.queued, "rows"),
        "rate": (facts["accepted_per_second"], "messages/s"),
        "in flight": (facts["in_flight"], "requests"),
        "accepted": (ended[Outcome.SENT], "messages"),
        "failed": (ended[Outcome.FAILED], "messages"),
        "in doubt": (ended[Outcome.IN_DOUBT], "messages"),
    }
    for name, key in (("Meta's answers p50", "answers"), ("database p50", "database")):
        value = facts[f"{key}_p50_ms"]
        # A dash: what was shown before is no longer so.
        shown[name] = ("-", "") if value is None else (value, "ms")
    binds = sorted(set(facts["binds"].values()) - {str(Binds.NOTHING)})
    shown["limited by"] = (", ".join(binds) or "nothing", "")
    return shown


def memory_bytes() -> int | None:
    """What this process has of the machine's memory now; None where that cannot be read."""
    if sys.platform != "linux":
        return None
    # Resident pages are the second figure (proc(5)). Not ru_maxrss: that is the peak, and a child's
    # begins with its parent's.
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
