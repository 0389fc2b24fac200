"""The judgement on one attempt to send: answers, and requests without an answer.

There is no idempotency key, so whatever went out is in doubt unless Meta itself says that it
refused it. A gateway that answers in Meta's place (502, 429, 404, in HTML or in JSON, some in the
very shape of Graph's errors) may do so after Meta took the message: it is believed nothing. Of what
Meta says, the code decides and the HTTP status comes last: 3, 131045 and 134102 come as HTTP 500
and are final, and throttling comes as 400.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from wacampaign.core.campaign.name import from_number
from wacampaign.core.errors import Handling, explain, known, lookup
from wacampaign.core.errors.kinds import COUNT_HOLD_AFTER, OUTAGE_HOLD_AFTER, OUTAGE_HOLD_S
from wacampaign.core.masking import mask_secrets
from wacampaign.core.outcomes import TEXT_LENGTH, Outcome, Scope, Verdict

#: Characters of Meta's text that are looked at: masking looks at each of them.
_RAW_LENGTH: Final = 1_000
#: Characters. Meta's message ids have 60 to 100; the database's unique index takes 2,700 bytes.
_WAMID_LENGTH: Final = 512
#: The database keeps codes in 4 bytes.
_CODE_MAX: Final = 2**31 - 1
#: Milliseconds until a row is tried again whose request could not leave this machine.
_NOT_SENT_WAIT_MS: Final = 5_000
#: `message_status` of a message that waits for its template's pacing (whatsapp-cloud-api, 2.5).
_HELD_BACK: Final = "held_for_quality_assessment"
#: `error_subcode` of 100 for an object that is missing or out of the token's reach.
_SUBCODE_NO_OBJECT: Final = 33

#: `error.type` of Graph's errors (whatsapp-cloud-api, 1.1, and Graph's older ones). Other APIs and
#: gateways write a `type`, too: none of these.
_META_TYPES: Final = frozenset(
    {
        "OAuthException",
        "GraphMethodException",
        "FacebookApiException",
        "GraphBatchException",
        "GraphInvalidIDException",
    }
)

_WAMID: Final = re.compile(r"[\x21-\x7e]+")
_TRACE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,63}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class NoAnswer(Enum):
    """How a request ended that got no answer."""

    #: No byte of the message left this machine: refused, no name, TLS handshake, connect timeout.
    NOT_SENT = "not_sent"
    #: It went out, or may have: read timeout, connection lost.
    MAYBE_SENT = "maybe_sent"


@dataclass(frozen=True, slots=True)
class _GraphError:
    """An error object in the shape of Meta's, as far as it could be read."""

    code: int
    subcode: int | None
    #: Its own words, not masked: to read, never to show.
    message: str
    #: What is kept with the row.
    text: str
    is_transient: bool
    #: `fbtrace_id` is there: nobody but Meta writes one.
    has_trace: bool
    #: `type` is one of Meta's: a weaker mark, as it is the same for all and easily copied.
    has_type: bool


def judge_answer(
    http_status: int, body: bytes, phone_number_id: str | None = None, *, from_meta: bool = False
) -> Verdict:
    """The verdict on a complete HTTP answer to POST /messages. Takes any bytes.

    `phone_number_id` is the sender of the request: with it, "object does not exist" (100,
    subcode 33) about the number itself is told from the same about a media id. `from_meta` says
    that the answer had headers which Meta's servers alone set.
    """
    answer = _parsed(body)
    if 200 <= http_status <= 299:
        wamid = _wamid(answer)
        if wamid is not None:
            return Verdict(Outcome.SENT, wamid=wamid, held_back=_held_back(answer))
    error = _graph_error(answer)
    if error is None or not _is_refusal(error, http_status, from_meta=from_meta):
        return _unproven(http_status, error)
    about_number = (
        error.code == 100
        and error.subcode == _SUBCODE_NO_OBJECT
        and phone_number_id
        and f"'{phone_number_id}'" in error.message
    )
    entry = lookup(33 if about_number else error.code, http_status)
    return Verdict(
        entry.outcome,
        code=error.code,
        text=error.text or f"HTTP {http_status}",
        wait_ms=entry.wait_ms,
        max_retries=entry.max_retries,
        slow_number=entry.slow_number,
        hold_scope=entry.hold_scope,
        hold_after=entry.hold_after or 1,
        hold_cumulative=entry.hold_cumulative,
        hold_seconds=entry.hold_seconds,
    )


def _is_refusal(error: _GraphError, http_status: int, *, from_meta: bool) -> bool:
    """Whether this is certainly Meta's word that it did not take the message."""
    if not 400 <= http_status <= 599:
        return False
    entry = known(error.code)
    client_error = http_status < 500 and http_status != 408
    if error.has_trace or from_meta:
        # Meta wrote it. A code that nobody knows is a refusal all the same when Meta finds fault
        # with the request; when it speaks of itself (5xx, "transient"), it may have taken it.
        return entry is not None or (client_error and not error.is_transient)
    # By its type alone: what speaks of the request, as gateways do not know such codes. Passing
    # faults of a service (1, 2, …) and a code that repeats the HTTP status are what one that wraps
    # its own errors in Meta's shape would say.
    return (
        entry is not None
        and error.has_type
        and client_error
        and error.code != http_status
        and entry.handling is not Handling.RETRY
    )


