"""Sending hours with real workers: nothing leaves after they end, and it goes on by itself."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.servers import wait_until
from tests.worker.rig import Rig

SQL = psycopg.Connection[Any]
NUMBER = "874163789109558"


def set_hours(sql: SQL, campaign: str, begin: float, end: float) -> tuple[float, float]:
    """Hours so many seconds from now by UTC's clock, which counts for phones that nobody knows.

    When they begin and end, in Unix seconds.
    """
    sql.execute("select wacampaign_set_window(%s, '00:00', '00:01', 'UTC', 'me')", (campaign,))
    found = sql.execute(
        "with moment as (select now() + make_interval(secs => %s) as opens,"
        " now() + make_interval(secs => %s) as closes),"
        " done as (update wacampaign_windows set opens = (m.opens at time zone 'utc')::time,"
        " closes = (m.closes at time zone 'utc')::time from moment m where campaign_id = %s),"
        " anew as (update wacampaign_window_zones set is_open = false, changes_at = '-infinity'"
        " where campaign_id = %s)"
        " select extract(epoch from opens)::float8, extract(epoch from closes)::float8 from moment",
        (begin, end, campaign, campaign),
    ).fetchone()
    assert found is not None
    return float(found[0]), float(found[1])


def keep_zones(rig: Rig) -> None:
    from wacampaign.store.windows import Windows

    rig.ask(lambda store: Windows(store).keep_zones())


def now(sql: SQL) -> float:
    found = sql.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert found is not None
    return float(found[0])


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_leaves_after_closing_and_it_goes_on_by_itself(
    rig: Rig, sql: SQL, workers: int
) -> None:
    keep_zones(rig)
    campaign = rig.campaign(rig.number(NUMBER, rate=200), 3_000, start=False)
    started = [rig.start_worker() for _ in range(workers)]
    for one in started:
        rig.wait_started(one)
    opens, closes = set_hours(sql, campaign, -60, 9)
    sql.execute("select wacampaign_set_status(%s, 'start', 'me')", (campaign,))
    rig.wait_accepted(100)
    wait_until(lambda: now(sql) > closes + 1, 30, "the hours end")
    wait_until(lambda: rig.stats(campaign)["counts"]["processing"] == 0, 10, "none is held")
    sent = rig.accepted()
    assert 100 <= sent < 3_000
    assert max(one["time"] for one in rig.sandbox.control.accepted()) < closes
    counts = rig.stats(campaign)["counts"]
    assert (counts["ready"], counts["retry_later"]) == (0, 3_000 - sent)

    opens, _ = set_hours(sql, campaign, 3, 600)
    rig.wait_accepted(3_000, 60)
    later = [one["time"] for one in rig.sandbox.control.accepted()][sent:]
    assert min(later) >= opens
    wait_until(lambda: rig.stats(campaign)["status"] == "completed", 20, "it ends")
    assert rig.sandbox.control.counts("recipient")["groups"] == 3_000
    assert rig.audit(campaign)["ok"]
    assert rig.stop(*started) == [0] * workers


def test_a_lock_across_the_end_of_the_hours_moves_no_row_past_it(
    rig: Rig, sql: SQL, database: str
) -> None:
    keep_zones(rig)
    campaign = rig.campaign(rig.number(NUMBER, rate=50), 3_000, start=False)
    worker = rig.start_worker()
    rig.wait_started(worker)
    _, closes = set_hours(sql, campaign, -60, 12)
    sql.execute("select wacampaign_set_status(%s, 'start', 'me')", (campaign,))
    rig.wait_accepted(100)
    # A claim takes rows while they may still go, and waits for the counts: another program's
    # transaction on the queue holds them.
    wait_until(lambda: now(sql) > closes - 4, 30, "the end is near")
    with psycopg.connect(database) as other:
        other.execute(
            "select from wacampaign_counts where campaign_id = %s for update", (campaign,)
        )
        wait_until(lambda: now(sql) > closes + 1, 30, "the hours are over")
    wait_until(lambda: rig.stats(campaign)["counts"]["processing"] == 0, 20, "none is held")
    wait_until(lambda: "rows wait until" in rig.log_of(worker), 20, "the worker waits")
    assert max(one["time"] for one in rig.sandbox.control.accepted()) < closes
    counts = rig.stats(campaign)["counts"]
    assert counts["sent"] == rig.accepted()
    assert counts["retry_later"] == 3_000 - rig.accepted()
    assert rig.audit(campaign)["ok"]
    assert rig.stop(worker) == [0]


def test_a_pause_until_a_time_ends_by_itself(rig: Rig, sql: SQL) -> None:
    campaign = rig.campaign(rig.number(NUMBER, rate=100), 1_000)
    worker = rig.start_worker()
    rig.wait_accepted(50)
    until = "select wacampaign_pause_until(%s, %s, 'me')"
    sql.execute(until, (campaign, "2099-01-01T00:00:00Z"))
    wait_until(lambda: rig.stats(campaign)["counts"]["processing"] == 0, 10, "none is held")
    assert rig.stats(campaign)["status"] == "paused"
    sent = rig.accepted()
    assert sent < 1_000
    sql.execute("update wacampaign_schedule set start_at = now() - interval '1 second'")
    wait_until(lambda: rig.stats(campaign)["status"] == "completed", 60, "it goes on, and ends")
    kinds = [
        kind
        for (kind,) in sql.execute(
            "select kind from wacampaign_events where campaign_id = %s and actor like 'worker%%'"
            " and kind in ('started', 'resumed')",
            (campaign,),
        )
    ]
    assert kinds == ["resumed"]
    assert sql.execute("select spam_pause_count from campaigns").fetchone() in [(None,), (0,)]
    assert rig.sandbox.control.counts("recipient")["groups"] == 1_000
    assert rig.stop(worker) == [0]
