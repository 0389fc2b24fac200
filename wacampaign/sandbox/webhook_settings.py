"""How the sandbox's webhooks come: where to, when, in which order, how often."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

#: Meta's largest batch.
MAX_BATCH = 1000
STATUSES = ("sent", "delivered", "read")
#: How the updates of one POST are ordered.
Order = Literal["kept", "reversed", "shuffled"]
ORDERS: tuple[str, ...] = get_args(Order)


@dataclass(slots=True)
class WebhookSettings:
    """Where the webhooks go, and how. Without a URL there are none."""

    url: str | None = None
    app_secret: str = ""
    #: Which statuses a message that does not fail goes through, in this order.
    statuses: tuple[str, ...] = STATUSES
    #: Share of the messages that are read, of those that `statuses` would let be.
    read_share: float = 1.0
    #: Updates per POST at most.
    batch: int = MAX_BATCH
    #: Milliseconds that updates wait for others to share a POST with.
    interval_ms: float = 100.0
    #: Status: milliseconds from the acceptance to it. `failed`, too. Its own time says so.
    delay_ms: dict[str, float] = field(default_factory=dict)
    #: Within a POST: Meta keeps no order. `shuffled` is drawn from the same dice each time.
    order: Order = "kept"
    #: How often each update comes: Meta says "at least once".
    copies: int = 1
    #: Milliseconds before the first repeat of a POST that was not answered with 200; then doubled.
    retry_ms: float = 1000.0
    #: Repeats before a batch is given up. Meta's go on for days; a sandbox does not live so long.
    retries: int = 5

    def change(self, given: dict[str, Any]) -> None:
        """Set the given ones. ValueError for an unknown name or a wrong value."""
        known = {f.name for f in fields(self)}
        if unknown := given.keys() - known:
            raise ValueError(f"unknown webhook settings: {', '.join(sorted(unknown))}")
        given = dict(given)
        if "statuses" in given:
            given["statuses"] = tuple(given["statuses"])
            if not set(given["statuses"]) <= set(STATUSES):
                raise ValueError(f"statuses must be among {', '.join(STATUSES)}")
        if not 0.0 <= given.get("read_share", 1.0) <= 1.0:
            raise ValueError("read_share must lie between 0 and 1")
        if not 1 <= given.get("batch", 1) <= MAX_BATCH:
            raise ValueError(f"batch must lie between 1 and {MAX_BATCH}")
        if not 1 <= given.get("copies", 1) <= MAX_BATCH:
            raise ValueError(f"copies must lie between 1 and {MAX_BATCH}")
        if given.get("order", "kept") not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}")
        delays = given.get("delay_ms", {})
        if not delays.keys() <= {*STATUSES, "failed"} or any(d < 0 for d in delays.values()):
            raise ValueError(
                "delay_ms takes a number of 0 or more for each of sent, delivered, read and failed"
            )
        for name, value in given.items():
            setattr(self, name, value)
