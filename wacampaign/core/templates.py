"""Message templates: as Meta describes one, and as the database knows one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wacampaign.core.template.needs import needs_of
from wacampaign.core.template.shape import Shape, UnusableTemplate, shape_of
from wacampaign.core.template.values import header_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One translation of a message template in one WhatsApp Business account."""

    #: Meta's id of this translation; "" where the database does not know it.
    id: str
    name: str
    #: Code as Meta writes it, such as `en_GB`: sends need exactly this.
    language: str
    #: Only `APPROVED` can be sent.
    status: str
    category: str
    #: As Meta gives them: `type`, `format`, `text`, `buttons`, `example`, … Other writers of the
    #: database may have left something else there: `unusable` says so.
    components: Sequence[Mapping[str, Any]] = field(repr=False)
    #: `POSITIONAL` (at Meta also when it says nothing) or `NAMED`; None: the components show it.
    parameter_format: str | None
    #: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`, or None.
    quality: str | None = None
    #: None also for Meta's `NONE`.
    rejected_reason: str | None = None
    #: As Meta gives it; changes whenever the template does. None in the database.
    last_updated_time: str | None = None

    @property
    def label(self) -> str:
        """`offer:en_US`, as `--template` takes it."""
        return f"{self.name}:{self.language}"

    @property
    def shape(self) -> Shape:
        """The slots that variables fill. Raises `UnusableTemplate`."""
        return shape_of(self.components or (), self.parameter_format)

    @property
    def unusable(self) -> str | None:
        """Why no row's variables can fill it; None: they can."""
        try:
            _ = self.shape
        except UnusableTemplate as why:
            return str(why)
        return None

    @property
    def header_media(self) -> str | None:
        """`image`, `video` or `document`; None when it takes none or cannot be used."""
        return None if self.unusable is not None else self.shape.header_media

    @property
    def samples(self) -> frozenset[str]:
        """Addresses of the media that was approved with it."""
        return frozenset(header_samples(self.components))

    @property
    def may_be_sent(self) -> bool:
        """Whether Meta takes messages with it."""
        return self.status == "APPROVED"

    @property
    def slot_names(self) -> tuple[str, ...]:
        """What each variable fills, such as `body {{1}}`; none when it cannot be used."""
        return () if self.unusable is not None else self.shape.names

    @property
    def needs_in_words(self) -> str:
        """`video + 2 variables`, or why it cannot be used."""
        unusable = self.unusable
        return needs_of(self.shape) if unusable is None else f"unusable: {unusable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemplate(Template):
    """One language of a template, as it was synced or another program wrote it."""

    #: Id of its number in the database.
    number_id: str
    #: Meta's id of its number; None also where it was not read.
    phone_number_id: str | None = None
    #: False: Meta no longer had it at the last sync.
    is_active: bool = True
    #: The backend has put it aside. False also where it was not read.
    is_quarantined: bool = False
    #: ISO 8601, or None when it was never synced.
    last_synced: str | None = None
    #: As a campaign was planned with it; None: no campaign was, or it was not read.
    planned: "KnownTemplate | None" = None
    #: What is no longer so: `language` (Meta has it no more), `status`, `category`, `shape`.
    changed: tuple[str, ...] = ()
    #: Whether the backend's table, which has one row a name, has this language.
    is_standing: bool = True

    @property
    def may_be_sent(self) -> bool:
        """Whether Meta took messages with it at the last sync."""
        return self.is_active and self.status == "APPROVED"

    @property
    def state(self) -> str:
        """`APPROVED`, …, `GONE` where Meta had it no longer, or `UNKNOWN`."""
        return (self.status or "UNKNOWN") if self.is_active else "GONE"
