"""A row in doubt with what is known of it, as a person decides by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens
from wacampaign.core.reading import read
from wacampaign.core.words import local_time

#: Rows in doubt that are told one by one, and asked about: more is no reading.
DOUBTS_SHOWN: Final = 20
#: Why nobody knows, of several rows.
CAUSES: Final = {
    "no_answer": "the request went out and no answer came",
    "worker_lost": "their worker was lost while it sent them",
    "no_claim": "another program took them and said nothing more",
}


@dataclass(frozen=True, slots=True)
class StrayStatus:
    """The state of a message to the recipient that no row owns, and its latest time (ISO 8601)."""

    state: str
    at: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """One row in doubt. Times are ISO 8601, UTC."""

    row: str
    claim: str | None
    phone: str
    template: str
    since: str
    attempted_at: str | None
    #: A key of `CAUSES`.
    cause: str
    #: What was answered instead of an acceptance or a refusal.
    text: str | None
    statuses: tuple[StrayStatus, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any], *, show_numbers: bool) -> "Doubt":
        """From one of the database's `doubts_known`; phones masked unless `show_numbers`."""
        text = " ".join((given["text"] or "").split())
        return read(
            cls,
            given,
            phone=given["phone"] if show_numbers else mask_phone(given["phone"] or ""),
            text=(mask_tokens(text) if show_numbers else mask_secrets(text)) or None,
        )

    @property
    def why(self) -> str:
        """Since when nobody knows, and why."""
        return f"since {local_time(self.since)}  {self.text or CAUSES.get(self.cause, self.cause)}"

    @property
    def told(self) -> str | None:
        """Statuses that may be its own."""
        if not self.statuses:
            return None
        states = ", ".join(f"{s.state} {local_time(s.at)}" for s in self.statuses)
        return f"messages to this recipient that no row owns: {states}"
