"""Error answers of the Cloud API: HTTP status, title and body of each code.

Source: Meta's error-code page as of November 2025 (the last that still named HTTP statuses) and
its OpenAPI file; codes for which Meta names no status get 400, like most others.
"""

import itertools
import json
from dataclasses import dataclass

#: code: (HTTP status, title).
CODES: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
    10: (403, "Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    200: (403, "Provide valid app ID"),
    368: (403, "Temporarily blocked for policies violations"),
    613: (400, "Calls to this api have exceeded the rate limit"),
    803: (404, "Some of the aliases you requested do not exist"),
    2500: (400, "Unknown path components"),
    80007: (400, "Rate limit issues"),
    130403: (400, "Message failed to send because the user is blocked by the business"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (
        400,
        "WhatsApp provided number needs display name approval before message can be sent",
    ),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement"),
    131050: (400, "User has stopped marketing messages from this business"),
    131051: (400, "Unsupported message type"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131055: (400, "Method not allowed"),
    131061: (400, "Template with a maximum price"),
    131063: (400, "Marketing templates are switched off"),
    131064: (400, "Messaging limit reached because of template classification violations"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Template format character policy violated"),
    132008: (400, "Parameter value invalid"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "There's an issue with the parameters in your template"),
    132068: (400, "Flow is in blocked state"),
    132069: (400, "Flow is in throttled state"),
    133004: (503, "Server temporarily unavailable"),
    133006: (400, "Phone number needs to be verified before registering"),
    133010: (400, "Phone number not registered"),
    133016: (400, "Account register/deregister rate limit exceeded"),
    134011: (400, "WhatsApp Payments terms of service has not been accepted"),
    134100: (400, "Only marketing messages supported"),
    134101: (400, "Template is still syncing"),
    134102: (500, "Template unavailable for use"),
    135000: (400, "Generic user error"),
}

_trace = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error to answer: `details` goes to `error_data.details` when it is not empty."""

    code: int
    details: str = ""
    subcode: int | None = None
    #: Replaces the usual `(#code) title`; Graph's own errors (100/33, 190, 803) have their words.
    message: str | None = None
    #: What Meta adds where people read it, in template creation: `error_user_title` and `_msg`.
    user_title: str = ""
    user_msg: str = ""

    @property
    def http_status(self) -> int:
        """HTTP status from Meta's table; 400 for a code that is not in it."""
        return CODES.get(self.code, (400, ""))[0]

    def body(self) -> bytes:
        """Meta's JSON error body."""
        title = CODES.get(self.code, (400, "Unknown error"))[1]
        error: dict[str, object] = {
            "message": self.message or f"(#{self.code}) {title}",
            "type": "OAuthException",
            "code": self.code,
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.user_title:
            error |= {"error_user_title": self.user_title, "error_user_msg": self.user_msg}
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = f"Asandbox{next(_trace):010d}"
        return json.dumps({"error": error}).encode()

    def webhook_error(self) -> dict[str, object]:
        """The same error as it stands in `statuses[].errors[]` of a webhook."""
        title = CODES.get(self.code, (400, "Unknown error"))[1]
        return {
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": {"details": self.details or title},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        }


def no_such_object(object_id: str, method: str) -> Refusal:
    """Graph's answer for an id that is unknown or out of the token's reach (100, subcode 33)."""
    return Refusal(
        100,
        subcode=33,
        message=(
            f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, "
            "cannot be loaded due to missing permissions, or does not support this operation."
        ),
    )


def no_such_alias(alias: str) -> Refusal:
    """Answer for an unknown WABA in a list call (803, HTTP 404)."""
    return Refusal(803, message=f"(#803) Some of the aliases you requested do not exist: {alias}")


def parameter_required(name: str) -> Refusal:
    """Graph's answer when a parameter is missing or empty (100)."""
    return Refusal(100, message=f"(#100) The parameter {name} is required.")


NO_TOKEN = Refusal(0, message="AuthException: no access token was sent with this request.")
WRONG_TOKEN = Refusal(190, message="Invalid OAuth access token - Cannot parse access token")
WRONG_APP_TOKEN = Refusal(15, message="(#15) This method must be called with an app access_token.")
