"""Limits and passing faults. Source: the section "Throttling" and "Transient" of Meta's codes."""

from typing import Final

from wacampaign.core.errors.model import (
    ErrorEntry,
    Handling,
    investigate,
    pauses,
    retries,
    throttles,
)
from wacampaign.core.outcomes import Scope

#: Milliseconds until a row that met the number's own rate limit tries again: the limit is per
#: second, and the number itself is silent for one.
RATE_WAIT_MS: Final = 2_000
#: Milliseconds after an hourly limit of the app or account. Meta names the real time only in a
#: header, in minutes; half of one keeps the calls few without losing the moment.
CALLS_WAIT_MS: Final = 30_000
#: Milliseconds between two messages to one recipient: Meta allows one in 6 s.
PAIR_WAIT_MS: Final = 6_000

_SLOWED_DOWN: Final = (
    "nothing to do: the worker has slowed down; see wacampaign number list for the limit"
)
_APP_CALLS: Final = "wait: the app has used up its calls; stop other programs that use the same app"
_LOOK_AGAIN: Final = "wait; the worker tries again by itself"
_STATUS: Final = "see metastatus.com, then run wacampaign retry-failed CAMPAIGN --code"


def _restriction(code: int) -> str:
    return (
        f"look for a restriction with {investigate(code)}, then "
        f"wacampaign retry-failed CAMPAIGN --code {code}"
    )


THROTTLE_AND_TRANSIENT: Final[tuple[ErrorEntry, ...]] = (
    throttles(4, "API Too Many Calls", Scope.ACCOUNT, _APP_CALLS, wait_ms=CALLS_WAIT_MS),
    throttles(
        80007,
        "Rate limit issues",
        Scope.ACCOUNT,
        "wait: the account has used up its calls; sync templates and health less often",
        wait_ms=CALLS_WAIT_MS,
    ),
    throttles(
        613,
        "Calls have exceeded the rate limit",
        Scope.ACCOUNT,
        _APP_CALLS,
        http=None,
        wait_ms=CALLS_WAIT_MS,
    ),
    throttles(130429, "Rate limit hit", Scope.NUMBER, _SLOWED_DOWN, wait_ms=RATE_WAIT_MS),
    throttles(429, "Too many requests", Scope.NUMBER, _SLOWED_DOWN, http=429, wait_ms=RATE_WAIT_MS),
    throttles(
        131056,
        "Pair rate limit hit",
        Scope.PAIR,
        "nothing to do, unless it repeats: then look for campaigns that share recipients",
        wait_ms=PAIR_WAIT_MS,
        handling=Handling.SLOW_PAIR,
    ),
    # Too much was blocked or flagged as spam; also the nearest to "messaging limit reached".
    pauses(
        131048,
        "Spam rate limit hit",
        Scope.NUMBER,
        "look at quality and limit with wacampaign number list, wait some hours, "
        "then wacampaign resume CAMPAIGN",
    ),
    # An upgrade of the throughput takes at most a minute (Meta, throughput).
    pauses(131057, "Account in maintenance mode", Scope.NUMBER, _LOOK_AGAIN, http=500, seconds=60),
    pauses(
        131064,
        "Messaging limit reached (template classification)",
        Scope.ACCOUNT,
        "correct the templates' categories in WhatsApp Manager, wait until Meta lifts the "
        "limit, then wacampaign resume CAMPAIGN",
        http=None,
    ),
    pauses(
        133016,
        "Register or deregister limit exceeded",
        Scope.NUMBER,
        "stop registering the number for 72 hours, then wacampaign resume CAMPAIGN",
    ),
    # 1 and 131000 are also what a restricted account or a malformed request looks like, so a
    # storm of them waits for a person.
    retries(1, "API Unknown", _restriction(1), http=400, at_most=2, look_first=True),
    retries(
        131000,
        "Something went wrong",
        _restriction(131000),
        http=500,
        at_most=3,
        look_first=True,
    ),
    retries(2, "API Service", f"{_STATUS} 2", http=503, at_most=5),
    retries(131016, "Service unavailable", f"{_STATUS} 131016", http=500, at_most=5),
    retries(133004, "Server temporarily unavailable", f"{_STATUS} 133004", http=503, at_most=5),
)
