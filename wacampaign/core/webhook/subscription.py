"""Which apps get an account's webhooks, at which address, and of what."""

from dataclasses import dataclass

from wacampaign.core.webhook.decisions import WANTED_FIELDS


@dataclass(frozen=True, slots=True)
class AppSubscription:
    """One app that is subscribed to a WhatsApp Business account."""

    app_id: str
    #: Empty where Meta does not say it.
    name: str
    #: The address that overrides the app's own for this account; None: none.
    override: str | None

    @property
    def goes_to(self) -> str:
        """Where its webhooks go, in words."""
        return self.override or "the app's own address"

    @property
    def in_words(self) -> str:
        """`Shop (500000000000001), to https://example.com/api/webhooks`."""
        return f"{f'{self.name} ({self.app_id})' if self.name else self.app_id}, to {self.goes_to}"


@dataclass(frozen=True, slots=True)
class AppWebhook:
    """What an app gets of all accounts that it is subscribed to, as it is set up at Meta."""

    #: The app's own address.
    url: str
    fields: frozenset[str]

    @property
    def missing_fields(self) -> tuple[str, ...]:
        """What this program takes, and the app does not get."""
        return tuple(sorted(set(WANTED_FIELDS) - self.fields))
