"""Stored bodies are worked on: each kind in its turn, one bad update costs no other."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.campaigns import OpenStore, run, run_on
from tests.webhook.rig import envelope, status_body
from wacampaign.core.webhook.received import ReceivedBody, decoded, encoded
from wacampaign.operations.webhook_bodies import TakenBodies, Takers, take_bodies
from wacampaign.problems import Problem, SchemaMissing
from wacampaign.store.states import DatabaseUnreachable
from wacampaign.store.store import Store
from wacampaign.store.webhooks import Webhooks
from wacampaign.webhook.records import Damage, read_records, record_of
from wacampaign.webhook.splitting import parts_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Taken:
    """Takers that remember, and refuse what they are told to."""

    def __init__(self, refuse: Callable[[Any], Exception | None] = lambda _: None) -> None:
        self.got: list[tuple[str, list[Any]]] = []
        self.calls = 0
        self._refuse = refuse

    def takers(self) -> Takers:
        return Takers(*map(self._of, ("inbound", "preferences", "statuses", "news")))

    def _of(self, kind: str) -> Callable[[Sequence[Any]], Awaitable[object]]:
        async def take(updates: Sequence[Any]) -> object:
            self.calls += 1
            for update in updates:
                if (error := self._refuse(update)) is not None:
                    raise error
            self.got.append((kind, list(updates)))
            return None

        return take

    def wamids(self) -> list[str]:
        return [one.wamid for kind, of_it in self.got if kind == "statuses" for one in of_it]


def received(body: bytes, n: int = 0) -> ReceivedBody:
    at = NOW + timedelta(seconds=n)
    return ReceivedBody(str(uuid4()), at, body, "sha256=x", "application/json")


def play(open_test_store: OpenStore, bodies: list[bytes], taken: Taken) -> list[TakenBodies]:
    """Stores the bodies and takes them until nothing is left to be leased now."""

    async def scenario(store: Store) -> list[TakenBodies]:
        kept = [received(body, n) for n, body in enumerate(bodies)]
        await Webhooks(store).keep(kept)
        steps = []
        while (step := await take_bodies(store, taken.takers())).left or step.given_back:
            steps.append(step)
        return steps

    return run(open_test_store, scenario)


def message(text: str) -> dict[str, Any]:
    return {"from": "447700900123", "id": f"wamid.{text}", "timestamp": "1764000000",
            "type": "text", "text": {"body": text}}  # fmt: skip


def test_people_come_before_statuses(open_test_store: OpenStore) -> None:
    value = {
        "metadata": {"phone_number_id": "1"},
        "statuses": [{"id": "wamid.S", "status": "sent", "timestamp": "1764000000"}],
        "messages": [message("STOP")],
    }
    preference = {"user_preferences": [{"wa_id": "447700900123", "value": "stop",
                  "category": "marketing_messages", "timestamp": 1764000000}],
                  "metadata": {"phone_number_id": "1"}}  # fmt: skip
    news = {"event": "PAUSED", "message_template_name": "hello"}
    taken = Taken()
    steps = play(
        open_test_store,
        [
            envelope("message_template_status_update", news),
            envelope("messages", value),
            envelope("user_preferences", preference),
        ],
        taken,
    )
    assert [kind for kind, _ in taken.got] == ["inbound", "preferences", "statuses", "news"]
    assert (steps[0].bodies, steps[0].updates, steps[0].faults) == (3, 4, 0)


def test_one_bad_update_costs_its_neighbours_nothing(open_test_store: OpenStore) -> None:
    bad = {"wamid.13", "wamid.77"}
    taken = Taken(lambda one: Problem("too odd") if getattr(one, "wamid", 0) in bad else None)
    ids = [f"wamid.{n}" for n in range(100)]
    steps = play(open_test_store, [status_body(*ids[:50]), status_body(*ids[50:])], taken)
    assert taken.wamids() == [one for one in ids if one not in bad]
    assert (steps[0].bodies, steps[0].faults, steps[0].given_back) == (2, 2, 0)


def test_what_is_wrong_with_everything_is_no_updates_fault(open_test_store: OpenStore) -> None:
    taken = Taken(lambda _: SchemaMissing("no such function"))
    bodies = [status_body(*[f"wamid.{n}" for n in range(500)])]

    async def scenario(store: Store) -> None:
        await Webhooks(store).keep([received(body) for body in bodies])
        step = await take_bodies(store, taken.takers())
        assert (step.bodies, step.given_back) == (0, 1)
        assert "no such function" in str(step.error)
        assert (await Webhooks(store).state())["waiting"] == 1

    run(open_test_store, scenario)
    assert taken.calls == 1
    taken = Taken(lambda _: ValueError("a fault of ours"))
    run(open_test_store, lambda store: take_bodies(store, taken.takers()))


def test_a_fault_of_ours_is_not_asked_a_thousand_times(database: str) -> None:
    taken = Taken(lambda _: ValueError("a fault of ours"))

    async def scenario(store: Store) -> TakenBodies:
        await Webhooks(store).keep([received(status_body(*[f"wamid.{n}" for n in range(500)]))])
        return await take_bodies(store, taken.takers())

    step = run_on(database, scenario)
    assert (step.bodies, step.given_back, taken.calls < 40) == (0, 1, True)


def test_a_single_update_that_is_refused_is_tried_again_before_it_is_told(database: str) -> None:
    taken = Taken(lambda _: Problem("too odd"))

    async def scenario(store: Store) -> list[TakenBodies]:
        one = received(status_body("wamid.A"))
        await Webhooks(store).keep([one])
        steps = []
        for _ in range(3):
            steps.append(await take_bodies(store, taken.takers()))
            await Webhooks(store).give_back([one.id], 0)
        assert (await Webhooks(store).state())["with_faults"] == 1
        return steps

    steps = run_on(database, scenario)
    assert [(step.bodies, step.given_back) for step in steps] == [(0, 1), (0, 1), (1, 0)]


def test_a_database_that_goes_away_leaves_the_body_waiting(database: str) -> None:
    taken = Taken(lambda _: DatabaseUnreachable())

    async def scenario(store: Store) -> None:
        await Webhooks(store).keep([received(status_body("wamid.A"))])
        with pytest.raises(DatabaseUnreachable):
            await take_bodies(store, taken.takers())
        assert (await Webhooks(store).state())["waiting"] == 1

    run_on(database, scenario)


def hostile(dice: random.Random) -> bytes:
    """A body as a mad sender would make it: broken, cut, nested, of other kinds."""
    kind = dice.randrange(8)
    good = status_body(*[f"wamid.{dice.random()}" for _ in range(dice.randrange(4))])
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        return good[: dice.randrange(len(good) + 1)]
    if kind == 2:
        spoilt = bytearray(good)
        for _ in range(dice.randrange(1, 8)):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        return bytes(spoilt)
    if kind == 3:
        return b"[" * dice.randrange(3000) + b"]" * dice.randrange(3000)
    if kind == 4:
        odd = dice.choice([None, [], {}, "x", 1e400, -1, True, "\0", "\ud800", 10**50])
        return json.dumps({"entry": [{"changes": [{"field": odd, "value": odd}]}, odd]}).encode()
    if kind == 5:
        key = dice.choice(["statuses", "messages", "errors", "user_preferences", "contacts"])
        odd = dice.choice([None, 5, "x", [None], [[]], [{"id": 5}], [{"id": "x" * 600}], {}])
        return envelope("messages", {key: odd, "metadata": odd})
    if kind == 6:
        return b"9" * dice.randrange(10_000)
    return good


def test_ten_thousand_mad_bodies_raise_nothing_and_lose_no_good_one(database: str) -> None:
    dice = random.Random(1126)
    bodies = [hostile(dice) for _ in range(10_000)]
    marks = [status_body(f"wamid.good{n}") for n in range(100)]
    for n, mark in enumerate(marks):
        bodies.insert(n * 100, mark)
    taken = Taken()

    async def scenario(store: Store) -> int:
        for start in range(0, len(bodies), 500):
            step = bodies[start : start + 500]
            await Webhooks(store).keep([received(b, start + n) for n, b in enumerate(step)])
        done = 0
        while (step_taken := await take_bodies(store, taken.takers())).left:
            assert step_taken.given_back == 0
            done += step_taken.bodies
        assert (await Webhooks(store).state())["waiting"] == 0
        return done

    assert run_on(database, scenario) == len(bodies)
    found = taken.wamids()
    assert [one for one in found if "good" in one] == [f"wamid.good{n}" for n in range(100)]


@given(st.binary(max_size=300))
def test_a_body_comes_back_from_the_database_as_it_was(body: bytes) -> None:
    assert decoded(*encoded(body)) == body
    assert encoded(body)[1].isascii()


@given(st.lists(st.binary(max_size=200), max_size=6), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_cut_or_spoilt_file_gives_its_whole_records(
    bodies: list[bytes], data: st.DataObject
) -> None:
    kept = [received(body, n) for n, body in enumerate(bodies)]
    written = b"".join(map(record_of, kept))
    read = [one.body for one in read_records(written, 0) if not isinstance(one, Damage)]
    assert read == kept
    cut = data.draw(st.integers(0, len(written)))
    left = [one.body for one in read_records(written[:cut], 0) if not isinstance(one, Damage)]
    assert left == kept[: len(left)]
    ends = [len(b"".join(map(record_of, kept[:n]))) for n in range(len(kept) + 1)]
    assert len(left) == max(n for n, end in enumerate(ends) if end <= cut)
    if not written:
        return
    spoilt = bytearray(written)
    spoilt[data.draw(st.integers(0, len(written) - 1))] ^= data.draw(st.integers(1, 255))
    found = [one.body for one in read_records(bytes(spoilt), 0) if not isinstance(one, Damage)]
    # One byte concerns one record; a line end between two may cost the one after it as well.
    assert len(found) >= len(kept) - 2
    assert [one for one in found if one in kept] == found


def test_parts_hold_what_the_whole_held() -> None:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": "1"},
        "contacts": [{"wa_id": "447700900123", "profile": {"name": "Ann"}}, {"wa_id": "x"}],
        "messages": [message("é" * 100) for _ in range(300)],
        "statuses": [{"id": f"wamid.{n}", "status": "sent"} for n in range(2000)],
    }
    parts = [json.loads(part) for part in parts_of(envelope("messages", value))]
    values = [part["entry"][0]["changes"][0]["value"] for part in parts]
    for name in ("messages", "statuses"):
        assert [one for of_it in values for one in of_it.get(name, [])] == value[name]
    assert all(one["metadata"] == value["metadata"] for one in values)
    with_messages = [one for one in values if "messages" in one]
    assert [one["contacts"] for one in with_messages] == [value["contacts"][:1]] * len(
        with_messages
    )
    assert values.index(with_messages[-1]) < len(values) - 1


@given(st.binary(max_size=100))
def test_what_cannot_be_taken_apart_stays_whole(body: bytes) -> None:
    assert parts_of(body) == [body]
