"""`explain` prints the error table's entry, without a database."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from tests.cli.conftest import Wacampaign
from tests.terminal import Terminal


def test_a_known_code(wacampaign: Wacampaign) -> None:
    done = wacampaign("explain", "135000", env={"DATABASE_URL": "postgresql://nowhere/x"})
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("135000 Generic user error\n")
    assert done.stdout.endswith("→ wacampaign investigate-135000 CAMPAIGN\n")
    answer = json.loads(wacampaign("explain", "132000", "--json").stdout)
    assert (answer["schema_version"], answer["code"], answer["known"]) == (1, 132000, True)
    assert answer["next_step"]


def test_no_line_is_wider_than_the_terminal(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    terminal = Terminal(
        f"{shlex.quote(sys.executable)} -m wacampaign explain 135000 131049",
        tmp_path,
        {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", "PYTHONPATH": root},
        columns=60,
    )
    try:
        lines = terminal.until_its_end().splitlines()
    finally:
        terminal.close()
    assert max(map(len, lines)) <= 60
    assert "  the worker    fails the message; after 3 such answers it" in lines
    assert "                holds this template on this number (until a" in lines


def test_an_unknown_code_and_none(wacampaign: Wacampaign) -> None:
    done = wacampaign("explain", "999999")
    assert done.exit_code == 0
    assert done.stdout.startswith("999999 is not in the error table\n")
    none = wacampaign("explain", "x")
    assert none.exit_code == 2
    assert "there is no error code in this text" in none.stderr


def test_codes_as_meta_prints_them(wacampaign: Wacampaign) -> None:
    for written in ("#132000", "(#132000)", "132000: Number of parameters", "code 132000"):
        assert wacampaign("explain", written).stdout.startswith("132000 Number of param")
    for written in (["100/33"], ["100", "33"], ["code 100, subcode 33"]):
        done = wacampaign("explain", *written)
        assert done.stdout.startswith("100/33 Object does not exist")
        assert "number list" in done.stdout
    done = wacampaign("explain", "100/2388024")
    assert done.stdout.startswith("100/2388024 Template name and language exist already\n")


def test_an_undocumented_subcode(wacampaign: Wacampaign) -> None:
    done = wacampaign("explain", "subcode 2494055")
    assert done.exit_code == 0
    assert done.stdout.startswith("2494055 is not in the error table: a subcode")
    assert "whole answer" in done.stdout
    beside = wacampaign("explain", "131047/2494055").stdout
    assert beside.startswith("131047/2494055 Re-engagement message\n")
    assert "subcode       2494055: a subcode that Meta does not document" in beside


def test_a_whole_answer_with_several_codes(wacampaign: Wacampaign) -> None:
    text = '{"errors":[{"code":131049,"title":"x"},{"code":131026,"title":"y"}]}'
    done = wacampaign("explain", text)
    assert [line[:6] for line in done.stdout.splitlines() if line[:1] == "1"] == [
        "131049",
        "131026",
    ]
    answer = json.loads(wacampaign("explain", text, "--json").stdout)
    assert (answer["code"], answer["subcode"]) == (131049, None)
    assert [one["code"] for one in answer["also"]] == [131026]
