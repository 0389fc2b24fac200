"""Situations: what each does to the account, and that its end puts back what was there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import free_port, wait_until
from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.demo import (
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_VIDEO_HOST,
    DEMO_VIDEO_PATH,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.situations import SITUATIONS

Send = Callable[..., httpx.Response]
#: Nobody listens there: updates wait.
WEBHOOKS = f"http://127.0.0.1:{free_port()}/"


def code(answer: httpx.Response) -> int | None:
    """Of a refusal; None when the message was accepted."""
    return None if answer.status_code == 200 else int(answer.json()["error"]["code"])


@pytest.mark.parametrize(
    ("name", "given", "refusal"),
    [
        ("token_expired", {}, 190),
        ("account_restricted", {}, 368),
        ("number_disconnected", {}, 133010),
        ("number_disconnected", {"phone_number_id": DEMO_PHONE_NUMBER_ID}, 133010),
        ("template_paused", {"template": "demo_text"}, 132015),
        ("template_disabled", {"template": "demo_text"}, 132016),
    ],
)
def test_it_refuses_messages_until_its_end(
    control: SandboxControl, send: Send, name: Any, given: dict[str, Any], refusal: int
) -> None:
    assert control.begin_situation(name, **given) == {"name": name} | given
    assert code(send(to="+919999900001")) == refusal
    assert control.begin_situation(name, **given)  # again: no second one
    assert control.situations() == [{"name": name} | given]
    control.end_situation(name)
    assert control.situations() == []
    assert code(send(to="+919999900002")) is None


def test_a_throttled_number_says_what_it_said(
    control: SandboxControl, send: Send, http: httpx.Client
) -> None:
    before = http.get(f"/v25.0/{DEMO_PHONE_NUMBER_ID}?fields=throughput").json()
    control.begin_situation("throttled", mps=1)
    codes = [code(send(to=f"+91999990000{i}")) for i in range(3)]
    assert (codes[0], set(codes[1:])) == (None, {130429})
    assert http.get(f"/v25.0/{DEMO_PHONE_NUMBER_ID}?fields=throughput").json() == before
    control.begin_situation("throttled", mps=50)  # the former one ends
    control.end_situations()
    assert [code(send(to=f"+91999990001{i}")) for i in range(3)] == [None] * 3


def test_account_and_health(control: SandboxControl, http: httpx.Client) -> None:
    def can_send() -> str:
        answer = http.get(f"/v25.0/{DEMO_WABA_ID}?fields=health_status").json()
        return str(answer["health_status"]["can_send_message"])

    control.begin_situation("account_restricted")
    assert can_send() == "BLOCKED"
    control.end_situations()
    assert can_send() == "AVAILABLE"


def test_media_out_of_reach(control: SandboxControl, send: Send, http: httpx.Client) -> None:
    control.webhook(WEBHOOKS, "secret", interval_ms=0)
    film = f"/hosts/{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}"
    control.begin_situation("media_unfetchable", media_host="whatsapp.net", status=403)
    assert http.get(film).status_code == 403
    assert code(send("demo_video")) is None  # accepted, and failed afterwards
    assert control.totals()["faults_applied"] == 1
    # It is no scripted fault, and not ended with those.
    assert control.faults() == []
    control.clear_faults()
    assert http.get(film).status_code == 403
    control.end_situation("media_unfetchable")
    assert http.get(film).status_code == 200
    send("demo_video", to="+919999900002")
    assert control.totals()["faults_applied"] == 1


def test_reviews(control: SandboxControl) -> None:
    def verdicts() -> list[tuple[str, str]]:
        shown = control._call("GET", "reviews")["items"]
        return [(review["verdict"], review["reason"]) for review in shown]

    control.review("REJECTED", reason="SCAM")
    before = verdicts()
    control.begin_situation("review_rejected", reason="SCAM")
    control.begin_situation("review_pending")
    assert [verdict for verdict, _ in verdicts()[-2:]] == ["REJECTED", "PENDING"]
    control.end_situations()
    assert verdicts() == before


@pytest.mark.parametrize(
    ("name", "given", "waiting"),
    [
        ("webhooks_off", {}, 0),
        ("webhooks_late", {"seconds": 3600}, 3),
        ("webhooks_repeated", {"copies": 3}, 9),
        ("webhooks_shuffled", {}, 3),
    ],
)
def test_webhooks(
    control: SandboxControl, send: Send, name: Any, given: dict[str, Any], waiting: int
) -> None:
    with pytest.raises(ControlRefused, match="sends no webhooks: start it with --webhook-url"):
        control.begin_situation(name, **given)
    control.webhook(WEBHOOKS, "secret")
    control.begin_situation(name, **given)
    send()
    assert control.totals()["webhook"]["waiting"] == waiting
    control.end_situation(name)
    send(to="+919999900002")
    wait_until(
        lambda: control.totals()["webhook"]["waiting"] == waiting + 3, 10, "as it was before"
    )


def test_a_paused_template_is_told_and_its_release_too(control: SandboxControl) -> None:
    control.webhook(WEBHOOKS, "secret")
    control.begin_situation("template_paused", template="demo_text")
    control.end_situations()
    assert control.totals()["webhook"]["waiting"] == 2


def test_what_makes_no_sense_changes_nothing(control: SandboxControl, send: Send) -> None:
    given = {"template": "demo_text"}
    control.begin_situation("template_paused", **given)
    wrong: list[tuple[Any, dict[str, Any]]] = [
        ("template_paused", {"template": "none"}),
        ("template_paused", {}),
        ("throttled", {"mps": 0}),
        ("throttled", {"mps": 5, "phone_number_id": "1"}),
        ("media_unfetchable", {"media_host": "x", "status": 200}),
        ("nothing", {}),
    ]
    for name, fields in wrong:
        with pytest.raises(ControlRefused):
            control.begin_situation(name, **fields)
    assert control.situations() == [{"name": "template_paused"} | given]
    assert code(send()) == 132015


def test_a_reset_forgets_them(control: SandboxControl, http: httpx.Client) -> None:
    control.begin_situation("token_expired")
    control.reset(everything=True)
    assert control.situations() == []
    assert http.get(f"/v25.0/{DEMO_WABA_ID}").status_code == 200
    assert DEMO_TOKEN in json.dumps(http.headers["authorization"])
    control.end_situations()


def test_each_was_tried_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert [name for name in SITUATIONS if f'"{name}"' not in text] == []
