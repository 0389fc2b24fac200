"""What is set for a sending number: the endpoint of its marketing templates."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wacampaign.core.marketing import ONBOARDED, MarketingEndpoint
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.plan import Change, Plan
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import find_number, token_of
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class PlannedSettings:
    """A number, and how its marketing templates go afterwards."""

    number: KnownNumber
    becomes: MarketingEndpoint
    #: Why Meta did not say whether the account is onboarded.
    unasked: str | None = None

    @property
    def changes(self) -> bool:
        """Whether a person's settings change; what Meta says is remembered all the same."""
        was, becomes = self.number.marketing, self.becomes
        return (was.mode, was.product_policy) != (becomes.mode, becomes.product_policy)

    @property
    def plan(self) -> Plan:
        """The change, and what it means at Meta."""
        was = self.number.marketing
        return Plan(
            title=f"set the number {self.number.shown}",
            steps=(Change(1, "marketing endpoint", was.in_words, self.becomes.in_words),)
            if self.changes
            else (),
            notes=tuple(self._notes()),
            next_command="wacampaign number list",
        )

    def _notes(self) -> Iterator[str]:
        becomes = self.becomes
        if becomes.mode == "off":
            yield "all messages go through /messages"
            return
        told = becomes.onboarding or "nothing"
        if self.unasked is not None:
            yield f"Meta did not say whether the account is onboarded: {self.unasked}"
        elif becomes.onboarding == ONBOARDED:
            yield "MARKETING templates go through /marketing_messages: the account is onboarded"
        elif becomes.mode == "auto":
            yield f"the account is not onboarded (Meta says {told}): /messages until it is"
        elif becomes.product_policy == "STRICT":
            yield (
                f"NOTE: the account is not onboarded (Meta says {told}), and with STRICT Meta "
                "refuses what goes through /marketing_messages"
            )
        else:
            yield (
                f"the account is not onboarded (Meta says {told}): Meta sends by itself what "
                "comes to /marketing_messages as if it had come to /messages"
            )
        yield "other categories go through /messages; running workers follow within a minute"


async def look(
    store: Store,
    settings: Settings,
    number: str,
    mode: str | None,
    product_policy: str | None,
) -> PlannedSettings:
    """What would be set; asks Meta about the account where that matters. Changes nothing.

    None leaves a setting as it is; `product_policy` empty takes it away. Raises `Refused` for a
    number that is not known.
    """
    known = await find_number(store, number)
    was = known.marketing
    becomes = replace(
        was,
        mode=was.mode if mode is None else mode,
        product_policy=was.product_policy if product_policy is None else product_policy or None,
    )
    if becomes.mode == "off":
        return PlannedSettings(known, becomes)
    try:
        if known.waba_id is None:
            return PlannedSettings(known, becomes, "the number has no WABA id")
        token = await token_of(store, settings, known)
        async with CloudApi(settings.api_url, settings.api_version, token) as api:
            told = await api.onboarding(known.waba_id)
    except Problem as problem:
        return PlannedSettings(known, becomes, problem.message)
    return PlannedSettings(known, replace(becomes, onboarding=told or was.onboarding))


async def carry_out(store: Store, planned: PlannedSettings, actor: str) -> bool:
    """Sets it; whether that changed anything."""
    becomes = planned.becomes
    return await Numbers(store).set(
        planned.number.id,
        actor,
        marketing_endpoint=becomes.mode,
        product_policy=becomes.product_policy or "",
        onboarding=becomes.onboarding,
    )
