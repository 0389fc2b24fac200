"""What the table says of one error code, and the few ways in which codes are handled."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wacampaign.core.outcomes import Outcome, Scope

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


class Handling(StrEnum):
    """What an error asks for."""

    RETRY = "retry"
    SLOW_NUMBER = "slow_number"
    SLOW_PAIR = "slow_pair"
    FAIL_MSG = "fail_msg"
    #: FAIL_MSG, and later campaigns leave the recipient out.
    SUPPRESS = "suppress"
    #: FAIL_MSG, and no marketing to the recipient for 24 h.
    COOLDOWN = "cooldown"
    PAUSE_TEMPLATE = "pause_template"
    PAUSE_NUMBER = "pause_number"
    #: The account (WABA or portfolio), or the token when the scope says so.
    PAUSE_ACCOUNT = "pause_account"
    #: FAIL_MSG until it repeats, then a pause of the scope.
    COUNT_PAUSE = "count_pause"
    #: No answer to a message: registration, flows, groups, health entries, inbound messages.
    NOT_SENDING = "not_sending"


#: What is left out fails or keeps the row, and holds its scope.
_ACTIONS: Final = {
    Handling.RETRY: "sends the message again, ever later (retries: {retries})",
    Handling.SLOW_NUMBER: "slows the number down and sends the message later; no retry is used",
    Handling.SLOW_PAIR: "sends to this recipient later and to others meanwhile; no retry is used",
    Handling.FAIL_MSG: "fails the message and goes on",
    Handling.SUPPRESS: "fails the message and goes on; leave the recipient out from now on",
    Handling.COOLDOWN: "fails the message and goes on; no marketing to the recipient for 24 h",
}

_HELD_THING: Final = {
    Scope.RECIPIENT: "the recipient",
    Scope.PAIR: "this pair of number and recipient",
    Scope.TEMPLATE: "this template on this number",
    Scope.MEDIA: "this template in this campaign",
    Scope.NUMBER: "the number",
    Scope.ACCOUNT: "all numbers of the account",
    Scope.TOKEN: "all numbers that use the token",
}


def investigate(code: int, campaign: str = "CAMPAIGN") -> str:
    """The command that looks for the cause of a code."""
    which = "" if code == 135000 else f" --code {code}"
    return f"wacampaign investigate-135000 {campaign}{which}"


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One error code. What becomes of the row and of the queue follows from these fields."""

    #: Meta's code; -1 in the entries for answers without a known one.
    code: int
    #: Meta's title, in few words.
    title: str
    handling: Handling
    #: What the error concerns, and so what is held.
    scope: Scope
    #: One sentence for the operator. CAMPAIGN stands for the campaign's id.
    next_step: str
    #: As documented, None when nothing is. Never a key to decide by: 3, 131045 and 134102 come
    #: as 500 and are final, 132001 comes as 404.
    http_status: int | None
    #: Whether the row that meets it fails, at once or when its retries are used up. False when
    #: the fault says nothing about this row: then it stays ready and goes out after the hold.
    burns_row: bool
    #: Whether `retry-failed` may help once the cause is gone.
    retryable: bool
    #: Answers until `scope` is held; None: it never is.
    hold_after: int | None = None
    #: True: answers add up over the run; False: in a row.
    hold_cumulative: bool = False
    #: Seconds; None: until a person resumes.
    hold_seconds: int | None = None
    max_retries: int = 0
    #: Base of the wait in milliseconds.
    wait_ms: int = 0
    #: Whether nobody knows the cause beforehand: `next_step` begins with the search for it.
    look_first: bool = False

    @property
    def heading(self) -> str:
        """`135000 Generic user error`."""
        return f"{self.code} {self.title}"

    @property
    def first_step(self) -> str:
        """What to do now: the search for the cause alone where that comes first."""
        return investigate(self.code) if self.look_first else self.next_step

    @property
    def is_investigated(self) -> bool:
        """Whether `next_step` names the search for the cause."""
        return investigate(self.code) in self.next_step

    @property
    def outcome(self) -> Outcome:
        """What becomes of the row that met this error."""
        if self.handling is Handling.RETRY:
            return Outcome.RETRY
        return Outcome.FAILED if self.burns_row else Outcome.WAIT

    @property
    def slow_number(self) -> bool:
        """Whether the number's rate goes down."""
        return self.handling is Handling.SLOW_NUMBER

    @property
    def hold_scope(self) -> Scope | None:
        """What is held once `hold_after` answers have come; None: nothing ever."""
        return None if self.hold_after is None else self.scope

    @property
    def worker_action(self) -> str:
        """What the worker does, as a sentence without its subject ("the worker …")."""
        row = "fails the message" if self.burns_row else "keeps the message for later"
        action = _ACTIONS.get(self.handling, row).format(retries=self.max_retries)
        if self.hold_after is None:
            return action
        if self.hold_after == 1:
            when = "at once"
        elif self.hold_cumulative:
            when = f"after {self.hold_after} such answers"
        else:
            when = f"after {self.hold_after} in a row"
        until = "until a person resumes" if self.hold_seconds is None else f"{self.hold_seconds} s"
        return f"{action}; {when} it holds {_HELD_THING[self.scope]} ({until})"


