"""One simulated Cloud API: the account, the limits, the faults, the referee and the counters."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field, fields
from typing import Any

from wacampaign.sandbox.creation import TemplateCreation
from wacampaign.sandbox.demo import seed_demo
from wacampaign.sandbox.faults import FaultScript
from wacampaign.sandbox.held import HeldMessages
from wacampaign.sandbox.limits import DEFAULT_TOLERANCE, PairLimit
from wacampaign.sandbox.people import People
from wacampaign.sandbox.referee import Referee
from wacampaign.sandbox.state import Account
from wacampaign.sandbox.subscriptions import SubscribedApps
from wacampaign.sandbox.uploads import Uploads

#: Accepted messages that are kept whole, to be looked at.
_LATEST = 1000


@dataclass(slots=True)
class Settings:
    """How the sandbox answers messages."""

    #: Milliseconds before each answer to a message; the message is accepted before the wait.
    latency_ms: float = 0.0
    #: Milliseconds: the wait is drawn evenly from latency_ms ± jitter_ms.
    jitter_ms: float = 0.0
    #: Whether 131056 is answered.
    pair_limit: bool = True
    #: Share of a number's mps accepted beyond it within a sliding second.
    tolerance: float = DEFAULT_TOLERANCE
    #: Milliseconds from a template's creation to its verdict.
    review_ms: float = 1000.0
    #: Templates that an account may have (Meta: 250, and 6,000 of a verified business).
    templates_most: int = 6000

    def change(self, given: dict[str, Any]) -> None:
        """Set the given ones. ValueError for an unknown name or a wrong value."""
        known = {f.name for f in fields(self)}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}")
            if name == "pair_limit":
                if not isinstance(value, bool):
                    raise ValueError("pair_limit must be true or false")
            elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} must be a number of 0 or more")
        for name, value in given.items():
            setattr(self, name, value)


@dataclass(slots=True)
class Counters:
    """What was seen since the last reset, apart from the accepted messages."""

    #: Refused messages by error code.
    refused: Counter[int] = field(default_factory=Counter)
    #: Accepted messages by the last part of the path that they came to.
    accepted_by_endpoint: Counter[str] = field(default_factory=Counter)
    #: Requests to the simulated API, media hosts included, control requests not.
    requests: int = 0
    #: POST /{phone_number_id}/messages among them.
    message_requests: int = 0
    #: Messages whose answer is still to come (a hanging one until its client leaves).
    in_flight: int = 0
    max_in_flight: int = 0
    #: Messages accepted whose client got no usable answer: drop_answer, gateway,
    #: accepting http_5xx or hang.
    answers_dropped: int = 0
    #: Messages left without an answer for ever.
    hung: int = 0

    def message_ended(self) -> None:
        """One message is no longer in flight."""
        self.in_flight -= 1


class Simulation:
    """The simulated API's whole state."""

    def __init__(self) -> None:
        self.jitter = random.Random(0)
        self.reset_everything()

    def reset_counts(self) -> None:
        """Forget the messages, limits and counters; keep account, settings and faults."""
        # Requests still in flight report their end to the counters they began with.
        self.referee = Referee()
        self.pairs = PairLimit()
        self.counters = Counters()
        #: The last accepted messages: recipient and `template`, as they came.
        self.latest: deque[dict[str, Any]] = deque(maxlen=_LATEST)
        self.faults.applied = 0
        self.held = HeldMessages()

    def reset_everything(self) -> None:
        """Back to the demo account, default settings and no faults."""
        self.account = Account()
        seed_demo(self.account)
        self.uploads = Uploads()
        self.creation = TemplateCreation(self.account, self.uploads)
        self.people = People(self.account)
        self.subscribed_apps = SubscribedApps(self.account)
        self.settings = Settings()
        self.faults = FaultScript()
        self.reset_counts()

    def delay_s(self, extra_ms: float) -> float:
        """Seconds to wait before the next message's answer."""
        settings = self.settings
        wait = settings.latency_ms + extra_ms
        if settings.jitter_ms:
            wait += self.jitter.uniform(-settings.jitter_ms, settings.jitter_ms)
        return max(0.0, wait) / 1000.0

    def totals(self) -> dict[str, Any]:
        """The referee's and the counters' totals."""
        referee, counters = self.referee, self.counters
        counted = {f.name: getattr(counters, f.name) for f in fields(counters)}
        counted["refused"] = {str(code): n for code, n in sorted(counters.refused.items())}
        return {
            "accepted": len(referee),
            "recipients": len(referee.per_recipient),
            "repeated_recipients": referee.repeated_recipients,
            "repeated_callback_data": referee.repeated_callback_data,
            "without_callback_data": referee.without_callback_data,
            **counted,
            "held": len(self.held),
            "faults_applied": self.faults.applied,
        }
