"""What a preflight looks at, as the database and Meta gave it. Nothing here is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wacampaign.core.budget import Budget
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Hold
from wacampaign.core.media.report import MediaReport
from wacampaign.core.numbers import KnownNumber, Number
from wacampaign.core.templates import KnownTemplate, Template


@dataclass(frozen=True, slots=True)
class UnsentLane:
    """Rows of one number and template that would be sent."""

    #: Id in whatsapp_numbers.
    number: str
    template: str
    unsent: int


@dataclass(frozen=True, slots=True)
class Readiness(CampaignName):
    """A campaign and what stands around it."""

    pause_reason: str | None
    templates: tuple[str, ...]
    total: int
    #: In the queue, whatever their state.
    rows: int
    #: Of those to send; no worker takes them as they are.
    pending: int
    #: Contacts without a row.
    missing: int
    #: ISO 8601, UTC.
    scheduled_at: str | None
    now: str
    lanes: tuple[UnsentLane, ...]
    numbers: tuple[KnownNumber, ...]
    known: tuple[KnownTemplate, ...]
    #: What the database does not let go out; their codes are not read.
    holds: tuple[Hold, ...]
    live_workers: int
    #: Ready rows of other running campaigns, by the number's id.
    queued_elsewhere: Mapping[str, int] = field(default_factory=dict)
    #: Of the rows to send: marketing for people who opted out of it, and for those who rest.
    opted_out: int = 0
    resting: int = 0
    #: What is used of the portfolio's limit; None: none, or nobody knows of one.
    budget: Budget | None = None

    @property
    def unsent(self) -> int:
        """Rows that would be sent."""
        return sum(lane.unsent for lane in self.lanes)

    def template(self, lane: UnsentLane) -> KnownTemplate | None:
        """What the database knows of a lane's template."""
        for template in self.known:
            if template.number_id == lane.number and template.name == lane.template:
                return template
        return None

    def seconds_left(self, number: KnownNumber) -> float | None:
        """How long sending takes from the number, with what other campaigns have ready on it.
        None: it may send nothing now."""
        if number.rate_now <= 0:
            return None
        unsent = sum(lane.unsent for lane in self.lanes if lane.number == number.id)
        return (unsent + self.queued_elsewhere.get(number.id, 0)) / number.rate_now

    @property
    def begins_at(self) -> str:
        """ISO 8601, UTC: now, or when it is scheduled for."""
        return max(self.now, self.scheduled_at) if self.scheduled_at else self.now

    def number(self, lane: UnsentLane) -> KnownNumber | None:
        """The number that a lane's rows are sent from."""
        return next((number for number in self.numbers if number.id == lane.number), None)


@dataclass(frozen=True, slots=True)
class People:
    """Who the rows go to."""

    people: int
    #: Recipients with more than one row, and the rows beyond one for each.
    repeated: int
    surplus: int
    #: Phone and rows of some of them.
    samples: tuple[tuple[str, int], ...] = field(default=(), repr=False)
    #: People who may be one, in two national spellings, and both numbers of some.
    perhaps: int = 0
    perhaps_samples: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    #: Phones as they are written, one for each group that is written alike, and its rows.
    written: tuple[tuple[str, int], ...] = field(default=(), repr=False)
    #: Rows that are in no such group, as there were too many.
    not_looked_at: int = 0


@dataclass(frozen=True, slots=True)
class AlikeRows:
    """Rows that are made alike, and one of them."""

    signature: str
    n: int
    phone: str = field(repr=False)
    payload: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaneSurvey:
    """All rows of a lane, in groups."""

    lane: UnsentLane
    rows: int
    groups: tuple[AlikeRows, ...]
    #: Rows that are in no group, as there were too many kinds of them.
    not_grouped: int
    #: Media of headers and cards, most used first, with their rows.
    media: Mapping[str, int] = field(default_factory=dict)
    #: Whether there are more files than `media` names.
    more_media: bool = False
    #: When the first offer ends that is not over, in milliseconds since 1970.
    first_end: int | None = None


class Trouble(StrEnum):
    """Why Meta did not answer a question."""

    NO_TOKEN = "no_token"
    #: The token was refused.
    REFUSED = "refused"
    #: No such object for this token.
    UNKNOWN = "unknown"
    #: No connection, an outage, a call limit.
    AWAY = "away"
    #: There was nothing to ask with, such as an id.
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question without an answer."""

    trouble: Trouble
    text: str


@dataclass(frozen=True, slots=True)
class MetaFacts:
    """What Meta says of one number and of the templates of its lanes."""

    number: Number | Unanswered
    #: By name: all languages of it (none: Meta has no such template).
    templates: Mapping[str, tuple[Template, ...] | Unanswered]
    #: Meta's word on the account's onboarding to the marketing endpoint; None: none, or not asked
    #: as nothing goes there.
    onboarding: str | Unanswered | None = None


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Judgements on the header media, each file once."""

    reports: tuple[tuple[MediaReport, int], ...] = ()
    #: Files that were not looked at, and whether there may be still more.
    left_out: int = 0
    more: bool = False
    #: Why none was looked at.
    skipped: str | None = None
