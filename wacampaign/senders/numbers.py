"""Sending numbers as the database has them, and how one is found and added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wacampaign.core.cells import solid
from wacampaign.core.masking import mask_phone
from wacampaign.meta.client import CloudApi
from wacampaign.meta.objects import Number
from wacampaign.meta.refusal import NoSuchObject
from wacampaign.problems import Misconfigured, Problem, Refused
from wacampaign.settings import Settings
from wacampaign.store.store import Store

_BOTH_IDS: Final = "take PHONE_NUMBER_ID and WABA_ID from the same page: the app's API set-up"


@dataclass(frozen=True, slots=True)
class KnownNumber:
    """One row of `whatsapp_numbers`, without its token."""

    id: str
    #: Meta's id of the number; None when the backend never entered it.
    phone_number_id: str | None
    waba_id: str | None
    #: The number itself; mask it before showing.
    digits: str = field(repr=False)
    display_name: str | None
    quality: str | None
    #: Messages a second: what is configured, and what a throttled number may send now.
    rate_configured: float
    rate_now: float
    is_active: bool
    has_token: bool
    #: Active ones.
    templates: int

    @property
    def label(self) -> str:
        """How people know it: its name, or its masked digits."""
        return self.display_name or mask_phone(self.digits)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> KnownNumber:
        """From one element of `wacampaign_numbers`."""
        return cls(
            id=row["id"],
            phone_number_id=solid(row["phone_number_id"] or "") or None,
            waba_id=solid(row["waba_id"] or "") or None,
            digits=row["number"],
            display_name=row["display_name"] or row["verified_name"],
            quality=row["quality_rating"],
            rate_configured=float(row["max_send_rate_per_sec"]),
            rate_now=float(row["rate"]),
            is_active=row["is_active"],
            has_token=row["has_token"],
            templates=row["templates"],
        )


async def known_numbers(store: Store) -> list[KnownNumber]:
    """All numbers, by name."""
    return [KnownNumber.of(row) for row in await store.call("numbers")]


async def find_number(store: Store, text: str) -> KnownNumber:
    """The number that `text` means: its phone number id, or its own digits in any writing.

    Raises `Refused` when there is none.
    """
    numbers = await known_numbers(store)
    wanted = "".join(c for c in text if c.isdecimal())
    for number in numbers:
        if wanted and wanted == number.phone_number_id:
            return number
    for number in numbers:
        if wanted and wanted == "".join(c for c in number.digits if c.isdecimal()):
            return number
    if not numbers:
        raise Refused(
            "no sending number is known yet",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
        )
    raise Refused(
        f"none of the {len(numbers)} known numbers has this phone number id or these digits",
        "wacampaign number list",
    )


async def token_of(store: Store, number: KnownNumber, settings: Settings) -> str:
    """The number's own token, else META_ACCESS_TOKEN. Raises `Misconfigured` without either."""
    if number.has_token:
        for sending in await store.sending([number.id]):
            if sending.access_token:
                return sending.access_token
    if settings.access_token:
        return settings.access_token
    raise Misconfigured(
        f"the number {number.phone_number_id or number.label} has no access token of its own, "
        "and META_ACCESS_TOKEN is not set",
        "set META_ACCESS_TOKEN in .env",
    )


async def read_number(api: CloudApi, phone_number_id: str, waba_id: str) -> Number:
    """The number as Meta describes it. Raises `Refused` when the account does not have it.

    A number entered with another account's id would be synced with templates it cannot send.
    """
    try:
        number = await api.number(phone_number_id)
        others = [other.id async for other in api.numbers(waba_id)]
    except Problem as problem:
        if isinstance(problem, NoSuchObject):
            problem.suggestion = _BOTH_IDS
        raise
    if phone_number_id not in others:
        raise Refused(
            f"this WhatsApp Business account does not have the number; it has {len(others)} others",
            _BOTH_IDS,
        )
    return number


def _refuse_taken_digits(numbers: Sequence[KnownNumber], phone_number_id: str, digits: str) -> None:
    """Raises `Refused` when another entry has these digits: a number is entered once."""
    for number in numbers:
        same = "".join(c for c in number.digits if c.isdecimal()) == digits
        if same and number.phone_number_id != phone_number_id:
            raise Refused(
                f"{mask_phone(digits)} is entered already, with "
                + (
                    f"the phone number id {number.phone_number_id}"
                    if number.phone_number_id
                    else "no phone number id"
                ),
                f"set phone_number_id to {phone_number_id} in whatsapp_numbers, row {number.id}",
            )


async def add_number(
    store: Store,
    phone_number_id: str,
    waba_id: str,
    *,
    described: Number | None,
    token: str | None,
    rate: int | None,
    actor: str,
) -> tuple[KnownNumber, bool]:
    """Enter a number, or update what is known of it; whether it was new.

    `described` is what Meta says (None: not asked), `token` what is kept in the database (None:
    what is there stays), `rate` messages a second (None: 60 for a new one).
    """
    numbers = await known_numbers(store)
    digits = "".join(c for c in described.display_phone_number if c.isdigit()) if described else ""
    if digits:
        _refuse_taken_digits(numbers, phone_number_id, digits)
    # A name that the operator gave to a known number stays.
    is_known = any(n.phone_number_id == phone_number_id for n in numbers)
    answer = await store.call(
        "number_add",
        phone_number_id=phone_number_id,
        waba_id=waba_id,
        number=digits or None,
        display_name=described.verified_name or None if described and not is_known else None,
        verified_name=described.verified_name or None if described else None,
        quality_rating=described.quality_rating or None if described else None,
        access_token=token,
        rate=rate,
        actor=actor,
    )
    number = next(n for n in await known_numbers(store) if n.id == answer["id"])
    return number, bool(answer["added"])