def _unproven(http_status: int, error: _GraphError | None) -> Verdict:
    """In doubt: an answer came, and it does not prove that Meta refused the message."""
    words = f": {error.text}" if error is not None and error.text else ""
    if 200 <= http_status <= 299:
        # Perhaps accepted. It is no outage that passes by itself: a person has to look.
        text, passes, hold_after = "without a message id", False, COUNT_HOLD_AFTER
    else:
        text = "that is not certainly Meta's: a gateway may have answered in its place"
        # A redirect, a wrong address, a login page do not heal; a limit or an outage does.
        passes = http_status in (408, 429) or not 300 <= http_status <= 499
        outage = http_status != 429 and passes
        hold_after = OUTAGE_HOLD_AFTER if outage else COUNT_HOLD_AFTER
    return _doubt(
        f"HTTP {http_status} {text}, may have been sent{words}"[:TEXT_LENGTH],
        hold_after=hold_after,
        hold_seconds=OUTAGE_HOLD_S if passes else None,
    )


def doubt_step(verdict: Verdict, campaign: str) -> str:
    """What a person does when answers in doubt hold a number; `campaign` goes into the command."""
    look = "check WHATSAPP_API_URL and what stands between this machine and Meta"
    if verdict.hold_seconds is not None:
        return f"{look}; the worker tries again by itself"
    return f"{look}: wacampaign templates sync must work; then wacampaign resume {campaign}"


def hold_reason(verdict: Verdict, campaign: str, template: str, phone_number_id: str | None) -> str:
    """What people read of a verdict that may stop more than its row: what happened, where, and
    what to do. `campaign` goes into the commands."""
    where = f"template {template}"
    if phone_number_id is not None:
        where += f", number id {phone_number_id}"
    if verdict.outcome is Outcome.IN_DOUBT:
        return f"{verdict.text} ({where}): {doubt_step(verdict, campaign)}"
    if verdict.code is None:
        return f"{verdict.text} ({where})"
    return f"{from_number(explain(verdict.code, campaign), phone_number_id)} ({where})"


def judge_failure(kind: NoAnswer, reason: str = "") -> Verdict:
    """The verdict on a request without an answer; `reason` is the transport's own text."""
    detail = f": {mask_secrets(_clean(reason))}" if reason else ""
    if kind is NoAnswer.NOT_SENT:
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


def _held_back(answer: Any) -> bool:
    said = answer["messages"][0].get("message_status")
    return isinstance(said, str) and said.strip() == _HELD_BACK


def _graph_error(answer: Any) -> _GraphError | None:
    error = answer.get("error") if isinstance(answer, dict) else None
    code = _number(error.get("code")) if isinstance(error, dict) else None
    if not isinstance(error, dict) or code is None:
        return None
    trace = error.get("fbtrace_id")
    has_trace = isinstance(trace, str) and _TRACE.fullmatch(trace) is not None
    kind = error.get("type")
    data = error.get("error_data")
    raw = error.get("message")
    details = data.get("details") if isinstance(data, dict) else None
    message = text = _clean(raw) if isinstance(raw, str) else ""
    if isinstance(details, str) and (more := _clean(details)) not in text:
        text = f"{text}: {more}" if text else more
    text = mask_secrets(text)
    if has_trace:
        tail = f" [fbtrace_id {trace}]"
        text = text[: TEXT_LENGTH - len(tail)] + tail
    return _GraphError(
        code,
        _number(error.get("error_subcode")),
        message,
        text[:TEXT_LENGTH],
        error.get("is_transient") is True,
        has_trace,
        isinstance(kind, str) and kind in _META_TYPES,
    )


def _number(value: object) -> int | None:
    """A code as Meta writes it: an integer, from some gateways a string of digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _CODE_MAX:
        return value
    return None


def _clean(text: str) -> str:
    """One line that every database takes: no NUL, no half characters."""
    return _UNPRINTABLE.sub(" ", text[:_RAW_LENGTH]).strip()


def _doubt(
    text: str, *, hold_after: int = OUTAGE_HOLD_AFTER, hold_seconds: int | None = OUTAGE_HOLD_S
) -> Verdict:
    """In doubt; many in a row hold the number, as each costs a person a look.

    Without a code: none was proved, and what the error table says of one would mislead.
    """
    return Verdict(
        Outcome.IN_DOUBT,
        text=text,
        hold_scope=Scope.NUMBER,
        hold_after=hold_after,
        hold_seconds=hold_seconds,
    )
