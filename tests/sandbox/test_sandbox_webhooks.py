"""Webhooks: signature over the raw body, batches, repeats, when what comes and in which order."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.servers import wait_until
from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID

Send = Callable[..., httpx.Response]
SECRET = "sandbox-app-secret"


class Receiver:
    """Keeps every POST; answers the first `refusals` of them with 500."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.refusals = 0
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._changed:
                    receiver.posts.append((self.headers["X-Hub-Signature-256"], body))
                    refused = len(receiver.posts) <= receiver.refusals
                    self.send_response(500 if refused else 200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    receiver._changed.notify_all()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def statuses(self, at_least: int) -> list[dict[str, Any]]:
        """All statuses received, once there are that many."""

        def flat() -> list[dict[str, Any]]:
            return [
                status
                for _, body in self.posts
                for entry in json.loads(body)["entry"]
                for change in entry["changes"]
                for status in change["value"]["statuses"]
            ]

        with self._changed:
            assert self._changed.wait_for(lambda: len(flat()) >= at_least, timeout=60)
            return flat()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def until_idle(control: SandboxControl) -> dict[str, int]:
    while (state := control.totals()["webhook"])["waiting"]:
        pass
    return dict(state)


def test_sent_delivered_read_signed_and_echoed(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1)
    wamid = send(biz_opaque_callback_data="row-é").json()["messages"][0]["id"]
    statuses = receiver.statuses(at_least=3)
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    for status in statuses:
        assert status["id"] == wamid
        assert status["recipient_id"] == "919999900001"
        assert status["biz_opaque_callback_data"] == "row-é"
        assert status["timestamp"].isdecimal()
        assert "errors" not in status
    assert statuses[0]["pricing"]["category"] == "marketing"
    for sent_signature, body in receiver.posts:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert sent_signature == f"sha256={digest}"
        assert b"\\u00e9" in body  # Meta escapes whatever is not ASCII
    envelope = json.loads(receiver.posts[0][1])
    assert envelope["object"] == "whatsapp_business_account"
    (entry,) = envelope["entry"]
    assert entry["id"] == DEMO_WABA_ID
    value = entry["changes"][0]["value"]
    assert value["metadata"]["phone_number_id"] == DEMO_PHONE_NUMBER_ID
    assert until_idle(control) == {"waiting": 0, "delivered": 3, "abandoned": 0}


def test_fail_later_is_accepted_and_then_failed(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1)
    control.add_fault("fail_later", code=131053, details="403", media_host="whatsapp.net")
    assert send("demo_video").status_code == 200
    (status,) = receiver.statuses(at_least=1)
    assert status["status"] == "failed"
    assert "biz_opaque_callback_data" not in status
    (error,) = status["errors"]
    assert (error["code"], error["title"]) == (131053, "Media upload error")
    assert error["error_data"] == {"details": "403"}
    assert control.totals()["accepted"] == 1
    assert control.totals()["answers_dropped"] == 0


def test_a_dropped_answer_still_has_its_webhook(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, statuses=["sent"], interval_ms=1)
    control.add_fault("drop_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        send(biz_opaque_callback_data="row-1")
    (status,) = receiver.statuses(at_least=1)
    assert status["biz_opaque_callback_data"] == "row-1"
    assert status["id"] == next(control.accepted())["wamid"]


def test_batches_and_repeats(send: Send, control: SandboxControl, receiver: Receiver) -> None:
    receiver.refusals = 2
    control.webhook(
        receiver.url, SECRET, batch=4, statuses=["sent"], interval_ms=50, retry_ms=1, retries=3
    )
    control.put_number("2", waba_id=DEMO_WABA_ID)
    wamids = [
        send(to=f"+9199999{n:05}", number=number).json()["messages"][0]["id"]
        for n in range(5)
        for number in (DEMO_PHONE_NUMBER_ID, "2")
    ]
    assert until_idle(control)["delivered"] == 10
    statuses = receiver.statuses(at_least=10)
    assert {status["id"] for status in statuses} == set(wamids)
    assert receiver.posts[0] == receiver.posts[1] == receiver.posts[2]  # refused twice
    for _, body in receiver.posts:
        changes = json.loads(body)["entry"][0]["changes"]
        assert sum(len(change["value"]["statuses"]) for change in changes) <= 4


def test_a_batch_is_given_up_in_the_end(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    receiver.refusals = 1000
    control.webhook(receiver.url, SECRET, interval_ms=1, retry_ms=1, retries=2)
    send()
    assert until_idle(control) == {"waiting": 0, "delivered": 0, "abandoned": 3}
    assert len(receiver.posts) == 3


def test_a_reset_ends_the_repeats_to_an_address_that_is_gone(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    """They kept back what the next one was to get: for half a minute, with Meta's waits."""
    gone = Receiver()
    gone.close()
    control.webhook(gone.url, SECRET, interval_ms=1, retry_ms=3_600_000)
    send()
    wait_until(lambda: control.totals()["webhook"]["waiting"] == 3, what="they are queued")
    control.reset(everything=True)
    control.webhook(receiver.url, SECRET, interval_ms=1)
    send()
    assert len(receiver.statuses(at_least=3)) == 3
    assert until_idle(control) == {"waiting": 0, "delivered": 3, "abandoned": 0}


def test_no_webhooks_unless_asked_for(send: Send, control: SandboxControl) -> None:
    send()
    assert control.totals()["webhook"] == {"waiting": 0, "delivered": 0, "abandoned": 0}


def test_each_status_comes_in_its_own_time(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    delays = {"sent": 40.0, "delivered": 0.0, "read": 3_600_000.0}
    control.webhook(receiver.url, SECRET, interval_ms=1, delay_ms=delays)
    send()
    statuses = receiver.statuses(at_least=2)
    assert [status["status"] for status in statuses] == ["delivered", "sent"]
    # A status counts as delivered once its answer was read.
    wait_until(lambda: control.totals()["webhook"]["waiting"] == 1, what="one is still to come")
    # What falls due sooner than what already waits is not kept back by it.
    control.webhook(receiver.url, SECRET, interval_ms=1, statuses=["sent"], delay_ms={})
    send("demo_url_button")
    assert receiver.statuses(at_least=3)[-1]["status"] == "sent"


def test_statuses_say_when_they_happened(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1, order="reversed", delay_ms={"read": 1.0})
    send()
    times = {s["status"]: int(s["timestamp"]) for s in receiver.statuses(at_least=3)}
    assert times["sent"] <= times["delivered"] <= times["read"]


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_no_order_is_promised(
    send: Send, control: SandboxControl, receiver: Receiver, order: str
) -> None:
    control.webhook(receiver.url, SECRET, order=order, interval_ms=200)
    wamids = [send(to=f"+9199999{n:05}").json()["messages"][0]["id"] for n in range(3)]
    until_idle(control)
    statuses = receiver.statuses(at_least=9)
    came = [(status["id"], status["status"]) for status in statuses]
    kept = [(wamid, status) for wamid in wamids for status in ("sent", "delivered", "read")]
    assert sorted(came) == sorted(kept)
    assert came != kept
    if order == "reversed" and len(receiver.posts) == 1:
        assert came == kept[::-1]


def test_not_everybody_reads(send: Send, control: SandboxControl, receiver: Receiver) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1, read_share=0.5)
    for n in range(40):
        send(to=f"+9199999{n:05}")
    until_idle(control)
    came = [status["status"] for status in receiver.statuses(at_least=90)]
    assert (came.count("sent"), came.count("delivered")) == (40, 40)
    assert 5 < came.count("read") < 35


def test_everything_comes_twice(send: Send, control: SandboxControl, receiver: Receiver) -> None:
    control.webhook(receiver.url, SECRET, copies=2, batch=2, interval_ms=1)
    send()
    came = [status["status"] for status in receiver.statuses(at_least=6)]
    assert came == ["sent", "sent", "delivered", "delivered", "read", "read"]


def test_a_message_may_fail_after_it_was_delivered(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1)
    control.add_fault("fail_later", code=131026, before=["sent", "delivered"])
    send()
    statuses = receiver.statuses(at_least=3)
    assert [status["status"] for status in statuses] == ["sent", "delivered", "failed"]
    assert ["errors" in status for status in statuses] == [False, False, True]


def test_held_messages_are_released_or_dropped(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=1, statuses=["sent"])
    control.add_fault("hold")
    kept = [send().json()["messages"][0], send("demo_url_button").json()["messages"][0]]
    for message in kept:
        assert message["message_status"] == "held_for_quality_assessment"
    assert (control.totals()["accepted"], control.totals()["held"]) == (2, 2)
    assert control.end_of_held("drop", "demo_text") == 1
    (dropped,) = receiver.statuses(at_least=1)
    assert (dropped["id"], dropped["status"]) == (kept[0]["id"], "failed")
    assert dropped["errors"][0]["code"] == 132015
    assert control.end_of_held("release") == 1
    released = receiver.statuses(at_least=2)[1]
    assert (released["id"], released["status"]) == (kept[1]["id"], "sent")
    assert (control.end_of_held("release"), control.totals()["held"]) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": "sorted"},
        {"copies": 0},
        {"delay_ms": {"seen": 1}},
        {"delay_ms": {"sent": -1}},
        {"statuses": ["seen"]},
        {"batch": 1001},
        {"read_share": 1.5},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_refused(control: SandboxControl, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlRefused):
        control.webhook(None, SECRET, **wrong)
    with pytest.raises(ControlRefused, match="before"):
        control.add_fault("fail_later", before=["failed"])
    with pytest.raises(ControlRefused, match="before"):
        control.add_fault("error", before=["sent"])
    with pytest.raises(ControlRefused, match="release or drop"):
        control.end_of_held("keep")  # type: ignore[arg-type]
