"""Graph's field selection and cursor paging."""

import base64
import binascii
from typing import Any
from urllib.parse import urlencode

from wacampaign.sandbox.answers import Refusal

#: Objects per page without `limit`; Meta documents none, Graph's usual default is 25.
DEFAULT_LIMIT = 25


def select_fields(fields: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """The object with the `fields` asked for (comma-separated) and its id; all when not asked."""
    if not wanted:
        return fields
    names = [name.strip() for name in wanted.split(",")]
    return {name: fields[name] for name in (*names, "id") if name in fields}


def page(
    objects: list[dict[str, Any]], url: str, query: dict[str, str]
) -> dict[str, Any] | Refusal:
    """One page of `objects`: `data` and `paging`, `next` and `previous` only when there is more.

    `url` is the list's absolute URL without its query.
    """
    limit_text = query.get("limit", str(DEFAULT_LIMIT))
    if not limit_text.isdecimal() or int(limit_text) < 1:
        return Refusal(100, message="(#100) Param limit must be an integer of 1 or more")
    limit = int(limit_text)
    try:
        if "after" in query:
            start = _position(query["after"]) + 1
            end = start + limit
        elif "before" in query:
            end = _position(query["before"])
            start = max(0, end - limit)
        else:
            start, end = 0, limit
    except (ValueError, binascii.Error):
        return Refusal(100, message="(#100) Invalid cursor")
    end = min(end, len(objects))
    if start >= end:
        return {"data": []}
    cursors = {"before": _cursor(start), "after": _cursor(end - 1)}
    paging: dict[str, Any] = {"cursors": cursors}
    kept = {name: value for name, value in query.items() if name not in ("after", "before")}
    if end < len(objects):
        paging["next"] = f"{url}?{urlencode(kept | {'after': cursors['after']})}"
    if start > 0:
        paging["previous"] = f"{url}?{urlencode(kept | {'before': cursors['before']})}"
    wanted = query.get("fields")
    return {"data": [select_fields(o, wanted) for o in objects[start:end]], "paging": paging}


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"cursor:{position}".encode()).decode()


def _position(cursor: str) -> int:
    word, _, position = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
    if word != "cursor":
        raise ValueError(cursor)
    return int(position)
