"""What Meta takes from numbers: the portfolio's messaging limit, the throughput, the owner."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.numbers import KnownNumber, Number
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import tokens_of
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.budgets import Budgets
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store

#: Numbers that are asked about at once.
_AT_ONCE: Final = 8
#: Seconds for one answer, and for a connection; the client tries three times.
_ANSWER_SECONDS: Final = 6.0
_CONNECT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class LimitReading:
    """What became of one question to Meta."""

    number: KnownNumber
    #: None: Meta did not answer, and `problem` says why.
    told: Number | None = None
    #: Whether the portfolio's limit is another one than before.
    changed: bool = False
    problem: str | None = None


async def read_limits(
    store: Store, settings: Settings, number_ids: Sequence[str]
) -> list[LimitReading]:
    """Asks Meta about these numbers and keeps what it says; a number that is not there is left out.

    Raises what the store raises; trouble with Meta is in the answers.
    """
    numbers = [number for number in await Numbers(store).all() if number.id in number_ids]
    tokens = await tokens_of(store, settings, numbers)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def read(number: KnownNumber) -> LimitReading:
        async with turn:
            return await _read(store, settings, number, tokens[number.id])

    return list(await asyncio.gather(*map(read, numbers)))


async def _read(
    store: Store, settings: Settings, number: KnownNumber, token: str | None
) -> LimitReading:
    if number.phone_number_id is None:
        return LimitReading(number, problem="the number has no phone_number_id")
    if token is None:
        return LimitReading(number, problem="there is no access token to ask Meta with")
    try:
        async with CloudApi(
            settings.api_url,
            settings.api_version,
            token,
            timeout_s=_ANSWER_SECONDS,
            connect_timeout_s=_CONNECT_SECONDS,
        ) as api:
            told = await api.number(number.phone_number_id)
            owner = await owner_of(api, number.waba_id)
    except Problem as problem:
        return LimitReading(number, problem=problem.message)
    return LimitReading(number, told, await Budgets(store).told(number.id, told, owner))


async def owner_of(api: CloudApi, waba_id: str | None) -> tuple[str, str] | None:
    """Id and name of the business that owns an account; None when Meta does not say.

    A token may send and yet not see that: then the account's numbers stand alone.
    """
    if waba_id is None:
        return None
    try:
        return await api.owner(waba_id)
    except Problem:
        return None
