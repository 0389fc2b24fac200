"""What an investigation goes by, as plain values: from the database, from Meta, from the media."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.cells import cell
from wacampaign.core.investigation.model import Pace, Probe
from wacampaign.core.media.report import MediaReport
from wacampaign.core.numbers import Health, KnownNumber, Number
from wacampaign.core.recipient_forms import RecipientForms
from wacampaign.core.template.difference import Difference
from wacampaign.core.templates import KnownTemplate, Template

#: How rows that give no URL are grouped, in the place of a host.
MEDIA_ID: Final = "media id"
NO_MEDIA: Final = "no media"
NEITHER: Final = "neither URL nor id"


@dataclass(frozen=True, slots=True)
class LaneOutcomes:
    """Exact counts of a campaign's rows with one number and template."""

    #: Id of the number in the database.
    number: str
    template: str
    rows: int
    sent: int
    failed: int
    #: Failed with the code that is looked into.
    code_failed: int


@dataclass(frozen=True, slots=True)
class CampaignFacts(CampaignName):
    """A campaign with its lanes."""

    #: Id of the number in the database, as the campaign has it.
    number: str
    templates: tuple[str, ...]
    total: int
    #: ISO 8601, UTC: start, or when it was made; end or None.
    at: str
    end: str | None
    lanes: tuple[LaneOutcomes, ...]

    @property
    def sent(self) -> int:
        return sum(lane.sent for lane in self.lanes)

    @property
    def failed(self) -> int:
        return sum(lane.failed for lane in self.lanes)

    @property
    def code_failed(self) -> int:
        return sum(lane.code_failed for lane in self.lanes)

    def sent_from(self, number: str) -> int:
        """Rows that this number got accepted."""
        return sum(lane.sent for lane in self.lanes if lane.number == number)

    @property
    def numbers(self) -> frozenset[str]:
        """Numbers of its rows, else its own."""
        return frozenset(lane.number for lane in self.lanes) or frozenset({self.number})

    @property
    def template_names(self) -> frozenset[str]:
        """Templates of its rows, else its own."""
        return frozenset(lane.template for lane in self.lanes) or frozenset(self.templates)


@dataclass(frozen=True, slots=True)
class HostGroup:
    """Outcomes of the rows of one lane whose media lies on one host."""

    number: str
    template: str
    #: None: the template takes no header media.
    host: str | None
    failed: int
    sent: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Outcomes of the rows that share a value."""

    value: str
    failed: int
    sent: int


@dataclass(frozen=True, slots=True)
class Groups:
    """A campaign's outcomes in groups, over the rows that were read."""

    #: Rows that failed with the code, rows that were sent.
    failed_read: int
    sent_read: int
    hosts: tuple[HostGroup, ...]
    #: The twenty most frequent.
    files: tuple[Counted, ...]
    #: By the phone's first three digits.
    prefixes: tuple[Counted, ...]
    #: By minute (ISO 8601, UTC), oldest first.
    minutes: tuple[Counted, ...]
    first_failed: str | None
    last_failed: str | None
    first_sent: str | None
    last_sent: str | None


@dataclass(frozen=True, slots=True)
class PastEvent:
    """What somebody did with the campaign, or with all of them."""

    #: ISO 8601, UTC.
    at: str
    kind: str
    actor: str
    #: How many it concerned; None: it is not about rows.
    rows: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """A worker's start and its stop, if it was seen (ISO 8601, UTC)."""

    host: str
    pid: int
    version: str
    started: str
    stopped: str | None


