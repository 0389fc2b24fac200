"""What a doctor hears from Meta of numbers, tokens and webhooks. Nothing here is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wacampaign.core.doctor.facts import Failed, Hearing
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.preflight.facts import MetaFacts, Unanswered
from wacampaign.core.webhook.subscription import AppSubscription


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What Meta says of a token itself."""

    valid: bool
    #: Unix seconds; None: it does not expire.
    expires_at: float | None
    scopes: frozenset[str]
    app_id: str


@dataclass(frozen=True, slots=True)
class AskedNumber:
    """An active number, and what Meta says of it and of its token."""

    known: KnownNumber
    answers: MetaFacts
    token: TokenFacts | Unanswered
    #: A secret is kept with it in the database.
    has_secret: bool


@dataclass(frozen=True, slots=True)
class AskedAccount:
    """Who gets the webhooks of one WhatsApp Business account."""

    waba_id: str
    app_id: str | None
    apps: tuple[AppSubscription, ...]
    missing_fields: tuple[str, ...]
    other_apps: tuple[str, ...]
    #: Whether a secret of META_APP_SECRET is the app's; None: nobody could say.
    secret_fits: bool | None
    fault: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Numbers and accounts, as the database names them and Meta knows them."""

    numbers: tuple[AskedNumber, ...]
    accounts: tuple[AskedAccount, ...]
    #: A secret is set in META_APP_SECRET.
    secret_set: bool
    #: Unix seconds now.
    now: float
    #: Seconds since the last status by number; from the database.
    hearing: Mapping[str, Hearing] | Failed = field(default_factory=dict)
