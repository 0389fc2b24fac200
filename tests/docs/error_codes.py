"""Prints the table of error codes as Markdown: `python -m tests.docs.error_codes`.

`docs/reference/error-codes.md` is this output; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from typer.main import get_command

from wacampaign.cli.app import app
from wacampaign.core.errors import ErrorEntry
from wacampaign.core.errors.table import error_table

TABLE: Final = error_table()
NOT_SENDING: Final = TABLE.groups["not_sending"]

_HEAD: Final = """\
# Error codes

<!-- Made by `python -m tests.docs.error_codes` from wacampaign/core/errors: edit that. -->

What the worker makes of each code that the Cloud API is known to answer to a message. The code
decides, never the HTTP status: some final errors come as 500, and throttling comes as 400. HTTP
"-" means that no source names one.

- "holds" means: nothing more of it is claimed. A campaign of which everything left is held until a
  person resumes becomes `paused`, with the reason in `pause_reason`.
- "in a row" is counted on one number and template in one campaign; each accepted message takes one
  fault back.
- A wait or a hold uses up no retry.
- "no marketing for 24 h" is kept by the claim, in every campaign; "leave the recipient out" is for
  you to heed.
- A code counts only where it is certain that Meta wrote it: with `fbtrace_id`, with headers that
  only Meta sets, or with a `type` of Meta's (not as HTTP 5xx, and not for codes with which the
  worker sends the message again).
- Everything else that comes back, and no answer at all, is no code: the row is
  [in doubt](../how-to/what-to-do-with-rows-in-doubt.md). So it is with an unknown code as HTTP 5xx.
  20 in a row hold the number for 60 s (HTTP 429: 5 in a row); 5 redirects, 4xx or answers without a
  message id in a row hold it until a person resumes.
- CAMPAIGN stands for the campaign's id.
"""

_SECTIONS: Final = (
    ("Limits and passing faults", TABLE.groups["limits"]),
    ("The recipient", TABLE.groups["recipient"]),
    ("Payload, template, media", TABLE.groups["payload"]),
    ("The sending number and account", TABLE.groups["sender"]),
    ("Token and permissions", TABLE.groups["permissions"]),
)
_UNKNOWN: Final = {
    "any other code of Meta's, HTTP 429": TABLE.entries[429],
    "any other code of Meta's, HTTP 4xx": TABLE.unknown_code,
    "none: a row that another program failed": TABLE.no_code,
}


def markdown() -> str:
    """The whole page."""
    parts = [_HEAD]
    if missing := _missing_commands():
        commands = ", ".join(f"`{name}`" for name in missing)
        parts.append(
            f"Some steps name commands that this version does not have yet: {commands}.\n"
            "`wacampaign --help` lists those that it has.\n"
        )
    for title, entries in _SECTIONS:
        parts.append(f"## {title}\n\n{_table((str(e.code), e) for e in _sorted(entries))}")
    parts.append("## Codes that are not in this table\n\n" + _table(_UNKNOWN.items()))
    old = ", ".join(f"{code} is {new}" for code, new in sorted(TABLE.old_codes.items()))
    parts.append(
        "## Old codes\n\nCodes of the former On-Premises API and of old webhooks are read as"
        f" today's: {old}.\n"
    )
    parts.append(_not_sending())
    return "\n".join(parts)


def documented_codes() -> set[int]:
    """Every code on the page."""
    entries = [e for _, part in _SECTIONS for e in part]
    return {e.code for e in (*entries, *NOT_SENDING)} | TABLE.old_codes.keys()


def _not_sending() -> str:
    by_title: dict[str, list[int]] = {}
    for entry in NOT_SENDING:
        by_title.setdefault(entry.title, []).append(entry.code)
    rows = "\n".join(f"| {_ranges(codes)} | {title} |" for title, codes in by_title.items())
    return (
        "## Codes that do not answer a message\n\n"
        "From registration, flows, groups, health entries and incoming messages. Should one answer"
        f" a message\nall the same, the worker {NOT_SENDING[0].worker_action}.\n\n"
        f"| codes | about |\n|---|---|\n{rows}\n"
    )


def _table(entries: Iterable[tuple[str, ErrorEntry]]) -> str:
    lines = ["| code | HTTP | title | the worker | you |", "|---|---|---|---|---|"]
    lines += [
        f"| {label} | {entry.http_status or '-'} | {entry.title} | {entry.worker_action} "
        f"| {_step(entry.next_step)} |"
        for label, entry in entries
    ]
    return "\n".join(lines) + "\n"


def _step(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") or "-"


def _sorted(entries: Iterable[ErrorEntry]) -> list[ErrorEntry]:
    return sorted(entries, key=lambda entry: entry.code)


def _ranges(codes: list[int]) -> str:
    """`2494100 to 2494110, 2494120`."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in runs)


def _missing_commands() -> list[str]:
    """Commands that a step names and the program does not have."""
    known = set(getattr(get_command(app), "commands", {}))
    steps = [entry.next_step for entry in (*TABLE.entries.values(), *_UNKNOWN.values())]
    named = {name for step in steps for name in re.findall(r"wacampaign ([a-z][a-z0-9-]*)", step)}
    return sorted(named - known)


if __name__ == "__main__":
    print(markdown(), end="")
