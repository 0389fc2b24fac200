"""What an investigation found, as plain values: made once, shown as text, JSON and report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from wacampaign.core.campaign.state import Campaign

#: The code that `investigate-135000` is named after.
GENERIC_USER_ERROR: Final = 135000


class Likelihood(StrEnum):
    """What the evidence says of a hypothesis (contract: `investigate-135000 --json`)."""

    CONFIRMED = "confirmed"
    LIKELY = "likely"
    UNLIKELY = "unlikely"
    RULED_OUT = "ruled_out"
    #: The reason is in the evidence.
    NOT_CHECKED = "not_checked"


#: What the evidence says of one hypothesis, and what speaks for or against it: one sentence each.
Judgement = tuple[Likelihood, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible cause, its verdict, and what speaks for or against it."""

    id: str
    verdict: Likelihood
    #: One sentence each; phones and tokens are masked already.
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A way out: `A` media, `B` template, `C` number, `D` account."""

    id: str
    title: str
    #: A command as it is typed, or, where none helps, what to do at Meta.
    command: str
    #: Why it stands where it stands.
    why: str = ""

    @property
    def is_typed(self) -> bool:
        """Whether `command` is typed; if not, it says what to do at Meta."""
        return self.command.startswith("wacampaign ")


@dataclass(frozen=True, slots=True)
class Beside:
    """A campaign as a column of the comparison."""

    id: str
    name: str
    status: str
    template: str
    #: Meta's id of the number.
    number: str
    #: None: no header media. `media id` where it is one.
    media_host: str | None
    sent: int
    failed: int
    total: int
    #: "2,059 of 2,059 sent", "2,093 of 2,093 failed with 135000".
    result: str


@dataclass(frozen=True, slots=True)
class Group:
    """Outcomes of the rows that share something."""

    #: `number`, `template`, `media_host`, `media`, `language`, `country`.
    by: str
    value: str
    failed: int
    sent: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the timeline, oldest first."""

    #: ISO 8601, UTC.
    at: str
    #: `message` (first failing, last working), `event`, `worker`, `repair`.
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Pace:
    """Outcomes of one stretch of time, for the chart."""

    #: ISO 8601, UTC; the beginning.
    at: str
    seconds: int
    sent: int
    failed: int
    in_doubt: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked up, such as the template's status. `ok` None: it says nothing."""

    #: `template`, `number`, `account`, `media`, `payload`.
    about: str
    text: str
    ok: bool | None
    #: `database`, `Cloud API`, `probe`, `media server`.
    source: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One message that was sent to the test phone."""

    #: "the failed payload itself", …
    title: str
    number: str
    template: str
    media: str | None
    accepted: bool
    #: Meta's answer in few words, masked.
    answer: str
    #: "not sent" or "in doubt" when Meta's answer to it is not known: it proves nothing.
    unanswered: str = ""
    #: When an earlier investigation sent it (ISO 8601, UTC); empty: this one did.
    at: str = ""

    @property
    def result(self) -> str:
        """What became of it, in a word or two."""
        return self.unanswered or ("accepted" if self.accepted else "refused")


@dataclass(frozen=True, slots=True)
class Sample:
    """A failed or working row, masked."""

    phone: str
    template: str
    payload: Mapping[str, Any]
    #: Error text, or "sent".
    outcome: str
    at: str | None


@dataclass(frozen=True, slots=True)
class Investigation:
    """Everything that `investigate-135000` found."""

    #: ISO 8601, UTC.
    at: str
    #: The code that was asked for.
    code: int
    code_title: str
    campaign: Campaign
    #: Rows failed with `code`.
    failed: int
    hypotheses: tuple[Hypothesis, ...]
    #: Id of the hypothesis that stands out; None: none does.
    cause: str | None
    options: tuple[Option, ...]
    #: The campaign itself first, then the healthy one (if any was found), then others.
    beside: tuple[Beside, ...] = ()
    groups: tuple[Group, ...] = ()
    timeline: tuple[Moment, ...] = ()
    pace: tuple[Pace, ...] = ()
    facts: tuple[Fact, ...] = ()
    #: What the differ found, one sentence each; empty: the payload fits its template.
    differences: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    samples: tuple[Sample, ...] = ()
    #: Where the evidence contradicts what one would believe, one sentence each.
    contradictions: tuple[str, ...] = ()
    #: What could not be looked at, and why.
    not_checked: Sequence[str] = field(default_factory=tuple)

    @property
    def cause_hypothesis(self) -> Hypothesis | None:
        """The hypothesis that stands out."""
        return next((h for h in self.hypotheses if h.id == self.cause), None)

    @property
    def next_command(self) -> str:
        """What to run, or to open, next."""
        best = self.options[:1]
        if best and best[0].command.startswith("open "):
            return best[0].command
        failures = f"wacampaign failures {self.campaign.short_id} --code {self.code}"
        return next((option.command for option in self.options if option.is_typed), failures)
