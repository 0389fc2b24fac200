"""Which apps get an account's webhooks (`subscribed_apps`), and of what (`subscriptions`).

Sources: Meta's pages on webhook overrides (June 2026) and on managing webhooks (May 2026), and its
reference of an application's subscriptions. That an override without a subscription is refused with
100 is reported (backend-at-work, 9, lesson 14).
"""

from typing import Any, Final

from wacampaign.core.webhook.envelope import PRODUCT
from wacampaign.core.webhook.subscription import AppSubscription, AppWebhook
from wacampaign.meta.client import PAGE_SIZE, CloudApi
from wacampaign.meta.refusal import Refusal
from wacampaign.problems import Problem, Refused

#: What Meta answers when an override's address does not give its challenge back.
_NOT_VERIFIED: Final = frozenset({2200, 2201, 2202})


def app_token(app_id: str, app_secret: str) -> str:
    """The token of an app itself (Meta, access tokens): it reads the app's set-up."""
    return f"{app_id}|{app_secret}"


class SubscriptionApi(CloudApi):
    """The Cloud API of one token, where webhooks are subscribed. Raises what `CloudApi` raises."""

    async def subscribed(self, waba_id: str) -> list[AppSubscription]:
        """The apps that get the account's webhooks."""
        url = self._url(waba_id, "subscribed_apps").copy_with(params={"limit": PAGE_SIZE})
        answer = await self._get(url, "the subscribed apps")
        given = answer.get("data")
        if not isinstance(given, list):
            raise Problem("Meta answered without a list of the subscribed apps.")
        return [_app_of(one) for one in given if isinstance(one, dict)]

    async def app_webhook(self, app_id: str) -> AppWebhook | None:
        """What is set up for the app; None: nothing. The token must be the app's own (`app_token`).

        Raises `AccessRefused` when it is not.
        """
        url = self._url(app_id, "subscriptions")
        answer = await self._get(url, "the app's webhooks")
        for one in answer.get("data") or ():
            if isinstance(one, dict) and one.get("object") == PRODUCT and one.get("active", True):
                given = one.get("fields")
                names = (f.get("name") for f in given if isinstance(f, dict)) if given else ()
                return AppWebhook(
                    str(one.get("callback_url") or ""), frozenset(map(str, filter(None, names)))
                )
        return None

    async def subscribe(
        self, waba_id: str, override: str | None = None, verify_token: str | None = None
    ) -> None:
        """Subscribes the token's app; without `override` to its own address.

        With one, the app must be subscribed already, and Meta asks the address for its challenge
        with `verify_token`. Raises `Refused` when that fails. Safe to repeat.
        """
        body = {"override_callback_uri": override, "verify_token": verify_token} if override else {}
        url = self._url(waba_id, "subscribed_apps")
        answer = await self._ask(
            lambda: self._http.post(url, json=body), "the subscription", problem_of=_problem_of
        )
        if answer.get("success") is not True:
            raise Problem("Meta answered the subscription without saying that it succeeded.")


def _app_of(raw: dict[str, Any]) -> AppSubscription:
    data = raw.get("whatsapp_business_api_data")
    data = data if isinstance(data, dict) else {}
    override = raw.get("override_callback_uri")
    return AppSubscription(
        app_id=str(data.get("id") or ""),
        name=str(data.get("name") or ""),
        override=override if isinstance(override, str) and override else None,
    )


def _problem_of(refusal: Refusal, what: str) -> Problem:
    if refusal.code in _NOT_VERIFIED:
        return Refused(
            f"Meta could not verify the address (code {refusal.code}): {refusal.text}",
            "the receiver must run behind it, with the same META_WEBHOOK_VERIFY_TOKEN: "
            "wacampaign webhook",
        )
    return refusal.problem(what)
