"""What Meta decides about templates, numbers and accounts: told by webhook, and then so.

Fields and words: Meta's webhook references (May 2026); whatsapp-cloud-api, 5.2 and 6.5.
"""

import time
from typing import Any

from wacampaign.sandbox.demo import DEMO_WABA_ID
from wacampaign.sandbox.limits import MPS_OF_LEVEL
from wacampaign.sandbox.state import Account, Number, Template
from wacampaign.sandbox.webhook_bodies import Update

#: Event of `message_template_status_update`: the status that GET shows from then on.
STATUS_AFTER = {
    "APPROVED": "APPROVED",
    "REINSTATED": "APPROVED",
    "UNARCHIVED": "APPROVED",
    "PAUSED": "PAUSED",
    "DISABLED": "DISABLED",
    "REJECTED": "REJECTED",
    "PENDING": "PENDING",
    "PENDING_DELETION": "PENDING_DELETION",
    "DELETED": "DELETED",
    "ARCHIVED": "ARCHIVED",
    "LIMIT_EXCEEDED": "LIMIT_EXCEEDED",
}


def news(account: Account, given: dict[str, Any]) -> Update:
    """The update for `field` with its `value`; the account is then as it says.

    Also `waba_id` (the demo's by itself) and `at` (Unix seconds, now by itself). A template needs
    `message_template_name` and `message_template_language` in its value, and gets its id; a number
    `display_phone_number`. ValueError where the account has none such.
    """
    given = dict(given)
    field, value = str(given.pop("field")), dict(given.pop("value"))
    waba_id, at = str(given.pop("waba_id", DEMO_WABA_ID)), given.pop("at", None)
    if given:
        raise ValueError(f"unknown: {', '.join(sorted(given))}")
    if waba_id not in account.wabas:
        raise ValueError(f"no WABA {waba_id!r}")
    if "template" in field:
        template = _template(account, waba_id, value)
        value = {"message_template_id": int(template.fields["id"])} | value
        _change_template(template, field, value)
    elif field == "phone_number_quality_update":
        _change_number(account, _number(account, waba_id, value), value)
    elif field == "business_capability_update" and "max_daily_conversations_per_business" in value:
        limit = str(value["max_daily_conversations_per_business"])
        account.wabas[waba_id]["whatsapp_business_manager_messaging_limit"] = limit
        for number in account.numbers.values():
            if number.waba_id == waba_id:
                number.fields["whatsapp_business_manager_messaging_limit"] = limit
    return Update(waba_id, field, int(time.time()) if at is None else int(at), None, value)


def _template(account: Account, waba_id: str, value: dict[str, Any]) -> Template:
    name, language = value["message_template_name"], value["message_template_language"]
    template = account.templates.get((waba_id, name, language))
    if template is None:
        raise ValueError(f"no template {name} in {language}")
    return template


def _change_template(template: Template, field: str, value: dict[str, Any]) -> None:
    fields = template.fields
    if field == "message_template_status_update":
        fields["status"] = STATUS_AFTER.get(value["event"], fields["status"])
        if value["event"] == "REJECTED":
            fields["rejected_reason"] = value.get("reason", "NONE")
    elif field == "message_template_quality_update":
        fields["quality_score"] = {"score": value["new_quality_score"]}
    elif field == "template_category_update" and "new_category" in value:
        fields["category"] = value["new_category"]


def _number(account: Account, waba_id: str, value: dict[str, Any]) -> Number:
    digits = "".join(ch for ch in str(value["display_phone_number"]) if ch.isdigit())
    for number in account.numbers.values():
        if (number.waba_id, number.digits) == (waba_id, digits):
            return number
    raise ValueError(f"no number {digits}")


def _change_number(account: Account, number: Number, value: dict[str, Any]) -> None:
    if value["event"] == "THROUGHPUT_UPGRADE":
        account.put_number({"phone_number_id": number.id, "throughput": "HIGH"})
        assert account.numbers[number.id].mps == MPS_OF_LEVEL["HIGH"]
