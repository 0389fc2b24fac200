"""What Meta accepts and fails a minute later: it costs five messages, not the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import SECRET_KEY, wait_until
from tests.webhook.rig import SECRET, ReceiverRig
from tests.worker.backend_at_work import Backend
from tests.worker.rig import Rig
from wacampaign.store.store import Store

NUMBER = "875062729021816"
ROWS = 2093


@pytest.fixture
def backend(rig: Rig) -> Iterator[Backend]:
    backend = Backend(rig.database)
    yield backend
    backend.close()


def test_a_medium_that_meta_cannot_fetch_costs_five_messages(rig: Rig, backend: Backend) -> None:
    """With the backend's rows alone, and on a number of which nobody ever heard."""
    rig.sandbox.control.webhook(backend.url, "secret")
    rig.sandbox.control.add_fault("fail_later", code=131053)
    campaign = rig.campaign(rig.number(NUMBER, rate=80), ROWS)
    rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", what="the campaign is paused")
    found = rig.stats(campaign)
    assert "131053" in found["pause_reason"]
    assert found["counts"]["sent"] <= 5
    assert len(list(rig.sandbox.control.accepted())) <= 5
    wait_until(
        lambda: delivery(rig, campaign)["undelivered"] == found["counts"]["sent"],
        what="all are known to have failed",
    )


@pytest.fixture
def receiver(rig: Rig, tmp_path: Path) -> Iterator[ReceiverRig]:
    receiver = ReceiverRig(rig.database, tmp_path / "receiver")
    yield receiver
    receiver.close()


def test_it_costs_five_messages_through_our_receiver_too(rig: Rig, receiver: ReceiverRig) -> None:
    receiver.start()
    rig.sandbox.control.webhook(receiver.url, SECRET, delay_ms={"failed": 2_000})
    rig.sandbox.control.add_fault("fail_later", code=131053)
    campaign = rig.campaign(rig.number(NUMBER, rate=80), ROWS)
    rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", 40, "the campaign is paused")
    assert "131053" in rig.stats(campaign)["pause_reason"]
    assert len(list(rig.sandbox.control.accepted())) == 5


def test_rows_that_a_kill_left_in_doubt_are_settled_by_their_statuses(
    rig: Rig, receiver: ReceiverRig
) -> None:
    """No journal is left, and statuses come late, twice and in any order."""
    control = rig.sandbox.control
    receiver.start()
    control.webhook(
        receiver.url, SECRET, copies=2, order="shuffled",
        delay_ms={"sent": 9_000, "delivered": 9_000, "read": 9_000},
    )  # fmt: skip
    campaign = rig.campaign(rig.number(NUMBER, rate=1000), 1_500)
    worker = rig.start_worker(WACAMPAIGN_STATUS_WAIT_SECONDS="0")
    rig.wait_accepted(5)
    control.add_fault("hang", accept=True)
    before = rig.accepted()
    rig.wait_accepted(before + 200)
    worker.kill()
    worker.wait(20)
    for journal in (rig.home / "journals").glob("*"):
        journal.unlink()
    control.clear_faults()
    # As half a minute of silence does.
    dead = workers(rig)
    rig.ask(lambda store: store.call("reap", dead=dead))
    assert rig.stats(campaign)["counts"]["in_doubt"] >= 200
    rig.start_worker(WACAMPAIGN_STATUS_WAIT_SECONDS="0")

    def all_is_done() -> bool:
        counts = rig.stats(campaign)["counts"]
        return bool(counts["ready"] == counts["processing"] == 0)

    wait_until(all_is_done, 90, "all is sent or in doubt")
    accepted = rig.accepted()
    wait_until(lambda: delivery(rig, campaign)["read"] == accepted, 60, "each accepted one is read")
    assert control.repeated() == []
    counts = rig.stats(campaign)["counts"]
    # What is left in doubt never reached Meta: nobody can say more of it.
    assert (counts["sent"], counts["in_doubt"]) == (accepted, 1_500 - accepted)


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_the_first_messages_wait_for_statuses_that_are_known_to_arrive(
    rig: Rig, backend: Backend, transport: str, request: pytest.FixtureRequest
) -> None:
    over = {}
    if transport == "supabase":
        over = {
            "WACAMPAIGN_STORE": "supabase",
            "SUPABASE_URL": request.getfixturevalue("rest_url"),
            "SUPABASE_SERVICE_KEY": SECRET_KEY,
        }
    control = rig.sandbox.control
    # Meta fetches the medium some seconds after the acceptance.
    control.webhook(backend.url, "secret", delay_ms={"failed": 2_000})
    control.add_fault("fail_later", code=131053)
    number = rig.number(NUMBER, rate=80)
    backend.sql.execute("insert into wacampaign_hearing values (%s, now(), now())", [number])
    campaign = rig.campaign(number, 500)
    rig.start_worker(**over)
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", 40, "the campaign is paused")
    assert len(list(control.accepted())) == 5


def test_what_meta_holds_is_shown_and_its_drop_pauses_the_template(
    rig: Rig, backend: Backend
) -> None:
    control = rig.sandbox.control
    control.webhook(backend.url, "secret")
    control.add_fault("hold", every=2)
    campaign = rig.campaign(rig.number(NUMBER, rate=80), 40)
    rig.start_worker()
    wait_until(lambda: delivery(rig, campaign)["held"] == 20, what="half are held")
    wait_until(lambda: delivery(rig, campaign)["read"] == 20, what="half are read")
    assert control.end_of_held("release") == 20
    wait_until(lambda: delivery(rig, campaign)["read"] == 40, what="all are read")
    assert delivery(rig, campaign)["held"] == 0

    more = rig.campaign(rig.ask(lambda store: number_of(store, campaign)), 400, first_phone=100)
    wait_until(lambda: delivery(rig, more)["held"] > 0, what="some are held")
    assert control.end_of_held("drop") > 0
    wait_until(lambda: rig.stats(more)["status"] in ("paused", "completed"), what="it is over")
    wait_until(lambda: delivery(rig, more)["undelivered"] > 0, what="the drops are known")
    holds = backend.sql.execute(
        "select scope, code from wacampaign_holds where lifted_at is null"
    ).fetchall()
    assert holds == [("template", 132015)]


async def number_of(store: Store, campaign: str) -> str:
    (found,) = (await store.call("stats", campaign_ids=[campaign]))["campaigns"]
    numbers = await store.call_list("numbers")
    return next(
        n["id"] for n in numbers if n["phone_number_id"] == found["number"]["phone_number_id"]
    )


def workers(rig: Rig) -> list[str]:
    known = rig.ask(lambda store: store.call("stats", campaign_ids=[]))["workers"]
    return [worker["id"] for worker in known]


def delivery(rig: Rig, campaign: str) -> dict[str, Any]:
    return rig.ask(lambda store: store.call("delivery_of", campaign_id=campaign))
