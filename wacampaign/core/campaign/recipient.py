"""One recipient of a campaign with everything that is known, as a file or a program reads it."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from wacampaign.core.errors import known
from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens

#: What became of a recipient's message, in the order in which a row may meet it.
STATES: Final = (
    *("waiting", "retry later", "being sent", "in doubt", "refused", "left out"),
    *("silent", "held", "undelivered", "delivered", "read"),
    # Accepted; what became of it was removed by `prune`.
    "pruned",
)
#: What is known of each recipient, and so the columns of the file before the list's own variables.
#: Times are UTC, in whole seconds.
COLUMNS: Final = (
    *("phone", "state", "template", "language"),
    *("accepted_at", "sent_at", "delivered_at", "read_at", "failed_at"),
    *("code", "title", "details", "contradicted", "category", "billable"),
    *("reply", "replied_at", "wamid", "retries", "in_doubt_since"),
)
#: Texts that people or Meta wrote, in which a phone may stand.
_TEXTS: Final = ("details", "reply")
_DIGITS: Final = re.compile(r"(\d+)", re.ASCII)


def recipient(given: Mapping[str, Any], *, show_numbers: bool) -> dict[str, Any]:
    """One of the database's `results`: a value for each of `COLUMNS` (None: not known, or it has
    not happened), and `values`, the row's own variables as text.

    Phones are masked, in texts and values as well, unless `show_numbers`.
    """
    shown = {name: given.get(name) for name in COLUMNS}
    shown["phone"] = _phone(given.get("phone"), show_numbers)
    # Of a refused row it is the answer's text, of an undelivered one what the status said.
    shown["details"] = given.get("details") or given.get("error")
    if (code := given.get("code")) is not None and (entry := known(code)) is not None:
        shown["title"] = entry.title
    for name in _TEXTS:
        if text := shown[name]:
            line = " ".join(text.split())
            shown[name] = mask_tokens(line) if show_numbers else mask_secrets(line)
    values = values_of(given.get("values"))
    if not show_numbers:
        values = {name: _hidden(value) for name, value in values.items()}
    shown["values"] = values
    return shown


def values_of(payload: Any) -> dict[str, str]:
    """A row's variables as text, by name; none where another program wrote no object."""
    if not isinstance(payload, dict):
        return {}
    return {name: _text(value) for name, value in payload.items()}


def variables_in_order(names: Iterable[str]) -> list[str]:
    """`var10` after `var9`, as they fill a template."""
    return sorted(set(names), key=_in_order)


#: Of a million rows most have the same few addresses in them.
_hidden: Final = lru_cache(maxsize=4096)(mask_secrets)


def _in_order(name: str) -> list[tuple[int, str]]:
    """Text and digits in turn; of two runs of digits the shorter is the smaller number."""
    parts = _DIGITS.split(name)
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _phone(phone: str | None, show_numbers: bool) -> str:
    if not phone:
        return ""
    return phone if show_numbers else mask_phone(phone)
