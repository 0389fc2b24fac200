"""What the simulated API's referee says: who got a message, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wacampaign.sandbox.client import SandboxControl


@dataclass(frozen=True, slots=True)
class Proof:
    """Recipients of a list against the messages that the API accepted."""

    #: Recipients in the list.
    listed: int
    #: Messages accepted.
    accepted: int
    #: Recipients in the list that got exactly one message.
    once: int
    #: Those that got none.
    never: int
    #: Recipients, listed or not, that got more than one.
    repeatedly: int
    #: Recipients that are in no list.
    strangers: int
    #: The most that was accepted within any second.
    peak_per_second: int

    @property
    def holds(self) -> bool:
        """Whether each recipient got exactly one message, and nobody else any."""
        return self.once == self.listed == self.accepted


def prove(control: SandboxControl, phones: Iterable[str]) -> Proof:
    """Compares the referee's own list of accepted messages with the phones (digits)."""
    messages = Counter(str(message["to"]) for message in control.accepted())
    listed = set(phones)
    rates = control.rates().values()
    return Proof(
        listed=len(listed),
        accepted=messages.total(),
        once=sum(messages[phone] == 1 for phone in listed),
        never=sum(phone not in messages for phone in listed),
        repeatedly=sum(count > 1 for count in messages.values()),
        strangers=len(messages.keys() - listed),
        peak_per_second=max((int(rate["max_in_any_second"]) for rate in rates), default=0),
    )
