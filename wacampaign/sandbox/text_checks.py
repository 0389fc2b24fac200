"""The check of text parameters: their number, names, characters and length."""

from __future__ import annotations

import re
from typing import Any

from wacampaign.core.template.kinds import BODY_LENGTH
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.templates import Variables

#: Meta's rule for parameter values (132018).
FORBIDDEN_TEXT = re.compile(r"[\n\r\t]| {5,}")
FORBIDDEN_TEXT_DETAILS = (
    "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
)
#: Parameter types that stand for text.
_TEXT_TYPES = frozenset({"text", "currency", "date_time"})


def count_mismatch(where: str, received: int, expected: int) -> Refusal:
    """Meta's answer to too many or too few parameters."""
    return Refusal(
        132000,
        f"{where}: number of localizable_params ({received}) does not match the expected number "
        f"of params ({expected})",
    )


def check_text(
    where: str,
    named: bool,
    variables: Variables,
    parameters: list[dict[str, Any]],
    limit: int,
    value_limit: int = BODY_LENGTH,
) -> Refusal | None:
    """What is wrong with the parameters of a header's or body's text, if anything.

    `limit`: characters of the whole text; `value_limit`: of one value (132018 when it is longer).
    """
    length = variables.fixed
    names: list[str] = []
    for parameter in parameters:
        kind = parameter.get("type")
        if kind not in _TEXT_TYPES:
            received = str(kind or "unknown").upper()
            return Refusal(132012, f"{where}: Format mismatch, expected TEXT, received {received}")
        if kind == "text":
            text = parameter.get("text")
        else:
            typed = parameter.get(kind)
            text = typed.get("fallback_value") if isinstance(typed, dict) else None
        if not isinstance(text, str) or not text.strip():
            return Refusal(131008, f"Parameter of type {kind} is missing {kind} value")
        if FORBIDDEN_TEXT.search(text):
            return Refusal(132018, FORBIDDEN_TEXT_DETAILS)
        if value_limit < len(text) and value_limit < limit:
            return Refusal(132018, f"{where}: Param text must be at most {value_limit} characters")
        length += len(text)
        name = parameter.get("parameter_name")
        if named:
            if not isinstance(name, str) or not name:
                return Refusal(100, "Parameter name is missing or empty")
            names.append(name)
        elif name is not None:
            return Refusal(100, f"{where}: parameter_name {name!r} in a POSITIONAL template")
    if len(parameters) != len(variables.names):
        return count_mismatch(where, len(parameters), len(variables.names))
    if named and set(names) != set(variables.names):
        unknown = sorted(set(names) - set(variables.names))
        return Refusal(100, f"{where}: parameter names {unknown} are not in the template")
    if length > limit:
        return Refusal(132005, f"{where}: {length} characters, the limit is {limit}")
    return None
