"""The backend's handler and ours on one database: in both orders, and at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import wait_until
from tests.webhook.rig import SECRET, ReceiverRig, request
from tests.worker.backend_at_work import Backend
from tests.worker.rig import Rig
from wacampaign.webhook.signature import HEADER, sign

NUMBER = "874163789109558"
ROWS = 60


@pytest.fixture
def backend(rig: Rig) -> Iterator[Backend]:
    backend = Backend(rig.database)
    yield backend
    backend.close()


@pytest.fixture
def receiver(rig: Rig, tmp_path: Path) -> Iterator[ReceiverRig]:
    receiver = ReceiverRig(rig.database, tmp_path / "receiver")
    yield receiver
    receiver.close()


@pytest.mark.parametrize("order", ["ours first", "the backend first", "at once"])
def test_each_counts_once_and_no_answer_is_lost(
    rig: Rig, backend: Backend, receiver: ReceiverRig, order: str
) -> None:
    control = rig.sandbox.control
    number = rig.number(NUMBER, rate=1000)
    if order == "ours first":
        receiver.start("--forward", backend.url)
        control.webhook(receiver.url, SECRET)
    else:
        # Its own copy of each body is played to ours, when it has worked on it or meanwhile.
        receiver.start()
        control.webhook(backend.url, SECRET)
    campaign = rig.campaign(number, ROWS)
    rig.start_worker()
    rig.wait_accepted(ROWS)
    replies = [
        control.writes(f"hello {n}", from_=f"44770090{n:04d}", phone_number_id=NUMBER)
        for n in range(10)
    ]

    def backend_has_all() -> bool:
        logs = backend.sql.execute("select count(*) from message_status_logs").fetchone()
        return logs is not None and logs[0] >= 3 * ROWS and len(backend.answered) == 10

    played = 0

    def play() -> None:
        nonlocal played
        for body, signature in backend.got[played:]:
            played += 1
            assert request(receiver.url, body, X_Hub_Signature_256=signature or "").status == 200

    if order == "at once":
        until = time.monotonic() + 30
        while not backend_has_all() and time.monotonic() < until:
            play()
    wait_until(backend_has_all, 30, "the backend has all")
    if order != "ours first":
        play()

    def found() -> dict[str, Any]:
        return rig.ask(lambda store: store.call("delivery_of", campaign_id=campaign))

    wait_until(lambda: found()["read"] == ROWS, 30, "all are read")
    wait_until(
        lambda: backend.sql.execute("select count(*) from wacampaign_inbound").fetchone() == (10,),
        30, "all replies are known",
    )  # fmt: skip
    assert {key: found()[key] for key in ("delivered", "undelivered", "silent")} == {
        "delivered": ROWS, "undelivered": 0, "silent": 0,
    }  # fmt: skip
    assert sorted(backend.answered) == sorted(replies)
    if order == "ours first":
        stored = receiver.stored()
        assert sorted(body for body, _ in backend.got) == sorted(stored)
        assert all(signature == sign(SECRET, body) for body, signature in backend.got)
        assert HEADER
    # Each status stands once, with its campaign, as the UI reads it.
    logs = backend.sql.execute(
        "select status, count(*), count(campaign_id) from message_status_logs group by 1 order by 1"
    ).fetchall()
    assert [(status, n) for status, n, _ in logs] == [
        ("delivered", ROWS), ("read", ROWS), ("sent", ROWS),
    ]  # fmt: skip
    assert all(n == known for _, n, known in logs)
    words = backend.sql.execute(
        "select status, count(*) from messages where direction = 'outgoing'"
        " and message_type = 'template' group by 1"
    ).fetchall()
    assert words == [("read", ROWS)]
