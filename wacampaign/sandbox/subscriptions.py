"""`/{waba_id}/subscribed_apps`: which apps get an account's webhooks, and at which address.

Source: Meta's pages on webhook overrides (June 2026) and on managing webhooks (May 2026). That an
override without a subscription is refused with 100 is reported (chatwoot #13279). Meta asks an
override's address for its challenge first; the sandbox asks nobody, and refuses when it is told to.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

from wacampaign.core.webhook.decisions import WANTED_FIELDS
from wacampaign.core.webhook.envelope import PRODUCT
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.demo import DEMO_APP_ID, DEMO_APP_NAME
from wacampaign.sandbox.http1 import Request
from wacampaign.sandbox.state import Account

_NOT_SUBSCRIBED = Refusal(
    100,
    message="(#100) Before override the current callback uri, your app must be subscribed to "
    "receive messages for WhatsApp Business Account",
)
_NOT_VERIFIED = Refusal(2200, message="(#2200) Callback verification failed")


class SubscribedApps:
    """Answers the edge for the app of the sandbox's tokens."""

    def __init__(self, account: Account) -> None:
        self._account = account
        #: Whether an override's address fails Meta's check.
        self.unverified = False
        #: The app's own address, and the fields that it gets.
        self.url = "https://example.com/api/webhooks"
        self.fields: list[str] = list(WANTED_FIELDS)

    def answer(self, request: Request, waba_id: str) -> dict[str, Any] | Refusal:
        """GET, POST or DELETE; the token reaches the account."""
        apps = self._account.subscriptions.setdefault(waba_id, {})
        if request.method == "GET":
            return {"data": [_shown(*app) for app in apps.items()]}
        if request.method == "DELETE":
            apps.pop(DEMO_APP_ID, None)
            return {"success": True}
        given = _parameters(request)
        override = given.get("override_callback_uri")
        if override and DEMO_APP_ID not in apps:
            return _NOT_SUBSCRIBED
        if override and (self.unverified or not given.get("verify_token")):
            return _NOT_VERIFIED
        # Without an address, a subscription goes back to the app's own.
        apps[DEMO_APP_ID] = override or None
        return {"success": True}

    def set_up(self) -> dict[str, Any]:
        """GET /{app_id}/subscriptions, which the app's own token may read."""
        fields = [{"name": name, "version": "v25.0"} for name in self.fields]
        webhook = {
            "object": PRODUCT,
            "callback_url": self.url,
            "active": True,
            "fields": fields,
        }
        return {"data": [webhook]}

    def change(self, given: dict[str, Any]) -> dict[str, str | None]:
        """From the control API: who is subscribed (`waba_id`, `apps`: id → override or null).

        `unverified`: whether overrides are refused from now on; `fields`: what the app gets.
        """
        given = dict(given)
        waba_id, apps = str(given.pop("waba_id")), given.pop("apps", None)
        self.unverified = bool(given.pop("unverified", self.unverified))
        self.fields = list(given.pop("fields", self.fields))
        if given:
            raise ValueError(f"unknown: {', '.join(sorted(given))}")
        if waba_id not in self._account.wabas:
            raise ValueError(f"no WABA {waba_id!r}")
        if apps is not None:
            self._account.subscriptions[waba_id] = {str(app): url for app, url in apps.items()}
        return self._account.subscriptions[waba_id]


def _shown(app_id: str, override: str | None) -> dict[str, Any]:
    name = DEMO_APP_NAME if app_id == DEMO_APP_ID else f"App {app_id}"
    data = {"id": app_id, "name": name, "link": f"https://example.com/apps/{app_id}"}
    shown: dict[str, Any] = {"whatsapp_business_api_data": data}
    return shown | ({"override_callback_uri": override} if override else {})


def _parameters(request: Request) -> dict[str, str]:
    """From the query, and from the body as a form or JSON: Graph takes each."""
    given = dict(parse_qsl(request.query))
    try:
        body = json.loads(request.body)
    except ValueError:
        body = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    return given | body if isinstance(body, dict) else given
