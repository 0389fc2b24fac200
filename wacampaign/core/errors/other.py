"""Codes that answer no message, old codes, whole ranges, and answers without a known code."""

from typing import Final

from wacampaign.core.errors.model import ErrorEntry, Handling, counts, fails, pauses
from wacampaign.core.outcomes import Scope

#: 201 to 299; 200 itself is in the token's group.
PERMISSIONS: Final[tuple[ErrorEntry, ...]] = tuple(
    pauses(
        code,
        "Permission not granted or removed",
        Scope.ACCOUNT,
        "give the token its permissions back, check them with wacampaign templates sync, "
        "then wacampaign resume CAMPAIGN",
        http=403,
    )
    for code in range(201, 300)
)

_REGISTRATION: Final = "finish the number's registration in WhatsApp Manager"
_MIGRATION: Final = "finish the number's migration in WhatsApp Manager"
_TEMPLATE_EDIT: Final = "correct the template in WhatsApp Manager, then wacampaign templates sync"
_NO_STEP: Final = "nothing to do for campaigns"

#: Codes, topic, next step.
_TOPICS: Final[tuple[tuple[tuple[int | range, ...], str, str], ...]] = (
    ((133000, 133005, 133008, 133009), "Registration, two-step PIN", _REGISTRATION),
    ((133015,), "Number deleted a moment ago", "wait 5 minutes, then register the number"),
    ((2388001, 2388012, 2388091, 2388093, 2388103), "Number migration", _MIGRATION),
    ((2494100,), "Number in maintenance mode", "try again in a few minutes"),
    ((2388019,), "Limit of templates reached", "delete templates that nobody uses any more"),
    ((2388039,), "Template status cannot be changed", "wait until its review or edit limit ends"),
    ((2388040,), "Template field too long", _TEMPLATE_EDIT),
    ((2388047,), "Template header format", _TEMPLATE_EDIT),
    ((2388072,), "Template body format", _TEMPLATE_EDIT),
    ((2388073,), "Template footer format", _TEMPLATE_EDIT),
    ((2388293,), "Too many variables for the text", _TEMPLATE_EDIT),
    ((2388299,), "Variable at the start or end", _TEMPLATE_EDIT),
    ((2388005, 2388024), "Template name and language exist already", _TEMPLATE_EDIT),
    ((2388043,), "Template example values missing", _TEMPLATE_EDIT),
    ((range(200005, 200008),), "Template insights", _NO_STEP),
    ((1752041,), "Marketing onboarding: already invited", _NO_STEP),
    ((2593079, 2593085, 2593107, 2593108), "Insights and coexistence sync limits", _NO_STEP),
    ((131020, 131041, 131059, range(131201, 131216)), "Groups", _NO_STEP),
    ((range(138000, 138027),), "Calling", _NO_STEP),
    ((range(139000, 139007), range(139100, 139104)), "Flows management, block list", _NO_STEP),
    ((range(147001, 147006),), "Usernames", _NO_STEP),
    ((range(2494164, 2494180),), "Embedded signup", _NO_STEP),
    ((131052,), "Media download error (an incoming message)", _NO_STEP),
    ((131060,), "Incoming message unavailable", _NO_STEP),
    # In health_status only.
    ((141002,), "Template is not approved", "wacampaign templates sync"),
    ((141006,), "Payment problem", "mend the payment method in Meta Business settings"),
    ((141010,), "Business verification limit", "verify the business in Meta Business settings"),
    ((141014,), "WhatsApp Business account banned", "appeal in Meta Business settings"),
)
_STATUS_OF: Final = {133000: 500, 131208: 429, 131201: 206}

#: Should one come for a message all the same, it is treated as an unknown refusal.
NOT_SENDING: Final[tuple[ErrorEntry, ...]] = tuple(
    counts(
        code,
        title,
        Scope.TEMPLATE,
        next_step,
        http=_STATUS_OF.get(code),
        handling=Handling.NOT_SENDING,
    )
    for parts, title, next_step in _TOPICS
    for part in parts
    for code in ([part] if isinstance(part, int) else part)
)

#: Codes of the former On-Premises API and old webhooks, and what they are called today.
LEGACY: Final[dict[int, int]] = {
    470: 131047,
    471: 131048,
    1013: 131026,
    1026: 131026,
    131014: 131053,
}

# Refusals without a code of the table, Meta's own all: what is not certainly Meta's, and what Meta
# says of itself with a code that nobody knows (5xx), is in doubt and no refusal
# (`wacampaign.core.engine.judgement`).

#: A code that nobody knows, but for HTTP 429.
UNKNOWN_REFUSAL: Final = counts(
    -1,
    "Unknown error",
    Scope.TEMPLATE,
    "read the error's details with wacampaign failures CAMPAIGN, then "
    "wacampaign retry-failed CAMPAIGN",
    http=None,
    retryable=True,
)
#: A row that another program failed, and named no code.
WITHOUT_CODE: Final = fails(
    -1,
    "No code of Meta's",
    "read the rows' texts with wacampaign failures CAMPAIGN --code 0; when they say that "
    "nothing was sent: wacampaign retry-failed CAMPAIGN --code 0",
    http=None,
)
