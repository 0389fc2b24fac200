"""The queue over any transport: one typed method an SQL function, one behaviour."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wacampaign.core.boot_clock import boot_seconds
from wacampaign.core.database_clock import DatabaseClock
from wacampaign.core.ports import (
    CampaignWork,
    ClaimAnswer,
    ClaimedRow,
    CompletionVerdict,
    DatabaseAway,
    Evidence,
    SendingNumber,
    SettleAnswer,
    Settlement,
)
from wacampaign.problems import Busy, Unreachable
from wacampaign.store.transport import Transport

#: Seconds a command goes on repeating a call that found the database away: long enough for a
#: dropped connection or a restart of the pooler, short enough for a person who waits.
PATIENCE_SECONDS = 4.0
#: First pause between two attempts, in seconds; doubles, with jitter.
FIRST_PAUSE_SECONDS = 0.1
#: Seconds a claim may be held before its rows are given up: four times the HTTP time limit, so
#: that only a worker that lost its claim or stands still meets it.
LEASE_SECONDS = 120
#: Minutes that rows in doubt may be all that is left before a campaign completes with a note.
IN_DOUBT_MINUTES = 10
#: Failed rows a page: the most that the database hands out at once.
FAILED_PAGE = 1000
#: Failed rows made ready by one call: some hundred milliseconds, REST allows 8 s.
RETRY_STEP = 5000


class Store:
    """Calls the database's functions; repeats what found the database away (all are repeatable)."""

    def __init__(
        self,
        transport: Transport,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        in_doubt_minutes: float = IN_DOUBT_MINUTES,
    ) -> None:
        self.transport = transport
        self.idle_poll_seconds = transport.idle_poll_seconds
        self.in_doubt_minutes = in_doubt_minutes
        #: Calls made so far, for the bench and for `--log-level debug`.
        self.calls = 0
        #: The database's clock as the claims of this store found it.
        self.clock = DatabaseClock()
        self._patience = patience_seconds

    async def call(self, function: str, **params: Any) -> Any:
        """Calls `wacampaign_<function>`; see `Transport.call` for what it raises."""
        deadline = time.monotonic() + self._patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            self.calls += 1
            try:
                return await self.transport.call(function, params)
            except (Unreachable, Busy):
                if time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 2.0)

    async def close(self) -> None:
        """Gives the connections back."""
        await self.transport.close()

    async def wait_for_work(self, seconds: float) -> None:
        """Returns when a campaign was started, or after `seconds`."""
        await self.transport.wait_for_work(seconds)

    # --- worker -------------------------------------------------------------------------------

    async def register(self, worker_id: UUID, host: str, pid: int, version: str) -> dict[str, int]:
        """Announces a worker; gives up what dead ones held. Returns rows released and in doubt."""
        answer: dict[str, int] = await self.call(
            "register", worker_id=str(worker_id), host=host, pid=pid, version=version
        )
        return answer

    async def heartbeat(self, worker_id: UUID, in_flight: int) -> dict[str, Any]:
        """Says that the worker lives. `known` is False when it was given up as dead."""
        answer: dict[str, Any] = await self.call(
            "heartbeat", worker_id=str(worker_id), in_flight=in_flight
        )
        return answer

    async def goodbye(self, worker_id: UUID) -> None:
        """The worker ends; what it still holds is given up."""
        await self.call("goodbye", worker_id=str(worker_id))

    async def reap(self, dead: Sequence[str]) -> dict[str, int]:
        """Gives up what these workers (known to be dead) and other dead ones held."""
        answer: dict[str, int] = await self.call("reap", dead=list(dead))
        return answer

    async def doubts(self, worker_id: str) -> list[tuple[str, str]]:
        """Row and claim ids in doubt because this worker died."""
        answer = await self.call("doubts", worker_id=worker_id)
        return [(row["id"], row["claim"]) for row in answer]

    async def claim(
        self,
        worker_id: UUID,
        claim_id: UUID,
        limit: int,
        *,
        ahead_ms: int = 1000,
        lead_ms: int = 0,
        beside_ms: int = 0,
        campaign_ids: Sequence[str] | None = None,
        stalled: Sequence[tuple[str, str]] = (),
    ) -> ClaimAnswer:
        """Claims at most `limit` rows with slots between `lead_ms` and `ahead_ms` from now (ms).

        Beside other workers none sooner than `beside_ms`.
        """
        sent = boot_seconds()
        answer = await self._queue_call(
            "claim",
            worker_id=str(worker_id),
            claim_id=str(claim_id),
            limit=limit,
            ahead_ms=ahead_ms,
            lease_seconds=LEASE_SECONDS,
            campaign_ids=None if campaign_ids is None else list(campaign_ids),
            stalled_numbers=[number for number, _ in stalled],
            stalled_templates=[template for _, template in stalled],
            lead_ms=lead_ms,
            beside_ms=beside_ms,
        )
        at = answer["at"]
        self.clock.learn(sent=sent, received=boot_seconds(), began=answer["began"], at=at)
        now = self.clock.here(at)
        if now is None:
            now = -math.inf
        claim = str(claim_id)
        return ClaimAnswer(
            rows=[
                ClaimedRow(
                    row["id"],
                    claim,
                    row["campaign"],
                    row["number"],
                    row["template"],
                    row["phone"],
                    row["payload"],
                    now + row["slot_ms"] / 1000,
                )
                for row in answer["rows"]
            ],
            next_ms=answer["next_ms"],
            campaigns=[
                CampaignWork(c["id"], int(c["unsent"]), int(c["in_flight"]))
                for c in answer["campaigns"]
            ],
            rates=answer["rates"],
            alone_at=sent if answer["alone"] else None,
        )

    async def begin(self, worker_id: UUID, claim_id: str) -> frozenset[str] | None:
        """The fence before the first message: campaigns that no longer run, or None if lost."""
        answer = await self._queue_call("begin", worker_id=str(worker_id), claim_id=claim_id)
        return frozenset(answer["stopped"]) if answer["ok"] else None

    async def release(self, worker_id: UUID, rows: Sequence[ClaimedRow]) -> int:
        """Gives rows back that were certainly not sent. Returns how many were still ours."""
        answer = await self._queue_call(
            "release",
            worker_id=str(worker_id),
            ids=[row.id for row in rows],
            claim_ids=[row.claim_id for row in rows],
        )
        return int(answer["released"])

    async def settle(self, worker_id: UUID, batch: Sequence[Settlement]) -> SettleAnswer:
        """Writes outcomes, each to its own row, if this worker's claim still holds it."""
        verdicts = [one.verdict for one in batch]
        answer = await self._queue_call(
            "settle",
            worker_id=str(worker_id),
            ids=[one.row.id for one in batch],
            claim_ids=[one.row.claim_id for one in batch],
            outcomes=[str(v.outcome) for v in verdicts],
            wamids=[v.wamid for v in verdicts],
            codes=[v.code for v in verdicts],
            texts=[v.text for v in verdicts],
            wait_ms=[v.wait_ms for v in verdicts],
            max_retries=[v.max_retries for v in verdicts],
            slow=[int(v.slow_number) for v in verdicts],
            hold_scopes=[None if v.hold_scope is None else str(v.hold_scope) for v in verdicts],
            hold_after=[v.hold_after for v in verdicts],
            hold_cumulative=[int(v.hold_cumulative) for v in verdicts],
            hold_seconds=[v.hold_seconds for v in verdicts],
            reasons=[one.reason for one in batch],
        )
        return SettleAnswer(
            settled=int(answer["settled"]),
            lost=frozenset(answer["lost"]),
            stopped_campaigns=frozenset(answer["stopped_campaigns"]),
            held=tuple((h["number"], h["template"]) for h in answer["held"]),
        )

    async def recover(self, worker_id: UUID, evidence: Sequence[Evidence]) -> dict[str, int]:
        """Turns doubts into facts; writes over nothing that is known."""
        answer: dict[str, int] = await self._queue_call(
            "recover",
            worker_id=str(worker_id),
            ids=[e.row_id for e in evidence],
            claim_ids=[e.claim_id for e in evidence],
            outcomes=[e.outcome for e in evidence],
            wamids=[e.wamid for e in evidence],
            codes=[e.code for e in evidence],
            texts=[e.text for e in evidence],
        )
        return answer

    async def complete(self, campaign_id: str, actor: str) -> CompletionVerdict:
        """Asks the completion guard."""
        answer = await self._queue_call(
            "complete",
            campaign_id=campaign_id,
            actor=actor,
            in_doubt_minutes=self.in_doubt_minutes,
        )
        return CompletionVerdict(**answer)

    async def sending(self, number_ids: Sequence[str]) -> list[SendingNumber]:
        """Tokens and templates of numbers."""
        answer = await self._queue_call("sending", number_ids=list(number_ids))
        return [
            SendingNumber(
                n["id"],
                n["phone_number_id"],
                n["access_token"],
                {t["name"]: t for t in n["templates"]},
            )
            for n in answer
        ]

    async def _queue_call(self, function: str, **params: Any) -> Any:
        """As `call`, with an outage in the core's own word."""
        try:
            return await self.call(function, **params)
        except (Unreachable, Busy) as away:
            raise DatabaseAway(away.message) from away

    # --- campaigns ----------------------------------------------------------------------------

    async def find(self, text: str) -> list[dict[str, Any]]:
        """Campaigns that `text` may mean: id, beginning of an id, or exact name."""
        answer: list[dict[str, Any]] = await self.call("find", text=text)
        return answer

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        """The newest campaigns (id, name, status), whatever their state."""
        answer: list[dict[str, Any]] = await self.call("recent", limit=limit)
        return answer

    async def stats(self, campaign_ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Counts, rates, errors and workers; of all campaigns that are not over without ids."""
        answer: dict[str, Any] = await self.call(
            "stats", campaign_ids=None if campaign_ids is None else list(campaign_ids)
        )
        return answer

    async def set_status(
        self, campaign_id: str, action: str, actor: str, reason: str | None = None
    ) -> dict[str, Any]:
        """start, pause, resume or cancel. `changed` is False when it was so already."""
        answer: dict[str, Any] = await self.call(
            "set_status", campaign_id=campaign_id, action=action, actor=actor, reason=reason
        )
        return answer

    async def audit(self, campaign_id: str) -> dict[str, Any]:
        """Recounts a campaign from its rows and messages."""
        answer: dict[str, Any] = await self.call("audit", campaign_id=campaign_id)
        # In parts: each stays below the 8 s of REST at a million rows.
        for part in ("audit_messages", "audit_recipients"):
            answer.update(await self.call(part, campaign_id=campaign_id))
        answer["duplicates"] = answer["twice_by_row"] + answer["unowned"]
        answer["ok"] = answer["ok"] and not answer["unowned"]
        return answer

    # --- failed rows --------------------------------------------------------------------------

    async def failures(self, campaign_id: str) -> list[dict[str, Any]]:
        """Failed rows by code: count, how many had been accepted, one text; most first."""
        answer: list[dict[str, Any]] = await self.call("failures", campaign_id=campaign_id)
        return answer

    async def failed_rows(
        self, campaign_id: str, code: int, *, after: str | None = None, limit: int = FAILED_PAGE
    ) -> list[dict[str, Any]]:
        """A page of the failed rows of one code (0: without a code), in the order of their ids."""
        answer: list[dict[str, Any]] = await self.call(
            "failed_rows", campaign_id=campaign_id, code=code, after=after, limit=limit
        )
        return answer

    async def retry_failed(
        self,
        campaign_id: str,
        code: int,
        actor: str,
        *,
        after: str | None = None,
        limit: int = RETRY_STEP,
    ) -> dict[str, Any]:
        """Makes at most `limit` failed rows of one code ready; `last` goes into the next call.

        Rows that were ever accepted are left alone. A completed campaign runs again if any row
        was made ready. Raises `Refused` when it was cancelled.
        """
        answer: dict[str, Any] = await self.call(
            "retry_failed",
            campaign_id=campaign_id,
            code=code,
            after=after,
            limit=limit,
            actor=actor,
        )
        return answer
