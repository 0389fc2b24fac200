"""`events`: the record as people and programs read it."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from tests.cli.conftest import Seeded, Wacampaign


def test_who_did_what_when_and_why(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    assert wacampaign("pause", "market_1", "--yes").exit_code == 0
    sql.execute(
        "insert into wacampaign_events (campaign_id, kind, actor, row_count, reason, detail)"
        " values (%s, 'repaired', '+447700900123@office', 7, 'for +447700900123',"
        ' \'{"repair": "3f2a91ab-0000-4000-8000-000000000000"}\')',
        (seeded.campaign_id,),
    )
    done = wacampaign("events", "market_1")
    assert done.exit_code == 0
    head, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert head == ["when", "who", "what", "rows", "why"]
    assert [line[2] for line in lines] == [
        *("created", "contacts written", "started", "paused", "repaired")
    ]
    assert lines[-1][1:] == [
        "+44***0123@office",
        "repaired",
        "7",
        "for +44***0123; repair 3f2a91ab",
    ]
    assert "+447700900123" in wacampaign("events", "market_1", "--show-numbers").stdout
    told = json.loads(wacampaign("events", "market_1", "--limit", "2", "--json").stdout)
    assert [event["kind"] for event in told["events"]] == ["paused", "repaired"]
    assert told["more"]
    assert told["campaign"]["id"] == seeded.campaign_id
    assert told["events"][1]["why"] == "for +44***0123; repair 3f2a91ab"
    assert "447700900123" not in json.dumps(told)


def test_nothing_since_then(wacampaign: Wacampaign, seeded: Seeded) -> None:
    done = wacampaign("events", seeded.campaign_id, "--since", "2099-01-01")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is written down of market_1" in done.stderr
