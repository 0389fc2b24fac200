"""What the state machine found, each as the shortest example: no way out, or a figure that lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.campaigns import accepted
from tests.store.test_guard import begun, run, sending
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.stuck import Kind, examine
from wacampaign.core.engine.ports import Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


async def commands(store: Store, campaign: str) -> list[str]:
    """What `queue-stats` without a campaign names for it."""
    found = (await Campaigns(store).stats(None)).campaigns
    return [f.command for one in found if one.id == campaign for f in findings_of(one)]


async def completed(store: Store) -> str:
    campaign, me = await sending(store, 6)
    claim = await begun(store, me)
    await WorkQueue(store).settle(me, accepted(claim.rows))
    assert (await WorkQueue(store).complete(campaign, "test")).completed
    return campaign


def test_pending_rows_of_a_running_campaign_have_a_command(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """`queue-stats` named `run-worker`, and no worker takes them."""

    async def scenario(store: Store) -> None:
        campaign, _ = await sending(store)
        sql.execute("update send_queue set status = 'pending' where status = 'ready'")
        assert f"wacampaign restart-stuck {campaign[:8]}" in await commands(store, campaign)

    run(open_test_store, scenario)


@pytest.mark.parametrize("when", ["2099-01-01", "infinity"])
def test_rows_that_wait_for_a_time_far_away_have_a_command(
    open_test_store: OpenStore, sql: Connection, when: str
) -> None:
    """One `next_retry_at` in 2099, by somebody's slip: `queue-stats` said to wait, for 73 years."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store)
        sql.execute(
            "update send_queue set next_retry_at = %s where status = 'ready'"
            " and id in (select id from send_queue where status = 'ready' limit 14)",
            (when,),
        )
        assert f"wacampaign restart-stuck {campaign[:8]}" not in await commands(store, campaign)
        claim = await begun(store, me)
        assert len(claim.rows) == 1
        await WorkQueue(store).settle(me, accepted(claim.rows))
        assert f"wacampaign restart-stuck {campaign[:8]}" in await commands(store, campaign)
        database = StuckCampaigns(store)
        (found,) = examine(await database.look([campaign]), "hold", named=True)
        assert found.kinds == [Kind.FAR_AWAY]
        assert [(one.n, one.becomes) for one in found.changes] == [(14, "ready")]
        assert (await database.mend_rows(campaign, "test"))["pending"] == 14
        assert len((await begun(store, me, 20)).rows) == 14
        assert (await database.mend_rows(campaign, "test"))["pending"] == 0

    run(open_test_store, scenario)


def test_a_campaign_that_waits_for_contacts_without_rows_has_a_command(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """`queue-stats` named `audit`, which named `queue-stats`."""

    async def scenario(store: Store) -> None:
        campaign, me = await sending(store, 6)
        sql.execute("update campaigns set total_contacts = 7")
        claim = await begun(store, me)
        assert f"wacampaign cancel {campaign[:8]}" not in await commands(store, campaign)
        await WorkQueue(store).settle(me, accepted(claim.rows))
        assert not (await WorkQueue(store).complete(campaign, "test")).completed
        assert f"wacampaign cancel {campaign[:8]}" in await commands(store, campaign)

    run(open_test_store, scenario)


@pytest.mark.parametrize("status", ["processing", "ready", "pending"])
def test_what_came_into_a_completed_campaign_is_shown(
    open_test_store: OpenStore, sql: Connection, status: str
) -> None:
    """`queue-stats` was silent about rows put into it, and about those another program took."""

    async def scenario(store: Store) -> None:
        campaign = await completed(store)
        assert await commands(store, campaign) == []
        sql.execute(
            "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, status)"
            " select campaign_id, whatsapp_number_id, 'hello', '999', %s from send_queue limit 1",
            (status,),
        )
        named = "audit" if status == "processing" else "restart-stuck"
        assert f"wacampaign {named} {campaign[:8]}" in await commands(store, campaign)

    run(open_test_store, scenario)


def test_the_message_of_a_deleted_row_is_no_duplicate(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await completed(store)
        sql.execute("delete from send_queue where id in (select id from send_queue limit 2)")
        audit = await Campaigns(store).audit(campaign)
        assert (audit["lost"], audit["duplicates"], audit["ok"]) == (2, 0, False)
        # One more than the rows that are gone is one too many.
        sql.execute(
            "insert into messages (user_phone, direction, message_type, campaign_id,"
            " whatsapp_message_id) values ('999', 'outgoing', 'template', %s, 'wamid.x')",
            (campaign,),
        )
        assert (await Campaigns(store).audit(campaign))["duplicates"] == 1

    run(open_test_store, scenario)


def test_a_second_acceptance_is_told_though_another_program_wrote_the_first(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """A row resent by a person; the old processor wrote its id while a worker sent it again."""

    async def scenario(store: Store) -> None:
        _, me = await sending(store)
        row = (await begun(store, me, 1)).rows[0]
        sql.execute(
            "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.old'"
            " where id = %s",
            (row.id,),
        )
        answer = await WorkQueue(store).settle(
            me, [Settlement(row, Verdict(Outcome.SENT, wamid="wamid.second"))]
        )
        # As lost as a claim that was given up: the worker then brings its evidence.
        assert (answer.settled, answer.lost) == (0, {row.id})
        again = await WorkQueue(store).settle(
            me, [Settlement(row, Verdict(Outcome.SENT, wamid="wamid.old"))]
        )
        assert (again.settled, again.lost) == (0, frozenset())

    run(open_test_store, scenario)


def test_a_doubt_is_not_taken_from_a_failed_row_either(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """Failed by another while nobody knew; the doubt removed; "Retry failed": sent twice."""

    async def scenario(store: Store) -> None:
        _, me = await sending(store)
        row = (await begun(store, me, 1)).rows[0]
        sql.execute("update send_queue set status = 'failed' where status = 'processing'")
        sql.execute("update send_queue set in_doubt_since = null where status = 'failed'")
        sql.execute("update send_queue set status = 'ready' where status = 'failed'")
        found = sql.execute("select status from send_queue where id = %s", (row.id,)).fetchone()
        assert found == ("processing",)

    run(open_test_store, scenario)
