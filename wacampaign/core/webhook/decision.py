"""One thing that Meta decided about a template, a number or an account."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from wacampaign.core.webhook.kept import text_of
from wacampaign.core.webhook.updates import News

Kind = Literal[
    "template_status", "template_quality", "template_category", "number_quality", "throughput",
    "messaging_limit", "account_hold", "account_free", "note",
]  # fmt: skip
Severity = Literal["info", "warning", "error"]
Thing = Literal["template", "number", "account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing that Meta decided. Of the last eight fields each kind has its own."""

    kind: Kind
    thing: Thing
    #: What it is about: of the same, an older decision never replaces a newer one.
    about: str
    waba_id: str
    #: Unix seconds; None: Meta did not say.
    at: int | None
    #: What happened, and what to do about it, for people.
    title: str
    text: str
    severity: Severity
    #: Of a template: name, and language as the API writes it.
    name: str | None = None
    language: str | None = None
    #: The number's digits, as Meta shows them.
    phone: str | None = None
    #: The status, quality, category or limit, as Meta names it.
    word: str | None = None
    #: Meta's word for why.
    because: str | None = None
    #: Messages a second.
    per_second: int | None = None
    #: An error code that says the same, for a hold.
    code: int | None = None
    #: Unix seconds: when a hold ends by itself; None: when Meta or a person ends it.
    until: int | None = None
    #: The value as it came.
    said: dict[str, Any]


def note_of(news: News, thing: Thing, title: str, text: str, severity: Severity) -> Decision:
    """Something that is told and changes nothing; what is told is all that it is about."""
    digest = hashlib.md5(
        json.dumps(news.value, sort_keys=True).encode(), usedforsecurity=False
    ).hexdigest()
    return Decision(
        kind="note",
        thing=thing,
        about=f"note {news.waba_id} {news.field} {digest}",
        waba_id=news.waba_id,
        at=news.at,
        title=title,
        text=text,
        severity=severity,
        said=news.value,
    )


def word_of(value: Any) -> str | None:
    """A word of Meta's in capitals, as most of them come."""
    word = text_of(value, 128)
    return word.strip().upper() or None if word else None
