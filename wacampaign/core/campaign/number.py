"""The number that a campaign sends from, others that it could, and the ramp of a run."""

from dataclasses import dataclass
from typing import Final

#: Share of the rate that is configured, and that Meta takes, below which a number is slowed down.
_SLOWED_BELOW: Final = 0.95


@dataclass(frozen=True, slots=True)
class CampaignNumber:
    """The number that a campaign sends from. All None: it has none."""

    #: Messages a second, at the present pace and as configured.
    rate: float | None = None
    is_active: bool | None = None
    display_name: str | None = None
    quality_rating: str | None = None
    configured_rate: int | None = None
    #: Messages a second that Meta takes from it, as it said last.
    throughput: int | None = None
    #: Meta's id.
    phone_number_id: str | None = None
    #: Its row's.
    id: str | None = None
    #: Meta's word for how many people its portfolio may write to.
    tier: str | None = None
    #: Running campaigns that send from it.
    sharing: int = 0

    @property
    def is_slowed(self) -> bool:
        """Whether it goes at less than it could, as Meta asked for."""
        allowed = min(self.configured_rate or 0, self.throughput or self.configured_rate or 0)
        return self.rate is not None and self.rate < _SLOWED_BELOW * allowed

    @property
    def share(self) -> float | None:
        """Messages a second that each of the campaigns that run on it has of its rate."""
        return None if self.rate is None else self.rate / max(1, self.sharing)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A run's first messages, before its full rate."""

    #: Pairs of number and template that are in it, and what was accepted of them.
    lanes: int
    accepted: int
    #: Since when they wait for statuses (ISO 8601); None: for answers only.
    waits_since: str | None


@dataclass(frozen=True, slots=True)
class SpareNumber:
    """A number that could send the campaign's template, too, and that no campaign uses."""

    phone_number_id: str | None
    display_name: str | None
    #: Messages a second.
    rate: float
