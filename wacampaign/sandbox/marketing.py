"""POST /{phone_number_id}/marketing_messages: what Meta checks there and not at /messages.

Source: Meta's references of the Marketing Messages API (September 2026; whatsapp-cloud-api, 1.3 and
3.5). That STRICT is refused with 134102 while the account is not onboarded is our reading: Meta
says of that code that the template is not available or the account is not onboarded.
"""

from typing import Any

from wacampaign.core.marketing import ONBOARDED, POLICIES
from wacampaign.sandbox.answers import Refusal

#: Fields of an account that concern it, with what a new account has.
ACCOUNT_FIELDS: dict[str, Any] = {
    # Meta's other words: ELIGIBLE, INELIGIBLE.
    "marketing_messages_onboarding_status": "ELIGIBLE",
    # Marketing templates are refused at /messages.
    "disable_marketing_messages_on_cloud_api": False,
}


def check_marketing(
    request: dict[str, Any], category: str, waba: dict[str, Any], *, marketing: bool
) -> Refusal | None:
    """The refusal of a sound message because it came to this endpoint, or None."""
    is_marketing = category.upper() == "MARKETING"
    if not marketing:
        if is_marketing and waba["disable_marketing_messages_on_cloud_api"]:
            return Refusal(131063, "Marketing templates are disabled for Cloud API")
        return None
    policy = request.get("product_policy", POLICIES[0])
    if policy not in POLICIES:
        return Refusal(100, f"product_policy must be one of {', '.join(POLICIES)}")
    if not is_marketing:
        return Refusal(134100, "Only marketing templates are supported by this endpoint")
    if policy == "STRICT" and not is_onboarded(waba):
        return Refusal(134102, "The account is not onboarded to the Marketing Messages API")
    return None


def is_onboarded(waba: dict[str, Any]) -> bool:
    """Whether the account has accepted the terms; else Meta sends through Cloud API."""
    return bool(waba["marketing_messages_onboarding_status"] == ONBOARDED)
