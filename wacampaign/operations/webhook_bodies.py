"""Works on the stored bodies of webhooks: takes them apart and hands each kind of update on.

What people wrote comes before what became of messages. Each kind is caught alone, and one update
that is refused costs its neighbours nothing: it is found by halves, and its fault kept with the
body. Everything may be done twice.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from wacampaign.core.engine.ports import DatabaseAway
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.envelope import updates_of
from wacampaign.core.webhook.received import decoded
from wacampaign.core.webhook.updates import Updates
from wacampaign.problems import AccessRefused, Misconfigured
from wacampaign.settings import Settings
from wacampaign.store.inbound import Inbound
from wacampaign.store.news import NewsStore
from wacampaign.store.optouts import OptOuts
from wacampaign.store.statuses import Statuses
from wacampaign.store.store import Store
from wacampaign.store.webhooks import LeasedBody, Webhooks

#: Bodies, and characters of all of them, that are worked on at a time: some thousand updates.
LEASE_BODIES: Final = 200
LEASE_CHARS: Final = 2_000_000
#: Seconds for which nobody else gets them, the first time; longer each time after.
WORK_SECONDS: Final = 15.0
#: An update that is refused while no other of its kind went well may not be the one that is wrong:
#: its body is tried so often before that counts as its fault.
TRIES: Final = 3
#: Updates that are refused one by one before the kind as a whole counts as refused.
SINGLES_MAX: Final = 8
#: Characters of a body from which it is read in a thread: it takes some milliseconds. For smaller
#: ones a thread would only wait for the interpreter's lock, and have the event loop wait for it.
BESIDE_CHARS: Final = 50_000
#: Digits of a whole number that is read as one; none of Meta's is longer.
_DIGITS_MAX: Final = 40

#: Takes updates of one kind; called again with the same ones it changes nothing.
Taker = Callable[[Sequence[Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Takers:
    """Who takes which kind of update."""

    inbound: Taker
    preferences: Taker
    statuses: Taker
    news: Taker


def takers_of(store: Store, settings: Settings) -> Takers:
    """Who takes what, in the database of `store`."""
    return Takers(
        inbound=partial(Inbound(store).take, words=OptOutWords(settings.optout_words)),
        preferences=OptOuts(store).take,
        statuses=partial(Statuses(store, rest_hours=settings.rest_hours).take, source="receiver"),
        news=NewsStore(store).take,
    )


@dataclass(frozen=True, slots=True)
class TakenBodies:
    """What one step did and left."""

    #: Bodies that are done, and the updates in them.
    bodies: int = 0
    updates: int = 0
    #: Faults that were kept with bodies.
    faults: int = 0
    #: Bodies that were given back, and why.
    given_back: int = 0
    error: str | None = None
    #: More wait, perhaps.
    left: bool = False


class _One(NamedTuple):
    body: LeasedBody
    update: Any


@dataclass(slots=True)
class _Kind:
    """How it went with the updates of one kind."""

    well: int = 0
    refused: list[tuple[LeasedBody, str]] = field(default_factory=list)
    #: Set when no update can be the cause.
    error: str | None = None


async def take_bodies(store: Store, takers: Takers) -> TakenBodies:
    """One step. Raises `DatabaseAway`, and then all of it is done again later."""
    webhooks = Webhooks(store)
    bodies = await webhooks.lease(LEASE_BODIES, LEASE_CHARS, WORK_SECONDS)
    if not bodies:
        return TakenBodies()
    read = [await _read(body) for body in bodies]
    faults = {body.id: [*found.faults] for body, found in zip(bodies, read, strict=True)}
    back: set[str] = set()
    error: str | None = None
    for name, taker in (
        ("inbound", takers.inbound),
        ("preferences", takers.preferences),
        ("statuses", takers.statuses),
        ("news", takers.news),
    ):
        ones = [
            _One(body, update)
            for body, found in zip(bodies, read, strict=True)
            for update in getattr(found, name)
        ]
        if not ones:
            continue
        kind = _Kind()
        await _take(ones, taker, kind)
        if kind.error is not None:
            back |= {one.body.id for one in ones}
            error = error or f"{name}: {kind.error}"
        for body, text in kind.refused:
            if kind.well == 0 and body.takes < TRIES:
                back.add(body.id)
                error = error or f"{name}: {text}"
            else:
                faults[body.id].append(f"{name}: {text}")
    done = [body.id for body in bodies if body.id not in back]
    kept = {one: faults[one] for one in done if faults[one]}
    if done:
        await webhooks.taken(done, kept)
    if back:
        await webhooks.give_back(sorted(back), WORK_SECONDS)
    return TakenBodies(
        bodies=len(done),
        updates=sum(map(_count, read)),
        faults=sum(map(len, kept.values())),
        given_back=len(back),
        error=error,
        left=bool(done),
    )


async def _take(ones: list[_One], taker: Taker, kind: _Kind) -> None:
    """Hands these on; by halves where they are refused."""
    if kind.error is not None:
        return
    try:
        await taker([one.update for one in ones])
        kind.well += len(ones)
        return
    except DatabaseAway:
        raise
    except (AccessRefused, Misconfigured) as refused:
        # Of the database or its schema: no update is the cause.
        kind.error = str(refused)
        return
    except Exception as refused:
        text = f"{type(refused).__name__}: {refused}"
    if len(ones) > 1:
        half = len(ones) // 2
        await _take(ones[:half], taker, kind)
        await _take(ones[half:], taker, kind)
        return
    kind.refused.append((ones[0].body, text))
    if kind.well == 0 and len(kind.refused) >= SINGLES_MAX:
        kind.error = text
        kind.refused.clear()


async def _read(body: LeasedBody) -> Updates:
    """Takes one body apart; who receives in the same process has answers to give meanwhile."""
    if len(body.text) > BESIDE_CHARS:
        return await asyncio.to_thread(_updates_of, body)
    await asyncio.sleep(0)
    return _updates_of(body)


def _updates_of(body: LeasedBody) -> Updates:
    """Never raises: what cannot be read is told as the body's fault."""
    try:
        value = json.loads(decoded(body.encoding, body.text), parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        return Updates(faults=(f"the body is no JSON: {error}",))
    return updates_of(value)


def _whole_number(digits: str) -> int | str:
    # A number of a million digits would take minutes.
    return int(digits) if len(digits) <= _DIGITS_MAX else digits


def _count(found: Updates) -> int:
    return sum(map(len, (found.inbound, found.preferences, found.statuses, found.news)))
