"""Meta's part: each active number, its token, and who gets the accounts' webhooks."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from wacampaign.core.doctor.facts import Failed
from wacampaign.core.doctor.meta_facts import Account, AskedAccount, AskedNumber, TokenFacts
from wacampaign.core.masking import hide_secrets, mask_secrets
from wacampaign.core.numbers import KnownNumber, Number
from wacampaign.core.preflight.facts import MetaFacts, Trouble, Unanswered
from wacampaign.meta.subscriptions import app_token
from wacampaign.meta.tokens import TokenApi
from wacampaign.operations import webhook_subscription
from wacampaign.operations.doctor.patience import (
    CALL_SECONDS,
    CONNECT_SECONDS,
    FOR_META_SECONDS,
    unexpected,
)
from wacampaign.operations.meta_answers import answer_or_trouble
from wacampaign.operations.numbers import tokens_of
from wacampaign.operations.webhook_subscription import AccountSubscription
from wacampaign.problems import Misconfigured, Problem, Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store
from wacampaign.store.webhooks import Webhooks

Answer = TypeVar("Answer")


async def ask_meta(
    store: Store, settings: Settings, clock: Callable[[], float] = time.time
) -> Account | Failed:
    """What Meta says of all that is sent from; numbers and tokens are the database's."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            known, secrets = await asyncio.gather(
                Numbers(store).all(), Webhooks(store).app_secrets()
            )
            numbers = [number for number in known if number.is_active]
            tokens = await tokens_of(store, settings, numbers)
            kept = {one.phone_number_id for one in secrets}
    except TimeoutError:
        why = f"the database did not answer within {CALL_SECONDS:.0f} s"
        return Failed(f"the numbers cannot be read: {why}")
    except Problem as problem:
        return Failed(f"the numbers cannot be read: {mask_secrets(problem.message)}")
    hide_secrets(*filter(None, tokens.values()))
    asked, accounts = await asyncio.gather(
        asyncio.gather(
            *(
                _number(settings, number, tokens[number.id], number.phone_number_id in kept)
                for number in numbers
            )
        ),
        _accounts(store, settings, numbers),
    )
    return Account(tuple(asked), tuple(accounts), bool(settings.app_secrets), clock())


async def _number(
    settings: Settings, number: KnownNumber, token: str | None, has_secret: bool
) -> AskedNumber:
    described: Number | Unanswered
    told: TokenFacts | Unanswered
    if token is None:
        described = told = Unanswered(Trouble.NO_TOKEN, "there is no access token to ask Meta with")
    elif number.phone_number_id is None or not number.phone_number_id.isdecimal():
        described = told = Unanswered(Trouble.NOT_ASKED, "it has no usable phone_number_id")
    else:
        try:
            described, told = await _ask(settings, number.phone_number_id, token)
        except Misconfigured as problem:
            described = told = Unanswered(Trouble.REFUSED, problem.message)
        except Exception as error:  # whatever Meta's place answers, the other checks are told
            described = told = Unanswered(Trouble.AWAY, unexpected(error))
        described, told = _masked(described, number), _masked(told, number)
    return AskedNumber(number, MetaFacts(described, {}), told, has_secret)


def _masked(answer: Answer | Unanswered, number: KnownNumber) -> Answer | Unanswered:
    """Why there is none, without what may be somebody's number or token."""
    if not isinstance(answer, Unanswered):
        return answer
    ids = [one for one in (number.phone_number_id, number.waba_id) if one]
    return dataclasses.replace(answer, text=mask_secrets(answer.text, ids=ids))


async def _ask(
    settings: Settings, phone_number_id: str, token: str
) -> tuple[Number | Unanswered, TokenFacts | Unanswered]:
    async with _api(settings, token) as api:
        return await asyncio.gather(
            answer_or_trouble(api.number(phone_number_id), FOR_META_SECONDS),
            answer_or_trouble(_token(settings, api, token), FOR_META_SECONDS),
        )


def _api(settings: Settings, token: str) -> TokenApi:
    return TokenApi(
        settings.api_url,
        settings.api_version,
        token,
        timeout_s=FOR_META_SECONDS,
        connect_timeout_s=CONNECT_SECONDS,
    )


async def _token(settings: Settings, api: TokenApi, token: str) -> TokenFacts:
    """Asked with the token itself; where Meta refuses that, with the app's by its secret."""
    try:
        return await api.facts_of(token)
    except Problem:
        for secret in settings.app_secrets:
            async with _api(settings, app_token(await api.app_id(), secret)) as own:
                try:
                    return await own.facts_of(token)
                except Problem:
                    continue
        raise


async def _accounts(
    store: Store, settings: Settings, numbers: Sequence[KnownNumber]
) -> list[AskedAccount]:
    try:
        async with asyncio.timeout(FOR_META_SECONDS):
            looked = await webhook_subscription.look(store, settings, None, None)
    except Refused:  # no number has an account: another check says so
        return []
    except TimeoutError:
        ids = dict.fromkeys(number.waba_id for number in numbers if number.waba_id)
        # The numbers are asked of the database again.
        why = f"it could not be looked at within {FOR_META_SECONDS:.0f} s"
        return [AskedAccount(one, None, (), (), (), None, f"account {one}: {why}") for one in ids]
    except Problem as problem:
        why, fix = mask_secrets(problem.message), mask_secrets(problem.suggestion)
        return [AskedAccount("", None, (), (), (), None, why, fix)]
    except Exception as error:
        return [AskedAccount("", None, (), (), (), None, unexpected(error))]
    return [_account(one) for one in looked]


def _account(looked: AccountSubscription) -> AskedAccount:
    problem = looked.problem
    return AskedAccount(
        looked.waba_id,
        looked.app_id,
        looked.apps,
        looked.missing_fields,
        looked.other_apps,
        looked.secret_fits,
        mask_secrets(problem.message, ids=(looked.waba_id,)) if problem is not None else "",
        mask_secrets(problem.suggestion) if problem is not None else "",
    )
