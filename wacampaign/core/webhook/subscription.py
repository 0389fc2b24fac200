"""Which apps get an account's webhooks, and at which address."""

from dataclasses import dataclass


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
