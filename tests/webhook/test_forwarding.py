"""The backend gets the same bytes and signature, in order, whatever happens to it and to us."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tests.servers import wait_until
from tests.webhook.rig import SECRET, Backend, ReceiverRig, backend, distinct, status_body
from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.webhook.forwarding import Forwarding
from wacampaign.webhook.kept_bodies import KeptBodies
from wacampaign.webhook.signature import sign
from wacampaign.webhook.splitting import EXPRESS_BYTES


@pytest.fixture
def node() -> Iterator[Backend]:
    with backend() as one:
        yield one


def bodies_of(count: int, name: str = "A") -> list[bytes]:
    return [status_body(f"wamid.{name}{n}") for n in range(count)]


def wamids(bodies: list[bytes]) -> list[str]:
    """The ids of all statuses, in their order."""
    return [
        status["id"]
        for body in bodies
        for entry in json.loads(body)["entry"]
        for change in entry["changes"]
        for status in change["value"]["statuses"]
    ]


def test_bytes_signature_and_order_are_the_same(rig: ReceiverRig, node: Backend) -> None:
    process = rig.start(WACAMPAIGN_WEBHOOK_FORWARD=node.url)
    bodies = [*bodies_of(30), b'{"odd": "\\u00e9"}\r\n', b"\xff\x00"]
    for body in bodies:
        assert rig.post(body) == 200
    wait_until(lambda: len(node.got) == len(bodies), 30, "all were passed on")
    assert node.got == [(body, sign(SECRET, body), "application/json") for body in bodies]
    assert rig.wait_stored(len(bodies)) == bodies
    health = rig.health()["forward"]
    assert (health["waiting"], health["passed"], health["error"]) == (0, len(bodies), None)
    assert rig.stop(process) == 0


def test_what_was_refused_is_not_passed_on(rig: ReceiverRig, node: Backend) -> None:
    rig.start("--forward", node.url)
    assert rig.post(bodies_of(1)[0], secret="another") == 401
    assert rig.post(bodies_of(1, "B")[0]) == 200
    wait_until(lambda: node.got, 30, "the good one was passed on")
    assert node.bodies == bodies_of(1, "B")


def test_a_backend_that_is_down_delays_no_answer_and_catches_up_in_order(
    rig: ReceiverRig, node: Backend
) -> None:
    node.answers = [None, 502, 404, 500, 200]
    process = rig.start("--forward", node.url)
    bodies = bodies_of(20)
    for body in bodies:
        assert rig.post(body) == 200
    wait_until(lambda: len(node.got) >= 20, 60, "it caught up")
    assert node.bodies == bodies
    assert "event=forward_fails" in rig.log_of(process)
    assert "event=forward_works" in rig.log_of(process)


def test_what_waits_outlives_a_kill(rig: ReceiverRig, node: Backend) -> None:
    node.answers = [503]
    first = rig.start("--forward", node.url)
    bodies = bodies_of(50)
    for body in bodies[:25]:
        assert rig.post(body) == 200
    rig.stop(first, signal.SIGKILL)
    second = rig.start("--forward", node.url)
    for body in bodies[25:]:
        assert rig.post(body) == 200
    assert rig.health()["forward"]["waiting"] == 50
    rig.stop(second)
    node.answers = [200]
    rig.start("--forward", node.url)
    wait_until(lambda: len(distinct(node.bodies)) == 50, 60, "all were passed on")
    assert distinct(node.bodies) == bodies


def test_a_body_that_the_backend_refuses_keeps_no_other(rig: ReceiverRig, node: Backend) -> None:
    node.answers = [400] * 5 + [200]
    process = rig.start("--forward", node.url)
    bodies = bodies_of(3)
    for body in bodies:
        assert rig.post(body) == 200
    wait_until(lambda: len(node.got) == 2, 60, "the others were passed on")
    assert node.bodies == bodies[1:]
    assert rig.health()["forward"]["passed_over"] == 1
    assert "event=forward_refused" in rig.log_of(process)


def test_a_body_above_the_backends_limit_is_split_and_signed_anew(
    rig: ReceiverRig, node: Backend
) -> None:
    node.limit_bytes = EXPRESS_BYTES
    rig.start("--forward", node.url)
    ids = [f"wamid.{n:04}" for n in range(1400)]
    large, small = status_body(*ids), status_body("wamid.small")
    assert len(large) > 2 * EXPRESS_BYTES
    assert rig.post(large) == rig.post(small) == 200
    wait_until(lambda: node.bodies and node.bodies[-1] == small, 30, "all was passed on")
    assert wamids(node.bodies) == [*ids, "wamid.small"]
    assert max(map(len, node.bodies)) <= EXPRESS_BYTES
    for body, signature, _ in node.got:
        assert signature == sign(SECRET, body)
    assert rig.wait_stored(2) == [large, small]


def test_a_smaller_limit_is_met_as_well(rig: ReceiverRig, node: Backend) -> None:
    """What is below 100 KB is passed whole, and split when the answer is 413."""
    node.limit_bytes = 90_000
    rig.start("--forward", node.url)
    body = status_body(*[f"wamid.{n}" for n in range(565)])
    assert node.limit_bytes < len(body) < EXPRESS_BYTES
    assert rig.post(body) == 200
    wait_until(lambda: len(wamids(node.bodies)) == 565, 30, "all was passed on")
    assert len(node.got) > 1


def test_what_finds_no_room_is_counted_and_told(tmp_path: Path) -> None:
    """The truth is in the database: the store on the disk has an end."""
    told: list[str] = []

    def log(event: str, *, level: str = "info", **_: object) -> None:
        told.append(f"{level} {event}")

    async def scenario() -> tuple[int, int]:
        kept = KeptBodies(tmp_path, "forward", str(uuid4()), log, durable=False)
        forwarding = Forwarding("http://127.0.0.1:9", kept, lambda _: (), log, bytes_max=2_000)
        for body in bodies_of(20):
            await forwarding.put(
                ReceivedBody(str(uuid4()), datetime.now(UTC), body, "x", "application/json")
            )
        await forwarding.close()
        health = forwarding.health()
        await kept.close()
        return health["waiting"], health["dropped"]

    waiting, dropped = asyncio.run(scenario())
    assert waiting + dropped == 20
    assert 0 < waiting < 10
    assert told == ["error forward_dropped"]
