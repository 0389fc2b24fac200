"""What a call may take and what comes back: one place for both transports."""

import sys
from typing import Any, Final

from wacampaign.store.states import NO_ANSWER_OF_OURS, problem_of

# PostgreSQL writes a number of a payload in all of its digits, up to 131,072; Python reads 4,300
# unless told otherwise, and one such row would end every worker that claims it.
sys.set_int_max_str_digits(0)

#: Seconds for a call that a worker makes: these take milliseconds. What takes longer is given up
#: and repeated on another connection, so a connection that hangs costs no more than this.
WORKER_SECONDS: Final = 15.0
#: Seconds for any other call: an audit of a million rows takes some. REST allows less by itself.
CALL_SECONDS: Final = 60.0

_WORKERS: Final = frozenset(
    {"begin", "claim", "complete", "doubts", "due_campaigns", "goodbye", "heartbeat", "reap"}
    | {"recover", "register", "release", "schema_version", "sending", "settle"}
    # And the receiver's, which has a file to turn to.
    | {"receiver_beat", "receiver_goodbye", "webhooks_keep", "webhooks_state"}
    # And the watcher's, which has the next turn.
    | {"watch_turn", "alerts_take", "alerts_told", "alerts_ring"}
)
#: Functions that answer with a list; all others with an object.
_LISTS: Final = frozenset(
    {"app_secrets", "doubts", "due_campaigns", "events_of", "events_page"}
    | {
        "evidence_campaigns",
        "evidence_failed",
        "evidence_sent",
        "failed_rows",
        "failures",
        "find",
        "inbox",
        "inbox_after",
        "list",
    }
    | {"names", "numbers", "open_tables"}
    | {"optouts_newest", "optouts_of", "optouts_page", "recent", "repair_lanes"}
    | {"readiness_others", "repairs_of", "repeated_by", "sending", "stuck_rows"}
    | {"template_changes", "template_uses", "templates", "templates_of", "tokens"}
    | {"doubts_known", "results", "undelivered", "undelivered_rows"}
)
#: Functions that answer null for what does not exist.
_MAY_BE_NULL: Final = frozenset(
    {"budget_of", "evidence_campaigns", "repair_finish", "repair_undo_survey"}
)


def deadline_of(function: str) -> float:
    """Seconds after which a call of `function` is given up."""
    return WORKER_SECONDS if function in _WORKERS else CALL_SECONDS


def checked_answer(function: str, answer: Any) -> Any:
    """`answer`, if it is of the kind that `function` gives.

    Raises `DatabaseUnreachable`: something on the way answered in the database's place.
    """
    wanted = list if function in _LISTS else dict
    if isinstance(answer, wanted) or (answer is None and function in _MAY_BE_NULL):
        return answer
    kinds = {list: "a list", dict: "an object", str: "text", type(None): "nothing"}
    raise problem_of(
        NO_ANSWER_OF_OURS,
        f"{kinds.get(type(answer), 'a value')} instead of {kinds[wanted]} for {function}",
    )
