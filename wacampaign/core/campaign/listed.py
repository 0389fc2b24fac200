"""A campaign as one line of a list."""

from dataclasses import dataclass

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.waiting import WaitFacts, WhyItWaits, cause_of


@dataclass(frozen=True, slots=True)
class ListedCampaign(CampaignName):
    """A campaign by its kept counts. Times are ISO 8601; None: it has not come, or is none."""

    pause_reason: str | None
    created_at: str | None
    start_time: str | None
    end_time: str | None
    #: What its number is called; None: it has none.
    number: str | None
    total_contacts: int
    #: In the queue.
    rows: int
    accepted: int
    failed: int
    in_doubt: int
    #: False: no status was ever seen for its number, so `delivered` says nothing.
    delivery_known: bool
    delivered: int
    #: From its start to its end, or until now while it runs; None: neither.
    took_seconds: int | None
    #: None: it is over. An earlier schema tells of none.
    waits: WaitFacts | None = None

    @property
    def size(self) -> int:
        """Its contacts; its rows, should they be more."""
        return max(self.total_contacts, self.rows)

    @property
    def cause(self) -> WhyItWaits | None:
        """Why it does not go on, and until when; None: it does, or is over."""
        return None if self.waits is None else cause_of(self, self.pause_reason, self.waits)
