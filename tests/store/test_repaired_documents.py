"""A document keeps its name when its address becomes a media id, and loses it again by the undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number
from tests.store.test_failures import run
from wacampaign.core.template.parameters import file_name
from wacampaign.store.repairs import Repairs, Targets
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

NEW = "3000000000000001"
#: What is in the rows' payloads, and the name that each has once its medium is an id.
NAMES: list[tuple[dict[str, Any], str | None]] = [
    ({"var1": "https://cdn.example/b/Bill%20May.pdf?sig=1"}, "Bill May.pdf"),
    ({"var1": "https://cdn.example/Rechnung%C3%BC.pdf#2", "filename": " "}, "Rechnungü.pdf"),
    ({"var1": "https://cdn.example/1.pdf", "filename": "Your bill.pdf"}, "Your bill.pdf"),
    ({"var1": "https://cdn.example/"}, None),
    ({"var1": "3000000000000009"}, None),
]


@pytest.fixture
def repaired(open_test_store: OpenStore, sql: Connection) -> Callable[[str, str], Any]:
    """Repairs rows of a template with such a header to such a medium, and takes it back."""

    def repair(header: str, medium: str) -> Any:
        async def scenario(store: Store) -> Any:
            number = await add_number(store)
            sql.execute(
                "update templates set components = %s",
                (json.dumps([{"type": "HEADER", "format": header}]),),
            )
            campaign = await add_campaign(store, number, len(NAMES))
            ids = sql.execute("select id from send_queue order by id").fetchall()
            for (row_id,), (payload, _) in zip(ids, NAMES, strict=True):
                changed = json.dumps(payload)
                sql.execute("update send_queue set payload = %s where id = %s", (changed, row_id))
            repairs = Repairs(store)
            begun = await repairs.begin(
                uuid4(),
                campaign,
                kind="upload",
                what="upload",
                command="c",
                code=None,
                actor="a@h",
                targets=Targets([("hello", number, medium)]),
            )
            async for _ in repairs.steps(begun.id):
                pass
            await repairs.finish(begun.id, "a@h")
            after = payloads(sql)
            await repairs.undo_begin(begun.id, "a@h")
            async for _ in repairs.undo_steps(begun.id):
                pass
            await repairs.undo_finish(begun.id, "a@h")
            assert [*map(told, payloads(sql))] == [told(payload) for payload, _ in NAMES]
            return after

        return run(open_test_store, scenario)

    return repair


def told(payload: dict[str, Any]) -> dict[str, Any]:
    """Without a name of blanks, which says nothing."""
    return {key: value for key, value in payload.items() if value.strip()}


def payloads(sql: Connection) -> list[dict[str, Any]]:
    return [row[0] for row in sql.execute("select payload from send_queue order by id")]


def test_a_document_keeps_its_name(repaired: Callable[[str, str], Any]) -> None:
    after = repaired("DOCUMENT", NEW)
    assert [one["var1"] for one in after] == [NEW] * len(NAMES)
    assert [(one.get("filename") or "").strip() or None for one in after] == [n for _, n in NAMES]


@pytest.mark.parametrize(
    ("header", "medium"), [("VIDEO", NEW), ("DOCUMENT", "https://cdn.example/new.pdf")]
)
def test_nothing_else_gets_one(
    repaired: Callable[[str, str], Any], header: str, medium: str
) -> None:
    names = [payload.get("filename") for payload, _ in NAMES]  # also the blank one
    assert [one.get("filename") for one in repaired(header, medium)] == names


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/b/Bill%20May.pdf?x=1#y",
        "HTTP://a.example/%E2%82%AC.pdf",
        "https://a.example/100%.pdf",
        "https://a.example",
        "https://a.example/",
        "https://a.example/b/",
        "https://a.example/ %20 ",
        "  https://a.example/a.pdf",
    ],
)
def test_the_database_names_a_file_as_the_sender_does(sql: Connection, url: str) -> None:
    (name,) = sql.execute("select wacampaign_file_name(%s)", (url,)).fetchone() or ("",)
    assert (name or "") == file_name(url.strip())
