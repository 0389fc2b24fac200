"""How a campaign is called: by what a person types, and in sentences."""

from dataclasses import dataclass

from wacampaign.core.words import short_id


class Named:
    """What has a campaign's id and name."""

    __slots__ = ()
    id: str
    name: str

    @property
    def short_id(self) -> str:
        """What a person types."""
        return short_id(self.id)

    def __str__(self) -> str:
        return f"{self.name} ({self.short_id})"


@dataclass(frozen=True, slots=True)
class CampaignName(Named):
    """A campaign as it was found."""

    id: str
    name: str
    #: scheduled, running, paused, completed or failed (which cancelled is, too).
    status: str
