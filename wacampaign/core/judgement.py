"""The judgement on one attempt to send: answers, and requests without an answer.

The known code decides first and the HTTP status last: 3, 131045 and 134102 come as HTTP 500 and
are final, and throttling comes as 400. There is no idempotency key, so whatever may have been
sent without an answer of Meta's that says otherwise is in doubt and is not sent again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from wacampaign.core.error_table import ERRORS, ErrorEntry, lookup
from wacampaign.core.error_table.model import (
    COUNT_HOLD_AFTER,
    OUTAGE_HOLD_AFTER,
    OUTAGE_HOLD_S,
)
from wacampaign.core.masking import mask_secrets
from wacampaign.core.outcome import TEXT_LENGTH, Outcome, Scope, Verdict

#: Characters of Meta's text that are looked at: masking looks at each of them.
_RAW_LENGTH: Final = 1_000
#: Characters. Meta's message ids have 60 to 100; the database's unique index takes 2,700 bytes.
_WAMID_LENGTH: Final = 512
#: The database keeps codes in 4 bytes.
_CODE_MAX: Final = 2**31 - 1
#: Milliseconds until a row is tried again whose request could not leave this machine.
_NOT_SENT_WAIT_MS: Final = 5_000
#: `error_subcode` of 100 for an object that is missing or out of the token's reach.
_SUBCODE_NO_OBJECT: Final = 33

_WAMID: Final = re.compile(r"[\x21-\x7e]+")
_TRACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,63}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Transport(Enum):
    """How a request ended that got no answer."""

    #: No byte of the message left this machine: refused, no name, TLS handshake, connect timeout.
    NOT_SENT = "not_sent"
    #: It went out, or may have: read timeout, connection lost.
    MAYBE_SENT = "maybe_sent"


@dataclass(frozen=True, slots=True)
class _GraphError:
    """Meta's `error` object, as far as it could be read."""

    code: int
    subcode: int | None
    #: Meta's own words, not masked: to read, never to show.
    message: str
    #: What is kept with the row.
    text: str
    is_transient: bool


def judge_answer(http_status: int, body: bytes, phone_number_id: str | None = None) -> Verdict:
    """The verdict on a complete HTTP answer to POST /messages. Takes any bytes.

    `phone_number_id` is the sender of the request: with it, "object does not exist" (100,
    subcode 33) about the number itself is told from the same about a media id.
    """
    answer = _parsed(body)
    if 200 <= http_status <= 299:
        wamid = _wamid(answer)
        if wamid is not None:
            return Verdict(Outcome.SENT, wamid=wamid)
    error = _graph_error(answer)
    if 200 <= http_status <= 299:
        # Perhaps accepted. It is no outage that passes by itself: a person has to look.
        return _doubt(
            _kept(f"HTTP {http_status} without a message id", error),
            error.code if error else None,
            hold_after=COUNT_HOLD_AFTER,
            hold_seconds=None,
        )
    if error is None:
        if http_status < 200 or http_status == 408 or http_status >= 500:
            # A gateway's page: Meta may have had the request, and its answer was lost.
            return _doubt(f"HTTP {http_status} without an answer of Meta's, may have been sent")
        return _verdict(
            lookup(None, http_status), None, f"HTTP {http_status} without an answer of Meta's"
        )
    entry = _entry(error, http_status, phone_number_id)
    return _verdict(entry, error.code, _kept(f"HTTP {http_status}", error))


def judge_failure(kind: Transport, reason: str = "") -> Verdict:
    """The verdict on a request without an answer; `reason` is the transport's own text."""
    detail = f": {mask_secrets(_clean(reason))}" if reason else ""
    if kind is Transport.NOT_SENT:
        return Verdict(
            Outcome.WAIT, text=f"not sent{detail}"[:TEXT_LENGTH], wait_ms=_NOT_SENT_WAIT_MS
        )
    return _doubt(f"no answer, may have been sent{detail}"[:TEXT_LENGTH])


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested without end
        return None


def _wamid(answer: Any) -> str | None:
    try:
        wamid = answer["messages"][0]["id"]
    except (KeyError, IndexError, TypeError):
        return None
    if isinstance(wamid, str) and len(wamid) <= _WAMID_LENGTH and _WAMID.fullmatch(wamid):
        return wamid
    return None


def _graph_error(answer: Any) -> _GraphError | None:
    error = answer.get("error") if isinstance(answer, dict) else None
    code = _number(error.get("code")) if isinstance(error, dict) else None
    if not isinstance(error, dict) or code is None:
        return None
    trace = error.get("fbtrace_id")
    if code not in ERRORS and not isinstance(error.get("type") or trace, str):
        return None  # some gateways write {"error": {"code": 504, …}}, too
    data = error.get("error_data")
    raw = error.get("message")
    details = data.get("details") if isinstance(data, dict) else None
    message = text = _clean(raw) if isinstance(raw, str) else ""
    if isinstance(details, str) and (more := _clean(details)) not in text:
        text = f"{text}: {more}" if text else more
    text = mask_secrets(text)
    if isinstance(trace, str) and _TRACE.fullmatch(trace):
        tail = f" [fbtrace_id {trace}]"
        text = text[: TEXT_LENGTH - len(tail)] + tail
    return _GraphError(
        code,
        _number(error.get("error_subcode")),
        message,
        text[:TEXT_LENGTH],
        error.get("is_transient") is True,
    )


def _number(value: object) -> int | None:
    """A code as Meta writes it: an integer, from some gateways a string of digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _CODE_MAX:
        return value
    return None


def _entry(error: _GraphError, http_status: int, phone_number_id: str | None) -> ErrorEntry:
    if (
        error.code == 100
        and error.subcode == _SUBCODE_NO_OBJECT
        and phone_number_id
        and f"'{phone_number_id}'" in error.message
    ):
        return ERRORS[33]
    return lookup(error.code, http_status, is_transient=error.is_transient)


def _clean(text: str) -> str:
    """One line that every database takes: no NUL, no half characters."""
    return _UNPRINTABLE.sub(" ", text[:_RAW_LENGTH]).strip()


def _kept(fallback: str, error: _GraphError | None) -> str:
    return error.text if error is not None and error.text else fallback


def _verdict(entry: ErrorEntry, code: int | None, text: str) -> Verdict:
    return Verdict(
        entry.outcome,
        code=code,
        text=text,
        wait_ms=entry.wait_ms,
        max_retries=entry.max_retries,
        slow_number=entry.slow_number,
        hold_scope=entry.hold_scope,
        hold_after=entry.hold_after or 1,
        hold_cumulative=entry.hold_cumulative,
        hold_seconds=entry.hold_seconds,
    )


def _doubt(
    text: str,
    code: int | None = None,
    *,
    hold_after: int = OUTAGE_HOLD_AFTER,
    hold_seconds: int | None = OUTAGE_HOLD_S,
) -> Verdict:
    """In doubt; many in a row hold the number, as each costs a person a look."""
    return Verdict(
        Outcome.IN_DOUBT,
        code=code,
        text=text,
        hold_scope=Scope.NUMBER,
        hold_after=hold_after,
        hold_seconds=hold_seconds,
    )
