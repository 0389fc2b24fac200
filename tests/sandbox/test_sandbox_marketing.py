"""The marketing endpoint: whom and what it takes, and what /messages does not."""

from __future__ import annotations

from typing import Any

import httpx

from tests.sandbox.conftest import build_message
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID


def sent(http: httpx.Client, edge: str, *args: Any, **changes: Any) -> int | str:
    """The code of the refusal, or the message's id."""
    answer = http.post(
        f"/v25.0/{DEMO_PHONE_NUMBER_ID}/{edge}", json=build_message(*args, **changes)
    ).json()
    if "error" in answer:
        return int(answer["error"]["code"])
    return str(answer["messages"][0]["id"])


def onboard(control: SandboxControl, **fields: Any) -> None:
    control.put_waba(DEMO_WABA_ID, DEMO_TOKEN, **fields)


def test_only_marketing_templates_and_only_templates(
    http: httpx.Client, control: SandboxControl
) -> None:
    onboard(control, marketing_messages_onboarding_status="ONBOARDED")
    there = "marketing_messages"
    assert str(sent(http, there)).startswith("wamid.")
    assert sent(http, there, product_policy="STRICT", to="+919999900002")
    assert sent(http, there, "demo_named") == 134100
    assert sent(http, there, type="text") == 100
    assert sent(http, there, product_policy="LAX") == 100
    assert sent(http, "messages", to="+919999900003")
    totals = control.totals()
    assert totals["accepted_by_endpoint"] == {"marketing_messages": 2, "messages": 1}
    asked = http.get(
        f"/v25.0/{DEMO_WABA_ID}", params={"fields": "marketing_messages_onboarding_status"}
    ).json()
    assert asked["marketing_messages_onboarding_status"] == "ONBOARDED"


def test_an_account_that_is_not_onboarded(http: httpx.Client) -> None:
    there = "marketing_messages"
    assert str(sent(http, there)).startswith("wamid.")  # by Cloud API
    assert sent(http, there, product_policy="STRICT", to="+919999900002") == 134102


def test_an_account_without_marketing_on_cloud_api(
    http: httpx.Client, control: SandboxControl
) -> None:
    onboard(control, disable_marketing_messages_on_cloud_api=True)
    assert sent(http, "messages") == 131063
    assert str(sent(http, "messages", "demo_named")).startswith("wamid.")
