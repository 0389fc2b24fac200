"""Every error code that the Cloud API is known to answer, and what this program makes of it.

Source: Meta's error reference of September 2026, titles and HTTP statuses from that of December
2025 (the last that had them), completed by public reports where Meta is silent. HTTP status None
means that no source names one.
"""

import re
from dataclasses import replace
from typing import Final

from wacampaign.core.errors.model import ErrorEntry, Handling, investigate
from wacampaign.core.errors.other import (
    LEGACY,
    NOT_SENDING,
    PERMISSIONS,
    UNKNOWN_REFUSAL,
    WITHOUT_CODE,
)
from wacampaign.core.errors.payload import PAYLOAD_AND_TEMPLATE
from wacampaign.core.errors.recipient import RECIPIENT
from wacampaign.core.errors.sender import SENDER
from wacampaign.core.errors.throttle import THROTTLE_AND_TRANSIENT

__all__ = ["ERRORS", "ErrorEntry", "Handling", "explain", "investigate", "lookup", "without_step"]

_SENDING: Final = (*THROTTLE_AND_TRANSIENT, *RECIPIENT, *PAYLOAD_AND_TEMPLATE, *SENDER)
_BY_CODE: Final = {entry.code: entry for entry in (*PERMISSIONS, *NOT_SENDING, *_SENDING)}

#: All known codes. 200 to 299 and the other ranges are there code by code.
ERRORS: Final[dict[int, ErrorEntry]] = _BY_CODE | {
    old: replace(_BY_CODE[new], code=old) for old, new in LEGACY.items()
}


def lookup(code: int | None, http_status: int) -> ErrorEntry:
    """The entry for a refusal: by its code when that is known, else by HTTP status. Never fails.

    `code` is None when a row failed without one of Meta's. The entry of an unknown code carries
    that code.
    """
    if code is None:
        return WITHOUT_CODE
    if (entry := ERRORS.get(code)) is not None:
        return entry
    # "Sometimes with an error code we don't know about" (whatsapp-cloud-api, 1.1).
    entry = ERRORS[429] if http_status == 429 else UNKNOWN_REFUSAL
    return replace(entry, code=code)


def explain(code: int, campaign: str | None = None) -> str:
    """One line for people: code, title, and what to do; `campaign` goes into the commands."""
    entry = lookup(code, 400)
    step = entry.next_step if campaign is None else entry.next_step.replace("CAMPAIGN", campaign)
    return f"{entry.heading}: {step}"


def without_step(reason: str) -> str:
    """A reason that `explain` gave, as code and title alone; any other as it is."""
    code = re.match(r"\d+\b", reason)
    if code is None:
        return reason
    heading = lookup(int(code[0]), 400).heading
    return heading if reason.startswith(f"{heading}: ") else reason
