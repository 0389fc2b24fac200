"""Sending numbers and their health: as Meta describes one, and as the database knows one."""

from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.budget import UNKNOWN_LIMIT, MessagingLimit
from wacampaign.core.marketing import OFF, MarketingEndpoint
from wacampaign.core.masking import mask_phone, mask_secrets

#: Messages a second of a number whose rate nobody has told, as in the database.
RATE_DEFAULT: Final = 60

#: Messages a second by throughput level (Meta, throughput).
_THROUGHPUT: Final = {"STANDARD": 80, "HIGH": 1000}
#: Of a number that is in the WhatsApp Business app, too, whatever its level (same page).
_IN_APP_TOO: Final = 20


@dataclass(frozen=True, slots=True)
class HealthError:
    """One reason why an entity cannot send, in Meta's words."""

    description: str
    solution: str = ""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class HealthEntity:
    """A link in the chain that a message needs: number, template, account, business or app."""

    #: `PHONE_NUMBER`, `MESSAGE_TEMPLATE`, `WABA`, `BUSINESS`, `APP`.
    type: str
    #: `AVAILABLE`, `LIMITED` or `BLOCKED`.
    can_send_message: str
    errors: tuple[HealthError, ...] = ()
    additional_info: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether messages can be sent; overall as bad as the worst entity."""

    #: `AVAILABLE`, `LIMITED`, `BLOCKED`, or a newer word.
    can_send_message: str
    entities: tuple[HealthEntity, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Meta's own words, each with what it concerns; masked."""
        return tuple(
            mask_secrets(
                f"{entity.type}: {error.description}"
                + (f" ({error.solution})" if error.solution else "")
            )
            for entity in self.entities
            for error in entity.errors
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What Meta says of a number. What it left out is empty."""

    #: Meta's id of it, the `phone_number_id` of the database.
    id: str = ""
    #: Kept out of `repr`: logs show no whole numbers.
    display_phone_number: str = field(default="", repr=False)
    verified_name: str = ""
    #: Only `CONNECTED` can send.
    status: str = ""
    #: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`, …
    quality_rating: str = ""
    code_verification_status: str = ""
    name_status: str = ""
    #: `LIVE` or `SANDBOX`.
    account_mode: str = ""
    #: `STANDARD` (80 messages a second) or `HIGH` (1,000).
    throughput: str = ""
    #: Unique users in 24 h for the whole portfolio: `TIER_250` … `TIER_UNLIMITED`.
    messaging_limit: str = ""
    #: It is in the WhatsApp Business app, too ("coexistence").
    in_app_too: bool = False
    health: Health | None = None

    @property
    def most_per_second(self) -> int | None:
        """Messages a second that Meta takes from it; None: an unknown level."""
        return _IN_APP_TOO if self.in_app_too else _THROUGHPUT.get(self.throughput)

    @property
    def throughput_in_words(self) -> str:
        """The level as Meta names it, and what else decides; empty where it names none."""
        too = ", in the WhatsApp Business app too" if self.in_app_too else ""
        return f"{self.throughput}{too}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNumber:
    """One row of `whatsapp_numbers`, without its token: what campaigns are sent from.

    It has no field in common with `Number` but Meta's id: what Meta says changes by itself, and is
    asked for when it matters.
    """

    #: Id in the database.
    id: str
    #: Meta's id of the number; None when the backend never entered it.
    phone_number_id: str | None
    waba_id: str | None
    #: The number itself; mask it before showing.
    digits: str = field(repr=False)
    display_name: str | None
    is_active: bool
    #: Messages a second: what is configured, and what a throttled number may send now.
    rate_configured: float
    rate_now: float
    #: As it was synced last.
    quality: str | None = None
    #: None: not read. The same of the active templates.
    has_token: bool | None = None
    templates: int | None = None
    #: The app that the backend entered with it.
    app_id: str | None = None
    #: Where its marketing templates go.
    marketing: MarketingEndpoint = OFF
    #: That of its portfolio.
    limit: MessagingLimit = UNKNOWN_LIMIT
    #: Messages a second that Meta takes from it, as it said last.
    throughput: int | None = None

    @property
    def label(self) -> str:
        """How people know it: its name, or its masked digits."""
        return self.display_name or mask_phone(self.digits)

    @property
    def shown(self) -> str:
        """Meta's id of it, else its label."""
        return self.phone_number_id or self.label


def tier_limit(tier: str) -> int | None:
    """People in 24 h by Meta's word: `TIER_250`, `TIER_2K`, `TIER_100K`; None: not a number."""
    text = tier.removeprefix("TIER_")
    digits = text.removesuffix("K")
    if not digits.isdecimal():
        return None
    return int(digits) * (1000 if text.endswith("K") else 1)
