"""The worker's calls cost what they hand out, not what the queue holds, whatever statistics say.

Scans and rows are read from PostgreSQL's own counters inside the calling transaction, pages from
`explain (analyze, buffers)` of the call, which includes what the function did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.database.backends import Connection
from tests.database.protocol import PROTOCOL
from tests.servers import PostgresServer
from wacampaign.store.functions import functions

ROWS = 60_000
#: Rows of each of the two campaigns that wait for their retry, far in the future.
WAITING = 10_000
BATCH = 200

STATISTICS = {
    "never analysed": ("", ""),
    "analysed when empty": ("analyze", ""),
    "analysed when full": ("", "analyze"),
}


@dataclass
class Cost:
    """What one call did to send_queue."""

    answer: Any
    sequential_scans: int
    rows_read: int


class Queue:
    """A filled queue and a worker's calls to it."""

    def __init__(self, connection: Connection, rows: int) -> None:
        self.connection = connection
        self.worker = uuid4()
        self.number, self.campaigns = uuid4(), [uuid4(), uuid4()]
        connection.execute(
            "insert into whatsapp_numbers (id, number, max_send_rate_per_sec)"
            " values (%s, '99900', 1000)",
            (self.number,),
        )
        for campaign in self.campaigns:
            connection.execute(
                "insert into campaigns (id, name, whatsapp_number_id, template_names,"
                " total_contacts, status) values (%s, 'c', %s, '{a,b}', %s, 'running')",
                (campaign, self.number, rows // 2),
            )
            for template in "ab":
                connection.execute(
                    "insert into wacampaign_lanes (campaign_id, whatsapp_number_id,"
                    " template_name, run_accepted) values (%s, %s, %s, 100)",
                    (campaign, self.number, template),
                )
            connection.execute(
                "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
                " payload, created_at, next_retry_at)"
                " select %(campaign)s, %(number)s, chr(97 + g %% 2), '999' || g,"
                """ '{"var1": "somebody"}', now() - interval '1 hour' + g * interval '1 ms',"""
                # The oldest rows are those that wait: they must not be in the way.
                " case when g <= %(waiting)s"
                "      then now() + interval '1 day' + g * interval '1 ms' end"
                " from generate_series(1, %(rows)s) g",
                {
                    "campaign": campaign,
                    "number": self.number,
                    "waiting": min(WAITING, rows // 6),
                    "rows": rows // 2,
                },
            )
        self.call("register", worker_id=self.worker, host="h", pid=1, version="0")

    def call(self, function: str, **params: Any) -> Cost:
        statement, connection = self._statement(function, params), self.connection
        with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
            before = self._scans()
            cursor.execute(
                f"create temp table answer on commit drop as {statement} as a".encode(), params
            )
            after = self._scans()
            (answer,) = cursor.execute("select a from answer").fetchone() or (None,)
        return Cost(answer, after[0] - before[0], after[1] - before[1])

    def pages(self, function: str, **params: Any) -> int:
        """The pages that the call touches. Rolled back, so it can be made again."""
        statement, connection = self._statement(function, params), self.connection
        with (
            connection.transaction(force_rollback=True),
            psycopg.ClientCursor(connection) as cursor,
        ):
            cursor.execute(
                f"explain (analyze, buffers, timing off, format json) {statement}".encode(), params
            )
            (plan,) = cursor.fetchone() or (None,)
        found = plan[0]["Plan"]
        return int(found["Shared Hit Blocks"]) + int(found["Shared Read Blocks"])

    def _statement(self, function: str, params: dict[str, Any]) -> str:
        types = functions()[function].parameters
        arguments = ", ".join(f"p_{key} => %({key})s::{types[key]}" for key in params)
        return f"select public.wacampaign_{function}({arguments})"

    def _scans(self) -> tuple[int, int]:
        row = self.connection.execute(
            "select seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0)"
            " from pg_stat_xact_user_tables where relid = 'send_queue'::regclass"
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def cheap(self, rows: int, function: str, **params: Any) -> Any:
        """Calls; fails if it scanned the queue or read more than so many of its rows."""
        cost = self.call(function, **params)
        assert (function, cost.sequential_scans) == (function, 0)
        assert cost.rows_read <= rows, f"{function} read {cost.rows_read} rows"
        return cost.answer

    def claim(self, worker: object = None, limit: int = BATCH) -> tuple[str, list[str]]:
        claim_id = str(uuid4())
        answer = self.cheap(
            # Each of the four lanes offers as many as are wanted; those taken are read twice more,
            # and the rows in doubt are counted.
            9 * limit + 100,
            "claim",
            worker_id=worker or self.worker,
            claim_id=claim_id,
            limit=limit,
            ahead_ms=600_000,
        )
        assert len(answer["rows"]) == limit
        return claim_id, [row["id"] for row in answer["rows"]]

    def settle(self, claim_id: str, ids: list[str]) -> None:
        n = len(ids)
        outcomes = [("sent", "failed", "retry", "in_doubt")[i % 4] for i in range(n)]
        # Once for itself, and once because the answer may have been lost.
        for repeated in (0, n):
            answer = self.cheap(
                4 * n + 20,
                "settle",
                worker_id=self.worker,
                ids=ids,
                claim_ids=[claim_id] * n,
                outcomes=outcomes,
                wamids=[f"w.{row}" if i % 4 == 0 else None for i, row in enumerate(ids)],
                codes=[None if i % 4 == 0 else 131026 for i in range(n)],
                texts=[None] * n,
                wait_ms=[3_600_000] * n,
                max_retries=[3] * n,
                slow=[0] * n,
                hold_scopes=[None] * n,
                hold_after=[0] * n,
                hold_cumulative=[0] * n,
                hold_seconds=[None] * n,
                reasons=[None] * n,
            )
            assert answer["settled"] == n - repeated


@pytest.fixture(params=STATISTICS)
def queue(request: pytest.FixtureRequest, sql: Connection) -> Queue:
    before, after = STATISTICS[request.param]
    sql.execute("alter table send_queue set (autovacuum_enabled = off)")
    if before:
        sql.execute(before.encode())
    made = Queue(sql, ROWS)
    if after:
        sql.execute(after.encode())
    return made


def test_no_call_of_the_worker_reads_the_queue(queue: Queue) -> None:
    few = 4 * BATCH + 100
    # More than five times, since from the sixth on PostgreSQL may keep one plan for all calls.
    for _ in range(8):
        claim_id, ids = queue.claim()
        queue.cheap(few, "begin", worker_id=queue.worker, claim_id=claim_id)
        queue.settle(claim_id, ids)
        claim_id, ids = queue.claim()
        n = len(ids)
        queue.cheap(few, "release", worker_id=queue.worker, ids=ids, claim_ids=[claim_id] * n)
        dead = uuid4()
        queue.cheap(few, "register", worker_id=dead, host="h", pid=2, version="0")
        claim_id, ids = queue.claim(dead)
        queue.cheap(few, "begin", worker_id=dead, claim_id=claim_id)
        assert queue.cheap(few, "reap", dead=[dead])["in_doubt"] == n
        assert len(queue.cheap(few, "doubts", worker_id=dead)) == n
        nothing = [None] * n
        answer = queue.cheap(
            few,
            "recover",
            worker_id=queue.worker,
            ids=ids,
            claim_ids=[claim_id] * n,
            outcomes=["unsent"] * n,
            wamids=nothing,
            codes=nothing,
            texts=nothing,
        )
        assert answer["unsent"] == n
        queue.cheap(few, "heartbeat", worker_id=queue.worker)
        # These two count the rows that wait for their retry or are in doubt, and no others.
        counts = [
            campaign["counts"]
            for campaign in queue.cheap(2 * WAITING + 8 * BATCH, "stats")["campaigns"]
        ]
        assert sum(sum(each.values()) for each in counts) == ROWS
        for campaign in queue.campaigns:
            queue.cheap(WAITING + 8 * BATCH, "complete", campaign_id=campaign, actor="test")


def test_a_page_of_recipients_reads_its_rows_and_no_others(queue: Queue) -> None:
    for campaign in queue.campaigns:
        after, seen = None, 0
        for _ in range(8):
            page = queue.cheap(2 * BATCH, "results", campaign_id=campaign, after=after, limit=BATCH)
            after, seen = page[-1]["id"], seen + len(page)
        assert seen == 8 * BATCH
        step = queue.cheap(
            2 * BATCH, "result_variables", campaign_id=campaign, after=after, limit=BATCH
        )
        assert step["names"] == ["var1"]
        queue.cheap(BATCH, "doubts_known", campaign_id=campaign, limit=20)
        queue.cheap(BATCH, "undelivered_rows", campaign_id=campaign, code=131049)
        queue.cheap(BATCH, "undelivered", campaign_id=campaign)
        queue.cheap(BATCH, "delivery_shown", campaign_id=campaign)


def test_a_claim_costs_the_same_in_a_long_queue_as_in_a_short_one(postgres: PostgresServer) -> None:
    pages = []
    # So far ahead that no slot passes meanwhile, however busy the machine: those would be moved.
    ahead = {"ahead_ms": 600_000, "lead_ms": 60_000}
    for rows in (3_000, ROWS):
        with psycopg.connect(postgres.new_database(), autocommit=True) as connection:
            connection.execute("alter table send_queue set (autovacuum_enabled = off)")
            queue = Queue(connection, rows)
            queue.call("claim", worker_id=queue.worker, claim_id=uuid4(), limit=BATCH, **ahead)
            pages.append(
                queue.pages("claim", worker_id=queue.worker, claim_id=uuid4(), limit=BATCH, **ahead)
            )
    short, long = pages
    # The indexes of the long one are a level deeper.
    assert long < 2 * short, pages


def test_the_list_of_campaigns_reads_the_kept_counts(queue: Queue) -> None:
    queue.claim()
    listed = queue.cheap(4 * BATCH, "list", status=None, limit=10)
    assert [one["rows"] for one in listed] == [ROWS // 2] * 2


def test_no_call_is_compiled(sql: Connection) -> None:
    """A default installation compiles what the planner takes for dear: a second for each claim.

    Functions that these call inherit the setting.
    """
    settings = dict(
        sql.execute(
            "select substr(proname, 12)::text, coalesce(proconfig, '{}') from pg_proc"
            " where proname like 'wacampaign\\_%' and pronamespace = 'public'::regnamespace"
        ).fetchall()
    )
    called = {*PROTOCOL, "count_rows"} - {"schema_version"}
    assert {name for name in called if "jit=off" not in settings[name]} == set()
