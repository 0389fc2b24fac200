"""The database's part: how it answers, what it is, what is in it, what goes on."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final, TypeVar

from wacampaign.core.doctor.facts import Database, Failed, Schema
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

#: Answers that are timed, after the one that opens the connection.
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
    answer_ms = await _answered(_timed(store), until)
    if isinstance(answer_ms, Failed):
        return nothing_of(answer_ms)
    ahead, within = None, 0.0
    before = clock()
    server = await _answered(Diagnosis(store).server(), until)
    if isinstance(server, tuple):
        after = clock()
        ahead, within = (before + after) / 2 - server[1], (after - before) / 2
    schema, traffic, keeps = await asyncio.gather(
        _answered(_schema(store, settings), until),
        _answered(Diagnosis(store).traffic(STALE_DAYS), until),
        _answered(_keeps_session(settings), until),
    )
    return Database(
        answer_ms,
        ahead,
        within,
        server[0] if isinstance(server, tuple) else server,
        schema,
        traffic,
        None if isinstance(keeps, Failed) else keeps,
    )


async def _timed(store: Store) -> float:
    """Milliseconds of an answer. That the schema is missing is an answer, too."""
    taken = []
    for _ in range(_TIMED + 1):
        start = time.perf_counter()
        with contextlib.suppress(SchemaMissing):
            await Diagnosis(store).version()
        taken.append((time.perf_counter() - start) * 1000)
        if len(taken) > 1 and taken[-1] > SLOW_SECONDS * 1000:
            break
    return median(taken[1:])


async def _schema(store: Store, settings: Settings) -> Schema:
    try:
        return await Diagnosis(store).schema()
    except SchemaMissing:
        if settings.store == "supabase" or settings.database_url is None:
            raise
        # A direct connection can look by itself.
        return await asyncio.to_thread(compared_directly, settings.database_url)


async def _keeps_session(settings: Settings) -> bool | None:
    if settings.store != "postgres" or settings.database_url is None:
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
