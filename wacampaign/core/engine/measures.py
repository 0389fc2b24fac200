"""What a worker has measured since it began: heard here, read by everything that shows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wacampaign.core.engine.binding import Waits
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.latency import Latency
from wacampaign.core.outcomes import Outcome, Verdict


@dataclass(slots=True)
class Measures:
    """Counts and times of one worker. Single-threaded: touched by the loop's tasks only."""

    #: Boot seconds.
    began_at: float = field(default_factory=boot_seconds)
    #: Outcome and Meta's code (None: it gave none) → attempts that ended so.
    outcomes: Counter[tuple[Outcome, int | None]] = field(default_factory=Counter)
    #: From handing over a request to its answer.
    answers: Latency = field(default_factory=Latency)
    #: Of one database call that was answered, the way there and back.
    database: Latency = field(default_factory=Latency)
    #: Calls to which the database gave no answer.
    database_failures: int = 0
    #: When the database last answered, in boot seconds.
    database_answered_at: float = field(default_factory=boot_seconds)
    #: What each number's next message waited for, look by look.
    waits: Waits = field(default_factory=Waits)
    #: Rows that wait to be taken, in all running campaigns, as the last claim was told.
    queued: int = 0
    #: The last error that an answer had, and when (boot seconds).
    last_code: int | None = None
    last_code_at: float | None = None

    @property
    def done(self) -> int:
        """Attempts that ended, however."""
        return self.outcomes.total()

    def answered(self, verdict: Verdict, seconds: float, now: float) -> None:
        """An attempt ended at `now` (boot seconds), `seconds` after its request went out."""
        self.outcomes[(verdict.outcome, verdict.code)] += 1
        if verdict.outcome is Outcome.SENT or verdict.code is not None:
            self.answers.note(seconds)
        if verdict.code is not None:
            self.last_code, self.last_code_at = verdict.code, now

    def called(self, seconds: float, answered: bool) -> None:
        """A database call ended after `seconds`."""
        if answered:
            self.database.note(seconds)
            self.database_answered_at = boot_seconds()
        else:
            self.database_failures += 1


class Report:
    """Tells at intervals what was measured since the last time, as the database keeps it."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._at = boot_seconds()
        self._outcomes: Counter[tuple[Outcome, int | None]] = Counter(measures.outcomes)

    def facts(
        self, *, in_flight: int, away_since: float | None, memory_bytes: int | None
    ) -> dict[str, Any]:
        """One object for JSON, which `core/campaign/worker_state.py` reads.

        `away_since`: since when Meta's API cannot be reached, in boot seconds.
        """
        measures, now = self._measures, boot_seconds()
        seconds = max(0.001, now - self._at)
        news = measures.outcomes - self._outcomes
        self._at, self._outcomes = now, Counter(measures.outcomes)
        accepted = sum(n for (outcome, _), n in news.items() if outcome is Outcome.SENT)
        told = measures.last_code_at
        facts = {
            "in_flight": in_flight,
            "done_per_second": round(news.total() / seconds, 1),
            "accepted_per_second": round(accepted / seconds, 1),
            "binds": {number: str(binds) for number, binds in measures.waits.take().items()},
            "api_away_seconds": None if away_since is None else round(now - away_since, 1),
            "memory_mb": None if memory_bytes is None else round(memory_bytes / 2**20, 1),
            "last_code": measures.last_code,
            "last_code_seconds": None if told is None else round(now - told, 1),
        }
        for name, latency in (("answers", measures.answers), ("database", measures.database)):
            for share in (50, 95):
                value = latency.percentile(share / 100)
                facts[f"{name}_p{share}_ms"] = None if value is None else round(1000 * value, 1)
            latency.turn()
        return facts
