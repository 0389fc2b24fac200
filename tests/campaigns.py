"""Campaigns for tests, made through the same functions that the tool uses."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg

from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.state import Campaign, read_stats
from wacampaign.core.engine.ports import ClaimedRow, Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Answer = TypeVar("Answer")
#: The database's answer about a campaign of which nothing is known but that it runs.
RUNNING: dict[str, Any] = {
    "id": "c", "name": "c", "status": "running", "pause_reason": None, "total_contacts": 0,
    "counts": Counts(*[0] * 7).by_name(), "oldest_ready_seconds": None, "rate_per_second": 0.0,
    "errors": [], "templates": [], "number": {"display_name": None}, "holds": [],
    "never_enqueued": 0, "deleted": 0, "others": [], "start_time": None, "end_time": None,
    "scheduled_start_time": None, "guarded": True, "next_retry_at": None, "far_away": "9999-12-30",
}  # fmt: skip
BODY_TEMPLATE = [{"type": "BODY", "text": "Hello {{1}}"}]


def campaign_at(**answer: Any) -> Campaign:
    """A campaign as the database may tell of it."""
    answer = {"at": "2026-11-26T13:00:00Z", "campaigns": [RUNNING | answer], "workers": []}
    return read_stats(answer).campaigns[0]


def run(open_test_store: OpenStore, scenario: Callable[[Store], Awaitable[Answer]]) -> Answer:
    """Plays a scenario with a store of its own; what it answers."""

    async def play() -> Answer:
        store = open_test_store()
        try:
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(play())


def run_on(database: str, scenario: Callable[[Store], Awaitable[Answer]]) -> Answer:
    """Plays a scenario with a store of its own on that database, by a direct connection."""
    return run(lambda: Store(PostgresTransport(database)), scenario)


async def worker(store: Store) -> UUID:
    """A worker that has registered."""
    worker_id = uuid4()
    await Workers(store).register(worker_id, "host", 1, "0")
    return worker_id


def phone(n: int) -> str:
    """The n-th recipient: 15 digits of a country code that nobody has (+999)."""
    return f"999{n:012d}"


async def add_number(
    store: Store,
    *,
    rate: int = 1000,
    phone_number_id: str | None = None,
    waba_id: str = "2000000001",
    token: str | None = "test-token",
    templates: Sequence[str] = ("hello",),
) -> str:
    """A number with its (one-variable) templates; returns its id in the database."""
    added = await store.call(
        "number_add",
        phone_number_id=phone_number_id or str(uuid4().int)[:15],
        waba_id=waba_id,
        number=str(uuid4().int)[:14],
        display_name="test number",
        verified_name=None,
        quality_rating="GREEN",
        access_token=token,
        rate=rate,
        actor="test",
    )
    await store.call(
        "put_templates",
        number_id=added["id"],
        templates=json.dumps(
            [
                {
                    "id": str(i),
                    "name": name,
                    "language": "en",
                    "status": "APPROVED",
                    "category": "MARKETING",
                    "components": BODY_TEMPLATE,
                    "parameter_format": "POSITIONAL",
                }
                for i, name in enumerate(templates)
            ]
        ),
        actor="test",
    )
    return str(added["id"])


async def add_campaign(
    store: Store,
    number_id: str,
    rows: int,
    *,
    name: str = "test campaign",
    templates: Sequence[str] = ("hello",),
    total: int | None = None,
    start: bool = True,
    first_phone: int = 0,
) -> str:
    """A campaign with so many rows, dealt out to its templates; returns its id."""
    # Tests write its beginning as `[:8]`, which is another one where all are digits.
    campaign_id = next(one for one in map(str, iter(uuid4, None)) if not one[:8].isdecimal())
    await store.call(
        "create",
        id=campaign_id,
        name=name,
        number_id=number_id,
        templates=list(templates),
        total=rows if total is None else total,
        invalid=0,
        actor="test",
    )
    base = uuid4().int & ~((1 << 64) - 1)
    for begin in range(0, rows, 5000):
        part = range(begin, min(rows, begin + 5000))
        await store.call(
            "enqueue",
            campaign_id=campaign_id,
            number_id=number_id,
            ids=[str(uuid.UUID(int=base + i)) for i in part],
            phones=[phone(first_phone + i) for i in part],
            templates=[templates[i % len(templates)] for i in part],
            payloads=[json.dumps({"var1": f"person {i}"}) for i in part],
        )
    if total is None or total <= rows:
        await store.call("filled", campaign_id=campaign_id, actor="test")
    if start:
        await Campaigns(store).set_status(campaign_id, "start", "test")
    return campaign_id


async def past_ramp(store: Store, worker: UUID, campaign_id: str) -> int:
    """Sends the ramp's five messages; returns how many were sent."""
    sent = 0
    while sent < 5:
        claim = await WorkQueue(store).claim(worker, uuid4(), 50, campaign_ids=[campaign_id])
        if not claim.rows:
            break
        await WorkQueue(store).begin(worker, claim.rows[0].claim_id)
        answer = await WorkQueue(store).settle(worker, accepted(claim.rows))
        sent += answer.settled
    return sent


def accepted(rows: Sequence[ClaimedRow]) -> list[Settlement]:
    return [
        Settlement(row, Verdict(Outcome.SENT, wamid=f"wamid.{row.id}.{row.claim_id}"))
        for row in rows
    ]


async def counts(store: Store, campaign_id: str) -> dict[str, int]:
    (campaign,) = (await Campaigns(store).stats([campaign_id])).campaigns
    return campaign.counts.by_name()


def as_found(sql: psycopg.Connection[Any], statement: str, params: Any = None) -> Any:
    """Executes what another program wrote before there was a guard: a database may hold that."""
    with sql.transaction():
        for table in ("send_queue", "campaigns"):
            sql.execute(f"alter table {table} disable trigger user".encode())
        # The counts are kept all the same.
        sql.execute("alter table send_queue enable trigger wacampaign_count_update")
        sql.execute("alter table campaigns enable trigger wacampaign_campaign_started")
        result = sql.execute(statement.encode(), params)
        rows = result.fetchall() if result.description else result.rowcount
        for table in ("send_queue", "campaigns"):
            sql.execute(f"alter table {table} enable trigger user".encode())
    return rows
