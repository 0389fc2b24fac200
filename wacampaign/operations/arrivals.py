"""What has arrived and waits to be taken: webhooks, messages and statuses that the backend stored.

A worker and a receiver do it again and again. A command does it before it reads, so that what it
shows is true though nobody else is at work.
"""

import time
from dataclasses import replace
from typing import Final

from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.words import counted, verb
from wacampaign.operations.webhook_bodies import take_bodies, takers_of
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.inbound import Inbound
from wacampaign.store.statuses import Logged, Statuses
from wacampaign.store.store import Store

#: Seconds that a command takes what waits before it shows what there is.
COMMAND_SECONDS: Final = 5.0


async def take_arrivals(
    store: Store, settings: Settings, seconds: float = COMMAND_SECONDS
) -> Logged:
    """Takes what waits, until nothing is left or `seconds` have passed.

    Raises a `Problem`; a `DatabaseAway` among them may be repeated.
    """
    statuses = Statuses(store, rest_hours=settings.rest_hours)
    inbound, words = Inbound(store), OptOutWords(settings.optout_words)
    takers = takers_of(store, settings)
    until = time.monotonic() + seconds
    while True:
        # People first: who wrote STOP is to be known before the next claim. Each alone: what is
        # wrong with the one is no reason to leave the other.
        failed: Problem | None = None
        more = False
        try:
            bodies = await take_bodies(store, takers)
            more = bodies.left
            if bodies.error is not None:
                n = bodies.given_back
                failed = Problem(
                    f"{counted(n, 'webhook')} {verb(n, 'wait')}, not to be taken: {bodies.error}",
                    "wacampaign db check",
                )
        except Problem as problem:
            failed = problem
        try:
            more = (await inbound.take_logged(words))["left"] or more
        except Problem as problem:
            failed = problem
        logged = await statuses.take_logged()
        if failed is not None:
            raise failed
        if not (logged.left or more) or time.monotonic() >= until:
            return replace(logged, left=logged.left or more)
