"""Rows of all kinds of templates, as the database marks them for the preflight."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, run
from tests.store.test_preflight_facts import payload, survey
from wacampaign.core.preflight.facts import LaneSurvey
from wacampaign.core.preflight.row_checks import rules_of
from wacampaign.core.template.parameters import WRITERS
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]
DIRECT = pytest.mark.parametrize("open_test_store", ["postgres"], indirect=True)

PLACE = [{"type": "HEADER", "format": "LOCATION"}]
LIST = [{"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "View"}]}]
OFFER = [{"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": True}}]
CARD = {"components": [{"type": "HEADER", "format": "IMAGE"}]}
CARDS = [{"type": "CAROUSEL", "cards": [CARD, CARD]}]

DEGREES = ["0", "-0.5", "+7,25", " 90 ", "90.0", "90.01", "91", "180", "-180.0", "180.5", "181"]
DEGREES += ["", "north", "1.", ".5", "1e1", "1.2.3", "099", "100"]
SECTIONS = ["Lamps: A1", "Lamps: A1, A2; Chairs: B1;", "A: b: c", ": A1", "Lamps:", "Lamps", "; ;"]
SECTIONS += ["Lamps: ,", "Lamps: A1; Chairs", "; Lamps: A1"]


def surveyed(
    open_test_store: OpenStore, sql: Connection, components: Any, payloads: list[Any]
) -> LaneSurvey:
    """What the database says of such rows."""
    found: list[LaneSurvey] = []

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), len(payloads), start=False)
        rules = rules_of(components, None)
        for n, one in enumerate(payloads):
            payload(sql, n, one, campaign)
        found.append(await survey(store, campaign, rules))

    run(open_test_store, scenario)
    return found[0]


@DIRECT
@pytest.mark.parametrize(
    ("components", "role", "key", "values"),
    [
        (PLACE, "latitude", "var1", DEGREES),
        (PLACE, "longitude", "var2", DEGREES),
        (LIST, "products", "var2", SECTIONS),
    ],
)
def test_the_database_knows_the_forms_that_are_written(
    open_test_store: OpenStore,
    sql: Connection,
    components: Any,
    role: str,
    key: str,
    values: list[str],
) -> None:
    """Rows of one signature are alike: all of them can be written, or none."""
    other = "var1" if key == "var2" else "var2"
    # A key of its own keeps each row in a group of its own.
    rows = [{key: value, other: "1", f"own{n}": ""} for n, value in enumerate(values)]
    groups = surveyed(open_test_store, sql, components, rows).groups
    assert len(groups) == len(values)
    for group in groups:
        value = group.payload[key]
        try:
            WRITERS[role](value)
            is_written = True
        except ValueError:
            is_written = False
        marks = next(part for part in group.signature.split(" ") if part.startswith(f"{key}:"))
        assert ("f" in marks.removeprefix(f"{key}:")) is not is_written, (value, marks)


def milliseconds(**span: float) -> str:
    return str(round((datetime.now(UTC) + timedelta(**span)).timestamp() * 1000))


def test_offers_that_are_over_and_the_first_that_ends(
    open_test_store: OpenStore, sql: Connection
) -> None:
    ends = [milliseconds(days=days) for days in (-1, 1, 2)]
    rows = [{"var1": end} for end in (*ends, "tomorrow")]
    found = surveyed(open_test_store, sql, OFFER, rows)
    assert {(g.signature, g.n) for g in found.groups} == {
        ("var1:mv", 1),
        ("var1:m", 2),
        ("var1:f", 1),
    }
    assert found.first_end == int(ends[1])


def test_the_media_of_all_cards_are_looked_at(open_test_store: OpenStore, sql: Connection) -> None:
    one, two = "https://a.example/1.jpg", "https://a.example/2.jpg"
    rows = [{"var1": one, "var2": two}, {"var1": one, "var2": one}, {"var1": one, "var2": " "}]
    found = surveyed(open_test_store, sql, CARDS, rows)
    assert found.media == {one: 3, two: 1}
