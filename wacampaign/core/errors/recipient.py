"""Faults of one recipient. Source: the section "One recipient only" of Meta's codes."""

from typing import Final

from wacampaign.core.errors.model import ErrorEntry, Handling, counts, fails
from wacampaign.core.outcomes import Scope

_NOTHING: Final = "nothing to do: no message can reach this recipient from here"

RECIPIENT: Final[tuple[ErrorEntry, ...]] = (
    fails(
        131026,
        "Message undeliverable",
        "nothing to do: no WhatsApp there, terms not accepted, or a very old app; "
        "leave the recipient out when it happens twice",
    ),
    fails(
        131047,
        "Re-engagement message",
        "only messages that are no templates meet this: look at the template with "
        "wacampaign templates list",
    ),
    fails(
        131049,
        "Not delivered to maintain healthy engagement",
        "do not send marketing to this recipient for 24 hours: sooner makes it worse",
        handling=Handling.COOLDOWN,
    ),
    fails(
        131050,
        "User has stopped marketing messages",
        "leave this recipient out of marketing until they ask for it again",
        handling=Handling.SUPPRESS,
    ),
    fails(130472, "User is part of an experiment", _NOTHING),
    fails(
        130403,
        "User is blocked by the business",
        "unblock the recipient in WhatsApp Manager, or leave them out",
        http=None,
        handling=Handling.SUPPRESS,
    ),
    fails(131021, "Recipient cannot be sender", "take the sending number out of the contacts"),
    # Every number but five meets it on a test number.
    counts(
        131030,
        "Recipient not in allowed list",
        Scope.NUMBER,
        "a test number sends to 5 listed recipients only: use a real number, see "
        "wacampaign number list",
        retryable=True,
    ),
    fails(
        131062,
        "Recipient id not supported for this message",
        "send this template to the phone number instead of the user id",
        http=None,
    ),
    fails(137000, "Identity key hash mismatch", _NOTHING, http=None),
    # A payload fault: every row of the template would meet it.
    counts(
        131051,
        "Unsupported message type",
        Scope.TEMPLATE,
        "compare the template in WhatsApp Manager with wacampaign templates list after "
        "wacampaign templates sync; create a campaign with one that fits",
        handling=Handling.FAIL_MSG,
    ),
    # One country only, so rows of others go on until nearly all fail.
    counts(
        130497,
        "Business restricted in this country",
        Scope.ACCOUNT,
        "take recipients of this country out; their messages will not be delivered",
        handling=Handling.FAIL_MSG,
        http=403,
    ),
)
