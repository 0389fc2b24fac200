"""A body that the backend would not take, in parts that it takes.

The backend's web server refuses what is above 100 KB (backend-at-work, section 1), while Meta sends
up to 3 MB. Each part is a whole envelope of one number, with the fields around its updates as they
were; so parts are signed anew.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

#: Express' own limit, `100kb`, in bytes: more is refused.
EXPRESS_BYTES: Final = 102_400
#: Bytes of a part, without what the envelope adds.
_PART_BYTES: Final = 80_000
#: What a change's value lists: the rest goes with each part.
_LISTS: Final = ("messages", "statuses", "errors")


def parts_of(body: bytes) -> list[bytes]:
    """The parts in the body's order; the body itself where it cannot be taken apart."""
    try:
        whole = json.loads(body)
        parts = [_encoded(part) for part in _parts(whole)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [body]
    return parts or [body]


def _encoded(value: Any) -> bytes:
    # As Meta writes it: without blanks, nothing beyond ASCII.
    return json.dumps(value, separators=(",", ":")).encode()


def _parts(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in whole["entry"]:
        for change in entry["changes"]:
            for value in _values(change["value"]):
                yield {**whole, "entry": [{**entry, "changes": [{**change, "value": value}]}]}


def _values(value: Any) -> Iterator[Any]:
    lists = [name for name in _LISTS if isinstance(value, dict) and value.get(name)]
    if not lists:
        yield value
        return
    rest = {name: of_it for name, of_it in value.items() if name not in lists}
    # Messages before statuses, as the backend goes through them.
    for name in lists:
        for group in _groups(value[name]):
            yield _with_contacts(rest, name, group)


def _groups(updates: list[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    size = 0
    for update in updates:
        length = len(_encoded(update))
        if group and size + length > _PART_BYTES:
            yield group
            group, size = [], 0
        group.append(update)
        size += length
    yield group


def _with_contacts(rest: dict[str, Any], name: str, group: list[Any]) -> dict[str, Any]:
    """The value with these updates; of the contacts, those that wrote them."""
    value = {**rest, name: group}
    contacts = rest.get("contacts")
    if not isinstance(contacts, list):
        return value
    ids = {one.get(key) for one in group for key in ("from", "from_user_id", "recipient_id")}
    ids.discard(None)
    kept = [one for one in contacts if {one.get("wa_id"), one.get("user_id")} & ids]
    return {**value, "contacts": kept}
