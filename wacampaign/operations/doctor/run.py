"""A doctor from end to end: asks machine, database and Meta side by side, each for so long."""

import asyncio
import dataclasses
import time
from collections.abc import Callable

from wacampaign import __version__
from wacampaign.core.doctor.checks import examine, without_settings
from wacampaign.core.doctor.facts import Database, Failed
from wacampaign.core.doctor.meta_facts import Account
from wacampaign.core.doctor.model import Examined
from wacampaign.operations.doctor.database import ask_database, failed, nothing_of
from wacampaign.operations.doctor.machine import look_at_machine
from wacampaign.operations.doctor.meta import ask_meta
from wacampaign.operations.doctor.patience import CALL_SECONDS, CONNECT_SECONDS
from wacampaign.operations.doctor.pm2 import ask_pm2
from wacampaign.problems import Misconfigured, Problem
from wacampaign.settings import Settings
from wacampaign.store.opening import open_store
from wacampaign.store.schema import prepare_embedded
from wacampaign.store.store import Store


async def run_doctor(settings: Settings, clock: Callable[[], float] = time.time) -> list[Examined]:
    """All checks, worst first. Changes nothing; what goes wrong is a check, too.

    `clock`: this machine's, in Unix seconds.
    """
    meta: Account | Failed
    asking_pm2 = asyncio.create_task(ask_pm2())
    try:
        store = await _opened(settings)
    except Misconfigured as problem:
        return without_settings(problem.message, problem.suggestion, await asking_pm2)
    except Problem as problem:
        why = failed(problem)
        database, meta = nothing_of(why), why
    else:
        try:
            database, meta = await _ask(store, settings, clock)
        finally:
            await store.close()
    pm2 = await asking_pm2
    files = [app.env_file for app in pm2.apps] if pm2 is not None else []
    machine = look_at_machine(settings, files, clock())
    return examine(machine, pm2, database, meta, __version__)


async def run_without_settings(problem: Misconfigured) -> list[Examined]:
    """What can be looked at though the settings cannot be read."""
    return without_settings(problem.message, problem.suggestion, await ask_pm2())


async def _opened(settings: Settings) -> Store:
    """The store, for single calls that may fail; the embedded database is started first."""
    await asyncio.to_thread(prepare_embedded, settings)
    return open_store(
        settings,
        patience_seconds=0.0,
        connect_seconds=CONNECT_SECONDS,
        call_seconds=CALL_SECONDS,
    )


async def _ask(
    store: Store, settings: Settings, clock: Callable[[], float]
) -> tuple[Database, Account | Failed]:
    # Meta's first: it asks the database for numbers and tokens, and then Meta.
    meta, database = await asyncio.gather(
        ask_meta(store, settings, clock), ask_database(store, settings, clock)
    )
    if isinstance(meta, Account):
        traffic = database.traffic
        told = traffic if isinstance(traffic, Failed) else {one.id: one for one in traffic.numbers}
        meta = dataclasses.replace(meta, hearing=told)
    return database, meta
