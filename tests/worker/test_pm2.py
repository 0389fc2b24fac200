"""The worker under the real PM2, with the file that `wacampaign pm2` prints."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.pm2 import SECRET, WORKER, Pm2
from tests.servers import wait_until
from tests.unsteady import Mode, unsteady_postgres
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns

NUMBER = "874163789109558"
ROWS = 5_000
#: Seconds for which the database is away: twice what makes a worker dead for it.
AWAY_SECONDS = 60


@pytest.fixture
def pm2(rig: Rig, tmp_path: Path) -> Iterator[Pm2]:
    names = ("DATABASE_URL", "WACAMPAIGN_STORE", "WACAMPAIGN_HOME", "WHATSAPP_API_URL")
    # A folder whose name has to be quoted.
    made = Pm2(tmp_path / "an app's", {name: rig.environment[name] for name in names})
    try:
        yield made
    finally:
        made.close()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def shown(pm2: Pm2, name: str) -> str:
    """What `pm2 describe` shows of a metric; empty: nothing yet."""
    found = re.search(rf"│ {name} +│ (.*?) *│", pm2("describe", WORKER))
    return "" if found is None else found[1]


def set_rate(rig: Rig, rate: int) -> None:
    with psycopg.connect(rig.database, autocommit=True) as connection:
        connection.execute("update whatsapp_numbers set max_send_rate_per_sec = %s", (rate,))


def assert_each_once(rig: Rig, campaign: str, in_doubt: int = 0, beside: int = 0) -> None:
    """Nothing is lost and nothing was sent twice, by the referee and by the audit.

    `beside`: messages of other campaigns.
    """
    counts = rig.stats(campaign)["counts"]
    assert (counts["sent"] + counts["in_doubt"], counts["in_doubt"]) == (ROWS, in_doubt)
    assert counts["sent"] + beside <= rig.accepted() <= ROWS + beside
    assert rig.sandbox.control.totals()["repeated_recipients"] == 0
    audit = rig.audit(campaign)
    assert (audit["ok"], audit["rows"], audit["lost"]) == (True, ROWS, 0)


@pytest.mark.timeout(300)
def test_a_campaign_through_all_that_pm2_does(rig: Rig, pm2: Pm2) -> None:
    rig.sandbox.control.settings(latency_ms=100)
    # Slowly, so that PM2 has two minutes for all that follows: it takes its time on a busy machine.
    campaign = rig.campaign(rig.number(NUMBER, rate=40), ROWS)

    def nothing_in_doubt() -> None:
        counts = rig.stats(campaign)["counts"]
        assert (counts["in_doubt"], counts["processing"]) == (0, 0), counts
        assert counts["sent"] == rig.accepted() < ROWS

    def goes_on() -> None:
        rig.wait_accepted(rig.accepted() + 40)

    pm2("start", "ecosystem.config.cjs")
    # `wait_ready`: it is registered when `pm2 start` returns.
    assert len(rig.ask(lambda store: Campaigns(store).stats()).workers) == 1
    pm2.wait_logged("event=started")
    first = pm2.app()
    assert first["status"] == "online"
    pm2("save")

    goes_on()
    pm2("stop", WORKER)
    assert (pm2.app()["status"], gone(first["pid"])) == ("stopped", True)
    pm2.wait_logged("reason=SIGINT")
    nothing_in_doubt()

    pm2("start", WORKER)
    seen = pm2.app()["pid"]
    for command in ("restart", "reload"):
        goes_on()
        pm2(command, WORKER)
        app = pm2.app()
        assert (app["status"], gone(seen)) == ("online", True)
        assert rig.stats(campaign)["counts"]["in_doubt"] == 0
        seen = app["pid"]

    goes_on()
    os.kill(seen, signal.SIGKILL)
    wait_until(lambda: pm2.app()["pid"] not in (0, seen), 30, "PM2 starts it again")
    fourth = pm2.app()["pid"]
    goes_on()
    in_doubt = rig.stats(campaign)["counts"]["in_doubt"]
    pm2.wait_logged("event=journal_read")

    os.kill(pm2.daemon, signal.SIGKILL)
    (pm2.home / "pm2.pid").unlink()
    # A second copy at once: the first still waits for its answers.
    pm2("resurrect")
    assert pm2.app()["status"] == "online"
    assert pm2.app()["pid"] != fourth
    wait_until(lambda: gone(fourth), 40, "the worker without a daemon ends")
    assert rig.accepted() < ROWS, "it ended because the campaign did"
    # Its log went to the daemon; that it said goodbye is in the database.
    with psycopg.connect(rig.database, autocommit=True) as connection:
        said = connection.execute(
            "select stopped_at is not null from wacampaign_workers where pid = %s", (fourth,)
        ).fetchall()
    assert said == [(True,)]
    set_rate(rig, 800)
    rig.wait_sent_or_in_doubt(campaign, ROWS, 60)
    pm2("stop", WORKER)
    assert_each_once(rig, campaign, in_doubt)

    # Nothing of the shell's secrets is where PM2 keeps and shows things.
    kept = pm2.kept()
    assert "dump.pm2" in kept
    assert [name for name, text in kept.items() if SECRET in text] == []
    assert SECRET not in pm2("jlist")


@pytest.mark.timeout(300)
def test_what_pm2_shows_and_triggers_and_a_database_that_is_away(rig: Rig, pm2: Pm2) -> None:
    rig.sandbox.control.settings(latency_ms=100)
    campaign = rig.campaign(rig.number(NUMBER, rate=60), ROWS)
    other = rig.campaign(
        rig.number("874163789109559"), 10, name="another", start=False, first_phone=ROWS
    )
    with unsteady_postgres(rig.database) as (url, way):
        pm2.write_settings(DATABASE_URL=url)
        pm2("start", "ecosystem.config.cjs")
        rig.wait_accepted(60)
        wait_until(lambda: shown(pm2, "limited by"), 40, "metrics are shown")
        for name in ("Meta's answers p50", "database p50"):
            assert float(shown(pm2, name).removesuffix(" ms")) > 0
        assert int(shown(pm2, "queue").removesuffix(" rows")) > 0

        answer = pm2.trigger("pause")
        assert (answer["ok"], len(answer["paused"])) == (True, 1)
        wait_until(
            lambda: rig.stats(campaign)["counts"]["processing"] == 0, what="what it held is out"
        )
        stats = rig.stats(campaign)
        assert stats["status"] == "paused"
        assert stats["pause_reason"].startswith("paused by pm2 trigger@")
        assert pm2.trigger("pause")["paused"] == []
        (told,) = (
            one for one in pm2.trigger("stats")["campaigns"] if campaign[:8] in one["campaign"]
        )
        assert (told["status"], told["sent"]) == ("paused", stats["counts"]["sent"])
        sent = f"{told['sent']} messages"
        wait_until(lambda: shown(pm2, "accepted") == sent, 40, "what was accepted is shown")
        assert (shown(pm2, "in flight"), shown(pm2, "failed")) == ("0 requests", "0 messages")
        # What a person paused stays so, unless it is named.
        assert len(pm2.trigger("resume")["resumed"]) == 1
        assert (rig.stats(campaign)["status"], rig.stats(other)["status"]) == ("running", "paused")
        unknown = pm2.trigger("pause", "nobody")
        assert (unknown["ok"], "nobody" in unknown["error"]) == (False, True)
        assert len(pm2.trigger("resume", other)["resumed"]) == 1
        # It is small, and may be over by now.
        assert re.search(r" is (running|completed)$", pm2.trigger("resume", other)["note"])

        rig.wait_accepted(rig.accepted() + 60)
        way.set(Mode.REFUSE)
        with psycopg.connect(rig.database, autocommit=True) as connection:

            def worker_has_been_silent(seconds: float) -> bool:
                row = connection.execute(
                    "select max(last_beat_at) < clock_timestamp() - make_interval(secs => %s)"
                    " from wacampaign_workers",
                    (seconds,),
                ).fetchone()
                return row == (True,)

            answer = pm2.trigger("pause")
            assert (answer["ok"], bool(answer["error"])) == (False, True)
            before = pm2.app()
            wait_until(
                lambda: worker_has_been_silent(AWAY_SECONDS), AWAY_SECONDS + 30, "it was away"
            )
        app = pm2.app()
        assert (app["status"], app["pid"], app["restart_time"]) == ("online", before["pid"], 0)
        way.set(Mode.PASS)
        set_rate(rig, 800)
        rig.wait_sent_or_in_doubt(campaign, ROWS, 90)
        pm2("stop", WORKER)
        assert_each_once(rig, campaign, beside=10)


def test_stopped_while_it_starts_it_stays_stopped(pm2: Pm2) -> None:
    pm2.write_settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    # PM2 takes what it has heard nothing of for 20 s for started: not before we have looked.
    text, found = re.subn(r"listen_timeout: \d+", "listen_timeout: 600000", pm2.config.read_text())
    assert found == 1
    pm2.config.write_text(text)
    starting = pm2.popen("start", "ecosystem.config.cjs")
    try:
        wait_until(lambda: "event=database_away" in pm2.log(), 30, "it waits for the database")
        assert pm2.app()["status"] == "launching"
        pm2("stop", WORKER)
    finally:
        starting.kill()
        starting.communicate()
    assert (pm2.app()["status"], pm2.app()["pid"]) == ("stopped", 0)
    assert pm2.app()["restart_time"] == 0


def test_a_wrong_setting_is_not_tried_for_ever(pm2: Pm2) -> None:
    pm2.write_settings(WACAMPAIGN_STORE="cloud")
    pm2("start", "ecosystem.config.cjs")
    wait_until(lambda: pm2.app().get("exit_code") == 78, 20, "it ended with 78")
    app = pm2.app()
    assert (app["pid"], app["restart_time"]) == (0, 0)
