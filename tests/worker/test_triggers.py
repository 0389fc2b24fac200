"""What a worker answers to `pm2 trigger`, and which command it names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, run_on
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.worker.measured import Measured
from wacampaign.worker.triggers import Triggers

HELD = "select count(*) from wacampaign_holds where lifted_at is null"
RESUME = "pm2 trigger wacampaign-worker resume"


def triggers(store: Store) -> Triggers:
    measured = cast(Measured, SimpleNamespace(facts={}))
    return Triggers(store, uuid4(), lambda *_, **__: None, None, measured)


def test_only_what_can_be_resumed_is_offered_to_be(database: str) -> None:
    async def scenario(store: Store) -> list[Any]:
        number, ask = await add_number(store), triggers(store)
        answers = [await ask("pause", None), await ask("resume", None)]
        mine = await add_campaign(store, number, 3, name="mine")
        theirs = await add_campaign(store, number, 3, name="their's", first_phone=10)
        await Campaigns(store).set_status(theirs, "pause", "asha@desk")
        answers += [await ask("resume", None), await ask("pause", None)]
        answers += [await ask("pause", None), await ask("pause", "their's")]
        answers += [await ask("resume", mine), await ask("resume", mine)]
        return answers

    nothing, none, not_ours, paused, again, named, resumed, runs = run_on(database, scenario)
    told = "none of this worker's campaigns is running"
    assert nothing == {"ok": True, "paused": [], "note": told, "next": "wacampaign list"}
    for answer in (none, not_ours):
        assert (answer["resumed"], answer["next"]) == ([], "wacampaign list")
        assert answer["note"] == "none of this worker's campaigns was paused this way"
    assert (len(paused["paused"]), paused["next"], "note" in paused) == (1, RESUME, False)
    assert (again["paused"], again["next"]) == ([], RESUME)
    assert (named["paused"], named["next"]) == ([], f"""{RESUME} 'their'"'"'s'""")
    assert named["note"].endswith("is paused")
    assert (len(resumed["resumed"]), "next" in resumed) == (1, False)
    assert (runs["resumed"], runs["note"].endswith("is running")) == ([], True)


@pytest.mark.parametrize("until", ["in a day", None])
def test_what_a_fault_holds_meanwhile_stays_held(
    database: str, sql: psycopg.Connection[Any], until: str | None
) -> None:
    """Meta restricts the account while all is paused this way, or before."""

    async def scenario(store: Store) -> list[Any]:
        number, ask = await add_number(store), triggers(store)
        campaign = await add_campaign(store, number, 3, name="mine")
        answers = [await ask("pause", None)]
        sql.execute(
            "insert into wacampaign_holds (scope, whatsapp_number_id, code, reason, held_until)"
            " values ('account', %s, 368, 'Meta stopped it',"
            " case when %s then now() + interval '1 day' end)",
            (number, until is not None),
        )
        answers.append(await ask("resume", None))
        (now,) = (await Campaigns(store).stats([campaign])).campaigns
        return [*answers, now, await ask("resume", "mine"), sql.execute(HELD).fetchone()]

    paused, resumed, now, named, held = run_on(database, scenario)
    assert len(paused["paused"]) == 1
    assert len(now.holds) == 1
    if until is None:
        assert (now.status, now.pause_reason) == ("paused", "Meta stopped it")
        assert (resumed["resumed"], resumed["next"]) == ([], f"wacampaign resume {now.short_id}")
        assert "it is held" in resumed["left_paused"][0]
        # Who names it has looked.
        assert (len(named["resumed"]), held) == (1, (0,))
    else:
        assert (now.status, len(resumed["resumed"])) == ("running", 1)
        assert held == (1,)
