"""What the queue's functions cost, without a worker: `python -m bench --only database`.

Two measurements on one database, both from PostgreSQL's own counters (`track_functions`), so that
neither the client nor the network is in them:

- a message: claims, fences and batches of outcomes as a worker makes them, in microseconds;
- a claim in a crowd: many running campaigns on one number, and rows that another program left
  `processing`, in milliseconds a claim.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from wacampaign.store.functions import functions
from wacampaign.store.postgres import array_literal

Connection = psycopg.Connection[Any]

#: Rows of a claim and of a batch of outcomes: what a worker at 1,000 messages a second asks for.
CLAIM_ROWS = 500
BATCH_ROWS = 250
#: Rows of a claim in a crowd: more than two seconds of a number at 80 a second.
CROWD_CLAIM_ROWS = 200
#: Messages a second of the number: its slots are not what is measured.
RATE = 100_000
#: Share of accepted, refused and retried messages, out of 50.
OUTCOMES = ["sent"] * 48 + ["failed", "retry"]

_ROWS = """
insert into public.send_queue
    (campaign_id, whatsapp_number_id, template_name, phone, payload, status, created_at)
select %(campaign)s, %(number)s, 'hello', '999' || lpad(i::text, 12, '0'),
       jsonb_build_object('var1', 'person ' || i), 'ready', now()
