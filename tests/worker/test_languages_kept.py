"""K8: what Meta approves, pauses or changes of a template while a campaign runs with it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.servers import SECRET_KEY, wait_until
from tests.worker.rig import TOKEN, WABA, Rig
from wacampaign.cli.app import app
from wacampaign.sandbox.process import SandboxProcess

NUMBER = "874163789109558"
TRANSPORTS = ("postgres", "supabase")


def offer(language: str, text: str = "Hello {{1}}", **more: Any) -> dict[str, Any]:
    return {
        "name": "hello",
        "language": language,
        "status": "APPROVED",
        "category": "MARKETING",
        "components": [{"type": "BODY", "text": text}],
    } | more


@pytest.fixture(params=TRANSPORTS)
def over(rig: Rig, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of one transport."""
    if request.param == "postgres":
        return {"DATABASE_URL": rig.database}
    url = request.getfixturevalue("rest_url")
    return {"WACAMPAIGN_STORE": "supabase", "SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": SECRET_KEY}


def wacampaign(rig: Rig, over: dict[str, str], *words: str) -> Result:
    settings = {
        "WHATSAPP_API_URL": rig.sandbox.url,
        "META_ACCESS_TOKEN": TOKEN,
        "WACAMPAIGN_HOME": str(rig.home),
    }
    return CliRunner().invoke(app, list(words), env=settings | over)


def languages(sandbox: SandboxProcess) -> Counter[str]:
    return Counter(one["language"] for one in sandbox.control.accepted())


def test_the_rest_goes_out_in_the_language_that_was_planned(rig: Rig, over: dict[str, str]) -> None:
    number = rig.number(NUMBER, rate=80)
    campaign = rig.campaign(number, 600)
    worker = rig.start_worker("--until-idle", **over)
    rig.wait_accepted(60)
    rig.sandbox.control.put_templates(WABA, offer("de", "Hallo {{1}}, {{2}}"))
    done = wacampaign(rig, over, "templates", "sync")
    assert done.exit_code == 0, done.output
    assert "  new: hello:de\n" in done.stdout
    assert "  hello is there in de (APPROVED), en (APPROVED)\n" in done.stdout
    assert f"test campaign ({campaign[:8]}), running, goes on with hello in en\n" in done.stdout
    # A worker that reads everything anew, as after a minute.
    assert rig.stop(worker) == [0]
    assert rig.finished(rig.start_worker("--until-idle", **over)) == 0
    assert rig.stats(campaign)["status"] == "completed"
    assert languages(rig.sandbox) == {"en": 600}
    assert rig.audit(campaign)["ok"]


def test_what_changed_is_held_until_a_person_takes_it(rig: Rig, over: dict[str, str]) -> None:
    number = rig.number(NUMBER, rate=100)
    campaign = rig.campaign(number, 200)
    worker = rig.start_worker(**over)
    rig.wait_accepted(30)
    rig.sandbox.control.put_templates(WABA, offer("en", category="UTILITY"))
    done = wacampaign(rig, over, "templates", "sync")
    assert "  changed: hello:en (MARKETING → UTILITY)\n" in done.stdout
    assert (
        f"test campaign ({campaign[:8]}), running, is held: the template hello (en) changed since "
        "this campaign was planned: it is UTILITY, and was MARKETING; wacampaign resume"
    ) in done.stdout
    wait_until(
        lambda: rig.stats(campaign)["counts"]["processing"] == 0, 20, "all answers are written"
    )
    stats = rig.stats(campaign)
    assert (stats["status"], stats["counts"]["failed"]) == ("paused", 0)
    assert "it is UTILITY, and was MARKETING" in stats["pause_reason"]
    unsent = stats["counts"]["ready"] + stats["counts"]["retry_later"]
    assert unsent > 0

    done = wacampaign(rig, over, "preflight", campaign)
    words = "warn     category         hello:en changed since this campaign was planned"
    assert words in done.stdout
    done = wacampaign(rig, over, "resume", campaign, "--yes")
    assert done.exit_code == 0, done.output
    assert "NOTE: the template hello:en changed since this campaign was planned:" in done.stdout
    assert "it is UTILITY, and was MARKETING" in done.stdout
    wait_until(lambda: rig.stats(campaign)["status"] == "completed", 30, "it is completed")
    assert rig.stop(worker) == [0]
    assert rig.stats(campaign)["counts"]["sent"] == 200
    told = wacampaign(rig, over, "templates", "sync").stdout
    assert "is held" not in told


def test_the_backends_own_change_is_held_by_the_worker(
    rig: Rig, over: dict[str, str], sql: psycopg.Connection[Any]
) -> None:
    number = rig.number(NUMBER, rate=100, templates=("hello", "other"))
    campaign = rig.campaign(number, 40, templates=("hello", "other"))
    # The backend's own sync, while no worker has read anything.
    two = offer("en", "Hello {{1}}, {{2}}")
    sql.execute(
        "update templates set components = %s, last_synced = clock_timestamp()"
        " where name = 'hello'",
        (json.dumps(two["components"]),),
    )
    assert rig.finished(rig.start_worker("--until-idle", **over)) == 0
    stats = rig.stats(campaign)
    assert stats["counts"]["failed"] == 0
    assert stats["counts"]["sent"] == 20
    assert stats["status"] == "paused"
    assert "it takes other variables" in stats["pause_reason"]
    # Rows of one variable do not fit two: it is not resumed like that.
    done = wacampaign(rig, over, "resume", campaign, "--yes")
    assert done.exit_code == 3, done.output
    assert "20 of 20 rows cannot be sent as they are" in done.output
    assert "was not resumed: 2 checks of the preflight failed" in done.stderr
