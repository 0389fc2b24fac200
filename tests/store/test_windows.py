"""Sending hours: a claim gives only rows of recipients whose hour it is, whoever put them in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import accepted, add_campaign, add_number, counts, past_ramp, run, worker
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.daily_window import Hours
from wacampaign.core.engine.ports import ClaimAnswer, Settlement
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.problems import Refused, Usage
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.windows import Windows
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

#: Two countries without daylight saving, 9 h 30 min apart; numbers that nobody has.
INDIA, KENYA = "91000000{:04}", "25400000{:04}"


def hours_at(zone_offset: timedelta, begin: float, end: float) -> Hours:
    """Hours that begin and end so many hours from now, on the clocks of that offset."""
    local = datetime.now(UTC) + zone_offset

    def minutes(hours: float) -> int:
        at = local + timedelta(hours=hours)
        return at.hour * 60 + at.minute

    return Hours(minutes(begin), minutes(end) or 1440)


#: It is the hour in India now, and not in Kenya, for hours yet.
IN_INDIA = timedelta(hours=5, minutes=30)


def open_in_india() -> Hours:
    return hours_at(IN_INDIA, -1, 1)


async def two_countries(store: Store, rows: int = 40) -> tuple[UUID, str, str]:
    """A worker, and a campaign past its ramp with rows of Kenya before rows of India."""
    number = await add_number(store)
    campaign = await add_campaign(store, number, 5)
    me = await worker(store)
    await past_ramp(store, me, campaign)
    for phones in (KENYA, INDIA):
        await enqueue(store, campaign, number, [phones.format(n) for n in range(rows)])
    await Windows(store).keep_zones()
    return me, campaign, number


async def enqueue(store: Store, campaign: str, number: str, phones: list[str]) -> None:
    await store.call(
        "enqueue",
        campaign_id=campaign,
        number_id=number,
        ids=[str(uuid4()) for _ in phones],
        phones=phones,
        templates=["hello"] * len(phones),
        payloads=[json.dumps({"var1": "x"})] * len(phones),
    )


async def claim(store: Store, me: UUID, limit: int = 500) -> ClaimAnswer:
    return await WorkQueue(store).claim(me, uuid4(), limit)


async def countries(store: Store, me: UUID) -> tuple[int, int]:
    """Rows of Kenya and of India that claims give until one gives none; they are sent."""
    given: list[str] = []
    for _ in range(30):
        answer = await claim(store, me)
        if not answer.rows and answer.next_ms:
            break
        if answer.rows:
            given += [row.phone for row in answer.rows]
            await WorkQueue(store).begin(me, answer.rows[0].claim_id)
            await WorkQueue(store).settle(me, accepted(answer.rows))
    return sum(p.startswith("254") for p in given), sum(p.startswith("91") for p in given)


async def shown(store: Store, campaign: str) -> Campaign:
    (found,) = (await Campaigns(store).stats([campaign])).campaigns
    return found


def test_rows_go_only_while_it_is_the_hour_where_they_go(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        assert await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        assert await countries(store, me) == (0, 40)
        seen = await counts(store, campaign)
        assert (seen["ready"], seen["retry_later"], seen["sent"]) == (0, 40, 45)
        # Taken away: they go, as if nothing had been.
        assert await Windows(store).set(campaign, None, None, "me")
        assert await countries(store, me) == (40, 0)

    run(open_test_store, scenario)


def test_the_next_claim_is_told_when_hours_begin(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        await Windows(store).set(campaign, hours_at(IN_INDIA, 1, 2), "UTC", "me")
        assert await countries(store, me) == (0, 0)
        answer = await claim(store, me)
        assert answer.next_ms is not None
        assert timedelta(minutes=55) < timedelta(milliseconds=answer.next_ms)
        assert timedelta(milliseconds=answer.next_ms) < timedelta(minutes=61)
        window = (await shown(store, campaign)).window
        assert window is not None
        assert window.closed_rows == 80
        assert window.next_opening is not None
        assert window.next_opening.zones == ("Asia/Kolkata",)
        assert window.next_opening.rows == 40

    run(open_test_store, scenario)


def test_hours_that_ended_a_moment_ago_begin_next_time_not_then(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        await Windows(store).set(campaign, hours_at(IN_INDIA, 1, 2), "UTC", "me")
        assert await countries(store, me) == (0, 0)
        # As its last claim left it: open until a moment ago.
        sql.execute(
            "update wacampaign_window_zones set is_open = true,"
            " changes_at = now() - interval '1 second'"
        )
        verdict = await WorkQueue(store).complete(campaign, "me")
        assert verdict.waits_until is not None
        begins = datetime.fromisoformat(verdict.waits_until) - datetime.now(UTC)
        assert timedelta(minutes=55) < begins < timedelta(minutes=61)

    run(open_test_store, scenario)


def test_of_a_campaign_that_is_over_no_row_may_go(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        await Windows(store).set(campaign, hours_at(timedelta(0), -1, 1), "UTC", "me")
        await countries(store, me)
        assert (await shown(store, campaign)).window is not None
        sql.execute("update wacampaign_window_zones set n = 190")
        await Campaigns(store).set_status(campaign, "cancel", "me")
        window = (await shown(store, campaign)).window
        assert window is not None
        assert (window.zones, window.open_rows, window.closed_rows) == ((), 0, 0)

    run(open_test_store, scenario)


def test_hours_that_change_are_kept_by_the_next_claim(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        windows = Windows(store)
        await windows.set(campaign, hours_at(IN_INDIA, 1, 2), "UTC", "me")
        assert await countries(store, me) == (0, 0)
        assert await windows.set(campaign, open_in_india(), "UTC", "me")
        assert not await windows.set(campaign, open_in_india(), "UTC", "me")
        assert await countries(store, me) == (0, 40)
        # East Africa is at +3.
        await windows.set(campaign, hours_at(timedelta(hours=3), -1, 1), "UTC", "me")
        assert await countries(store, me) == (40, 0)

    run(open_test_store, scenario)


def test_rows_that_come_later_and_rows_tried_again_keep_the_hours(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, number = await two_countries(store, rows=4)
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        answer = await claim(store, me)
        await WorkQueue(store).begin(me, answer.rows[0].claim_id)
        again = Verdict(Outcome.RETRY, code=131000, wait_ms=1, max_retries=3)
        await WorkQueue(store).settle(me, [Settlement(row, again) for row in answer.rows])
        await enqueue(store, campaign, number, [KENYA.format(9), INDIA.format(9)])
        # Two that wait for another try: its time comes, and for the one in Kenya not its hour.
        sql.execute(
            "update send_queue set next_retry_at = now() - interval '1 second'"
            " where phone in (%s, %s)",
            (KENYA.format(1), INDIA.format(1)),
        )
        assert await countries(store, me) == (0, len(answer.rows) + 1)
        assert (await counts(store, campaign))["retry_later"] == 5

    run(open_test_store, scenario)


def test_a_row_given_back_goes_in_its_hour(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store, rows=4)
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        answer = await claim(store, me)
        assert len(answer.rows) == 4
        await WorkQueue(store).release(me, answer.rows)
        await Windows(store).set(campaign, hours_at(IN_INDIA, 2, 3), "UTC", "me")
        assert await countries(store, me) == (0, 0)
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        assert await countries(store, me) == (0, 4)

    run(open_test_store, scenario)


def test_a_slot_after_closing_is_not_given(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        assert len((await claim(store, me, 1)).rows) == 1
        # The hours end in two and a half seconds; slots lie up to one ahead.
        sql.execute(
            "update wacampaign_window_zones set changes_at = now() + interval '2.5 seconds'"
            " where is_open"
        )
        assert (await claim(store, me)).rows == []

    run(open_test_store, scenario)


def test_phones_nobody_knows_follow_the_campaigns_own_clock(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        # +999 is nobody's; North America's toll-free phones have no hour in common.
        campaign = await add_campaign(store, number, 10)
        await enqueue(store, campaign, number, [f"1800555{n:04}" for n in range(100, 110)])
        me = await worker(store)
        await Windows(store).keep_zones()
        await past_ramp(store, me, campaign)
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        assert (await claim(store, me)).rows == []
        await Windows(store).set(campaign, open_in_india(), "Asia/Kolkata", "me")
        assert len((await claim(store, me)).rows) == 15

    run(open_test_store, scenario)


def test_a_phone_of_several_zones_waits_for_all_of_them(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, number = await two_countries(store, rows=0)
        # Russian mobiles: from Kaliningrad (+2) to Kamchatka (+12); an hour that both have.
        await enqueue(store, campaign, number, [f"7916000{n:04}" for n in range(4)])
        for offset, begin, end, given in ((12, -2, 1, 0), (2, -1, 11, 4)):
            clock = hours_at(timedelta(hours=offset), begin, end)
            await Windows(store).set(campaign, clock, "UTC", "me")
            assert len((await claim(store, me)).rows) == given

    run(open_test_store, scenario)


def test_what_hours_would_mean_is_told_before_they_are_set(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        _, campaign, number = await two_countries(store)
        await enqueue(store, campaign, number, ["+91 000 000 9999", "+999000000000001"])
        window, _ = await Windows(store).survey(campaign, open_in_india(), "UTC", "me")
        told = [(group.zones, group.rows, group.open) for group in window.zones]
        assert told[:2] == [(("Asia/Kolkata",), 41, True), (("Africa/Nairobi",), 40, False)]
        assert [(group.rows, group.unknown) for group in window.zones[2:]] == [(1, True)]

    run(open_test_store, scenario)


def test_hours_that_cannot_be_are_refused(open_test_store: OpenStore) -> None:
    async def scenario(store: Store) -> None:
        _, campaign, _ = await two_countries(store, rows=1)
        with pytest.raises(Usage, match="knows no time zone Mars/Olympus"):
            await Windows(store).set(campaign, Hours(0, 60), "Mars/Olympus", "me")
        await Campaigns(store).set_status(campaign, "cancel", "me")
        with pytest.raises(Refused, match="hours cannot be changed"):
            await Windows(store).set(campaign, Hours(0, 60), "UTC", "me")

    run(open_test_store, scenario)


def test_many_rows_elsewhere_keep_nobody_waiting(open_test_store: OpenStore) -> None:
    """2,500 rows before the one whose hour it is: they are marked a thousand a claim, once."""

    async def scenario(store: Store) -> None:
        me, campaign, number = await two_countries(store, rows=0)
        for begin in range(0, 2500, 500):
            await enqueue(store, campaign, number, [KENYA.format(begin + n) for n in range(500)])
        await enqueue(store, campaign, number, [INDIA.format(1)])
        await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        claims = 0
        while not (answer := await claim(store, me)).rows:
            claims += 1
            assert answer.next_ms == 0
        assert claims == 2
        assert [row.phone for row in answer.rows] == [INDIA.format(1)]
        assert (await counts(store, campaign))["retry_later"] == 2500

    run(open_test_store, scenario)


def test_a_zone_that_another_server_does_not_know_stops_nobody(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, number = await two_countries(store)
        assert await Windows(store).set(campaign, open_in_india(), "Asia/Kolkata", "me")
        assert await countries(store, me) == (0, 40)
        # Upgraded to a system whose files have fewer names: Kenya follows the campaign's own clock.
        sql.execute(
            "update wacampaign_zones set zones = '{Nowhere/Zone}' where zones = '{Africa/Nairobi}';"
            "update wacampaign_window_zones set changes_at = now() - interval '1 second'"
        )
        assert await countries(store, me) == (40, 0)
        # Not even that is known: never the hour, and another campaign goes on.
        await enqueue(store, campaign, number, [KENYA.format(n) for n in range(50, 55)])
        other = await add_campaign(store, number, 5)
        sql.execute(
            "update wacampaign_windows set zone = 'Nowhere/Else';"
            "update wacampaign_window_zones set changes_at = now() - interval '1 second'"
        )
        assert await past_ramp(store, me, other) == 5
        assert await countries(store, me) == (0, 0)
        sql.execute("update wacampaign_windows set counted_at = null")
        seen = await shown(store, campaign)
        assert seen.window is not None
        assert [
            (group.zones, group.rows, group.open, group.changes_at) for group in seen.window.zones
        ] == [((), 5, False, None)]
        assert seen.eta_seconds is None

    run(open_test_store, scenario)


def test_a_table_of_zones_that_was_emptied_stops_nobody(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, _ = await two_countries(store)
        assert await Windows(store).set(campaign, open_in_india(), "Asia/Kolkata", "me")
        sql.execute("delete from wacampaign_zone_prefixes")
        # By the campaign's own clock, as of all phones that nobody knows.
        assert await countries(store, me) == (40, 40)

    run(open_test_store, scenario)


def test_rows_that_bring_a_mark_from_elsewhere_are_come_to(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        me, campaign, number = await two_countries(store)
        assert await Windows(store).set(campaign, open_in_india(), "UTC", "me")
        assert await countries(store, me) == (0, 40)
        # Somebody moves what waits to another campaign with hours.
        other = await add_campaign(store, number, 5)
        await past_ramp(store, me, other)
        assert await Windows(store).set(other, hours_at(timedelta(hours=3), -1, 1), "UTC", "me")
        sql.execute(
            "update send_queue set campaign_id = %s where campaign_id = %s and status = 'ready'",
            (other, campaign),
        )
        seen = await shown(store, other)
        assert seen.window is not None
        assert [group.rows for group in seen.window.zones] == [40]
        assert await countries(store, me) == (40, 0)

    run(open_test_store, scenario)
