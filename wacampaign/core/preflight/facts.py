"""What a preflight looks at, as the database and Meta gave it. Nothing here is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wacampaign.core.header_media.report import MediaReport
    from wacampaign.core.preflight.ports import Number, Template


@dataclass(frozen=True, slots=True)
class Lane:
    """Rows of one number and template that would be sent."""

    #: Id in whatsapp_numbers.
    number: str
    template: str
    unsent: int


@dataclass(frozen=True, slots=True)
class SendingNumberFacts:
    """One row of `whatsapp_numbers`, without its token."""

    id: str
    phone_number_id: str | None
    waba_id: str | None
    #: Its name, or its masked digits.
    label: str
    is_active: bool
    #: Messages a second: as configured, and what a throttled number may send now.
    rate_configured: float
    rate_now: float
    #: Ready rows of other running campaigns.
    queued_elsewhere: int


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """One row of `templates`: what the worker will send with."""

    number: str
    name: str
    language: str
    status: str
    category: str
    components: Sequence[Mapping[str, Any]]
    parameter_format: str | None
    #: Meta's id, where it was synced by us.
    meta_id: str | None
    is_active: bool
    is_quarantined: bool
    #: ISO 8601, UTC; None: never.
    synced_at: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """What the database does not let go out."""

    scope: str
    template: str | None
    reason: str
    #: ISO 8601, UTC; None: until a person resumes.
    until: str | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """A campaign and what stands around it."""

    id: str
    name: str
    status: str
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
    lanes: tuple[Lane, ...]
    numbers: tuple[SendingNumberFacts, ...]
    known: tuple[TemplateFacts, ...]
    holds: tuple[Hold, ...]
    live_workers: int

    @property
    def unsent(self) -> int:
        """Rows that would be sent."""
        return sum(lane.unsent for lane in self.lanes)

    def template(self, lane: Lane) -> TemplateFacts | None:
        """What the database knows of a lane's template."""
        for one in self.known:
            if one.number == lane.number and one.name == lane.template:
                return one
        return None


@dataclass(frozen=True, slots=True)
class People:
    """Who the rows go to."""

    people: int
    #: Recipients with more than one row, and the rows beyond one for each.
    repeated: int
    surplus: int
    #: Phone and rows of some of them.
    samples: tuple[tuple[str, int], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are made alike, and one of them."""

    signature: str
    n: int
    phone: str = field(repr=False)
    payload: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaneSurvey:
    """All rows of a lane, in groups."""

    lane: Lane
    rows: int
    groups: tuple[Group, ...]
    #: Rows that are in no group, as there were too many kinds of them.
    not_grouped: int
    #: Header media, most used first, with their rows.
    media: Mapping[str, int] = field(default_factory=dict)
    #: Whether there are more files than `media` names.
    more_media: bool = False


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


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Judgements on the header media, each file once."""

    reports: tuple[tuple[MediaReport, int], ...] = ()
    #: Files that were not looked at, and whether there may be still more.
    left_out: int = 0
    more: bool = False
    #: Why none was looked at.
    skipped: str | None = None
