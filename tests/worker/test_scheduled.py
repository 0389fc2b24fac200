"""Scheduled campaigns: a worker starts them at their time, or pauses them and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, run_on
from tests.servers import SECRET_KEY, wait_until
from tests.worker.rig import Rig
from wacampaign.core.preflight.model import Preflight, ok
from wacampaign.settings import Settings
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.worker.scheduled import ScheduledStarts

SQL = psycopg.Connection[Any]
NUMBER = "874163789109558"


def due(sql: SQL, campaign: str) -> None:
    """As the backend or an earlier version scheduled it."""
    sql.execute(
        "update campaigns set status = 'scheduled', pause_reason = null, is_scheduled = true,"
        " scheduled_start_time = now() - interval '1 second' where id = %s",
        (campaign,),
    )


def come(sql: SQL, campaign: str) -> None:
    """As `start --at` schedules it, and its time has come."""
    sql.execute("select wacampaign_schedule(%s, '2099-01-01T00:00:00Z', 'me')", (campaign,))
    sql.execute(
        "update wacampaign_schedule set start_at = now() - interval '1 second'"
        " where campaign_id = %s",
        (campaign,),
    )


def state(sql: SQL, campaign: str) -> Any:
    return sql.execute(
        "select status, pause_reason from campaigns where id = %s", (campaign,)
    ).fetchone()


@pytest.mark.parametrize(
    ("transport", "schedule"), [("postgres", due), ("postgres", come), ("supabase", come)]
)
def test_what_is_due_is_started_or_paused_once_by_one_of_two_workers(
    rig: Rig,
    sql: SQL,
    transport: str,
    schedule: Callable[[SQL, str], None],
    request: pytest.FixtureRequest,
) -> None:
    environment = {}
    if transport == "supabase":
        environment = {
            "WACAMPAIGN_STORE": "supabase",
            "SUPABASE_URL": request.getfixturevalue("rest_url"),
            "SUPABASE_SERVICE_KEY": SECRET_KEY,
        }
    number = rig.number(NUMBER)
    good = rig.campaign(number, 30, name="good", start=False)
    bad = rig.campaign(number, 5, name="bad", start=False, first_phone=100)
    later = rig.campaign(number, 5, name="later", start=False, first_phone=200)
    sql.execute(
        """update send_queue set payload = '{"var1": " "}' where id ="""
        " (select id from send_queue where campaign_id = %s limit 1)",
        (bad,),
    )
    for campaign in (good, bad, later):
        schedule(sql, campaign)
    for table, column, key in (
        ("campaigns", "scheduled_start_time", "id"),
        ("wacampaign_schedule", "start_at", "campaign_id"),
    ):
        sql.execute(
            f"update {table} set {column} = now() + interval '1 hour'"
            f" where {key} = %s and {column} is not null".encode(),
            (later,),
        )
    workers = [rig.start_worker(**environment) for _ in range(2)]
    wait_until(lambda: state(sql, good)[0] == "completed", 30, "good is sent")
    wait_until(lambda: (state(sql, bad)[1] or "").startswith("not started"), 30, "bad is paused")
    assert state(sql, bad)[0] == "paused"
    reason = state(sql, bad)[1]
    assert reason.startswith("not started at its time: variables: 1 of 5 rows cannot be sent")
    assert state(sql, later)[0] == ("scheduled" if schedule is due else "paused")
    kinds = [
        (campaign, kind)
        for campaign, kind in sql.execute(
            "select campaign_id::text, kind from wacampaign_events"
            " where kind in ('started', 'preflight_failed')"
        )
    ]
    assert sorted(kinds) == sorted([(good, "started"), (bad, "preflight_failed")])
    told = sql.execute("select message from notifications where title like '%%not started%%'")
    assert told.fetchall() == [(reason,)]
    assert rig.accepted() == 30
    assert rig.stop(*workers) == [0, 0]
    logs = "".join(map(rig.log_of, workers))
    assert logs.count("event=scheduled_start ") == 1
    assert logs.count("event=scheduled_start_failed ") == 1


def test_a_worker_for_other_campaigns_starts_none(rig: Rig, sql: SQL) -> None:
    number = rig.number(NUMBER)
    mine = rig.campaign(number, 3, start=False)
    other = rig.campaign(number, 3, start=False, first_phone=100)
    for campaign in (mine, other):
        due(sql, campaign)
    worker = rig.start_worker(mine)
    wait_until(lambda: state(sql, mine)[0] == "completed", 30, "its own is sent")
    assert state(sql, other)[0] == "scheduled"
    assert rig.stop(worker) == [0]


def test_a_campaign_whose_preflight_raises_keeps_no_other_from_starting(
    database: str, sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[str, Any]] = []

    def log(event: str, **fields: Any) -> None:
        logged.append((event, fields.get("name")))

    async def preflight(*given: Any, **_: Any) -> Any:
        campaign_id = given[-1]
        if campaign_id == broken:
            raise ValueError("its template has no components")
        return Preflight((ok("campaign", "it may start"),))

    async def scenario(store: Store) -> None:
        nonlocal broken
        number = await add_number(store)
        names = ("broken", "good")
        broken, good = [
            await add_campaign(store, number, 1, name=name, start=False, first_phone=n)
            for n, name in enumerate(names)
        ]
        for n, campaign in enumerate((broken, good)):
            await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "me")
            sql.execute(
                "update wacampaign_schedule set start_at = now() - %s * interval '1 second'"
                " where campaign_id = %s",
                (9 - n, campaign),
            )
        await ScheduledStarts(store, Settings(), log, "worker").look()
        assert [state(sql, one)[0] for one in (broken, good)] == ["paused", "running"]
        assert await Campaigns(store).due_campaigns(None) == [(broken, "broken")]

    broken = ""
    monkeypatch.setattr("wacampaign.operations.preflight.run_preflight", preflight)
    run_on(database, scenario)
    assert logged == [("schedule_failed", "broken"), ("scheduled_start", "good")]


def test_a_late_start_and_one_that_is_held_are_warnings(database: str, sql: SQL) -> None:
    logged: list[tuple[str, str, dict[str, Any]]] = []

    def log(event: str, *, level: str = "info", **fields: Any) -> None:
        logged.append((event, level, fields))

    async def scenario(store: Store) -> None:
        for n, ago in enumerate(("1 second", "3 hours", "2 seconds")):
            number = await add_number(store, phone_number_id=f"{NUMBER}{n}")
            campaign = await add_campaign(store, number, 1, start=False, first_phone=10 * n)
            await Campaigns(store).schedule(campaign, "2099-01-01T00:00:00Z", "me")
            if n == 2:
                sql.execute(
                    "select wacampaign_hold('number', %s, %s, 'hello', 131031, 'x', null, null)",
                    (campaign, number),
                )
            sql.execute(
                "update wacampaign_schedule set start_at = now() - %s::interval"
                " where campaign_id = %s",
                (ago, campaign),
            )
            settings = Settings(api_url="http://127.0.0.1:9")
            await ScheduledStarts(store, settings, log, "worker").look()

    run_on(database, scenario)
    assert [(event, level) for event, level, _ in logged] == [
        ("scheduled_start", "info"),
        ("scheduled_start", "warning"),
        ("scheduled_start", "warning"),
    ]
    assert [fields["late_seconds"] > 10_000 for _, _, fields in logged] == [False, True, False]
    assert [fields["held"] is None for _, _, fields in logged] == [True, True, False]
