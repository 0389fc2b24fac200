"""What this program makes of the error codes of the Cloud API: the table is `codes.toml`."""

import re
from dataclasses import replace

from wacampaign.core.errors.model import ErrorEntry, Handling, investigate
from wacampaign.core.errors.printed import Printed, printed_codes
from wacampaign.core.errors.table import error_table

__all__ = [
    "ErrorEntry",
    "Handling",
    "Printed",
    "by_subcode",
    "explain",
    "investigate",
    "known",
    "lookup",
    "printed_codes",
    "without_step",
]


def by_subcode(code: int | None, subcode: int | None) -> ErrorEntry | None:
    """What a subcode says beside `code`; those of refused templates say it by themselves."""
    if subcode is None:
        return None
    table = error_table()
    if code is not None and (entry := table.subcodes.get((code, subcode))) is not None:
        return entry
    return table.entries.get(subcode) if subcode >= 1_000_000 else None


def known(code: int) -> ErrorEntry | None:
    """The entry of a code, None if nobody knows that code."""
    return error_table().entries.get(code)


def lookup(code: int | None, http_status: int) -> ErrorEntry:
    """The entry for a refusal: by its code when that is known, else by HTTP status. Never fails.

    `code` is None when a row failed without one of Meta's. The entry of an unknown code carries
    that code.
    """
    table = error_table()
    if code is None:
        return table.no_code
    if (entry := table.entries.get(code)) is not None:
        return entry
    # "Sometimes with an error code we don't know about" (whatsapp-cloud-api, 1.1).
    entry = table.entries[429] if http_status == 429 else table.unknown_code
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
