"""The database's part: how it answers, what it is, what is in it, what goes on."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final, TypeVar

from wacampaign.core.doctor.facts import Database, Failed, Schema, Server
from wacampaign.core.doctor.traffic_checks import STALE_DAYS
from wacampaign.core.masking import mask_secrets
from wacampaign.operations.doctor.patience import (
    FOR_DATABASE_SECONDS,
    SLOW_SECONDS,
    unexpected,
)
from wacampaign.problems import Problem, SchemaMissing, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.doctor import Diagnosis, compared_directly, keeps_session
from wacampaign.store.store import Store

#: Answers that are timed, on connections that are open.
_TIMED: Final = 3

Answer = TypeVar("Answer")


def failed(problem: Problem) -> Failed:
    """What is told of it; `wacampaign doctor` is no advice here."""
    told = problem.suggestion
    fix = "" if told == Unreachable.default_suggestion else mask_secrets(told)
    return Failed(mask_secrets(problem.message), fix)


def nothing_of(why: Failed) -> Database:
    """A database of which nothing is known."""
    return Database(why, None, 0.0, why, why, why)


async def ask_database(
    store: Store, settings: Settings, clock: Callable[[], float] = time.time
) -> Database:
    """Everything that can be asked of it; what fails says so in its place."""
    until = asyncio.get_running_loop().time() + FOR_DATABASE_SECONDS
    # Side by side: one after the other they take longer than that where each is seconds late.
    first = asyncio.create_task(_answered(_answer_ms(store), until))
    keeping = asyncio.create_task(_answered(_keeps_session(settings, first), until))
    schema, traffic, opened_ms = await asyncio.gather(
        _answered(_schema(store, settings), until),
        _answered(Diagnosis(store).traffic(STALE_DAYS), until),
        first,
    )
    if isinstance(opened_ms, Failed):
        return nothing_of(opened_ms)
    # What is timed has connections that are open, and nothing large beside it.
    answer_ms, server, keeps = await asyncio.gather(
        _answered(_timed(store), until), _answered(_server(store, clock), until), keeping
    )
    ahead, within = (None, 0.0) if isinstance(server, Failed) else server[1:]
    return Database(
        # Late enough that no more came in time: then what opening took says it.
        opened_ms if isinstance(answer_ms, Failed) else answer_ms,
        ahead,
        within,
        server if isinstance(server, Failed) else server[0],
        schema,
        traffic,
        None if isinstance(keeps, Failed) else keeps,
    )


async def _server(store: Store, clock: Callable[[], float]) -> tuple[Server, float, float]:
    """The server, how many seconds this clock is ahead of its own, and within how many of them."""
    before = clock()
    server, at = await Diagnosis(store).server()
    after = clock()
    return server, (before + after) / 2 - at, (after - before) / 2


async def _timed(store: Store) -> float:
    """Milliseconds of an answer."""
    taken: list[float] = []
    while len(taken) < _TIMED and max(taken, default=0.0) <= SLOW_SECONDS * 1000:
        taken.append(await _answer_ms(store))
    return median(taken)


async def _answer_ms(store: Store) -> float:
    """Milliseconds of the least that can be asked. That the schema is missing is an answer, too."""
    now = asyncio.get_running_loop().time
    start = now()
    with contextlib.suppress(SchemaMissing):
        await Diagnosis(store).version()
    return (now() - start) * 1000


async def _schema(store: Store, settings: Settings) -> Schema:
    try:
        return await Diagnosis(store).schema()
    except SchemaMissing:
        if settings.store == "supabase" or settings.database_url is None:
            raise
        # A direct connection can look by itself.
        return await asyncio.to_thread(compared_directly, settings.database_url)


async def _keeps_session(settings: Settings, first: asyncio.Task[float | Failed]) -> bool | None:
    if settings.store != "postgres" or settings.database_url is None:
        return None
    if isinstance(await first, Failed):  # what asks is a thread, which ends by an answer alone
        return None
    return await asyncio.to_thread(keeps_session, settings.database_url)


async def _answered(question: Awaitable[Answer], until: float) -> Answer | Failed:
    try:
        async with asyncio.timeout_at(until):
            return await question
    except TimeoutError:
        return Failed(f"the database did not answer all within {FOR_DATABASE_SECONDS:.0f} s")
    except SchemaMissing as problem:
        return Failed(mask_secrets(problem.message), no_schema=True)
    except Problem as problem:
        return failed(problem)
    except KeyError as field:
        # An older schema's answer: what differs says the check of the schema.
        return Failed(
            f"the schema is of another version: it says nothing of {field}", no_schema=True
        )
    except Exception as error:
        return Failed(unexpected(error))
