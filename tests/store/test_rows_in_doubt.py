"""Single rows in doubt: what is known of each, and what a person says, over both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from tests.campaigns import add_campaign, add_number, counts, phone, run
from wacampaign.store.rows_in_doubt import RowsInDoubt
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def test_the_oldest_first_and_a_yes_counts_once(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 6)
        sql.execute(
            "update send_queue q set status = 'processing', claim_id = gen_random_uuid(),"
            " in_doubt_since = now() - t.place * interval '1 minute' from"
            " (select id, row_number() over (order by id) as place from send_queue limit 4) as t"
            " where q.id = t.id"
        )
        doubts = RowsInDoubt(store)
        known = await doubts.known(campaign, 3)
        assert [row["phone"] for row in known] == [phone(3), phone(2), phone(1)]
        assert known[0]["statuses"] == []
        row, claim = known[0]["row"], known[0]["claim"]
        # Another attempt than the one that was seen.
        assert not await doubts.confirm(row, str(uuid4()), "test")
        assert await doubts.confirm(row, claim, "test")
        assert not await doubts.confirm(row, claim, "test")
        assert not await doubts.confirm(str(uuid4()), claim, "test")
        found = await counts(store, campaign)
        assert (found["in_doubt"], found["sent"]) == (3, 1)
        events = "select count(*) from wacampaign_events where kind = 'doubt_assumed_sent'"
        assert sql.execute(events).fetchone() == (1,)
        shown = sql.execute("select total_sent from campaigns").fetchone()
        assert shown == (1,)

    run(open_test_store, scenario)
