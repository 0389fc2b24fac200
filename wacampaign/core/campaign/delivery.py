"""What became of a campaign's accepted messages, by the statuses that Meta told.

Each figure counts a message once, and of four each is in exactly one: delivered (read ones too),
undelivered, held, silent; together they are what was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.campaign.error_counts import ErrorCount, error_count
from wacampaign.core.reading import read
from wacampaign.core.words import duration

#: Minutes after which a message without any status is late: Meta passes a message on within
#: seconds, and repeats a webhook that was not taken within minutes (whatsapp-cloud-api, 6).
LATE_MINUTES: Final = 10
#: Accepted messages from which a share says something, and the share that is unusual: of a list
#: that was written to before, two or three in a hundred have left WhatsApp.
SHARE_FROM: Final = 100
UNUSUAL_SHARE: Final = 0.05

#: What each figure means, beside it.
MEANINGS: Final = {
    "delivered": "reached the phone",
    "undelivered": "accepted, then failed at Meta; never sent again by a machine",
    "held": "Meta holds them while it looks at the template",
    "silent": "not delivered yet, or nobody told",
}
#: Where statuses have never been seen.
UNKNOWN: Final = "unknown: no status was ever received for its number"


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from acceptance to delivery, of the delivered ones; None: none is known."""

    p50_seconds: float | None = None
    p95_seconds: float | None = None

    @property
    def in_words(self) -> str | None:
        """`half within 2 s, 95 % within 31 s`."""
        if self.p50_seconds is None or self.p95_seconds is None:
            return None
        half, most = duration(self.p50_seconds), duration(self.p95_seconds)
        return f"half within {half}, 95 % within {most}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The contract's `delivery`, and what is known besides."""

    #: False while no status was ever seen for the campaign's number.
    known: bool
    delivered: int
    #: Part of `delivered`.
    read: int
    #: With a failed status and no delivered one.
    undelivered: int
    #: Held by Meta for quality assessment.
    held: int
    #: All the others: delivered + undelivered + held + silent are the accepted ones.
    silent: int
    #: People who answered.
    replied: int
    #: Of the undelivered ones, the commonest first.
    errors: tuple[ErrorCount, ...] = ()
    lag: Lag = Lag()
    #: Told as failed and as delivered: counted as delivered.
    contradicted: int = 0
    #: Statuses that are stored and not yet taken.
    waiting: int = 0
    #: Part of `silent`: Meta has passed them on, the phone has not answered (switched off, say).
    passed_on: int = 0
    #: Part of `silent`: accepted `LATE_MINUTES` ago or earlier and without any status, at least.
    late: int = 0

    @property
    def accepted(self) -> int:
        """All that Meta accepted."""
        return self.delivered + self.undelivered + self.held + self.silent

    @property
    def is_late(self) -> bool:
        """Whether so many have no status that statuses must be lost on the way."""
        return self.known and is_unusual(self.late, self.accepted)


def is_unusual(n: int, accepted: int) -> bool:
    """Whether so many of the accepted messages are a share worth a sentence."""
    return accepted >= SHARE_FROM and n >= UNUSUAL_SHARE * accepted


def share(n: int, of: int) -> str:
    """`0.9 %` of the accepted ones; never 0.0 or 100.0 for what is not none or all."""
    if not of:
        return "0.0 %"
    tenths = round(1000 * n / of)
    if n and not tenths:
        return "under 0.1 %"
    return f"{min(tenths, 1000 if n >= of else 999) / 10:.1f} %"


def silence(delivery: Delivery) -> str:
    """What is known of the silent ones: `60 passed on by Meta, 30 without any status`."""
    if not delivery.known:
        return UNKNOWN
    nothing = delivery.silent - delivery.passed_on
    told = []
    if delivery.passed_on:
        told.append(f"{delivery.passed_on:,} on the way to the phone")
    if nothing:
        told.append(f"{nothing:,} without any status yet")
    return ", ".join(told)


def contradiction(n: int) -> str:
    """Said of messages that are told as failed and as delivered."""
    return f"{n:,} told as failed and as delivered, too: counted as delivered, as they arrived"


def read_delivery(given: Mapping[str, Any] | None, sent: int) -> Delivery:
    """The database's `delivery` of a campaign with so many `sent` rows; None: it knows of none."""
    if given is None:
        return Delivery(False, 0, 0, 0, 0, silent=sent, replied=0)
    errors = tuple(error_count(error) for error in given["errors"])
    return read(Delivery, given, errors=errors, lag=read(Lag, given["lag"] or {}))
