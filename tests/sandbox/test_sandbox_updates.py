"""What comes by webhook beside statuses: messages, preferences, news; and who is subscribed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.test_sandbox_webhooks import SECRET, Receiver, until_idle
from wacampaign.core.webhook.envelope import updates_of
from wacampaign.core.webhook.updates import Updates
from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.demo import (
    DEMO_APP_ID,
    DEMO_BUSINESS_ID,
    DEMO_PHONE_NUMBER_ID,
    DEMO_WABA_ID,
)

Send = Callable[..., httpx.Response]
PHONE, USER = "447700900123", "GB.13491208655302741918"
APPS = f"/v25.0/{DEMO_WABA_ID}/subscribed_apps"


@pytest.fixture
def receiver(control: SandboxControl) -> Iterator[Receiver]:
    receiver = Receiver()
    control.webhook(receiver.url, SECRET, interval_ms=1)
    yield receiver
    receiver.close()


def taken(control: SandboxControl, receiver: Receiver) -> Updates:
    """All that came, as this program reads it; the last body alone decides about faults."""
    until_idle(control)
    every = [updates_of(json.loads(body)) for _, body in receiver.posts]
    for updates in every:
        assert updates.faults == ()
    return Updates(
        tuple(one for updates in every for one in updates.inbound),
        tuple(one for updates in every for one in updates.statuses),
        tuple(one for updates in every for one in updates.preferences),
        tuple(one for updates in every for one in updates.news),
    )


def test_people_write(control: SandboxControl, receiver: Receiver) -> None:
    first = control.writes("STOP", from_=f"+{PHONE}", name="Asha", at=1757600000)
    tap = control.writes("Stop", type="button", from_=PHONE, payload="p", context_id="wamid.T")
    control.writes("No", type="interactive", payload="no", user_id=USER)
    control.writes(None, type="sticker", content={"id": "1"}, from_=PHONE, phone_number_id="77")
    text, button, interactive, sticker = taken(control, receiver).inbound
    assert (text.wamid, text.text, text.phone, text.name) == (first, "STOP", PHONE, "Asha")
    assert (text.at, text.phone_number_id) == (1757600000, DEMO_PHONE_NUMBER_ID)
    assert (button.wamid, button.text, button.payload) == (tap, "Stop", "p")
    assert button.context_id == "wamid.T"
    assert (interactive.text, interactive.payload) == ("No", "no")
    assert (interactive.phone, interactive.user_id) == (None, USER)
    assert (sticker.kind, sticker.phone_number_id) == ("sticker", "77")


def test_people_prefer(control: SandboxControl, receiver: Receiver) -> None:
    control.prefers("stop", from_=PHONE, user_id=USER, at=1757600000)
    control.prefers("resume", user_id="GB.1")
    stop, resume = taken(control, receiver).preferences
    assert (stop.value, stop.phone, stop.user_id, stop.at) == ("stop", PHONE, USER, 1757600000)
    assert (resume.value, resume.phone, resume.phone_number_id) == (
        "resume",
        None,
        DEMO_PHONE_NUMBER_ID,
    )


def template_value(**more: Any) -> dict[str, Any]:
    return {
        "message_template_name": "demo_text",
        "message_template_language": "en_US",
    } | more


def test_a_paused_template_is_told_and_paused(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    value = template_value(event="PAUSED", reason="NONE", other_info={"title": "FIRST_PAUSE"})
    control.news("message_template_status_update", value, at=1757600000)
    (news,) = taken(control, receiver).news
    assert (news.field, news.waba_id, news.at) == (
        "message_template_status_update",
        DEMO_WABA_ID,
        1757600000,
    )
    assert news.value == {"message_template_id": 400000000000001} | value
    assert send().json()["error"]["code"] == 132015
    control.news("message_template_status_update", template_value(event="REINSTATED"))
    assert send().status_code == 200


def test_news_change_what_get_shows(
    http: httpx.Client, control: SandboxControl, receiver: Receiver
) -> None:
    control.news(
        "message_template_quality_update",
        template_value(previous_quality_score="GREEN", new_quality_score="RED"),
    )
    control.news(
        "template_category_update",
        template_value(previous_category="MARKETING", new_category="UTILITY"),
    )
    control.news(
        "phone_number_quality_update",
        {"display_phone_number": "447700900000", "event": "THROUGHPUT_UPGRADE"},
    )
    control.news("business_capability_update", {"max_daily_conversations_per_business": "TIER_2K"})
    control.news("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": []})
    template = http.get("/v25.0/400000000000001").json()
    assert (template["quality_score"]["score"], template["category"]) == ("RED", "UTILITY")
    limit = "whatsapp_business_manager_messaging_limit"
    fields = {"fields": f"throughput,{limit},platform_type,is_on_biz_app"}
    number = http.get(f"/v25.0/{DEMO_PHONE_NUMBER_ID}", params=fields).json()
    assert (number["throughput"], number[limit]) == ({"level": "HIGH"}, "TIER_2K")
    assert (number["platform_type"], number["is_on_biz_app"]) == ("CLOUD_API", False)
    fields = {"fields": f"owner_business_info,{limit}"}
    waba = http.get(f"/v25.0/{DEMO_WABA_ID}", params=fields).json()
    assert (waba["owner_business_info"]["id"], waba[limit]) == (DEMO_BUSINESS_ID, "TIER_2K")
    assert len(taken(control, receiver).news) == 5


def test_kinds_share_a_post_and_keep_apart_in_it(
    send: Send, control: SandboxControl, receiver: Receiver
) -> None:
    control.webhook(receiver.url, SECRET, interval_ms=200, statuses=["sent"])
    send()
    control.writes("hi", from_=PHONE)
    control.prefers("stop", from_=PHONE)
    control.news("account_alerts", {"entity_type": "WABA", "alert_info": {}})
    updates = taken(control, receiver)
    kinds = (updates.inbound, updates.statuses, updates.preferences, updates.news)
    assert [len(kind) for kind in kinds] == [1, 1, 1, 1]


def test_the_app_is_subscribed_and_may_override_its_address(
    http: httpx.Client, control: SandboxControl
) -> None:
    (app,) = http.get(APPS).json()["data"]
    assert app["whatsapp_business_api_data"]["id"] == DEMO_APP_ID
    assert "override_callback_uri" not in app
    override = {"override_callback_uri": "https://example.com/api/webhooks", "verify_token": "v"}
    assert http.post(APPS, json=override).json() == {"success": True}
    (app,) = http.get(APPS).json()["data"]
    assert app["override_callback_uri"] == override["override_callback_uri"]
    assert http.post(APPS).json() == {"success": True}
    assert control.subscriptions(DEMO_WABA_ID) == {DEMO_APP_ID: None}
    assert http.delete(APPS).json() == {"success": True}
    assert http.get(APPS).json() == {"data": []}
    refused = http.post(APPS, data=override).json()["error"]
    assert (refused["code"], "must be subscribed" in refused["message"]) == (100, True)


def test_an_address_that_fails_the_check_is_refused(
    http: httpx.Client, control: SandboxControl
) -> None:
    override = {"override_callback_uri": "https://example.com/", "verify_token": "v"}
    control.subscriptions(DEMO_WABA_ID, unverified=True)
    assert http.post(APPS, json=override).json()["error"]["code"] == 2200
    others = {"42": "https://other.example/", DEMO_APP_ID: None}
    assert control.subscriptions(DEMO_WABA_ID, others, unverified=False) == others
    assert len(http.get(APPS).json()["data"]) == 2
    assert http.get("/v25.0/1/subscribed_apps").json()["error"]["code"] == 100


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("inbound", {"text": "x"}),
        ("inbound", {"from": PHONE}),
        ("inbound", {"from": PHONE, "type": "image"}),
        ("inbound", {"from": PHONE, "text": "x", "colour": "red"}),
        ("preferences", {"from": PHONE, "value": "perhaps"}),
        ("preferences", {"value": "stop"}),
        ("news", {"field": "account_update"}),
        ("news", {"field": "account_update", "value": {}, "waba_id": "1"}),
        ("news", {"field": "message_template_status_update", "value": {"event": "PAUSED"}}),
        ("news", {"field": "phone_number_quality_update", "value": {"display_phone_number": "1"}}),
        ("subscriptions", {"waba_id": "1"}),
        ("subscriptions", {"waba_id": DEMO_WABA_ID, "colour": "red"}),
    ],
)
def test_what_makes_no_sense_is_refused(
    control: SandboxControl, path: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ControlRefused):
        control._call("POST", path, wrong)
