"""`explain` prints the error table's entry, without a database."""

from __future__ import annotations

import json

from tests.cli.conftest import Wacampaign


def test_a_known_code(wacampaign: Wacampaign) -> None:
    done = wacampaign("explain", "135000", env={"DATABASE_URL": "postgresql://nowhere/x"})
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("135000 Generic user error\n")
    assert done.stdout.endswith("→ wacampaign investigate-135000 CAMPAIGN\n")
    answer = json.loads(wacampaign("explain", "132000", "--json").stdout)
    assert (answer["schema_version"], answer["code"], answer["known"]) == (1, 132000, True)
    assert answer["next_step"]


def test_an_unknown_code_and_none(wacampaign: Wacampaign) -> None:
    done = wacampaign("explain", "999999")
    assert done.exit_code == 0
    assert done.stdout.startswith("999999 is not in the error table\n")
    assert wacampaign("explain", "x").exit_code == 2
