"""Sending numbers in the database."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from wacampaign.core.cells import solid
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.reading import read
from wacampaign.store.store import Capability


class EnteredNumber(TypedDict):
    """A number and what is known of it; None: that stays as it is."""

    phone_number_id: str
    waba_id: str
    #: Its digits.
    number: str | None
    display_name: str | None
    verified_name: str | None
    quality_rating: str | None
    access_token: str | None
    #: Messages a second.
    rate: int | None
    actor: str


class Numbers(Capability):
    """Rows of `whatsapp_numbers`."""

    async def all(self) -> list[KnownNumber]:
        """All numbers by name, without their tokens."""
        return [_known(row) for row in await self._store.call_list("numbers")]

    async def tokens(self, number_ids: Sequence[str]) -> dict[str, str]:
        """Number's id → the token that is kept with it, for those that have one."""
        numbers = await self._store.call_list("tokens", number_ids=list(number_ids))
        return {n["id"]: n["access_token"] for n in numbers if n["access_token"]}

    async def add(self, **entered: Unpack[EnteredNumber]) -> tuple[str, bool]:
        """Enters a number, or what is known of it anew. Its id; whether it was new."""
        answer = await self._store.call("number_add", **entered)
        return answer["id"], bool(answer["added"])

    async def set(
        self,
        number_id: str,
        actor: str,
        *,
        marketing_endpoint: str | None = None,
        product_policy: str | None = None,
        onboarding: str | None = None,
    ) -> bool:
        """Sets what is not None; whether that changed what a person has set.

        `product_policy`: empty for none. `onboarding`: what Meta says of the account.
        """
        answer = await self._store.call(
            "number_set",
            number_id=number_id,
            marketing_endpoint=marketing_endpoint,
            product_policy=product_policy,
            onboarding=onboarding,
            actor=actor,
        )
        return bool(answer["changed"])


def _known(row: Mapping[str, Any]) -> KnownNumber:
    return read(
        KnownNumber,
        row,
        phone_number_id=solid(row["phone_number_id"] or "") or None,
        waba_id=solid(row["waba_id"] or "") or None,
        digits=row["number"],
        display_name=row["display_name"] or row["verified_name"],
        rate_configured=float(row["max_send_rate_per_sec"]),
        rate_now=float(row["rate"]),
        quality=row["quality_rating"],
    )
