"""What a start at a time may lift, what it says when it is late, and what a pause leaves behind."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.campaigns import OpenStore, add_campaign, add_number, run
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

Connection = psycopg.Connection[Any]


def hold(sql: Connection, number: str, campaign: str, reason: str) -> None:
    """Meta refuses what concerns the number, until a person resumes."""
    sql.execute(
        "select wacampaign_hold('number', %s, %s, 'hello', 131031, %s, null, null)",
        (campaign, number, reason),
    )


def come(sql: Connection, campaign: str, seconds: float) -> None:
    """Its time came so many seconds ago."""
    sql.execute(
        "update wacampaign_schedule set start_at = clock_timestamp() - make_interval(secs => %s)"
        " where campaign_id = %s",
        (seconds, campaign),
    )


def state(sql: Connection, campaign: str) -> Any:
    return sql.execute(
        "select status, pause_reason from campaigns where id = %s", (campaign,)
    ).fetchone()


def standing(sql: Connection) -> list[str]:
    return [
        reason
        for (reason,) in sql.execute(
            "select reason from wacampaign_holds where lifted_at is null order by created_at"
        )
    ]


def test_no_worker_lifts_what_came_after_the_time_was_set(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        other = await add_campaign(store, number, 2, name="other")
        later = await add_campaign(store, number, 2, name="later", start=False, first_phone=10)
        await Campaigns(store).schedule(later, "2099-01-01T00:00:00Z", "me")
        hold(sql, number, other, "account locked")
        assert state(sql, other) == ("paused", "account locked")
        come(sql, later, 1)
        answer = await Campaigns(store).start_scheduled(later, "worker")
        assert answer is not None
        assert (answer["changed"], answer["status"], answer["holds_lifted"]) == (True, "paused", 0)
        assert state(sql, later) == ("paused", "account locked")
        assert standing(sql) == ["account locked"]
        # A person says so: then it goes.
        assert (await Campaigns(store).set_status(later, "resume", "me"))["holds_lifted"] == 1
        assert (state(sql, later)[0], standing(sql)) == ("running", [])

    run(open_test_store, scenario)


def test_what_stood_when_a_person_set_the_time_is_lifted(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 2)
        hold(sql, number, campaign, "account locked")
        await Campaigns(store).pause_until(campaign, "2099-01-01T00:00:00Z", "me")
        come(sql, campaign, 1)
        answer = await Campaigns(store).start_scheduled(campaign, "worker")
        assert answer is not None
        assert (answer["status"], answer["holds_lifted"]) == ("running", 1)
        assert (state(sql, campaign), standing(sql)) == (("running", None), [])

    run(open_test_store, scenario)


def test_a_wait_that_meta_asked_for_is_not_cut_short_by_a_time(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 2)
        sql.execute(
            "select wacampaign_hold('number', %s, %s, 'hello', 130429, 'rate', 900, null)",
            (campaign, number),
        )
        await Campaigns(store).pause_until(campaign, "2099-01-01T00:00:00Z", "me")
        come(sql, campaign, 1)
        answer = await Campaigns(store).start_scheduled(campaign, "worker")
        assert answer is not None
        assert (answer["status"], standing(sql)) == ("running", ["rate"])

    run(open_test_store, scenario)


def test_a_later_hold_of_a_part_keeps_the_other_part_from_nothing(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        campaign = await add_campaign(store, number, 4, start=False)
        sql.execute(
            "update send_queue set template_name = 'other' where id in"
            " (select id from send_queue limit 2)"
        )
        await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "me")
        sql.execute(
            "select wacampaign_hold('template', %s, %s, 'hello', 132015, 'paused', null, null)",
            (campaign, number),
        )
        come(sql, campaign, 1)
        answer = await Campaigns(store).start_scheduled(campaign, "worker")
        assert answer is not None
        assert (answer["status"], standing(sql)) == ("running", ["paused"])

    run(open_test_store, scenario)


def test_a_late_start_says_when_its_time_was(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        for n, (seconds, says) in enumerate(
            ((5, "its time had come"), (11_520, " UTC, 192 min before"))
        ):
            campaign = await add_campaign(store, number, 2, start=False, first_phone=10 * n)
            await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "me")
            come(sql, campaign, seconds)
            answer = await Campaigns(store).start_scheduled(campaign, "worker")
            assert answer is not None
            assert seconds <= answer["late_seconds"] < seconds + 30
            ((reason,),) = sql.execute(
                "select reason from wacampaign_events where campaign_id = %s and kind = 'started'",
                (campaign,),
            ).fetchall()
            assert reason.startswith("its time had come")
            assert reason.endswith(says)

    run(open_test_store, scenario)


def test_a_plain_resume_takes_the_old_reason_away(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False)
        await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "me")
        assert state(sql, campaign)[1].startswith("starts at 2099")
        # As the backend's UI resumes, and stops.
        for status in ("running", "paused"):
            sql.execute("update campaigns set status = %s where id = %s", (status, campaign))
            assert state(sql, campaign) == (status, None)

    run(open_test_store, scenario)


def test_a_plain_resume_does_not_take_away_that_contacts_are_being_written(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2, start=False)
        reason = "its contacts are being written"
        sql.execute("update campaigns set pause_reason = %s", (reason,))
        sql.execute("update campaigns set status = 'running' where id = %s", (campaign,))
        assert state(sql, campaign) == ("running", reason)

    run(open_test_store, scenario)
