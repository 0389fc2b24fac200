"""From flags to an open store: what every command that needs the database begins with."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from wacampaign.cli.long_waits import told_of_waits
from wacampaign.cli.output import arrow, say
from wacampaign.problems import Busy, NoSuchCampaign, Problem, Unreachable
from wacampaign.settings import Settings, load_settings

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: Seconds for which a command that reads waits for what is to be taken: more than the takers' own
#: five, as the last call of these may take a while, and little for a person who waits.
LONGEST_TAKING_SECONDS: Final = 8.0

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


def read_settings(env_file: Path | None, store: str | None) -> Settings:
    """The settings with these flags; raises `Misconfigured`."""
    return load_settings(env_file, store=store)


def with_store(
    settings: Settings,
    work: Callable[Concatenate[Store, Given], Awaitable[Answer]],
    *given: Given.args,
    **named: Given.kwargs,
) -> Answer:
    """Opens the store, runs `work` with it and what else is given to its end, closes it.

    The embedded database is started and migrated first.
    """

    async def told(store: Store) -> Answer:
        async with told_of_waits():
            return await work(store, *given, **named)

    return with_patience(None, settings, told)


def run_told(work: Awaitable[Answer]) -> Answer:
    """For what opens no store, or opens it itself; who does not answer for long is told of."""

    async def told() -> Answer:
        async with told_of_waits():
            return await work

    return asyncio.run(told())


def with_patience(
    seconds: float | None,
    settings: Settings,
    work: Callable[Concatenate[Store, Given], Awaitable[Answer]],
    *given: Given.args,
    **named: Given.kwargs,
) -> Answer:
    """As `with_store`; a call that found the database away is repeated for so many `seconds`.

    None: `PATIENCE_SECONDS` of the store.
    """
    # Imported here, as everything that reaches a database: commands without one must be quick.
    from wacampaign.store.opening import open_store
    from wacampaign.store.schema import prepare_embedded

    prepare_embedded(settings)
    patience = {} if seconds is None else {"patience_seconds": seconds}

    async def run() -> Answer:
        store = open_store(settings, **patience)
        try:
            return await work(store, *given, **named)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except NoSuchCampaign as problem:
        problem.details += place_looked_at(settings)
        raise


def place_looked_at(settings: Settings) -> tuple[str, ...]:
    """Where nothing was found, for those who are in another folder than they think."""
    if not settings.names_no_database:
        return ()
    return (f"looked in the embedded database in {settings.home}: no settings here name another",)


def run_quickly(work: Coroutine[Any, Any, Answer]) -> Answer:
    """On uvloop where there is one: a fifth less CPU, 100 MiB less memory (bench/http_engines).

    For what runs for ever.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def with_arrivals(
    settings: Settings,
    work: Callable[Concatenate[Store, Given], Awaitable[Answer]],
    *given: Given.args,
    **named: Given.kwargs,
) -> Answer:
    """As `with_store`, for commands that read: what waits to be taken is taken first, for seconds.

    So what they show is true though no worker and no receiver runs.
    """

    async def work_then(store: Store) -> Answer:
        kept_out = await take_what_waits(store, settings)
        answer = await work(store, *given, **named)
        # Behind the answer: where there is none, the error says the same.
        say_kept_out(kept_out)
        return answer

    return with_store(settings, work_then)


def say_kept_out(why: Busy | None) -> None:
    """Why what had arrived was not taken, if it was not."""
    if why is not None:
        say(f"! what arrived could not be taken: {why.message}")
        say(f"  {arrow(sys.stderr)} {why.suggestion}")


async def take_what_waits(store: Store, settings: Settings) -> Busy | None:
    """Takes what others have stored; raises `Unreachable`. Answers why it took none."""
    from wacampaign.operations.arrivals import take_arrivals

    try:
        # Somebody's open transaction may hold what has to change: what there is can be read.
        async with asyncio.timeout(LONGEST_TAKING_SECONDS):
            await take_arrivals(store, settings)
    except Unreachable:
        raise
    except (Problem, TimeoutError) as problem:
        # Whoever may not write, or has a damaged status there, reads all the same; but workers
        # cannot write either when the disk is full, and look as if they were dead.
        found = problem if isinstance(problem, Busy) else store.away
        return found if isinstance(found, Busy) else None
    return None
