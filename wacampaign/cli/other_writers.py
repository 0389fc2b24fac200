"""What other programs did to a campaign, or tried to, in sentences. The guard has kept count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wacampaign.cli.wording import rows
from wacampaign.core.moments import local_clock

#: Sentences of each kind: the latest; all are in the JSON.
SHOWN: Final = 3


def kept_back(others: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was not followed: attempts to send again, or to complete. The latest first."""
    found = []
    for one in others:
        if one["kind"] == "kept_back":
            text = f"{rows(one['rows'])} kept as they are, not {one['tried']}"
        elif one["kind"] == "completion_kept_back":
            text = f"not completed, as {rows(one['rows'])} were left"
        else:
            continue
        found.append(f"{text}: {_who(one)}")
    return found[:SHOWN]


def deleted(others: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who deleted rows, the latest first."""
    return [
        f"{rows(one['rows'])} ({one['tried']}) deleted: {_who(one)}"
        for one in others
        if one["kind"] == "rows_deleted"
    ][:SHOWN]


def _who(one: Mapping[str, Any]) -> str:
    times = f", {one['times']:,} times" if one["times"] > 1 else ""
    return f"{one['who']}{times}, last at {local_clock(one['last_at'])}"