@dataclass(frozen=True, slots=True)
class History:
    """What happened around the failures."""

    events: tuple[PastEvent, ...] = ()
    workers: tuple[WorkerRun, ...] = ()
    #: Oldest first; empty: nobody wrote it down.
    pace: tuple[Pace, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A failed or sent row with its payload."""

    id: str
    number: str
    template: str
    phone: str = field(repr=False)
    payload: Any = field(repr=False)
    text: str | None
    at: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """What Meta says at this moment of one number and its account."""

    #: None: not read.
    number: Number | None = None
    #: By `number`, `account`, and `template NAME`.
    health: Mapping[str, Health] = field(default_factory=dict)
    #: Those of the campaign, in every language; None: not read.
    templates: tuple[Template, ...] | None = None
    #: What could not be read, and why.
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What the differ found over the rows that were compared."""

    #: Failed rows that were compared with their template, and rows without a readable template.
    compared: int
    unknown: int
    #: Failed rows with at least one difference in make-up; in a value's characters.
    make_up: int
    values: int
    #: The same among the rows compared that were sent.
    sent_make_up: int
    sent_values: int
    #: Each distinct difference once, the most frequent first, with its rows.
    differences: tuple[tuple[Difference, int], ...]
    #: How failed and working rows give their media, when each all do it in one way: `link`, `id`.
    failed_form: str | None = None
    sent_form: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the verdicts rest on."""

    code: int
    campaign: CampaignFacts
    #: The healthy one beside it; None: none was found.
    healthy: CampaignFacts | None
    #: How `healthy` was found, such as "the same day".
    healthy_by: str
    #: All campaigns that were read, the nearest in time first, without `campaign`.
    others: tuple[CampaignFacts, ...]
    groups: Groups
    healthy_groups: Groups | None
    rows: tuple[Row, ...]
    #: By number's id in the database, and name; Meta's present one where it was read.
    templates: Mapping[tuple[str, str], Template]
    numbers: Mapping[str, KnownNumber]
    mismatch: Mismatch
    #: By number's id; empty when Meta was not asked.
    live: Mapping[str, Live]
    #: Why Meta was not asked, if it was not.
    offline: str | None
    media: tuple[MediaReport, ...]
    #: Why no media was looked at, if none was.
    media_not_checked: str | None
    probes: tuple[Probe, ...] = ()
    #: How the phones of the rows that were compared are written.
    recipients: RecipientForms = field(default_factory=RecipientForms)
    #: Failing templates whose components in the database are not Meta's present ones.
    stale: tuple[str, ...] = ()

    @property
    def lanes(self) -> tuple[LaneOutcomes, ...]:
        """Those in which rows failed with the code, the most first."""
        failing = (lane for lane in self.campaign.lanes if lane.code_failed)
        return tuple(sorted(failing, key=lambda lane: -lane.code_failed))

    def failing_templates(self) -> list[Template]:
        """Known templates of the failing lanes."""
        keys = [(lane.number, lane.template) for lane in self.lanes]
        return [self.templates[key] for key in keys if key in self.templates]

    def failing_numbers(self) -> list[str]:
        """Numbers of the failing lanes."""
        return list(dict.fromkeys(lane.number for lane in self.lanes))

    def shown_number(self, number: str) -> str:
        """A number as people know it: Meta's id."""
        known = self.numbers.get(number)
        return known.shown if known else f"unknown ({number[:8]})"


def is_live(template: Template) -> bool:
    """Whether it is as Meta describes it now, rather than as the database has it."""
    return not isinstance(template, KnownTemplate)


def host_of(url: str) -> str | None:
    """The host of a URL, in small letters; None for anything else."""
    try:
        parts = urlsplit(cell(url))
        host = parts.hostname
    except ValueError:
        return None
    return host.lower() if host and parts.scheme.lower() in ("http", "https") else None


def hosts_with(groups: Groups | None, outcome: str) -> list[str]:
    """Hosts of rows with this outcome (`failed` or `sent`), the most frequent first."""
    if groups is None:
        return []
    rows: Counter[str] = Counter()
    for group in groups.hosts:
        n = group.failed if outcome == "failed" else group.sent
        if group.host is not None and n:
            rows[group.host] += n
    return [host for host, _ in rows.most_common()]


def real_hosts(hosts: Iterable[str]) -> list[str]:
    """Without the words that stand in the place of a host."""
    return [host for host in hosts if host not in (MEDIA_ID, NO_MEDIA, NEITHER)]
