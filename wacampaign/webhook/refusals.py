"""Requests that were refused: counted, and told at most once a minute."""

import time
from collections import Counter
from typing import Final

from wacampaign.core.engine.ports import EventLog

#: Seconds between two lines about refusals.
TELL_SECONDS: Final = 60.0

#: What to do about a signature that fits no secret.
WRONG_SECRET: Final = (
    "set META_APP_SECRET (several with commas), or the number's app_secret, to the secret of the"
    " app that Meta calls for: App settings, Basic, App secret"
)
#: What to do about a body without a signature.
NO_SIGNATURE: Final = (
    "nothing, for a few: Meta signs each, so these were a stranger's. If nothing arrives at all,"
    " let the proxy pass the header X-Hub-Signature-256 on"
)


class Refusals:
    """Counts refused requests by reason."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._told_at = float("-inf")
        self._untold: Counter[str] = Counter()
        #: Since the start, by reason.
        self.counts: Counter[str] = Counter()

    def count(self, reason: str, advice: str | None = None) -> None:
        """One more was refused for that reason (a word of the log)."""
        self.counts[reason] += 1
        self._untold[reason] += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            counted = dict(self._untold)
            self._untold.clear()
            self._log("refused", level="warning", **counted, advice=advice)
