"""Every error code that the Cloud API is known to answer, and what this program makes of it.

Source: Meta's error reference of September 2026, titles and HTTP statuses from that of December
2025 (the last that had them), completed by public reports where Meta is silent. HTTP status None
means that no source names one.
"""

from __future__ import annotations

from typing import Final

from wacampaign.core.error_table.model import ErrorEntry, Handling
from wacampaign.core.error_table.other import LEGACY, NOT_SENDING, PERMISSIONS, UNKNOWN, Unknown
from wacampaign.core.error_table.payload import PAYLOAD_AND_TEMPLATE
from wacampaign.core.error_table.recipient import RECIPIENT
from wacampaign.core.error_table.sender import SENDER
from wacampaign.core.error_table.throttle import THROTTLE_AND_TRANSIENT

__all__ = ["ERRORS", "ErrorEntry", "Handling", "explain", "lookup"]

_SENDING: Final = (*THROTTLE_AND_TRANSIENT, *RECIPIENT, *PAYLOAD_AND_TEMPLATE, *SENDER)
_BY_CODE: Final = {entry.code: entry for entry in (*PERMISSIONS, *NOT_SENDING, *_SENDING)}

#: All known codes. 200 to 299 and the other ranges are there code by code.
ERRORS: Final[dict[int, ErrorEntry]] = _BY_CODE | {
    old: _BY_CODE[new].named(old) for old, new in LEGACY.items()
}


def lookup(code: int | None, http_status: int) -> ErrorEntry:
    """The entry for a refusal: by its code when that is known, else by HTTP status. Never fails.

    `code` is None when a row failed without one of Meta's. The entry of an unknown code carries
    that code.
    """
    if code is None:
        return UNKNOWN[Unknown.FOREIGN]
    if (entry := ERRORS.get(code)) is not None:
        return entry
    kind = Unknown.THROTTLED if http_status == 429 else Unknown.PERMANENT
    return UNKNOWN[kind].named(code)


def explain(code: int, campaign: str | None = None) -> str:
    """One line for people: code, title, and what to do; `campaign` goes into the commands."""
    entry = lookup(code, 400)
    step = entry.next_step if campaign is None else entry.next_step.replace("CAMPAIGN", campaign)
    return f"{code} {entry.title}: {step}"
