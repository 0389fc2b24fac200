"""Scripted faults: conditions, actions, how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from wacampaign.sandbox.answers import CODES
from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID

Send = Callable[..., httpx.Response]

#: Seconds: only the wait for an answer is short.
IMPATIENT = httpx.Timeout(60, read=0.2)
PATH = f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_comes_with_its_http_status(
    send: Send, control: SandboxControl, code: int
) -> None:
    control.add_fault("error", code=code, details="because")
    answer = send()
    assert answer.status_code == CODES[code][0]
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"] == f"(#{code}) {CODES[code][1]}"
    assert error["error_data"] == {"messaging_product": "whatsapp", "details": "because"}
    assert control.totals()["accepted"] == 0


def test_the_incident_in_its_own_words(send: Send, control: SandboxControl) -> None:
    control.add_fault("error", code=135000)
    answer = send()
    error = answer.json()["error"]
    del error["fbtrace_id"]
    assert answer.status_code == 400
    assert error == {
        "message": "(#135000) Generic user error",
        "type": "OAuthException",
        "code": 135000,
    }


@pytest.mark.parametrize("status", [302, 404, 429, 502, 503, 504])
def test_a_gateway_takes_the_message_and_answers_in_metas_place(
    send: Send, control: SandboxControl, status: int
) -> None:
    for n, wording in enumerate(("html", "json", "graph"), start=1):
        control.clear_faults()
        control.add_fault("gateway", status=status, wording=wording)
        answer = send(recipient=f"15550100{n:03}")
        assert answer.status_code == status
        assert "fbtrace_id" not in answer.text
        assert answer.text.startswith("<html>") is (wording == "html")
        totals = control.totals()
        assert (totals["accepted"], totals["answers_dropped"]) == (n, n)


@pytest.mark.parametrize("wrong", [{"status": 200}, {"wording": "xml"}, {"status": "502"}])
def test_a_gateway_that_no_gateway_is(control: SandboxControl, wrong: dict[str, object]) -> None:
    with pytest.raises(ControlRefused):
        control.add_fault("gateway", **wrong)


def test_http_statuses_that_mislead() -> None:
    assert {code: CODES[code][0] for code in (3, 131045, 134102, 132001)} == {
        3: 500,
        131045: 500,
        134102: 500,
        132001: 404,
    }


@pytest.mark.parametrize(
    ("condition", "hit", "missed"),
    [
        ({"phone_number_id": DEMO_PHONE_NUMBER_ID}, {}, {"number": "200000000000002"}),
        ({"template": "demo_text"}, {}, {"template": "demo_named"}),
        ({"recipient": "+91 99999 00007"}, {"to": "919999900007"}, {"to": "+919999900008"}),
        ({"media_host": "whatsapp.net"}, {"template": "demo_video"}, {"template": "demo_text"}),
        (
            {"template": "demo_text", "recipient": "919999900007"},
            {"to": "919999900007"},
            {"to": "919999900007", "template": "demo_named"},
        ),
    ],
)
def test_conditions(
    send: Send,
    control: SandboxControl,
    condition: dict[str, str],
    hit: dict[str, str],
    missed: dict[str, str],
) -> None:
    control.put_number("200000000000002", waba_id=DEMO_WABA_ID)
    control.add_fault("error", code=135000, **condition)
    assert send(**missed).status_code == 200
    assert send(**hit).json()["error"]["code"] == 135000
    assert send(**missed).status_code == 200
    (fault,) = control.faults()
    assert (fault["matched"], fault["applied"]) == (1, 1)


def test_the_media_host_is_the_host_only(send: Send, control: SandboxControl) -> None:
    control.add_fault("error", code=135000, media_host="film")
    assert send("demo_video").status_code == 200  # "film" is in the path of the link


def test_every_and_times(send: Send, control: SandboxControl) -> None:
    control.add_fault("error", code=131016, every=3, times=2)
    statuses = [send(to=f"+9199999{n:05}").status_code for n in range(12)]
    assert statuses == [200, 200, 500, 200, 200, 500, *[200] * 6]
    assert control.faults()[0]["applied"] == control.totals()["faults_applied"] == 2


def test_probability_follows_its_seed(send: Send, control: SandboxControl) -> None:
    def pattern(seed: int) -> list[int]:
        fault = control.add_fault("error", code=131016, probability=0.5, seed=seed)
        statuses = [send(to=f"+9199999{n:05}").status_code for n in range(40)]
        control.remove_fault(fault)
        return statuses

    control.put_number(DEMO_PHONE_NUMBER_ID, mps=None)
    # Each recipient gets several, which over more than 6 s is one too many.
    control.settings(pair_limit=False)
    assert pattern(1) == pattern(1) != pattern(2)
    assert set(pattern(1)) == {200, 500}


def test_faults_survive_until_they_are_removed(send: Send, control: SandboxControl) -> None:
    first = control.add_fault("error", code=131016)
    control.add_fault("error", code=133004)
    assert send().json()["error"]["code"] == 131016
    assert control.totals()["faults_applied"] == 1
    control.reset()
    assert control.totals()["faults_applied"] == 0
    assert send().json()["error"]["code"] == 131016
    control.remove_fault(first)
    assert send().json()["error"]["code"] == 133004
    with pytest.raises(ControlRefused):
        control.remove_fault(first)
    control.clear_faults()
    assert send().status_code == 200


def test_a_refused_message_uses_up_no_fault(send: Send, control: SandboxControl) -> None:
    control.add_fault("error", code=131016, times=1)
    assert send("demo_paused").json()["error"]["code"] == 132015
    assert send().json()["error"]["code"] == 131016


def test_drop_answer_accepts_and_closes(send: Send, control: SandboxControl) -> None:
    control.add_fault("drop_answer", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        send(biz_opaque_callback_data="row-1")
    totals = control.totals()
    assert (totals["accepted"], totals["answers_dropped"], totals["in_flight"]) == (1, 1, 0)
    assert send(biz_opaque_callback_data="row-1").status_code == 200
    assert control.repeated("callback_data") == [{"callback_data": "row-1", "count": 2}]


def test_reset_accepts_nothing(send: Send, control: SandboxControl) -> None:
    control.add_fault("reset", times=1)
    with pytest.raises(httpx.ReadError):
        send()
    totals = control.totals()
    assert (totals["accepted"], totals["answers_dropped"], totals["in_flight"]) == (0, 0, 0)
    assert send().status_code == 200


@pytest.mark.parametrize("accept", [False, True])
def test_http_5xx_without_a_json_body(send: Send, control: SandboxControl, accept: bool) -> None:
    control.add_fault("http_5xx", status=503, accept=accept)
    answer = send()
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError):
        answer.json()
    totals = control.totals()
    assert (totals["accepted"], totals["answers_dropped"]) == (accept, accept)


@pytest.mark.parametrize("accept", [False, True])
def test_hang(http: httpx.Client, control: SandboxControl, message: Any, accept: bool) -> None:
    control.add_fault("hang", accept=accept, times=1)
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=message(), timeout=IMPATIENT)
    while not control.totals()["hung"]:  # until the sandbox has read it
        pass
    totals = control.totals()
    assert (totals["hung"], totals["accepted"]) == (1, accept)
    assert totals["answers_dropped"] == accept
    while control.totals()["in_flight"]:  # until the sandbox has seen the client leave
        pass
    assert http.post(PATH, json=message()).status_code == 200


def test_slow_outlasts_a_client_and_still_accepts(
    http: httpx.Client, control: SandboxControl, message: Any
) -> None:
    control.add_fault("slow", extra_ms=60_000, recipient="919999900007")
    assert http.post(PATH, json=message()).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=message(to="+919999900007"), timeout=IMPATIENT)
    while control.totals()["accepted"] < 2:  # until the sandbox has read it
        pass
    assert control.totals()["accepted"] == 2


def test_slow_adds_up_with_the_next_fault(send: Send, control: SandboxControl) -> None:
    control.add_fault("slow", extra_ms=1)
    control.add_fault("error", code=135000)
    assert send().json()["error"]["code"] == 135000
    assert [fault["applied"] for fault in control.faults()] == [1, 1]


@pytest.mark.parametrize(
    "description",
    [
        {"action": "explode"},
        {"action": "error", "every": 0},
        {"action": "error", "every": "2"},
        {"action": "error", "probability": 1.5},
        {"action": "error", "times": "3"},
        {"action": "error", "accept": True},
        {"action": "http_5xx", "status": 200},
        {"action": "error", "template": 7},
        {"action": "error", "colour": "red"},
        {"action": "error", "applied": 3},
    ],
)
def test_wrong_faults_are_refused(control: SandboxControl, description: dict[str, Any]) -> None:
    with pytest.raises(ControlRefused):
        control.add_fault(**description)
    assert control.faults() == []
