"""The queue as a worker sees it (`core.engine.ports.Queue`): one method an SQL function."""

import math
from collections.abc import Sequence
from uuid import UUID

from wacampaign.core.campaign.completion import CompletionVerdict
from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.claim_size import AHEAD_MS
from wacampaign.core.engine.database_clock import DatabaseClock
from wacampaign.core.engine.deadlines import LEASE_SECONDS
from wacampaign.core.engine.ports import (
    CampaignWork,
    ClaimAnswer,
    ClaimedRow,
    KnownOutcome,
    SendingNumber,
    SettleAnswer,
    Settlement,
)
from wacampaign.core.optouts import REST_HOURS
from wacampaign.core.reading import read
from wacampaign.store.store import Store


class WorkQueue:
    """Claims rows, guards and settles them, completes campaigns. Every call may be repeated.

    An outage is a `DatabaseAway`.
    """

    def __init__(
        self,
        store: Store,
        *,
        in_doubt_minutes: float = IN_DOUBT_MINUTES,
        status_wait_seconds: float = 0.0,
        rest_hours: float = REST_HOURS,
    ) -> None:
        self.idle_poll_seconds = store.transport.idle_poll_seconds
        self._store = store
        self._in_doubt_minutes = in_doubt_minutes
        # Left out where there is none: a schema from before knows no such wait.
        self._ramp = (
            {"status_wait_ms": round(status_wait_seconds * 1000)} if status_wait_seconds else {}
        )
        self._rest_hours = rest_hours
        #: The database's clock as the claims found it.
        self._clock = DatabaseClock()

    async def wait_for_work(self, seconds: float) -> None:
        """Returns when a campaign was started, or after `seconds`."""
        await self._store.transport.wait_for_work(seconds)

    async def claim(
        self,
        worker_id: UUID,
        claim_id: UUID,
        limit: int,
        *,
        ahead_ms: int = AHEAD_MS,
        lead_ms: int = 0,
        beside_ms: int = 0,
        campaign_ids: Sequence[str] | None = None,
        stalled: Sequence[tuple[str, str]] = (),
    ) -> ClaimAnswer:
        """Claims at most `limit` rows with slots between `lead_ms` and `ahead_ms` from now (ms).

        Beside other workers none sooner than `beside_ms`.
        """
        sent = boot_seconds()
        answer = await self._store.call(
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
            **self._ramp,
        )
        at = answer["at"]
        self._clock.learn(sent=sent, received=boot_seconds(), began=answer["began"], at=at)
        now = self._clock.here(at)
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
                CampaignWork(c["id"], int(c["unsent"]), int(c["in_flight"]), c.get("planned"))
                for c in answer["campaigns"]
            ],
            rates=answer["rates"],
            alone_at=sent if answer["alone"] else None,
        )

    async def begin(self, worker_id: UUID, claim_id: str) -> frozenset[str] | None:
        """The fence before the first message: campaigns that no longer run, or None if lost."""
        answer = await self._store.call("begin", worker_id=str(worker_id), claim_id=claim_id)
        return frozenset(answer["stopped"]) if answer["ok"] else None

    async def release(self, worker_id: UUID, rows: Sequence[ClaimedRow]) -> int:
        """Gives rows back that were certainly not sent. Returns how many were still ours."""
        answer = await self._store.call(
            "release",
            worker_id=str(worker_id),
            ids=[row.id for row in rows],
            claim_ids=[row.claim_id for row in rows],
        )
        return int(answer["released"])

    async def settle(self, worker_id: UUID, batch: Sequence[Settlement]) -> SettleAnswer:
        """Writes outcomes, each to its own row, if this worker's claim still holds it."""
        verdicts = [one.verdict for one in batch]
        any_held = any(v.held_back for v in verdicts)
        answer = await self._store.call(
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
            # Rarely any; a schema from before knows none.
            **({"held": [int(v.held_back) for v in verdicts]} if any_held else {}),
            # An earlier schema knows no hours.
            **({} if self._rest_hours == REST_HOURS else {"rest_hours": self._rest_hours}),
        )
        return SettleAnswer(
            settled=int(answer["settled"]),
            lost=frozenset(answer["lost"]),
            stopped_campaigns=frozenset(answer["stopped_campaigns"]),
            held=tuple((h["number"], h["template"]) for h in answer["held"]),
        )

    async def recover(self, worker_id: UUID, evidence: Sequence[KnownOutcome]) -> dict[str, int]:
        """Turns doubts into facts; writes over nothing that is known."""
        return await self._store.call(
            "recover",
            worker_id=str(worker_id),
            ids=[e.row_id for e in evidence],
            claim_ids=[e.claim_id for e in evidence],
            outcomes=[e.outcome for e in evidence],
            wamids=[e.wamid for e in evidence],
            codes=[e.code for e in evidence],
            texts=[e.text for e in evidence],
        )

    async def complete(self, campaign_id: str, actor: str) -> CompletionVerdict:
        """Asks the completion guard."""
        answer = await self._store.call(
            "complete",
            campaign_id=campaign_id,
            actor=actor,
            in_doubt_minutes=self._in_doubt_minutes,
        )
        return read(CompletionVerdict, answer)

    async def sending(self, number_ids: Sequence[str]) -> list[SendingNumber]:
        """Tokens of numbers, and the templates of the campaigns that run from them."""
        answer = await self._store.call_list("sending", number_ids=list(number_ids))
        return [
            read(
                SendingNumber,
                n,
                # An earlier schema knows no language of a campaign: one template a name for all.
                templates={
                    (t.get("campaign"), t["name"]): t for t in n.get("sends", n["templates"])
                },
            )
            for n in answer
        ]