from generate_series(%(first)s::int, %(last)s::int) as i
"""


@dataclass
class Cost:
    """Microseconds a message, by function without what it calls, and CPU of the backend."""

    rows: int
    messages: int
    by_function: dict[str, float]
    cpu_us: float
    claim_ms: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.by_function.values())


class QueueCost:
    """A filled queue on a database of its own, and a worker's calls to it."""

    def __init__(self, url: str) -> None:
        self.connection: Connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        self.worker = uuid4()
        self.number = uuid4()
        self.connection.execute("set track_functions = 'all'")
        self.connection.execute(
            "insert into public.whatsapp_numbers"
            " (id, number, phone_number_id, max_send_rate_per_sec) values (%s, %s, %s, %s)",
            (self.number, self.number.hex[:14], str(self.number.int)[:15], RATE),
        )
        self.call("register", worker_id=self.worker, host="bench", pid=1, version="0")

    def fill(self, rows: int, campaigns: int = 1) -> list[Any]:
        """So many rows, dealt out to running campaigns that are past their ramp."""
        ids = [uuid4() for _ in range(campaigns)]
        for i, campaign in enumerate(ids):
            share = rows // campaigns + (i < rows % campaigns)
            self.connection.execute(
                "insert into public.campaigns (id, name, whatsapp_number_id, template_names,"
                " total_contacts, status) values (%s, %s, %s, '{hello}', %s, 'running')",
                (campaign, f"bench {i}", self.number, share),
            )
            self.connection.execute(
                "insert into public.wacampaign_lanes (campaign_id, whatsapp_number_id,"
                " template_name, run_accepted) values (%s, %s, 'hello', 100)",
                (campaign, self.number),
            )
            for first in range(0, share, 50_000):
                last = min(share, first + 50_000) - 1
                self.connection.execute(
                    _ROWS,
                    {"campaign": campaign, "number": self.number, "first": first, "last": last},
                )
        self.connection.execute("vacuum (analyze)")
        return ids

    def orphan(self, rows: int) -> None:
        """So many rows become `processing` without a claim, as the backend leaves them."""
        self.connection.execute(
            "update public.send_queue set status = 'processing' where id in"
            " (select id from public.send_queue where status = 'ready' limit %s)",
            (rows,),
        )
        self.connection.execute("vacuum (analyze)")

    def call(self, function: str, **params: Any) -> Any:
        types = functions()[function].parameters
        arguments = ", ".join(f"p_{key} => %({key})s::{types[key]}" for key in params)
        row = self.connection.execute(
            f"select public.wacampaign_{function}({arguments})".encode(),
            {k: array_literal(v) if isinstance(v, list) else v for k, v in params.items()},
        ).fetchone()
        return row[0] if row else None

    def claim(self, rows: int = CLAIM_ROWS) -> tuple[str, list[str], float]:
        """Claims; returns the claim, its rows and the seconds it took."""
        claim_id = str(uuid4())
        began = time.perf_counter()
        answer = self.call(
            "claim", worker_id=self.worker, claim_id=claim_id, limit=rows, ahead_ms=600_000
        )
        took = time.perf_counter() - began
        return claim_id, [row["id"] for row in answer["rows"]], took

    def settle(self, claim_id: str, ids: list[str]) -> None:
        n = len(ids)
        outcomes = [OUTCOMES[i % len(OUTCOMES)] for i in range(n)]
        self.call(
            "settle",
            worker_id=self.worker,
            ids=ids,
            claim_ids=[claim_id] * n,
            outcomes=outcomes,
            wamids=[
                f"wamid.{i}" if o == "sent" else None for i, o in zip(ids, outcomes, strict=True)
            ],
            codes=[None if o == "sent" else 131026 for o in outcomes],
            texts=[None if o == "sent" else "(#131026) undeliverable" for o in outcomes],
            wait_ms=[600_000] * n,
            max_retries=[3] * n,
            slow=[0] * n,
            hold_scopes=[None] * n,
            hold_after=[0] * n,
            hold_cumulative=[0] * n,
            hold_seconds=[None] * n,
            reasons=[None] * n,
        )

    def messages(self, messages: int) -> Cost:
        """The whole way of so many messages."""
        warm = 2
        done = 0
        times: list[float] = []
        for turn in range(warm + messages // CLAIM_ROWS):
            if turn == warm:
                self._forget()
                cpu = self._cpu()
            claim_id, ids, took = self.claim()
            if not ids:
                break
            self.call("begin", worker_id=self.worker, claim_id=claim_id)
            for first in range(0, len(ids), BATCH_ROWS):
                self.settle(claim_id, ids[first : first + BATCH_ROWS])
            if turn >= warm:
                done += len(ids)
                times.append(1000 * took)
        cpu = self._cpu() - cpu
        rows = self.connection.execute("select count(*) from public.send_queue").fetchone()
        assert rows is not None
        return Cost(rows[0], done, self._functions(done), 1e6 * cpu / done, times)

    def claims(self, turns: int, rows: int = CROWD_CLAIM_ROWS) -> list[float]:
        """Milliseconds of claims, each of which is given back."""
        times = []
        for turn in range(turns + 1):
            claim_id, ids, took = self.claim(rows)
            assert ids
            self.call("release", worker_id=self.worker, ids=ids, claim_ids=[claim_id] * len(ids))
            if turn:
                times.append(1000 * took)
        return times

    def _forget(self) -> None:
        self.connection.execute("select pg_stat_force_next_flush()")
        self.connection.execute("select pg_stat_reset()")

    def _functions(self, messages: int) -> dict[str, float]:
        self.connection.execute("select pg_stat_force_next_flush()")
        found = self.connection.execute(
            "select funcname, self_time from pg_stat_user_functions order by self_time desc"
        )
        return {
            name.removeprefix("wacampaign_"): 1000 * ms / messages for name, ms in found if ms > 0
        }

    def _cpu(self) -> float:
        """CPU seconds of this connection's backend; 0 where /proc does not tell."""
        stat = Path(f"/proc/{self.connection.info.backend_pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@dataclass(frozen=True)
class Crowd:
    """Claims beside many campaigns and rows of another program, in milliseconds each."""

    rows: int
    campaigns: int
    orphans: int
    claim_ms: list[float]


def show_queue_cost(costs: list[Cost], crowds: list[Crowd]) -> None:
    """What a message costs, function by function, and what a claim costs in a crowd."""
    for cost in costs:
        print(
            f"\nA message in the database, {cost.rows:,} rows, {cost.messages:,} messages: "
            f"{cost.total:.0f} µs (CPU {cost.cpu_us:.0f} µs); a claim of {CLAIM_ROWS}: "
            f"{statistics.median(cost.claim_ms):.0f} ms"
        )
        for name, us in cost.by_function.items():
            if us >= 0.1:
                print(f"  {name:<24} {us:7.1f} µs")
    for crowd in crowds:
        print(
            f"Claim of {CROWD_CLAIM_ROWS}, {crowd.rows:,} rows, {crowd.campaigns:,} campaigns, "
            f"{crowd.orphans:,} orphans: {statistics.median(crowd.claim_ms):.0f} ms, "
            f"at most {max(crowd.claim_ms):.0f} ms"
        )
