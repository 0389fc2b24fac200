"""Two workers, two numbers, one limit that Meta tells, and the inbox writing beside them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg

from tests.campaigns import phone
from tests.servers import wait_until
from tests.worker.rig import Rig

SQL = psycopg.Connection[Any]
LIMIT = 2_000
#: Templates from the backend's inbox, to other people.
SINGLE = 25
#: Of each campaign: both together are done within two days.
ROWS = LIMIT - SINGLE + 5


def backend_sends(sql: SQL, number: str, n: int) -> None:
    """As its inbox writes a template down: without a campaign."""
    sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type, status,"
        " whatsapp_message_id) values (%s, %s, 'outgoing', 'template', 'sent', %s)",
        (number, phone(900_000 + n), f"wamid.inbox.{uuid4()}"),
    )


def used_up(rig: Rig, campaign: str) -> bool:
    budget = rig.stats(campaign)["budget"]
    return budget is not None and budget["left"] == 0


def test_two_workers_stop_at_the_portfolios_limit_and_go_on_by_themselves(
    rig: Rig, sql: SQL
) -> None:
    ids = ("874163789109558", "874163789109559")
    numbers = [rig.number(one, rate=500) for one in ids]
    for one in ids:
        rig.sandbox.control.put_number(one, whatsapp_business_manager_messaging_limit="TIER_2K")
    # Neither has few enough for its end to come before the limit, however they share it.
    campaigns = [
        rig.campaign(number, ROWS, first_phone=10_000 * i) for i, number in enumerate(numbers)
    ]
    workers = [rig.start_worker() for _ in range(2)]
    rig.wait_accepted(100)
    for n in range(SINGLE):
        backend_sends(sql, numbers[n % 2], n)
    wait_until(lambda: rig.accepted() >= LIMIT - SINGLE, 60, "the limit is reached")
    wait_until(lambda: used_up(rig, campaigns[0]), 20, "it is said")
    # Each person once: the referee counts recipients, not messages.
    people = rig.sandbox.control.counts("recipient")["groups"]
    assert (rig.accepted(), people) == (LIMIT - SINGLE, LIMIT - SINGLE)
    budget = rig.stats(campaigns[1])["budget"]
    assert (budget["limit"], budget["used"], budget["source"]) == (LIMIT, LIMIT, "meta")
    assert [rig.stats(one)["status"] for one in campaigns] == ["running", "running"]

    # The day rolls on.
    sql.execute("update messages set created_at = created_at - interval '24 hours'")
    wait_until(lambda: rig.accepted() == 2 * ROWS, 60, "they go on")
    wait_until(
        lambda: {rig.stats(one)["status"] for one in campaigns} == {"completed"}, 30, "they end"
    )
    assert rig.sandbox.control.counts("recipient")["groups"] == 2 * ROWS
    assert all(rig.audit(one)["ok"] for one in campaigns)
    assert rig.stop(*workers) == [0, 0]
    assert "event=limit_told" in "".join(map(rig.log_of, workers))


def test_what_meta_takes_caps_a_rate_that_the_backend_raised(rig: Rig) -> None:
    one = "874163789109558"
    number = rig.number(one, rate=500)
    rig.sandbox.control.put_number(one, throughput="STANDARD")
    campaign = rig.campaign(number, 5)
    worker = rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["number"]["rate"] == 80, 20, "80 a second")
    assert rig.stats(campaign)["number"]["throughput"] == 80
    assert rig.stop(worker) == [0]
