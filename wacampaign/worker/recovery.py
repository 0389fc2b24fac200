"""Reads the journals of workers that are gone, before and while this one works."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from wacampaign.core.ports import DatabaseAway, EventLog
from wacampaign.problems import Busy, Problem, Unreachable
from wacampaign.store.store import Store
from wacampaign.worker.journal import DeadJournal, dead_journals, evidence_of

#: Facts a call: small enough for a REST body.
FACTS_A_CALL = 1_000


async def recover_journals(home: Path, store: Store, worker_id: UUID, log: EventLog) -> int:
    """Settles what the journals on this machine prove. Returns the number of journals read.

    A journal goes only after the database has its facts, so a kill in between repeats the work.
    Raises `Unreachable`, `Busy` or `DatabaseAway`.
    """
    read = 0
    for dead in dead_journals(home, worker_id):
        try:
            if not dead.complete and await _is_alive(store, dead.worker_id):
                # Its machine shares this folder, and the lock is known over there only.
                continue
            told = await _recover(store, worker_id, dead)
        except (DatabaseAway, Unreachable, Busy):
            raise
        except Problem as problem:
            # Kept for a person; this worker has work to do.
            log("journal_not_read", level="warning", dead_worker=dead.worker_id, error=problem)
            continue
        for path in dead.paths:
            path.unlink(missing_ok=True)
        read += 1
        log("journal_read", dead_worker=dead.worker_id, **told)
    return read


async def _is_alive(store: Store, worker_id: str) -> bool:
    workers = (await store.stats([]))["workers"]
    return any(one["id"] == worker_id and one["alive"] for one in workers)


async def _recover(store: Store, worker_id: UUID, dead: DeadJournal) -> dict[str, Any]:
    given_up = await store.reap([dead.worker_id])
    facts = evidence_of(dead, await store.doubts(dead.worker_id))
    told: dict[str, Any] = {"sent": 0, "failed": 0, "unsent": 0, "accepted_twice": 0}
    for start in range(0, len(facts), FACTS_A_CALL):
        answer = await store.recover(worker_id, facts[start : start + FACTS_A_CALL])
        told = {key: told[key] + int(answer[key]) for key in told}
    return {"given_up": given_up["in_doubt"], **told}
