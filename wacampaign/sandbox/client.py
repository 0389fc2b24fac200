"""A synchronous client of the sandbox's control API, for tests, rehearsals and the demo."""

import base64
import ssl
from collections.abc import Iterator
from typing import Any, Literal, cast

import httpx

from wacampaign.problems import Problem
from wacampaign.sandbox.creation import Decision
from wacampaign.sandbox.faults import Action
from wacampaign.sandbox.referee import CountBy
from wacampaign.sandbox.situations import SituationName

#: Seconds. Counting a million messages by group takes some; everything else is immediate.
_TIMEOUT_S = 60.0
#: Seconds that a person waits for a sandbox that may be something else.
_READY_S = 10.0
#: Messages per page of `accepted`.
_PAGE = 5000


class ControlRefused(Problem):
    """The sandbox did not understand a control request."""

    code = "sandbox_control"


class SandboxControl:
    """Control of one sandbox. Every method is one request; answers are the API's JSON."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        # Never through a proxy: the sandbox is on this machine.
        self._http = httpx.Client(
            base_url=f"{url}/_sandbox/",
            timeout=_TIMEOUT_S,
            trust_env=False,
            # A context that trusts nobody: to read Mozilla's list takes 30 ms.
            verify=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether it is a sandbox that answers; raises what httpx raises where nothing does."""
        answer = self._http.get("ready", timeout=_READY_S)
        try:
            return bool(answer.json().get("ready"))
        except (ValueError, AttributeError):
            return False

    def put_waba(self, waba_id: str, token: str, name: str | None = None, **fields: Any) -> None:
        """Add a WABA, give another token access to it, or set fields of it.

        Fields: `marketing_messages_onboarding_status` (ONBOARDED, ELIGIBLE, …),
        `disable_marketing_messages_on_cloud_api`, `owner_business_info`,
        `whatsapp_business_manager_messaging_limit`.
        """
        body = {"waba_id": waba_id, "token": token, "name": name} | fields
        self._call("POST", "wabas", body)

    def put_token(self, token: str, **fields: Any) -> None:
        """Set what is told of a token: `expires_at` (Unix seconds; 0: never), `scopes`, `type`."""
        self._call("POST", "tokens", {"token": token} | fields)

    def revoke_token(self, token: str) -> bool:
        """Make a token invalid (190 from now on); False when it was unknown."""
        return bool(self._call("POST", "tokens/revoke", {"token": token})["revoked"])

    def put_number(self, phone_number_id: str, **fields: Any) -> dict[str, Any]:
        """Add or change a number.

        Fields: `waba_id`, `token` (makes the WABA), `throughput` (STANDARD | HIGH), `mps`
        (None: no limit), `status`, `quality_rating`, `display_phone_number`, `verified_name`,
        `code_verification_status`, `name_status`, `account_mode`,
        `whatsapp_business_manager_messaging_limit`, `platform_type`, `is_on_biz_app`.
        """
        return self._call("POST", "numbers", {"phone_number_id": phone_number_id} | fields)

    def put_templates(self, waba_id: str, *templates: dict[str, Any]) -> list[str]:
        """Add or change templates (Meta's objects, keyed by name and language); their ids."""
        body = {"waba_id": waba_id, "templates": templates}
        return cast(list[str], self._call("POST", "templates", body)["ids"])

    def put_media(
        self, phone_number_id: str, content: bytes, mime_type: str, media_id: str | None = None
    ) -> str:
        """Add an uploaded file; its media id."""
        body = {
            "phone_number_id": phone_number_id,
            "content_base64": base64.b64encode(content).decode(),
            "mime_type": mime_type,
            "id": media_id,
        }
        return str(self._call("POST", "media", body)["id"])

    def put_hosted(
        self,
        host: str,
        path: str,
        content: bytes = b"",
        content_type: str = "application/octet-stream",
        **fields: Any,
    ) -> str:
        """Put a file (or an error) on a pretended media host; its path on the sandbox.

        Fields: `status` (HTTP, 200 by itself), `headers`.
        """
        file = {"host": host, "path": path, "content_base64": base64.b64encode(content).decode()}
        body = file | {"content_type": content_type} | fields
        return str(self._call("POST", "hosts", body)["path"])

    def hosted(self) -> list[dict[str, Any]]:
        """The files of the media hosts, with the `fetches` of each."""
        return _items(self._call("GET", "hosts"))

    def set_health(self, object_id: str, can_send_message: str, **fields: Any) -> None:
        """Set the health of a number, WABA or template: AVAILABLE, LIMITED or BLOCKED."""
        body = {"id": object_id, "can_send_message": can_send_message} | fields
        self._call("POST", "health", body)

    def review(self, verdict: Decision, **fields: Any) -> None:
        """How the review of templates created from now on ends; PENDING: it does not.

        Fields: `template` (its name; None: all), `reason` (of a rejection, Meta's word) and
        `category` (the one that the reviewer finds right).
        """
        self._call("POST", "reviews", {"verdict": verdict} | fields)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Set fields of `simulation.Settings`; all settings now in force."""
        return self._call("POST", "settings", changes)

    def webhook(self, url: str | None, app_secret: str, **changes: Any) -> None:
        """Send webhooks to `url` (None: none). Changes: other fields of `WebhookSettings`."""
        self._call("POST", "webhook", {"url": url, "app_secret": app_secret} | changes)

    def writes(self, text: str | None = None, **fields: Any) -> str:
        """Somebody writes to a number of ours; the message's id. Fields: those of `People.writes`.

        `from_` stands for `from`, which is a word of Python.
        """
        body = {"text": text} | {name.rstrip("_"): value for name, value in fields.items()}
        return str(self._call("POST", "inbound", body)["id"])

    def prefers(self, value: Literal["stop", "resume"], **fields: Any) -> None:
        """Somebody switches marketing messages off or on. Fields: as of `writes`."""
        body = {"value": value} | {name.rstrip("_"): value for name, value in fields.items()}
        self._call("POST", "preferences", body)

    def news(self, field: str, value: dict[str, Any], **more: Any) -> None:
        """Meta decides about a template, number or account, and says so (`sandbox.news`).

        `field` and `value` as in Meta's webhook; more: `waba_id`, `at` (Unix seconds).
        """
        self._call("POST", "news", {"field": field, "value": value} | more)

    def subscriptions(
        self, waba_id: str, apps: dict[str, str | None] | None = None, **more: Any
    ) -> dict[str, str | None]:
        """Who gets the account's webhooks, each app with its override; `apps` sets it first.

        More: `unverified`, whether Meta's check of an override's address fails; `fields`, what our
        app gets of all accounts.
        """
        body = {"waba_id": waba_id, "apps": apps} | more
        return cast(dict[str, str | None], self._call("POST", "subscriptions", body)["apps"])

    def end_of_held(self, end: Literal["release", "drop"], template: str | None = None) -> int:
        """Deliver the held messages of a template (None: all), or fail them with 132015.

        How many there were; a fault `hold` holds messages.
        """
        return int(self._call("POST", "held", {"end": end, "template": template})["ended"])

    def add_fault(self, action: Action, **conditions: Any) -> int:
        """Add a fault (fields of `faults.Fault`); its id."""
        return int(self._call("POST", "faults", {"action": action} | conditions)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, with `matched` and `applied`."""
        return _items(self._call("GET", "faults"))

    def remove_fault(self, fault_id: int) -> None:
        """Remove one fault."""
        self._call("DELETE", f"faults/{fault_id}")

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._call("DELETE", "faults")

    def begin_situation(self, name: SituationName, **given: Any) -> dict[str, Any]:
        """Begin a situation of the account (parameters of its method in `Situations`)."""
        return self._call("POST", "situations", {"name": name} | given)

    def situations(self) -> list[dict[str, Any]]:
        """The situations in force: `name`, and what each was given."""
        return _items(self._call("GET", "situations"))

    def end_situation(self, name: str) -> None:
        """End one: what was there before is back."""
        self._call("DELETE", f"situations/{name}")

    def end_situations(self) -> int:
        """End all; how many."""
        return int(self._call("DELETE", "situations")["ended"])

    def totals(self) -> dict[str, Any]:
        """The referee's and the counters' totals."""
        return self._call("GET", "totals")

    def counts(
        self, by: CountBy = "recipient", *, at_least: int = 1, **parameters: str | int | None
    ) -> dict[str, Any]:
        """Accepted messages per group: `groups` (how many there are) and `items`, `limit` of them.

        Parameters: `limit` (1,000 by itself), `offset`; `phone_number_id`, `template` (its name)
        and `callback_prefix` (a start of callback data) have only such messages counted.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._call("GET", "counts", parameters={"by": by, "min": at_least} | given)

    def repeated(
        self, by: CountBy = "recipient", *, callback_prefix: str | None = None
    ) -> list[dict[str, Any]]:
        """The groups that were accepted more than once: the first 1,000."""
        return _items(self.counts(by, at_least=2, callback_prefix=callback_prefix))

    def accepted(self) -> Iterator[dict[str, Any]]:
        """Every accepted message in order: seq, to, callback_data, wamid, template, time, …"""
        after: int | None = 0
        while after is not None:
            answer = self._call("GET", "accepted", parameters={"after": after, "limit": _PAGE})
            yield from _items(answer)
            after = answer["next"]

    def messages(self) -> list[dict[str, Any]]:
        """The last 1,000 accepted messages in order: `to`, and the `template` as it came."""
        return _items(self._call("GET", "messages"))

    def stalls(self) -> list[tuple[float, float]]:
        """When the sandbox stood still since it started: from, to, in Unix seconds."""
        return [(start, end) for start, end in self._call("GET", "stalls")["items"]]

    def rates(self) -> dict[str, Any]:
        """Per number: `max_in_any_second` (sliding) and `seconds` ([Unix second, accepted])."""
        return self._call("GET", "rates")

    def reset(self, *, everything: bool = False) -> None:
        """Forget the accepted messages and counters; `everything`: also back to the demo account,
        default settings, no faults and no webhooks.
        """
        self._call("POST", "reset", {"everything": everything})

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        answer = self._http.request(method, path, json=body, params=parameters)
        content = answer.json()
        if answer.status_code != 200:
            raise ControlRefused(f"{method} {path}: {content.get('error', content)}")
        return cast(dict[str, Any], content)


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], answer["items"])
