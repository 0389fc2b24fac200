"""The validator's answer: findings with codes, and the facts that they rest on."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters for sending."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Where(StrEnum):
    """How a header media is given."""

    URL = "url"
    ID = "id"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class MediaFinding:
    """One thing that was looked at."""

    #: Stable name, such as `host_differs`; all are in `wacampaign.core.media.codes`.
    code: str
    severity: Severity
    #: One sentence for people.
    text: str
    #: What was seen, such as `HTTP 403 after 2 redirects`.
    evidence: str
    #: Where the rule comes from, such as `Meta, supported media types (2026-09)`.
    source: str


@dataclass(frozen=True, slots=True)
class MediaReport:
    """One header media, judged against a template's header."""

    #: As it was given: URL, media id or path.
    media: str
    where: Where
    findings: tuple[MediaFinding, ...]
    #: Of a URL.
    host: str | None = None
    #: Of the last answer; None: none came.
    http_status: int | None = None
    #: By the first bytes, else as declared.
    mime_type: str | None = None
    #: Bytes.
    size: int | None = None
    #: Hex digest; only when the whole content was read.
    sha256: str | None = None

    @property
    def severity(self) -> Severity:
        """The worst finding's."""
        severities = {finding.severity for finding in self.findings}
        return next((s for s in (Severity.FAIL, Severity.WARN) if s in severities), Severity.OK)

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against sending it."""
        return self.severity is not Severity.FAIL
