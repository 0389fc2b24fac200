"""One alert: what is told about a cause at one moment, to people and to programs."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from wacampaign.core.shown_text import one_line
from wacampaign.core.words import short_id

Due = Literal["new", "reminder", "end", "test"]
AlertSeverity = Literal["info", "success", "warning", "error"]
#: Version of the JSON that a plain URL gets.
ALERT_SCHEMA_VERSION: Final = 1
#: What calls everybody in a room where chats find it: `@everyone`, `<!channel>`, `<@U0123>`.
_CALLS: Final = re.compile(r"@(?=(?:all|channel|everyone|here|room)\b)|<(?=[!@#])", re.IGNORECASE)
#: Behind their first character; not seen (U+2060, word joiner).
_APART: Final = "\u2060"


class AlertKind(StrEnum):
    """What an alert is about; docs/reference/alerts.md tells each."""

    PAUSED = "paused"
    HELD = "held"
    STALLED = "stalled"
    NO_WORKER = "no_worker"
    API_AWAY = "api_away"
    WORKER_GONE = "worker_gone"
    RECEIVER_GONE = "receiver_gone"
    FAILURES = "failures"
    UNDELIVERED = "undelivered"
    SILENT = "silent"
    IN_DOUBT = "in_doubt"
    BUDGET = "budget"
    #: Anything else that needs a person.
    PROBLEM = "problem"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    AWAY = "database_away"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Alert:
    """One telling. Times are ISO 8601, UTC."""

    #: The same for each attempt to tell this; another one for a reminder and for the end.
    id: str
    due: Due
    #: Of the cause; the same for its reminders and its end.
    key: str
    kind: str
    severity: AlertSeverity
    title: str
    text: str
    #: What to type; empty: nothing.
    command: str
    first_seen_at: str
    campaign_id: str | None = None
    campaign: str | None = None
    ended_at: str | None = None
    #: How often it was told before.
    times_told: int = 0
    #: This attempt to tell it, from 1.
    attempt: int = 1
    #: Addresses that have taken it already (`address_mark`).
    taken_by: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The title as people read it: whoever named a campaign calls nobody by its name."""
        return _calls_nobody(self.title)

    @property
    def body(self) -> str:
        """What stands below the title: a sentence, and what to type on a line of its own."""
        typed = f"\n→ {one_line(self.command)}" if self.command and self.due != "end" else ""
        return _calls_nobody(self.text) + typed

    def as_json(self, host: str) -> dict[str, Any]:
        """What a plain URL gets. `host`: whose process tells it."""
        return {
            "schema_version": ALERT_SCHEMA_VERSION,
            "id": self.id,
            "what": self.due,
            "kind": self.kind,
            "severity": "success" if self.due == "end" else self.severity,
            "key": self.key,
            "title": one_line(self.title),
            "text": f"{self.headline}\n{self.body}",
            "reason": one_line(self.text),
            "command": one_line(self.command),
            "campaign": self.campaign_id
            and {
                "id": self.campaign_id,
                "short_id": short_id(self.campaign_id),
                "name": one_line(self.campaign or ""),
            },
            "first_seen_at": self.first_seen_at,
            "ended_at": self.ended_at,
            "times_told": self.times_told,
            "told_by": host,
        }


def _calls_nobody(text: str) -> str:
    return _CALLS.sub(lambda begins: begins[0] + _APART, one_line(text))
