"""Tokens and ids that were pasted with white space and unseen characters work everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.campaigns import add_number
from wacampaign.core.cells import BLANKS, UNSEEN, cell, solid
from wacampaign.operations.numbers import find_number
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue

pytestmark = pytest.mark.anyio
SQL = psycopg.Connection[Any]
TOKEN, NUMBER, WABA = "EAAtestB0token", "200000000000001", "100000000000001"
PASTED = {
    "a newline": "{}\r\n",
    "a newline in the middle": "",
    "a tab": "\t{}\t",
    "a no-break space": "\u00a0{}\u00a0",
    "a zero-width space": "{}\u200b",
    "a byte order mark": "\ufeff{}",
    "a soft hyphen": "{}\u00ad",
    "marks of direction": "\u202a{}\u202c",
    "an ideographic space": "\u3000{}",
}


def pasted(how: str, text: str) -> str:
    """`text` as it comes out of a page, a chat or a spreadsheet."""
    if "middle" in how:
        return f"{text[:5]}\n{text[5:]}"
    return PASTED[how].format(text)


@pytest.mark.parametrize("how", PASTED)
async def test_the_backends_row(how: str, open_test_store: Callable[[], Store], sql: SQL) -> None:
    store = open_test_store()
    try:
        id_ = await add_number(store, phone_number_id=NUMBER, waba_id=WABA)
        sql.execute(
            "update whatsapp_numbers set access_token = %s, phone_number_id = %s, waba_id = %s",
            (pasted(how, TOKEN), pasted(how, NUMBER), pasted(how, WABA)),
        )
        (sending,) = await WorkQueue(store).sending([id_])
        assert (sending.access_token, sending.phone_number_id) == (TOKEN, NUMBER)
        (number,) = await Numbers(store).all()
        assert (number.phone_number_id, number.waba_id, number.has_token) == (NUMBER, WABA, True)
        assert (await find_number(store, pasted(how, NUMBER))).id == id_
        # Entered again it is the same number, not a second row of it.
        assert await add_number(store, phone_number_id=NUMBER, waba_id=WABA) == id_
        assert sql.execute("select count(*) from whatsapp_numbers").fetchone() == (1,)
    finally:
        await store.close()


async def test_a_token_of_blanks_is_none(open_test_store: Callable[[], Store], sql: SQL) -> None:
    store = open_test_store()
    try:
        id_ = await add_number(store, phone_number_id=NUMBER)
        sql.execute("update whatsapp_numbers set access_token = %s", ("\u00a0\n\u200b",))
        assert [one.access_token for one in await WorkQueue(store).sending([id_])] == [None]
        assert [one.has_token for one in await Numbers(store).all()] == [False]
    finally:
        await store.close()


def test_the_database_takes_the_same_characters_for_blanks(sql: SQL) -> None:
    (blanks,) = sql.execute("select wacampaign_blanks()").fetchone() or ("",)
    assert sorted(blanks) == sorted(BLANKS)
    text = f"{BLANKS}a{UNSEEN}b{BLANKS}c{BLANKS}"
    (at_ends, anywhere) = sql.execute(
        "select btrim(%s, wacampaign_blanks()), wacampaign_solid(%s)", (text, text)
    ).fetchone() or ("", "")
    assert (at_ends, anywhere) == (cell(text), solid(text))
    assert solid(text) == "abc"


def test_all_white_space_of_unicode_is_blank() -> None:
    assert [hex(n) for n in range(0x110000) if chr(n).isspace() and chr(n) not in BLANKS] == []
    # A word may end in a joiner.
    assert cell(" അവന്‍ ") == "അവന്‍"
