"""Doubts that need no person: journals on this machine and the backend's own messages are asked.

A worker asks the journals of those that are gone, before and while it works; a command asks both.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from wacampaign.core.engine.ports import DatabaseAway, EventLog
from wacampaign.core.words import rows, short_id
from wacampaign.journal.dead_journals import DeadJournal, dead_journals, known_outcomes
from wacampaign.operations.campaigns import actor
from wacampaign.problems import Problem
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

#: Facts a call: small enough for a REST body.
FACTS_A_CALL: Final = 1_000
#: Seconds between two looks for journals of workers that died meanwhile.
LOOK_SECONDS: Final = 10.0


async def settle_what_is_known(
    store: Store, home: Path, campaign_ids: Sequence[str], tell: Callable[[str], None]
) -> bool:
    """Settles what the journals of dead workers and the messages of these campaigns prove.

    `tell` hears a sentence for each. Writes over nothing that is known, sends nothing. Returns
    whether anything was settled; never raises for a journal that cannot be read.
    """
    settled = await _read_journals(store, home, tell)
    stuck = StuckCampaigns(store)
    for campaign_id in campaign_ids:
        if n := await stuck.settle_by_messages(campaign_id, actor()):
            tell(f"{short_id(campaign_id)}: {rows(n)} turned out to be accepted, as messages tell")
            settled = True
    return settled


def has_journals(home: Path) -> bool:
    """Whether there are journals here, of dead workers or of living ones."""
    return any((home / "journals").glob("*.journal"))


async def _read_journals(store: Store, home: Path, tell: Callable[[str], None]) -> bool:
    def tell_of(event: str, **fields: Any) -> None:
        journal = f"the journal of worker {short_id(str(fields['dead_worker']))}"
        if event == "journal_read":
            tell(
                f"{journal} was read: {fields['sent']:,} accepted, "
                f"{fields['failed']:,} refused, {fields['unsent']:,} never sent"
            )
        else:
            tell(f"{journal} is kept: {fields['error']}")

    if not has_journals(home):
        return False
    try:
        return await recover_journals(home, store, uuid4(), tell_of) > 0
    except OSError as error:
        tell(f"the journals in {home} cannot be read: {error.strerror or error}")
        return False


async def recover_while_working(home: Path, store: Store, worker_id: UUID, log: EventLog) -> None:
    """Reads journals again and again, until cancelled.

    Beside the heartbeat, not in it: thousands of facts take longer than a worker may be silent.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await recover_journals(home, store, worker_id, log)
        except Exception as error:
            # Whatever it was: this worker's own sending goes on, and the next look comes.
            log("recovery_failed", level="warning", error=error)


async def recover_journals(home: Path, store: Store, worker_id: UUID, log: EventLog) -> int:
    """Settles what the journals on this machine prove. Returns the number of journals read.

    A worker that the database knows to live is left alone, unless its process is seen to be gone.
    A journal goes only after the database has its facts, so a kill in between repeats the work.
    Raises `DatabaseAway`.
    """
    read = 0
    living: set[str] | None = None
    for dead in dead_journals(home, worker_id):
        try:
            if not dead.gone:
                if living is None:
                    workers = (await Campaigns(store).stats([])).workers
                    living = {worker.id for worker in workers if worker.alive}
                if dead.worker_id in living:
                    # Its machine shares this folder, or this is a copy of its journal.
                    continue
            dead.read()
            counts = await _recover(store, worker_id, dead)
        except DatabaseAway:
            raise
        except (Problem, OSError) as problem:
            # Kept for a person; this worker has work to do.
            log("journal_not_read", level="warning", dead_worker=dead.worker_id, error=problem)
            continue
        dead.remove()
        read += 1
        log("journal_read", dead_worker=dead.worker_id, **counts, proves_only=dead.proves_only)
    return read


async def _recover(store: Store, worker_id: UUID, dead: DeadJournal) -> dict[str, Any]:
    # By name only if it is certainly gone: of any other the database judges by its heartbeats.
    given_up = await Workers(store).reap([dead.worker_id] if dead.gone else [])
    # A copy says nothing about doubts: the original may still be asked.
    doubts = await Workers(store).doubts(dead.worker_id) if dead.original else []
    facts = known_outcomes(dead, doubts)
    counts: dict[str, Any] = {"sent": 0, "failed": 0, "unsent": 0, "accepted_twice": 0}
    for start in range(0, len(facts), FACTS_A_CALL):
        answer = await WorkQueue(store).recover(worker_id, facts[start : start + FACTS_A_CALL])
        counts = {key: counts[key] + int(answer[key]) for key in counts}
    return {"given_up": given_up["in_doubt"], **counts}
