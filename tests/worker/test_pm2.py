"""The worker under the real PM2, with the configuration of docs/how-to/run-under-pm2.md."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.pm2 import install_command, pm2_command, pm2_environment
from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "run-under-pm2.md"
APP = "wacampaign-worker"
NUMBER = "874163789109558"
#: What a shell may hold, and what must go nowhere.
SECRET = "EAAsecretofthetests"


class Pm2:
    """A PM2 of our own, and the app of the how-to in a folder laid out as it says."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.folder = folder
        (found,) = re.findall(r"```js\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
        (folder / "ecosystem.config.cjs").write_text(found)
        install_command(folder)
        self.write_settings()
        self.home = folder / "pm2"
        self.environment = pm2_environment(folder) | {
            # A person's shell: were these to reach the worker, it would not work.
            "DATABASE_URL": f"postgresql://somebody:{SECRET}@127.0.0.1:1/none",
            "META_ACCESS_TOKEN": SECRET,
            "SUPABASE_SERVICE_KEY": SECRET,
            "WACAMPAIGN_STORE": "supabase",
        }

    def write_settings(self, **more: str) -> None:
        names = ("DATABASE_URL", "WACAMPAIGN_STORE", "WACAMPAIGN_HOME", "WHATSAPP_API_URL")
        settings = {name: self.rig.environment[name] for name in names} | more
        path = self.folder / ".env"
        path.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
        path.chmod(0o600)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            pm2_command(*arguments),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str) -> str:
        process = self.popen(*arguments)
        try:
            said, _ = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return said

    def app(self) -> dict[str, Any]:
        """What PM2 says of the app."""
        said = self("jlist")
        found = json.loads(said[said.index("[{") :])
        (app,) = [entry for entry in found if entry["name"] == APP]
        return {"pid": app["pid"], **app["pm2_env"]}

    @property
    def daemon(self) -> int:
        return int((self.home / "pm2.pid").read_text())

    def log(self) -> str:
        return "".join(path.read_text() for path in self.home.glob(f"logs/{APP}-out*.log"))

    def wait_logged(self, words: str) -> None:
        """The daemon writes what an app says when it comes to it, its answers before that."""
        wait_until(lambda: words in self.log(), what=f"{words} in the log")

    def close(self) -> None:
        self("kill")


@pytest.fixture
def pm2(rig: Rig, tmp_path: Path) -> Iterator[Pm2]:
    folder = tmp_path / "app"
    folder.mkdir()
    made = Pm2(rig, folder)
    try:
        yield made
    finally:
        made.close()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.timeout(300)
def test_a_campaign_through_all_that_pm2_does(rig: Rig, pm2: Pm2) -> None:
    rows = 2_000
    rig.sandbox.control.settings(latency_ms=100)
    # Slowly, so that PM2 has a minute for all that follows: it takes its time on a busy machine.
    campaign = rig.campaign(rig.number(NUMBER, rate=30), rows)

    def nothing_in_doubt() -> None:
        counts = rig.stats(campaign)["counts"]
        assert (counts["in_doubt"], counts["processing"]) == (0, 0), counts
        assert counts["sent"] == rig.accepted() < rows

    pm2("start", "ecosystem.config.cjs")
    # `wait_ready`: it is registered when `pm2 start` returns.
    assert len(rig.ask(lambda store: Campaigns(store).stats()).workers) == 1
    pm2.wait_logged("event=started")
    first = pm2.app()
    assert first["status"] == "online"
    pm2("save")

    rig.wait_accepted(60)
    pm2("stop", APP)
    assert (pm2.app()["status"], gone(first["pid"])) == ("stopped", True)
    pm2.wait_logged("reason=SIGINT")
    nothing_in_doubt()

    pm2("start", APP)
    second = pm2.app()["pid"]
    rig.wait_accepted(rig.accepted() + 60)
    pm2("restart", APP)
    third = pm2.app()
    assert (third["status"], gone(second)) == ("online", True)
    assert rig.stats(campaign)["counts"]["in_doubt"] == 0

    rig.wait_accepted(rig.accepted() + 60)
    os.kill(third["pid"], signal.SIGKILL)
    wait_until(lambda: pm2.app()["pid"] not in (0, third["pid"]), 30, "PM2 starts it again")
    fourth = pm2.app()["pid"]
    rig.wait_accepted(rig.accepted() + 60)
    in_doubt = rig.stats(campaign)["counts"]["in_doubt"]
    pm2.wait_logged("event=journal_read")

    os.kill(pm2.daemon, signal.SIGKILL)
    wait_until(lambda: gone(fourth), 40, "the worker without a daemon ends")
    assert rig.accepted() < rows, "it ended because the campaign did"
    counts = rig.stats(campaign)["counts"]
    assert (counts["processing"], counts["in_doubt"]) == (0, in_doubt)
    # Its log went to the daemon; that it said goodbye is in the database.
    with psycopg.connect(rig.database, autocommit=True) as connection:
        said = connection.execute(
            "select stopped_at is not null from wacampaign_workers where pid = %s", (fourth,)
        ).fetchall()
        connection.execute("update whatsapp_numbers set max_send_rate_per_sec = 200")
    assert said == [(True,)]

    (pm2.home / "pm2.pid").unlink()
    pm2("resurrect")
    assert pm2.app()["status"] == "online"
    rig.wait_sent_or_in_doubt(campaign, rows, 60)
    pm2("stop", APP)
    counts = rig.stats(campaign)["counts"]
    assert counts["in_doubt"] == in_doubt
    assert counts["sent"] <= rig.accepted() <= rows
    assert rig.sandbox.control.totals()["repeated_recipients"] == 0
    audit = rig.audit(campaign)
    assert (audit["ok"], audit["rows"], audit["lost"]) == (True, rows, 0)

    # Nothing of the shell's secrets is where PM2 keeps and shows things.
    kept = [path for path in pm2.home.rglob("*") if path.is_file()]
    assert any(path.name == "dump.pm2" for path in kept)
    assert [path.name for path in kept if SECRET in path.read_text(errors="replace")] == []
    assert SECRET not in pm2("jlist")


def test_stopped_while_it_starts_it_stays_stopped(pm2: Pm2) -> None:
    pm2.write_settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    # PM2 takes what it has heard nothing of for 20 s for started: not before we have looked.
    config = pm2.folder / "ecosystem.config.cjs"
    text, found = re.subn(r"listen_timeout: \d+", "listen_timeout: 600000", config.read_text())
    assert found == 1
    config.write_text(text)
    starting = pm2.popen("start", "ecosystem.config.cjs")
    try:
        wait_until(lambda: "event=database_away" in pm2.log(), 30, "it waits for the database")
        assert pm2.app()["status"] == "launching"
        pm2("stop", APP)
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
