"""Suggested commands name what is known: the campaign, its number, the phone that was typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Seeded, Wacampaign
from tests.cli.test_fix_media import FIRST, WABA, market, sandbox, template
from tests.store.test_failures import fail
from wacampaign.sandbox.process import SandboxProcess

__all__ = ["market", "sandbox"]

SQL = psycopg.Connection[Any]


def test_a_medium_that_is_not_fit(wacampaign: Wacampaign, market: str, tmp_path: Path) -> None:
    assert market
    (tmp_path / "header.mp4").write_bytes(b"no video")
    asked = ("fix-media", "market_1", "--upload", "header.mp4", "--code", "135000", "--yes")
    done = wacampaign(*asked)
    assert done.exit_code == 3
    again = "wacampaign fix-media market_1 --upload FILE_OR_URL --code 135000 --dry-run"
    assert done.stdout.endswith(f"→ {again}\n")
    assert json.loads(wacampaign(*asked, "--json").stdout)["next"] == again


def test_nothing_to_take_a_medium_from(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess
) -> None:
    bare = template("")
    del bare["components"][0]["example"]
    sandbox.control.put_templates(WABA, bare)
    done = wacampaign("fix-media", "market_1", "--upload", "--yes")
    assert done.exit_code == 6
    assert done.stderr.endswith(
        f"→ give the file: wacampaign fix-media {market[:8]} --upload FILE_OR_URL\n"
    )


@pytest.mark.usefixtures("sandbox")
def test_an_error_of_the_numbers_settings(
    wacampaign: Wacampaign, market: str, sql: SQL, live_worker: str
) -> None:
    assert live_worker
    fail(sql, market, 1, code=131061, text="Template with a maximum price")
    step = f"wacampaign number set {FIRST} --marketing-endpoint on, then wacampaign resume"
    stats = wacampaign("queue-stats", "market_1").stdout
    assert f"    → {step} {market[:8]}\n" in stats
    failures = wacampaign("failures", "market_1").stdout
    assert f"    you: {step} {market[:8]}\n" in failures
    assert "PHONE_NUMBER_ID" not in stats + failures


@pytest.mark.usefixtures("live_worker")
def test_why_it_was_paused(wacampaign: Wacampaign, seeded: Seeded, sql: SQL) -> None:
    short = seeded.campaign_id[:8]
    reason = "Meta stopped it. Then: wacampaign resume CAMPAIGN"
    sql.execute("update campaigns set status = 'paused', pause_reason = %s", (reason,))
    sql.execute(
        "insert into wacampaign_events (campaign_id, kind, actor, reason)"
        " values (%s, 'paused', 'database', %s)",
        (seeded.campaign_id, reason),
    )
    named = f"Meta stopped it. Then: wacampaign resume {short}"
    for words in (
        ("queue-stats",),
        ("list", "--json"),
        ("events", "market_1"),
        ("preflight", "market_1"),
        ("resume", "market_1", "--dry-run"),
        ("restart-stuck", "market_1", "--dry-run"),
    ):
        shown = wacampaign(*words).stdout
        assert "CAMPAIGN" not in shown, words
        assert words[0] in ("restart-stuck",) or named in shown, words


def test_a_word_of_a_reason_is_no_command(wacampaign: Wacampaign, seeded: Seeded, sql: SQL) -> None:
    assert seeded
    sql.execute("update campaigns set status = 'paused', pause_reason = 'BIG CAMPAIGN first'")
    assert "paused: BIG CAMPAIGN first" in wacampaign("queue-stats").stdout


@pytest.mark.usefixtures("seeded")
def test_a_test_phone_that_is_none(wacampaign: Wacampaign) -> None:
    for command in ("preflight", "investigate-135000"):
        done = wacampaign(command, "market_1", "--test-to", "12")
        assert done.exit_code == 2
        assert done.stderr.endswith("→ give it with its country code: --test-to +44…\n")
