"""What the model knows: the database as it is, what Meta accepted, who decided what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.campaigns import add_number, phone
from wacampaign.core.callback_data import callback_data
from wacampaign.core.engine.ports import ClaimedRow, KnownOutcome, Settlement
from wacampaign.core.outcomes import Outcome, Scope, Verdict
from wacampaign.journal.dead_journals import DeadJournal
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.store import Store

Answer = TypeVar("Answer")

TABLES = (
    "send_queue, campaigns, messages, notifications, wacampaign_workers, wacampaign_claims, "
    "wacampaign_counts, wacampaign_lanes, wacampaign_runs, wacampaign_delivery, "
    "wacampaign_buckets, wacampaign_holds, wacampaign_events, wacampaign_pace, "
    "wacampaign_repairs, wacampaign_repair_rows, wacampaign_deleted_rows, message_status_logs, "
    "wacampaign_deliveries, wacampaign_delivery_counts, wacampaign_delivery_lags, "
    "wacampaign_logged_statuses, wacampaign_hearing"
)
#: As the backend's tables have them: a campaign goes with its rows, unless messages name it.
FOREIGN_KEYS = (
    "alter table send_queue add foreign key (campaign_id) references campaigns on delete cascade",
    "alter table messages add foreign key (campaign_id) references campaigns",
)
#: Header media that repairs replace.
OLD_MEDIA = "https://media.example.org/old.mp4"
#: Milliseconds of each wait: what is due depends on events, not on the speed of this machine.
AN_HOUR = 3_600_000
VERDICTS = {
    "refused": Verdict(Outcome.FAILED, code=131026, text="undeliverable"),
    "throttled": Verdict(Outcome.WAIT, code=130429, text="too fast", wait_ms=AN_HOUR),
    "again": Verdict(Outcome.RETRY, code=131000, text="again", wait_ms=AN_HOUR, max_retries=2),
    "opaque": Verdict(
        Outcome.FAILED,
        code=135000,
        text="Generic user error",
        hold_scope=Scope.TEMPLATE,
        hold_after=3,
        hold_cumulative=True,
    ),
    "lost": Verdict(Outcome.IN_DOUBT, text="no answer, may have been sent"),
}


class Row(NamedTuple):
    """A row of the queue at this moment."""

    status: str
    doubt: bool
    wamid: str | None
    campaign: str
    #: `processing`, and in the hands of no open claim.
    orphan: bool
    claim: str


@dataclass
class Claim:
    """A claim as its worker knows it: rows that it has not sent yet."""

    id: UUID
    limit: int
    rows: dict[str, ClaimedRow] = field(default_factory=dict)
    #: All rows it ever had.
    seen: set[str] = field(default_factory=set)
    known: bool = True
    begun: bool = False


@dataclass
class Worker:
    id: UUID
    claims: dict[UUID, Claim] = field(default_factory=dict)
    unsettled: list[Settlement] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    #: The journal, as a kill leaves it.
    journal: DeadJournal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = DeadJournal(str(self.id), [], original=True, complete=True, gone=True)

    def answered(self, row: ClaimedRow, verdict: Verdict) -> None:
        self.unsettled.append(Settlement(row, verdict, "a reason"))
        self.journal.answers[row.id, row.claim_id] = KnownOutcome(
            row.id, row.claim_id, str(verdict.outcome), verdict.wamid, verdict.code, verdict.text
        )


class World(RuleBasedStateMachine):
    """Two campaigns on one number, up to four workers, one Meta."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.store = Store(PostgresTransport(database))
        self.sql = psycopg.connect(database, autocommit=True)
        self.workers: list[Worker] = []
        self.dead: list[Worker] = []
        self.accepted: dict[str, list[str]] = {}
        #: Message id → what its statuses bring back.
        self.marks: dict[str, str] = {}
        #: Message ids that the database took, by row.
        self.told: dict[str, set[str]] = {}
        #: Row → messages that may be accepted, where somebody said "send it again".
        self.resent: dict[str, int] = {}
        #: Sent, and its answer was taken by the database.
        self.delivered: set[str] = set()
        #: Sent, as somebody said without a message id.
        self.said_sent: set[str] = set()
        self.campaigns: list[str] = []
        #: Campaign → rows that were ever put into the queue.
        self.enqueued: dict[str, int] = {}
        #: Campaigns that were called completed by a program that leaves no event.
        self.completed_by_others: dict[str, int] = {}
        self.ids = 0

    # --- ids, calls, time -----------------------------------------------------------------------

    def new_id(self) -> UUID:
        """The same in each repetition of a run, as the database orders rows by their ids."""
        self.ids += 1
        return UUID(int=self.ids)

    def run(self, work: Awaitable[Answer]) -> Answer:
        async def wait() -> Answer:
            return await work

        return self.loop.run(wait())

    def close(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        self.sql.close()

    def time_passes(self, *_: object) -> None:
        """Retries are due, slots are free, the ramps are over, what was counted is counted anew."""
        self.sql.execute(
            "update send_queue set next_retry_at = now() where next_retry_at is not null"
            " and not wacampaign_is_hours_mark(next_retry_at)"
        )
        self.sql.execute("update wacampaign_windows set counted_at = null")
        self.sql.execute(
            "update wacampaign_buckets set next_slot_at = now() - interval '1 s', rate = null"
        )
        self.sql.execute(
            "insert into wacampaign_lanes (campaign_id, whatsapp_number_id, template_name, "
            "run_accepted) select c.id, n.id, t.name, 5 from campaigns c, whatsapp_numbers n, "
            "templates t where t.whatsapp_number_id = n.id "
            "on conflict (campaign_id, whatsapp_number_id, template_name) "
            "do update set run_accepted = 5"
        )

    def doubts_have_waited(self) -> None:
        """Ten minutes have gone by in which nothing was settled."""
        self.sql.execute(
            "update send_queue set in_doubt_since = now() - interval '11 minutes' "
            "where in_doubt_since is not null"
        )
        self.sql.execute(
            "update send_queue set updated_at = now() - interval '11 minutes' "
            "where status = 'processing'"
        )
        self.sql.execute(
            "update wacampaign_runs set last_settled_at = now() - interval '11 minutes'"
        )

    # --- campaigns and rows -----------------------------------------------------------------------

    def fill_anew(self) -> None:
        self.sql.execute(f"truncate {TABLES}, whatsapp_numbers, templates cascade")
        self.number = self.run(add_number(self.store, rate=100_000, templates=("one", "two")))
        for n in (6, 30):
            campaign = str(self.new_id())
            self.campaigns.append(campaign)
            self.run(
                self.store.call(
                    "create",
                    id=campaign,
                    name="test",
                    number_id=self.number,
                    templates=["one", "two"],
                    total=n,
                    invalid=0,
                    actor="test",
                )
            )
            self.enqueue(campaign, n)
            self.run(self.store.call("filled", campaign_id=campaign, actor="test"))
            self.run(Campaigns(self.store).set_status(campaign, "start", "test"))
        self.time_passes()

    def enqueue(self, campaign: str, n: int) -> None:
        rows = [str(self.new_id()) for _ in range(n)]
        for _ in range(2):
            self.run(
                self.store.call(
                    "enqueue",
                    campaign_id=campaign,
                    number_id=self.number,
                    ids=rows,
                    phones=[phone(UUID(row).int) for row in rows],
                    templates=["one" if i % 2 else "two" for i in range(n)],
                    payloads=[f'{{"var1": "{OLD_MEDIA}"}}'] * n,
                )
            )
        self.enqueued[campaign] = self.enqueued.get(campaign, 0) + n

    def campaign(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.campaigns), label="campaign")

    def states(self) -> dict[str, Row]:
        return {
            str(row): Row(status, doubt, wamid, str(campaign), orphan, str(claim))
            for row, status, doubt, wamid, campaign, orphan, claim in self.sql.execute(
                "select q.id, q.status, q.in_doubt_since is not null, q.whatsapp_message_id, "
                "q.campaign_id, q.status = 'processing' and q.in_doubt_since is null "
                "and not exists (select 1 from wacampaign_claims c "
                "where c.id = q.claim_id and c.closed_at is null), q.claim_id "
                "from send_queue q order by q.id"
            )
        }

    def row(self, data: st.DataObject, *statuses: str) -> str | None:
        """Some row, of these statuses if any are named."""
        rows = [r for r, state in self.states().items() if state.status in statuses or not statuses]
        return data.draw(st.sampled_from(rows), label="row") if rows else None

    def status_of(self, campaign: str) -> str | None:
        row = self.sql.execute("select status from campaigns where id = %s", [campaign]).fetchone()
        return None if row is None else str(row[0])

    def send_again(self, row: str) -> None:
        """Somebody decided that a row is sent once more, though it may have been."""
        in_hand = sum(
            claim.begun and row in claim.rows
            for worker in self.workers
            for claim in worker.claims.values()
        )
        self.resent[row] = len(self.accepted.get(row, [])) + in_hand + 1

    def meta_accepts(self, row: str, claim: str | None = None) -> str:
        """`claim`: of the attempt, when it is one of ours."""
        wamid = f"wamid.{self.new_id()}"
        if claim is not None:
            self.marks[wamid] = callback_data(row, claim)
        self.accepted.setdefault(row, []).append(wamid)
        return wamid

    def value(self, query: str, *params: Any) -> Any:
        found = self.sql.execute(query.encode(), params).fetchone()
        assert found is not None
        return found[0]
