"""Rows that were accepted and put back to `ready` by another program (the night of the 18th)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from tests.campaigns import add_campaign, add_number, counts
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def test_what_was_accepted_is_never_claimed_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario() -> None:
        store = open_test_store()
        try:
            campaign = await add_campaign(store, await add_number(store), 6)
            # The oldest, so that they stand before all others; one waits for a retry.
            sql.execute(
                "update send_queue set whatsapp_message_id = 'wamid.' || id,"
                " next_retry_at = case when phone like '%%1' then now() end"
                " where campaign_id = %s and phone < '999000000000005'",
                (campaign,),
            )
            worker = uuid4()
            await Workers(store).register(worker, "test", 1, "0")
            claim = await WorkQueue(store).claim(worker, uuid4(), 10)
            assert [row.phone for row in claim.rows] == ["999000000000005"]
            assert (await counts(store, campaign))["sent"] == 5
            await WorkQueue(store).release(worker, claim.rows)
            told = sql.execute(
                "select row_count from wacampaign_events"
                " where campaign_id = %s and kind = 'recovered'",
                (campaign,),
            ).fetchall()
            assert told == [(5,)]
            # Alone they complete the campaign, and the shown totals are theirs.
            sql.execute("update send_queue set whatsapp_message_id = 'wamid.' || id")
            claim = await WorkQueue(store).claim(worker, uuid4(), 10)
            assert claim.rows == []
            assert (await WorkQueue(store).complete(campaign, "test")).completed
            shown = sql.execute("select total_sent from campaigns where id = %s", (campaign,))
            assert shown.fetchone() == (6,)
            audit = await Campaigns(store).audit(campaign)
            assert audit["ok"] and audit["accepted"] == 6
        finally:
            await store.close()

    asyncio.run(scenario())
