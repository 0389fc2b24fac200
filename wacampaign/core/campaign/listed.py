"""A campaign as one line of a list."""

from dataclasses import dataclass

from wacampaign.core.campaign.name import CampaignName


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

    @property
    def size(self) -> int:
        """Its contacts; its rows, should they be more."""
        return max(self.total_contacts, self.rows)
