"""A worker as the database knows it, and what it measured lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from wacampaign.core.engine.binding import Binds


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker measured in the last seconds (core/engine/measures.py). None: it is silent."""

    #: Attempts that ended a second, and those of them that were accepted.
    done_per_second: float | None = None
    accepted_per_second: float | None = None
    #: Milliseconds in which half, and 95 in 100, of Meta's answers came.
    answers_p50_ms: float | None = None
    answers_p95_ms: float | None = None
    #: The same of the database's answers.
    database_p50_ms: float | None = None
    database_p95_ms: float | None = None
    #: Number (id) → what its next message waits for (`Binds`).
    binds: Mapping[str, str] = field(default_factory=dict)
    #: For how long Meta's API cannot be reached; None: it can.
    api_away_seconds: float | None = None
    memory_mb: float | None = None
    #: The last error that Meta answered with, and how long ago.
    last_code: int | None = None
    last_code_seconds: float | None = None


#: Of a worker of an earlier version, or one that has just begun.
NO_FACTS = WorkerFacts()


#: No measured figure is as large: one that is could not be shown, nor made a float.
_BEYOND: Final = 1e15


def read_facts(said: Any) -> WorkerFacts:
    """What a worker of whatever version said; what is of another shape is as if it had not."""
    if not isinstance(said, Mapping):
        return NO_FACTS
    known: dict[str, Any] = {
        one.name: said[one.name]
        for one in fields(WorkerFacts)
        if one.name != "binds" and _is_number(said.get(one.name))
    }
    binds = said.get("binds")
    if isinstance(binds, Mapping):
        known["binds"] = {key: why for key, why in binds.items() if isinstance(why, str)}
    if "last_code" in known:
        known["last_code"] = int(known["last_code"])
    return WorkerFacts(**known)


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -_BEYOND < value < _BEYOND  # false for what is no number (NaN), too


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that was heard of in the last hour and has not said goodbye."""

    id: str
    pid: int
    host: str
    #: Whether the database still believes its heartbeat.
    alive: bool
    version: str
    in_flight: int
    #: ISO 8601.
    started_at: str
    beat_age_seconds: float
    facts: WorkerFacts = NO_FACTS

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid}"

    def binds(self, number_id: str | None) -> Binds | None:
        """What bounds the pace of this number here; None: it does not say."""
        said = self.facts.binds.get(number_id or "")
        return Binds(said) if said in set(Binds) else None
