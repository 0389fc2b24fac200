"""The kinds of faults: how many answers are borne, how long is waited, what becomes of the row."""

from typing import Any, Final

from wacampaign.core.errors.model import Handling
from wacampaign.core.outcomes import Scope

#: Answers in a row until a COUNT_PAUSE code holds its scope: enough to tell one bad row from a
#: bad template, few enough that a night's campaign does not fail whole.
COUNT_HOLD_AFTER: Final = 5
#: Answers in a row until a service that answers with errors is left alone for a while. More than
#: COUNT_HOLD_AFTER: with 30 to 350 requests in flight one short fault meets that many at once.
OUTAGE_HOLD_AFTER: Final = 20
#: Seconds of that pause. Without it an outage of half an hour would use up the retries of
#: thousands of rows; with it, of the few that try the door once a minute.
OUTAGE_HOLD_S: Final = 60
#: Wait in milliseconds of a row that met a fault which is not its own. The hold is what keeps it;
#: this only keeps it from being claimed again before the hold stands.
HELD_WAIT_MS: Final = 1_000
#: Base in milliseconds of the exponential wait between retries: 2, 4, 8, 16, 32 s.
RETRY_WAIT_MS: Final = 2_000
#: Milliseconds until a row that met the number's own rate limit tries again: the limit is per
#: second, and the number itself is silent for one.
RATE_WAIT_MS: Final = 2_000
#: Milliseconds after an hourly limit of the app or account. Meta names the real time only in a
#: header, in minutes; half of one keeps the calls few without losing the moment.
CALLS_WAIT_MS: Final = 30_000

#: A fault that may be one row's or everybody's: the row fails, several hold the scope.
_COUNTS: Final = {
    "handling": Handling.COUNT_PAUSE,
    "burns_row": True,
    "retryable": False,
    "hold_after": COUNT_HOLD_AFTER,
}
#: A passing fault of the service. Many in a row: the number waits.
_RETRIES: Final = {
    "handling": Handling.RETRY,
    "scope": Scope.NUMBER,
    "burns_row": True,
    "retryable": True,
    "hold_after": OUTAGE_HOLD_AFTER,
    "wait_ms": RETRY_WAIT_MS,
}
#: A fault that every row of the scope would meet: held at the first answer, and the row is kept.
#: Retryable, because rows that another sender or a webhook failed with it can go out once the cause
#: is gone.
_PAUSES: Final = {"burns_row": False, "retryable": True, "hold_after": 1, "wait_ms": HELD_WAIT_MS}
_PAUSES_TEMPLATE: Final = {
    **_PAUSES,
    "handling": Handling.PAUSE_TEMPLATE,
    "scope": Scope.TEMPLATE,
}
_PAUSES_ACCOUNT: Final = {**_PAUSES, "handling": Handling.PAUSE_ACCOUNT, "scope": Scope.ACCOUNT}
#: A limit. The row waits and loses no retry.
_SLOWS: Final = {
    "handling": Handling.SLOW_NUMBER,
    "scope": Scope.NUMBER,
    "burns_row": False,
    "retryable": True,
    "wait_ms": RATE_WAIT_MS,
}

#: What a code of each kind has, as fields of `ErrorEntry`, unless `codes.toml` says otherwise.
KINDS: Final[dict[str, dict[str, Any]]] = {
    # A fault of one recipient: nothing but the row is concerned.
    "fails": {
        "handling": Handling.FAIL_MSG,
        "scope": Scope.RECIPIENT,
        "burns_row": True,
        "retryable": False,
    },
    "counts": _COUNTS,
    "not_sending": {**_COUNTS, "handling": Handling.NOT_SENDING, "scope": Scope.TEMPLATE},
    "pauses_template": _PAUSES_TEMPLATE,
    # The payload itself does not fit.
    "fails_and_pauses_template": {**_PAUSES_TEMPLATE, "burns_row": True, "wait_ms": 0},
    "pauses_number": {**_PAUSES, "handling": Handling.PAUSE_NUMBER, "scope": Scope.NUMBER},
    "pauses_account": _PAUSES_ACCOUNT,
    "pauses_token": {**_PAUSES_ACCOUNT, "scope": Scope.TOKEN, "refuses_access": True},
    "retries": {**_RETRIES, "hold_seconds": OUTAGE_HOLD_S},
    # Held until a person resumes, as nobody knows the cause beforehand.
    "retries_and_pauses": {**_RETRIES, "look_first": True},
    "slows_number": _SLOWS,
    # A limit of calls.
    "slows_account": {**_SLOWS, "scope": Scope.ACCOUNT, "wait_ms": CALLS_WAIT_MS},
}
