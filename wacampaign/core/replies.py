"""What somebody wrote to one of our numbers, as it is told to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.masking import mask_phone, mask_secrets
from wacampaign.core.words import rough_duration

#: Meta's kinds of messages that have no words of their own, as a person would call them.
_KINDS: Final = {
    "audio": "a voice message",
    "contacts": "a contact",
    "image": "a picture",
    "location": "a location",
    "order": "an order",
    "reaction": "a reaction",
    "sticker": "a sticker",
    "video": "a video",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One incoming message."""

    wamid: str
    #: When it was written: UTC, ISO 8601.
    at: str
    #: Our number, by the name that it has here; None: one that is not known here.
    number: str | None
    #: The writer's phone as it may be shown; None: it is hidden from businesses.
    phone: str | None
    user_id: str | None
    #: As the writer calls himself.
    name: str | None
    #: Meta's `type`.
    kind: str
    text: str | None
    campaign_id: str | None
    campaign: str | None
    #: Until when free answers may be sent (24 h after the last message): UTC, ISO 8601.
    window_until: str
    #: Seconds that are left of it; 0: it is over.
    window_seconds: int
    #: Three days free of charge after a message that came from an ad, when it is answered within a
    #: day: until then; None: none is known.
    free_until: str | None
    #: Whether the writer gets no marketing any more.
    opted_out: bool

    @classmethod
    def of(cls, answer: Mapping[str, Any], *, show_numbers: bool = False) -> "Reply":
        """From the database's answer; phones masked, in the text too, unless `show_numbers`."""
        phone, text, name = answer["phone"], answer["text"], answer["name"]
        if not show_numbers:
            phone = None if phone is None else mask_phone(phone)
            text = None if text is None else mask_secrets(text)
            name = None if name is None else mask_secrets(name)
        return cls(
            wamid=answer["wamid"],
            at=answer["time"],
            number=answer["number"],
            phone=phone,
            user_id=answer["user_id"],
            name=name,
            kind=answer["kind"],
            text=text,
            campaign_id=answer["campaign_id"],
            campaign=answer["campaign"],
            window_until=answer["window_until"],
            window_seconds=answer["window_seconds"],
            free_until=answer["free_until"],
            opted_out=answer["opted_out"],
        )

    @property
    def who(self) -> str:
        """The phone, or the business-scoped id where there is none."""
        return self.phone or self.user_id or "?"

    @property
    def said(self) -> str:
        """What was written, or what it was."""
        return self.text or f"({_KINDS.get(self.kind, self.kind)})"

    @property
    def window(self) -> str:
        """How long free answers may be sent: `23 h`, `over`."""
        return f"{rough_duration(self.window_seconds)} left" if self.window_seconds else "over"
