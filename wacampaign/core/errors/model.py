"""What the table says of one error code, and the few ways in which codes are handled."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wacampaign.core.outcomes import Outcome, Scope


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
    Scope.CHANGED: "this template in this campaign",
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
    #: Whether the token is missing, expired or without the permission, whatever was asked for.
    refuses_access: bool = False

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
