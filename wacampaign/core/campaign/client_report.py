"""What became of a campaign, as its client is told: every figure counts recipients.

One base for every per cent: the recipients of the campaign, whatever became of them. The fates of
`Fates` are disjoint and add up to it, so the shares add up to 100.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wacampaign.core.errors.client_words import reason_for_clients
from wacampaign.core.template.preview import Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What became of some recipients. Disjoint, but for `read`."""

    #: Delivered messages; the read ones are among them.
    delivered: int = 0
    read: int = 0
    #: Sent, and then not delivered.
    undelivered: int = 0
    #: Sent; WhatsApp looks at the template's quality before it delivers them.
    held: int = 0
    #: Sent, and nothing was heard since.
    silent: int = 0
    #: Not sent: WhatsApp refused them, or they were given up.
    refused: int = 0
    #: Not sent, as the recipient has opted out of marketing, or rests from it.
    left_out: int = 0
    #: Whether it was sent is not known.
    in_doubt: int = 0
    #: Not sent yet, or, in a campaign that is over, not sent at all.
    waiting: int = 0

    @property
    def sent(self) -> int:
        """Messages that WhatsApp accepted."""
        return self.delivered + self.undelivered + self.held + self.silent

    @property
    def recipients(self) -> int:
        """All of them: the base of every per cent."""
        return self.sent + self.refused + self.left_out + self.in_doubt + self.waiting

    @property
    def failed(self) -> int:
        """What did not arrive and will not, whenever that was found."""
        return self.undelivered + self.refused


@dataclass(frozen=True, slots=True)
class Reason:
    """Why messages did not arrive."""

    text: str
    count: int


def reasons(*by_code: Iterable[tuple[int, int]]) -> tuple[Reason, ...]:
    """Code and count, from several places, as sentences: each once, the commonest first."""
    sums: Counter[str] = Counter()
    for code, count in (pair for pairs in by_code for pair in pairs):
        sums[reason_for_clients(code)] += count
    return tuple(
        Reason(text, count)
        for text, count in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        if count > 0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCampaign:
    """One campaign at one moment. Times are ISO 8601; None: there is none."""

    id: str
    name: str
    status: str
    fates: Fates
    #: When the first and the last message were accepted.
    began_at: str | None = None
    last_sent_at: str | None = None
    #: False: no status was ever heard of its number, so nothing is known of what was sent.
    is_heard: bool = False
    #: People who answered.
    replied: int = 0
    #: People who asked for no more messages when they had got this one.
    opted_out: int = 0
    #: Entries of the list that were no phone numbers: no recipients.
    unusable: int = 0
    #: Delivered messages of which WhatsApp said as well that they failed.
    contradicted: int = 0
    #: Seconds within which half, and 95 of 100, of the delivered messages arrived.
    half_within_s: float | None = None
    most_within_s: float | None = None
    reasons: tuple[Reason, ...] = ()
    #: Names of the numbers it was sent from, masked.
    senders: tuple[str, ...] = ()

    @property
    def replies_are_known(self) -> bool:
        """Whether none means none: replies come by the webhooks that bring statuses."""
        return self.is_heard or self.replied > 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent."""
        return self.status in ("completed", "failed")


@dataclass(frozen=True, slots=True)
class TemplateFates:
    """What became of those who got one template."""

    name: str
    fates: Fates


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A template as a recipient saw it, with sample values in place of a person's."""

    template: str
    language: str
    #: None: the template cannot be shown.
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class Bin:
    """What happened in one stretch of time."""

    #: ISO 8601.
    at: str
    seconds: int
    sent: int = 0
    delivered: int = 0
    read: int = 0
    #: Sent, and then not delivered.
    undelivered: int = 0


@dataclass(frozen=True, slots=True)
class Priced:
    """Messages that WhatsApp counts alike for its bill."""

    #: Meta's words, such as `marketing` and `regular`; None: it said none.
    category: str | None
    type: str | None
    #: None: it did not say.
    billable: bool | None
    count: int


@dataclass(frozen=True, slots=True)
class ClientReport:
    """Everything that a client is told."""

    #: ISO 8601, by the database's clock.
    at: str
    campaign: ReportedCampaign
    #: The campaign to compare with; None: there is none.
    before: ReportedCampaign | None
    #: Whether a person named `before`; else it is the one that began last before this one.
    before_is_named: bool
    templates: tuple[TemplateFates, ...]
    messages: tuple[SampleMessage, ...]
    #: Oldest first; stretches in which nothing happened are left out.
    bins: tuple[Bin, ...]
    #: Empty: WhatsApp has said nothing of it.
    prices: tuple[Priced, ...]


def fates_of(counts: Mapping[str, int], delivery: Mapping[str, Any], left_out: int = 0) -> Fates:
    """From the queue's counts (`waiting`, `in_doubt`, `sent`, `failed`) and those of deliveries.

    Statuses are taken a moment after the counts were: what they say of more messages than were
    sent is not counted, so that the fates always add up.
    """
    sent = counts["sent"]
    delivered = min(delivery["delivered"], sent)
    undelivered = min(delivery["undelivered"], sent - delivered)
    held = min(delivery["held"], sent - delivered - undelivered)
    left_out = min(left_out, counts["failed"])
    return Fates(
        delivered=delivered,
        read=min(delivery["read"], delivered),
        undelivered=undelivered,
        held=held,
        silent=sent - delivered - undelivered - held,
        refused=counts["failed"] - left_out,
        left_out=left_out,
        in_doubt=counts["in_doubt"],
        waiting=counts["waiting"],
    )
