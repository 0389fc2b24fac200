"""Webhook bodies as Meta writes them (whatsapp-cloud-api, 6.1 to 6.3)."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.state import Message


@dataclass(frozen=True, slots=True)
class Update:
    """One element of a list in a change's value, or a value of its own."""

    waba_id: str
    #: Meta's name of what it is about: `messages`, `user_preferences`, `account_update`, …
    field: str
    #: Unix seconds of the event.
    at: int
    #: The list that `element` belongs to, such as `statuses`; None: `element` is the value.
    array: str | None
    element: dict[str, Any]
    #: `phone_number_id` and `display_phone_number`.
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Whoever is meant, as `contacts[]` has him; empty: nobody.
    contact: dict[str, Any] = dataclasses.field(default_factory=dict)


def envelope(updates: Sequence[Update]) -> dict[str, Any]:
    """One body: one entry per WABA, one change per number, field and value of its own."""
    entries: dict[str, list[dict[str, Any]]] = {}
    shared: dict[tuple[str, str, str], dict[str, Any]] = {}
    times: dict[str, int] = {}
    for update in updates:
        changes = entries.setdefault(update.waba_id, [])
        if update.array is None:
            changes.append({"field": update.field, "value": update.element})
            times[update.waba_id] = update.at
            continue
        key = (update.waba_id, update.field, update.metadata.get("phone_number_id", ""))
        value = shared.get(key)
        if value is None:
            value = shared[key] = {"messaging_product": "whatsapp", "metadata": update.metadata}
            changes.append({"field": update.field, "value": value})
        if update.contact and update.contact not in value.setdefault("contacts", []):
            value["contacts"].append(update.contact)
        value.setdefault(update.array, []).append(update.element)
    return {
        "object": "whatsapp_business_account",
        "entry": [
            {"id": waba_id}
            | ({"time": times[waba_id]} if waba_id in times else {})
            | {"changes": changes}
            for waba_id, changes in entries.items()
        ],
    }


def status_update(
    message: Message, wamid: str, status: str, failure: Refusal | None, at: int
) -> Update:
    """A status of a message; `failure` makes a `failed` one say why."""
    number = message.number
    said: dict[str, Any] = {
        "id": wamid,
        "status": status,
        "timestamp": str(at),
        "recipient_id": message.recipient,
    }
    if message.callback is not None:
        said["biz_opaque_callback_data"] = message.callback
    if status == "failed" and failure is not None:
        said["errors"] = [failure.webhook_error()]
    elif status in ("sent", "delivered"):
        said["pricing"] = {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": message.category,
        }
    return Update(number.waba_id, "messages", at, "statuses", said, number.metadata)
