"""Who gets no marketing any more, as it is told to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.masking import mask_phone

#: Hours that a person rests after 131049. Meta's cap lasts a day, and trying sooner prolongs it
#: (whatsapp-cloud-api, 1.5).
REST_HOURS: Final = 24.0
#: What led to an opt-out, in words.
CAUSES: Final[Mapping[str, str]] = {
    "word": "a word",
    "button": "a button",
    "preference": "switched off in WhatsApp",
    "code": "131050, told twice",
    "person": "entered by hand",
    "import": "from a list",
}


@dataclass(frozen=True, slots=True)
class OptOut:
    """One person's opt-out."""

    #: The key of the person: digits, else the business-scoped id.
    person: str
    #: As it may be shown; None: the number is hidden from businesses.
    phone: str | None
    user_id: str | None
    #: UTC, ISO 8601.
    since: str
    #: One of `CAUSES`.
    cause: str
    #: How it was said, as the end of a sentence.
    evidence: str | None
    #: The campaign that was answered, by its name.
    campaign: str | None
    #: None: it stands.
    ended_at: str | None
    end_cause: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any], *, show_numbers: bool = False) -> "OptOut":
        """From the database's answer; phones masked unless `show_numbers`."""
        phone = answer["phone"]
        masked = phone if show_numbers or phone is None else mask_phone(phone)
        return cls(
            person=answer["person"],
            phone=masked,
            **{
                key: answer[key]
                for key in ("user_id", "since", "cause", "evidence", "campaign", "ended_at")
            },
            end_cause=answer["end_cause"],
        )

    @property
    def who(self) -> str:
        """The phone, or the business-scoped id where there is none."""
        return self.phone or self.user_id or "?"
