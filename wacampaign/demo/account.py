"""The night in the sandbox: account, media hosts and refusals before it, the proof after it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wacampaign.demo.night import NUMBERS, REFUSED, WABA_ID, DemoCampaign, template_of
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_VIDEO


def open_account(control: SandboxControl, token: str) -> None:
    """Adds both numbers with their templates and videos, and what Meta refused: 135000."""
    for number in NUMBERS:
        control.put_number(
            number.phone_number_id,
            waba_id=WABA_ID,
            token=token,
            throughput="HIGH",
            display_phone_number=number.display,
            verified_name=number.label,
        )
        # Sound on both hosts, as that night.
        control.put_hosted(number.media_host, number.media_path, DEMO_VIDEO, "video/mp4")
    control.put_templates(WABA_ID, *map(template_of, NUMBERS))
    control.add_fault(
        "error",
        code=135000,
        phone_number_id=REFUSED.phone_number_id,
        media_host=REFUSED.media_host,
    )


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


def prove(control: SandboxControl, campaigns: Iterable[DemoCampaign]) -> list[Proof]:
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
