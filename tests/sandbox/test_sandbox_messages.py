"""Each check of POST /messages, and the answer when all of them pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_MEDIA_ID, DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID

Send = Callable[..., httpx.Response]
Build = Callable[..., dict[str, Any]]


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error = answer.json()["error"]
    assert error["type"] == "OAuthException"
    assert error["fbtrace_id"]
    return dict(error)


def text(value: object, **more: str) -> dict[str, Any]:
    return {"type": "text", "text": value} | more


def body(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "body", "parameters": list(parameters)}


def header(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "header", "parameters": list(parameters)}


def button(sub_type: str, index: object, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "button",
        "sub_type": sub_type,
        "index": index,
        "parameters": list(parameters),
    }


ASHA = text("Asha")
VIDEO = {"type": "video", "video": {"link": "https://example.com/film.mp4"}}


@pytest.mark.parametrize(
    "template", ["demo_text", "demo_video", "demo_url_button", "demo_copy_code", "demo_named"]
)
def test_a_sound_message_is_accepted(send: Send, control: SandboxControl, template: str) -> None:
    answer = send(template, to="+91 (99999) 000-01")
    assert answer.status_code == 200
    content = answer.json()
    assert content["messaging_product"] == "whatsapp"
    assert content["contacts"] == [{"input": "+91 (99999) 000-01", "wa_id": "919999900001"}]
    (sent,) = content["messages"]
    assert sent["id"].startswith("wamid.")
    assert sent["message_status"] == "accepted"
    (accepted,) = control.accepted()
    assert accepted["wamid"] == sent["id"]
    assert accepted["template"] == template


@pytest.mark.parametrize("prefix", ["", "/v25.0", "/v26.0", "/v7.1"])
def test_any_version_or_none(http: httpx.Client, message: Build, prefix: str) -> None:
    path = f"{prefix}/{DEMO_PHONE_NUMBER_ID}/messages"
    assert http.post(path, json=message()).status_code == 200


def test_something_else_than_a_version_is_no_path(http: httpx.Client, message: Build) -> None:
    answer = http.post(f"/version/{DEMO_PHONE_NUMBER_ID}/messages", json=message())
    assert (answer.status_code, error_of(answer)["code"]) == (400, 2500)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Authorization": ""}, 0),
        ({"Authorization": "Basic c2FuZGJveDp4"}, 0),
        ({"Authorization": "Bearer not-the-token"}, 190),
    ],
)
def test_tokens(
    http: httpx.Client, message: Build, control: SandboxControl, headers: dict[str, str], code: int
) -> None:
    path = f"/v25.0/{DEMO_PHONE_NUMBER_ID}"
    posted = http.post(f"{path}/messages", json=message(), headers=headers)
    read = http.get(path, headers=headers)
    for answer in (posted, read):
        assert (answer.status_code, error_of(answer)["code"]) == (401, code)
    assert control.totals()["refused"] == {str(code): 1}
    assert control.totals()["accepted"] == 0


def test_a_revoked_token(send: Send, control: SandboxControl) -> None:
    assert send().status_code == 200
    assert control.revoke_token("sandbox-token")
    assert error_of(send())["code"] == 190
    assert not control.revoke_token("sandbox-token")


def test_a_number_that_is_unknown_or_of_somebody_else(send: Send, control: SandboxControl) -> None:
    control.put_number("555", waba_id="777", token="sandbox-token-2")
    for number in ("404404", "555"):
        answer = send(number=number)
        error = error_of(answer)
        assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)
        assert number in error["message"]


def test_a_number_that_is_not_connected(send: Send, control: SandboxControl) -> None:
    control.put_number(DEMO_PHONE_NUMBER_ID, status="PENDING")
    assert error_of(send())["code"] == 133010
    control.put_number(DEMO_PHONE_NUMBER_ID, status="CONNECTED")
    assert send().status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"messaging_product": "messenger"}, 100),
        ({"to": ""}, 100),
        ({"to": None}, 100),
        ({"to": "+91x9999900001"}, 131009),
        ({"to": "12345"}, 131009),
        ({"to": "+1234567890123456"}, 131009),
        ({"to": "0919999900001"}, 131009),
        ({"to": "+44 7700 900000"}, 131021),
        ({"type": "text"}, 131051),
        ({"template": None}, 100),
        ({"template": {"name": "demo_text"}}, 100),
        ({"template": {"language": {"code": "en_US"}}}, 100),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        ({"biz_opaque_callback_data": 7}, 100),
    ],
)
def test_the_frame_of_the_message(
    http: httpx.Client, message: Build, changes: dict[str, Any], code: int
) -> None:
    request = message() | changes
    answer = http.post(f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages", json=request)
    assert (answer.status_code, error_of(answer)["code"]) == (400, code)


def test_the_longest_callback_data(send: Send, control: SandboxControl) -> None:
    assert send(biz_opaque_callback_data="é" * 512).status_code == 200
    assert next(control.accepted())["callback_data"] == "é" * 512


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_a_body_that_is_no_json_object(http: httpx.Client, content: bytes) -> None:
    answer = http.post(f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages", content=content)
    assert (answer.status_code, error_of(answer)["code"]) == (400, 1)


@pytest.mark.parametrize(
    ("status", "http_status", "code"),
    [
        ("PAUSED", 400, 132015),
        ("DISABLED", 400, 132016),
        ("PENDING", 404, 132001),
        ("A_NEW_WORD", 404, 132001),
    ],
)
def test_a_template_that_cannot_be_sent(
    send: Send, control: SandboxControl, status: str, http_status: int, code: int
) -> None:
    control.put_templates(
        DEMO_WABA_ID, {"name": "demo_text", "language": "en_US", "status": status}
    )
    answer = send("demo_text")
    assert (answer.status_code, error_of(answer)["code"]) == (http_status, code)


@pytest.mark.parametrize(("name", "language"), [("no_such", "en_US"), ("demo_text", "hi")])
def test_a_template_that_does_not_exist_in_the_language(
    http: httpx.Client, message: Build, name: str, language: str
) -> None:
    template = message()["template"] | {"name": name, "language": {"code": language}}
    answer = http.post(
        f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages", json=message() | {"template": template}
    )
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (404, 132001)
    assert error["message"] == "(#132001) Template name does not exist in the translation"
    details = f"template name ({name}) does not exist in {language}"
    assert error["error_data"]["details"] == details


CASES: list[tuple[str, list[dict[str, Any]], int, str]] = [
    (
        "demo_text",
        [header(ASHA), body(ASHA)],
        132000,
        "body: number of localizable_params (1) does not match the expected number of params (2)",
    ),
    (
        "demo_text",
        [header(ASHA), body(ASHA, ASHA, ASHA)],
        132000,
        "body: number of localizable_params (3) does not match the expected number of params (2)",
    ),
    (
        "demo_text",
        [body(ASHA, ASHA)],
        132000,
        "header: number of localizable_params (0) does not match the expected number of params (1)",
    ),
    (
        "demo_text",
        [header(VIDEO), body(ASHA, ASHA)],
        132012,
        "header: Format mismatch, expected TEXT, received VIDEO",
    ),
    (
        "demo_video",
        [body(ASHA)],
        132012,
        "header: Format mismatch, expected VIDEO, received UNKNOWN",
    ),
    (
        "demo_video",
        [header({"type": "image", "image": {"link": "https://example.com/a.png"}}), body(ASHA)],
        132012,
        "header: Format mismatch, expected VIDEO, received IMAGE",
    ),
    ("demo_video", [header(VIDEO, VIDEO), body(ASHA)], 132000, "header: number of"),
    ("demo_video", [header({"type": "video"}), body(ASHA)], 131008, "is missing video value"),
    (
        "demo_video",
        [header({"type": "video", "video": {}}), body(ASHA)],
        131008,
        "exactly one of id and link",
    ),
    (
        "demo_video",
        [header({"type": "video", "video": {"id": "1", "link": "https://a.b/c"}}), body(ASHA)],
        131008,
        "exactly one of id and link",
    ),
    (
        "demo_video",
        [header({"type": "video", "video": {"link": "film.mp4"}}), body(ASHA)],
        131009,
        "not a valid URL",
    ),
    ("demo_url_button", [header(ASHA)], 132018, "the template has no header"),
    ("demo_text", [header(ASHA), body(ASHA, text(" "))], 131008, "missing text value"),
    ("demo_text", [header(ASHA), body(ASHA, text(None))], 131008, "missing text value"),
    *(
        (
            "demo_text",
            [header(ASHA), body(ASHA, text(value))],
            132018,
            "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
        )
        for value in ("a\nb", "a\tb", "a\rb", "a     b")
    ),
    ("demo_text", [header(text("x" * 60)), body(ASHA, ASHA)], 132005, "header: 70 characters"),
    ("demo_text", [header(ASHA), body(ASHA, text("x" * 1024))], 132005, "body: "),
    ("demo_text", [header(ASHA), body(ASHA, text("x", parameter_name="n"))], 100, "POSITIONAL"),
    ("demo_text", [{"type": "footer"}], 100, "footer"),
    ("demo_named", [body(ASHA, ASHA)], 100, "Parameter name is missing or empty"),
    ("demo_named", [body(text("a", parameter_name="day"))], 132000, "body: number of"),
    (
        "demo_named",
        [body(text("a", parameter_name="day"), text("b", parameter_name="name"))],
        100,
        "['name'] are not in the template",
    ),
    (
        "demo_url_button",
        [],
        131008,
        "buttons: Button at index 0 of type URL requires a parameter",
    ),
    ("demo_url_button", [button("url", "0")], 131008, "requires a parameter"),
    ("demo_url_button", [button("url", "0", text(""))], 131008, "requires a parameter"),
    ("demo_url_button", [button("url", None, ASHA)], 131008, "index"),
    (
        "demo_url_button",
        [button("url", "0", ASHA), button("url", "1", ASHA)],
        132018,
        "takes no parameter",
    ),
    (
        "demo_url_button",
        [button("url", "0", ASHA), button("url", "2", ASHA)],
        132018,
        "no button at index 2",
    ),
    ("demo_url_button", [button("copy_code", "0", ASHA)], 132018, "is of type URL"),
    ("demo_copy_code", [body(ASHA)], 131008, "of type COPY_CODE requires a parameter"),
    (
        "demo_copy_code",
        [body(ASHA), button("copy_code", "0", {"type": "coupon_code", "coupon_code": "A" * 21})],
        132018,
        "coupon_code",
    ),
    (
        "demo_copy_code",
        [body(ASHA), button("copy_code", "0", {"type": "coupon_code", "coupon_code": "SAVE 20"})],
        132018,
        "coupon_code",
    ),
]


@pytest.mark.parametrize(("template", "components", "code", "details"), CASES)
def test_parameters_against_the_template(
    send: Send,
    control: SandboxControl,
    template: str,
    components: list[dict[str, Any]],
    code: int,
    details: str,
) -> None:
    answer = send(template, components=components)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, code)
    assert details in error["error_data"]["details"]
    totals = control.totals()
    assert (totals["accepted"], totals["refused"]) == (0, {str(code): 1})


def test_values_at_their_limits_are_accepted(send: Send) -> None:
    fixed = len("Hello , your discount is .")
    longest = [
        header(text("x" * (60 - len("Offer for ")))),
        body(text("a    b"), text("x" * (1024 - fixed - 6))),
    ]
    assert send("demo_text", components=longest).status_code == 200
    code = {"type": "coupon_code", "coupon_code": "A" * 20}
    assert (
        send("demo_copy_code", components=[body(ASHA), button("copy_code", 0, code)]).status_code
        == 200
    )


def test_currency_and_date_parameters_count_as_text(send: Send) -> None:
    price = {
        "type": "currency",
        "currency": {"fallback_value": "£5", "code": "GBP", "amount_1000": 5000},
    }
    components = [header(ASHA), body(ASHA, price)]
    assert send("demo_text", components=components).status_code == 200
    broken = copy.deepcopy(components)
    broken[1]["parameters"][1]["currency"] = {}
    assert error_of(send("demo_text", components=broken))["code"] == 131008


def test_a_quick_reply_payload_is_optional(send: Send, message: Build) -> None:
    components = message()["template"]["components"]
    payload = button("quick_reply", "0", {"type": "payload", "payload": "STOP"})
    assert send(components=[*components, payload]).status_code == 200
    assert send(components=components).status_code == 200


def test_media_ids_belong_to_one_number(send: Send, control: SandboxControl) -> None:
    control.put_number("200000000000002", waba_id=DEMO_WABA_ID)

    def with_id(media_id: str) -> list[dict[str, Any]]:
        return [header({"type": "video", "video": {"id": media_id}}), body(ASHA)]

    assert send("demo_video", components=with_id(DEMO_MEDIA_ID)).status_code == 200
    elsewhere = send("demo_video", components=with_id(DEMO_MEDIA_ID), number="200000000000002")
    assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (400, 131009)
    unknown = error_of(send("demo_video", components=with_id("999")))
    assert (unknown["code"], unknown["error_subcode"]) == (100, 33)


def test_wamids_are_unique_over_a_reset(send: Send, control: SandboxControl) -> None:
    def some_wamids() -> list[str]:
        return [send(to=f"+9199999{n:05}").json()["messages"][0]["id"] for n in range(5)]

    first = some_wamids()
    control.reset()
    assert len({*first, *some_wamids()}) == 10
