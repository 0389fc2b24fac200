"""What the simulated API's referee says: who got a message, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wacampaign.demo.night import Campaign
from wacampaign.sandbox.client import SandboxControl


@dataclass(frozen=True, slots=True)
class Proof:
    """A campaign's recipients against the messages that the API accepted."""

    name: str
    #: Recipients in the campaign.
    listed: int
    #: Those that got exactly one message.
    once: int
    #: Those that got none.
    never: int
    #: Those that got more than one.
    repeatedly: int

    @property
    def holds(self) -> bool:
        """Whether each recipient got exactly one message."""
        return self.once == self.listed


def prove(control: SandboxControl, campaigns: Iterable[Campaign]) -> list[Proof]:
    """Compares the referee's own list of accepted messages with each campaign's phones.

    No two campaigns have a recipient in common.
    """
    messages = Counter(str(message["to"]) for message in control.accepted())
    proofs = []
    for campaign in campaigns:
        counts = Counter(messages[phone] for phone in campaign.phones())
        listed = counts.total()
        proofs.append(
            Proof(campaign.name, listed, counts[1], counts[0], listed - counts[0] - counts[1])
        )
    return proofs
