"""How long a doctor waits: with everything away it is done within a quarter of a minute."""

from typing import Final

from wacampaign.core.masking import mask_secrets

#: Seconds for one answer of the database, and for a connection over an ocean.
CALL_SECONDS: Final = 8.0
CONNECT_SECONDS: Final = 4.0
#: Seconds for all that is asked of the database, and of Meta, which are asked side by side; Meta's
#: numbers and tokens come from the database first.
FOR_DATABASE_SECONDS: Final = 12.0
FOR_META_SECONDS: Final = 6.0
#: Seconds for `pm2 jlist`, which takes one on a busy machine.
PM2_SECONDS: Final = 8.0
#: Seconds after which an answer is not timed again: one that slow says it all.
SLOW_SECONDS: Final = 1.0


def unexpected(error: Exception) -> str:
    """What is said of a question that failed as nobody thought of; the others are told."""
    text = mask_secrets(" ".join(str(error).split()))
    return f"unexpected: {type(error).__name__}{': ' if text else ''}{text}"
