"""One thing that is wrong with a campaign: what it is about, how bad it is, and its command."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Severity = Literal["red", "yellow"]


class FindingKind(StrEnum):
    """What a finding is about. With its subject it is what makes two findings the same one."""

    COUNTS_WRONG = "counts_wrong"
    ROWS_LEFT_BEHIND = "rows_left_behind"
    NEVER_ENQUEUED = "never_enqueued"
    NEVER_COMPLETES = "never_completes"
    PENDING = "pending"
    NO_LIVE_WORKER = "no_live_worker"
    #: Every row is done, and no worker is alive to say that it is over.
    NOT_COMPLETED = "not_completed"
    NUMBER_SWITCHED_OFF = "number_switched_off"
    HELD = "held"
    #: No row is left that met the error of the hold.
    HELD_WITHOUT_ROWS = "held_without_rows"
    ERROR = "error"
    ROWS_DELETED = "rows_deleted"
    GUARD_MISSING = "guard_missing"
    NOTHING_SENT = "nothing_sent"
    STARTS_BY_ITSELF = "starts_by_itself"
    STARTS_WITHOUT_WORKER = "starts_without_worker"
    PAUSED = "paused"
    HELD_FOR_A_WHILE = "held_for_a_while"
    #: One that passes by itself.
    PASSING_ERROR = "passing_error"
    #: Refused for more recipients than is usual, each by its own fault.
    FAILING_MANY = "failing_many"
    #: Accepted, then failed by what a person can put right.
    UNDELIVERED = "undelivered"
    #: Accepted, then failed for more recipients than is usual.
    UNDELIVERED_MANY = "undelivered_many"
    HELD_BY_META = "held_by_meta"
    #: Accepted long ago, and no status came.
    SILENT = "silent"
    IN_DOUBT = "in_doubt"
    ONLY_DOUBT_LEFT = "only_doubt_left"
    KEPT_BACK = "kept_back"
    #: No live worker reaches Meta's API, or some do not.
    API_AWAY = "api_away"
    WORKER_CUT_OFF = "worker_cut_off"
    SLOWED_DOWN = "slowed_down"
    #: Its number is set to more than Meta takes.
    RATE_CAPPED = "rate_capped"
    #: Its portfolio may write to nobody new for now, or will not soon.
    BUDGET_USED_UP = "budget_used_up"
    BUDGET_STOPS = "budget_stops"
    ONLY_RETRIES_LEFT = "only_retries_left"
    #: It is not the hour where its rows go.
    WAITS_FOR_HOURS = "waits_for_hours"
    RETRIES_FAR_AWAY = "retries_far_away"


_K = FindingKind
#: What explains a delay; everything else needs a person.
_YELLOW: Final = frozenset(
    {_K.STARTS_BY_ITSELF, _K.STARTS_WITHOUT_WORKER, _K.PAUSED, _K.HELD_FOR_A_WHILE}
    | {_K.FAILING_MANY, _K.WORKER_CUT_OFF, _K.UNDELIVERED_MANY, _K.HELD_BY_META, _K.SILENT}
    | {_K.PASSING_ERROR, _K.IN_DOUBT, _K.ONLY_DOUBT_LEFT, _K.KEPT_BACK}
    | {_K.RATE_CAPPED, _K.BUDGET_USED_UP, _K.BUDGET_STOPS}
    | {_K.SLOWED_DOWN, _K.ONLY_RETRIES_LEFT, _K.RETRIES_FAR_AWAY, _K.WAITS_FOR_HOURS}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that needs a person (red) or explains a delay (yellow)."""

    kind: FindingKind
    text: str
    #: What to run or do about it.
    command: str
    #: Which of its kind: the error's code, what is held, who wrote; empty when there is one only.
    subject: str = ""

    @property
    def severity(self) -> Severity:
        """Red for what needs a person."""
        return "yellow" if self.kind in _YELLOW else "red"

    @property
    def error_code(self) -> int | None:
        """The code, when this is about one of the campaign's errors."""
        return int(self.subject) if self.kind in (_K.ERROR, _K.PASSING_ERROR) else None
