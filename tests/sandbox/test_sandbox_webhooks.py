"""Status webhooks: signature over the raw body, batches, repeats."""

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

from wacampaign.sandbox.client import SandboxControl
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


def test_no_webhooks_unless_asked_for(send: Send, control: SandboxControl) -> None:
    send()
    assert control.totals()["webhook"] == {"waiting": 0, "delivered": 0, "abandoned": 0}
