"""What became of one queue row, in the words that the database's `wacampaign_settle` takes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: Characters of a verdict's text, which is kept with the row.
TEXT_LENGTH: Final = 500


class Outcome(StrEnum):
    """How one attempt to send ended. The database turns it into the row's next state."""

    #: Meta accepted the message; `wamid` is set.
    SENT = "sent"
    #: Final for this recipient in this campaign.
    FAILED = "failed"
    #: The same message again later; uses up one retry, becomes `failed` when none is left.
    RETRY = "retry"
    #: The same message again later; uses up no retry (a limit, an unreachable API).
    WAIT = "wait"
    #: It may have been sent: nobody sends it again by himself.
    IN_DOUBT = "in_doubt"


class Scope(StrEnum):
    """What an error concerns, and so what it may stop."""

    RECIPIENT = "recipient"
    PAIR = "pair"
    TEMPLATE = "template"
    #: One campaign's template: it is no longer what the campaign was planned with.
    CHANGED = "changed"
    MEDIA = "media"
    NUMBER = "number"
    ACCOUNT = "account"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one answer of the API: what becomes of the row, and what else must stop.

    `wait_ms` is the base of the wait in milliseconds (the database adds back-off and jitter).
    `slow_number` asks the database to lower the number's rate. When `hold_scope` is set, the
    database counts this answer on the row's number and template and holds `hold_scope` once
    `hold_after` such answers have come; `hold_seconds` None means until a person resumes.
    """

    outcome: Outcome
    wamid: str | None = None
    code: int | None = None
    text: str | None = None
    wait_ms: int = 0
    max_retries: int = 0
    slow_number: bool = False
    hold_scope: Scope | None = None
    hold_after: int = 1
    #: True: answers add up over the run (one is forgiven per 1,000 accepted); False: in a row.
    hold_cumulative: bool = False
    hold_seconds: int | None = None
    #: Accepted, but Meta keeps it back until it has judged the template's quality.
    held_back: bool = False
