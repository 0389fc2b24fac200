"""Faults of number, account or token. Source: "Number, account, token" of Meta's codes.

None of them says anything about the row that met it, so none fails it.
"""

from typing import Final

from wacampaign.core.errors.model import ErrorEntry, pauses
from wacampaign.core.outcomes import Scope

_RESUME: Final = "then wacampaign resume CAMPAIGN"
_NUMBER: Final = f"see wacampaign number list, mend the number in WhatsApp Manager, {_RESUME}"
_HEALTH: Final = (
    f"see the account's health with wacampaign number list, clear it with Meta, {_RESUME}"
)
_PAYMENT: Final = f"mend the payment method in Meta Business settings, {_RESUME}"
_TOKEN: Final = f"put a valid token in place, check it with wacampaign templates sync, {_RESUME}"
_PERMISSION: Final = (
    "give the token whatsapp_business_messaging and whatsapp_business_management on this account, "
    f"{_RESUME}"
)

SENDER: Final[tuple[ErrorEntry, ...]] = (
    pauses(33, "Number deleted or not valid", Scope.NUMBER, _NUMBER),
    pauses(131037, "Display name not approved", Scope.NUMBER, _NUMBER),
    pauses(131045, "Incorrect certificate", Scope.NUMBER, _NUMBER, http=500),
    pauses(133010, "Phone number not registered", Scope.NUMBER, _NUMBER),
    pauses(133006, "Phone number not verified", Scope.NUMBER, _NUMBER),
    pauses(
        131058,
        "hello_world only from test numbers",
        Scope.TEMPLATE,
        "create a campaign with a template of your own; wacampaign cancel CAMPAIGN",
        http=None,
        retryable=False,
    ),
    pauses(131042, "Business eligibility payment issue", Scope.ACCOUNT, _PAYMENT),
    pauses(131044, "Payment issue (calling)", Scope.ACCOUNT, _PAYMENT, http=None),
    pauses(134011, "Payments terms not accepted", Scope.ACCOUNT, _PAYMENT),
    pauses(131031, "Account has been locked", Scope.ACCOUNT, _HEALTH, http=403),
    pauses(368, "Temporarily blocked for policies violations", Scope.ACCOUNT, _HEALTH, http=403),
    # A token may reach one account and not another, so only the account's numbers are held.
    pauses(131005, "Access denied", Scope.ACCOUNT, _PERMISSION, http=403),
    pauses(10, "Permission denied", Scope.ACCOUNT, _PERMISSION, http=403),
    pauses(0, "AuthException", Scope.TOKEN, _TOKEN, http=401),
    pauses(190, "Access token has expired", Scope.TOKEN, _TOKEN, http=401),
    pauses(3, "API Method: capability or permissions", Scope.TOKEN, _PERMISSION, http=500),
    pauses(102, "Session key invalid", Scope.TOKEN, _TOKEN, http=None),
    pauses(104, "Access token missing or unsigned", Scope.TOKEN, _TOKEN, http=None),
    pauses(200, "Provide valid app ID", Scope.TOKEN, _TOKEN, http=403),
    pauses(803, "Object does not exist", Scope.NUMBER, _NUMBER, http=None),
)
