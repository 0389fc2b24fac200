"""Messages, and a plain HTTP client of the sandbox."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN
from wacampaign.sandbox.process import SandboxProcess

#: Components that the demo templates accept.
COMPONENTS: dict[str, list[dict[str, Any]]] = {
    "demo_text": [
        {"type": "header", "parameters": [{"type": "text", "text": "Asha"}]},
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "Asha"}, {"type": "text", "text": "20 %"}],
        },
    ],
    "demo_video": [
        {
            "type": "header",
            "parameters": [
                {"type": "video", "video": {"link": "https://scontent.whatsapp.net/v/film.mp4"}}
            ],
        },
        {"type": "body", "parameters": [{"type": "text", "text": "Asha"}]},
    ],
    "demo_url_button": [
        {
            "type": "button",
            "sub_type": "url",
            "index": "0",
            "parameters": [{"type": "text", "text": "order-7"}],
        }
    ],
    "demo_copy_code": [
        {"type": "body", "parameters": [{"type": "text", "text": "Monday"}]},
        {
            "type": "button",
            "sub_type": "copy_code",
            "index": "0",
            "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}],
        },
    ],
    "demo_named": [
        {
            "type": "body",
            "parameters": [
                {"type": "text", "parameter_name": "day", "text": "Monday"},
                {"type": "text", "parameter_name": "first_name", "text": "Asha"},
            ],
        }
    ],
    "demo_paused": [],
}


def build_message(
    template: str = "demo_text",
    to: str = "+919999900001",
    components: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A body for POST /messages; `changes` replaces its top-level keys."""
    given = COMPONENTS.get(template, []) if components is None else components
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "to": to,
        "type": "template",
        "template": {
            "name": template,
            "language": {"code": "en_US"},
            "components": copy.deepcopy(given),
        },
    }
    return body | changes


@pytest.fixture
def control(sandbox: SandboxProcess) -> SandboxControl:
    return sandbox.control


@pytest.fixture
def http(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=sandbox.url,
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
        trust_env=False,
        timeout=30,
    ) as client:
        yield client


@pytest.fixture
def message() -> Callable[..., dict[str, Any]]:
    return build_message


@pytest.fixture
def send(http: httpx.Client) -> Callable[..., httpx.Response]:
    """Build and send a message from the demo number (or `number`)."""

    def sent(*args: Any, number: str = DEMO_PHONE_NUMBER_ID, **kwargs: Any) -> httpx.Response:
        return http.post(f"/v25.0/{number}/messages", json=build_message(*args, **kwargs))

    return sent
