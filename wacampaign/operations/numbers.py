"""The sending numbers of the database: which one is meant, and with which token it sends."""

from collections.abc import Sequence

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.words import counted
from wacampaign.operations.campaigns import refuse_blind
from wacampaign.problems import Misconfigured, Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store


async def known_numbers(store: Store) -> list[KnownNumber]:
    """All sending numbers; raises `AccessRefused` when they are hidden from this login."""
    numbers = await Numbers(store).all()
    if not numbers:
        await refuse_blind(store)
    return numbers


async def find_number(store: Store, text: str) -> KnownNumber:
    """The number that `text` means: its phone number id, or its own digits in any writing.

    Raises `Refused` when there is none, `AccessRefused` when all are hidden.
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
        f"none of {counted(len(numbers), 'known number')} has this phone number id or these digits",
        "wacampaign number list",
    )


async def tokens_of(
    store: Store, settings: Settings, numbers: Sequence[KnownNumber]
) -> dict[str, str | None]:
    """Each number's token by its id: its own, else META_ACCESS_TOKEN; None without either."""
    own = await Numbers(store).tokens([number.id for number in numbers])
    return {number.id: own.get(number.id) or settings.access_token or None for number in numbers}


async def token_of(store: Store, settings: Settings, number: KnownNumber) -> str:
    """As `tokens_of`, of one number. Raises `Misconfigured` when there is none."""
    if token := (await tokens_of(store, settings, [number]))[number.id]:
        return token
    raise Misconfigured(
        f"the number {number.phone_number_id or number.label} has no access token of its own, "
        "and META_ACCESS_TOKEN is not set",
        "set META_ACCESS_TOKEN in .env",
    )
