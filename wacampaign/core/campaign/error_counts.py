"""So many messages met this error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wacampaign.core.errors import known, lookup


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """So many rows or messages of a campaign have this error."""

    code: int
    title: str
    count: int


def error_count(given: Mapping[str, Any]) -> ErrorCount:
    """One of the database's `errors`; its title is taken where our table has none."""
    code = int(given["code"] or 0)  # 0: Meta gave none
    told = None if code and known(code) is not None else given.get("title")
    return ErrorCount(code, told or lookup(code or None, 400).title, int(given["count"]))