def fails(
    code: int,
    title: str,
    next_step: str,
    *,
    http: int | None = 400,
    handling: Handling = Handling.FAIL_MSG,
    retryable: bool = False,
) -> ErrorEntry:
    """A fault of one recipient: nothing but the row is concerned."""
    return ErrorEntry(
        code, title, handling, Scope.RECIPIENT, next_step, http, burns_row=True, retryable=retryable
    )


def counts(
    code: int,
    title: str,
    scope: Scope,
    next_step: str,
    *,
    http: int | None = 400,
    retryable: bool = False,
    handling: Handling = Handling.COUNT_PAUSE,
) -> ErrorEntry:
    """A fault that may be one row's or everybody's: the row fails, several hold `scope`."""
    return ErrorEntry(
        code,
        title,
        handling,
        scope,
        next_step,
        http,
        burns_row=True,
        retryable=retryable,
        hold_after=COUNT_HOLD_AFTER,
    )


_PAUSES: Final = {
    Scope.TEMPLATE: Handling.PAUSE_TEMPLATE,
    Scope.NUMBER: Handling.PAUSE_NUMBER,
    Scope.ACCOUNT: Handling.PAUSE_ACCOUNT,
    Scope.TOKEN: Handling.PAUSE_ACCOUNT,
}


def pauses(
    code: int,
    title: str,
    scope: Scope,
    next_step: str,
    *,
    http: int | None = 400,
    burns: bool = False,
    retryable: bool = True,
    seconds: int | None = None,
) -> ErrorEntry:
    """A fault that every row of `scope` would meet: held at the first answer.

    The row is kept unless `burns` (the payload itself does not fit). Retryable, because rows
    that another sender or a webhook failed with it can go out once the cause is gone.
    """
    return ErrorEntry(
        code,
        title,
        _PAUSES[scope],
        scope,
        next_step,
        http,
        burns_row=burns,
        retryable=retryable,
        hold_after=1,
        hold_seconds=seconds,
        wait_ms=0 if burns else HELD_WAIT_MS,
    )


def retries(
    code: int,
    title: str,
    next_step: str,
    *,
    http: int | None,
    at_most: int,
    look_first: bool = False,
) -> ErrorEntry:
    """A passing fault of the service. Many in a row: the number waits, with `look_first` until a
    person resumes."""
    return ErrorEntry(
        code,
        title,
        Handling.RETRY,
        Scope.NUMBER,
        next_step,
        http,
        burns_row=True,
        retryable=True,
        hold_after=OUTAGE_HOLD_AFTER,
        hold_seconds=None if look_first else OUTAGE_HOLD_S,
        max_retries=at_most,
        wait_ms=RETRY_WAIT_MS,
        look_first=look_first,
    )


def throttles(
    code: int,
    title: str,
    scope: Scope,
    next_step: str,
    *,
    http: int | None = 400,
    wait_ms: int,
    handling: Handling = Handling.SLOW_NUMBER,
) -> ErrorEntry:
    """A limit. The row waits and loses no retry."""
    return ErrorEntry(
        code,
        title,
        handling,
        scope,
        next_step,
        http,
        burns_row=False,
        retryable=True,
        wait_ms=wait_ms,
    )
