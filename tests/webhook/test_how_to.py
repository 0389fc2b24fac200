"""The receiver under PM2 and systemd; docs/how-to/receive-webhooks.md against the program."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import re
import signal
import threading
from pathlib import Path

import psutil

from tests.docs.pages import section, table_rows
from tests.pm2 import RECEIVER, Pm2
from tests.servers import wait_until
from tests.systemd import PlayedSystemd
from tests.webhook.rig import ReceiverRig, status_body

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "receive-webhooks.md").read_text("utf-8")


SETTINGS = ("DATABASE_URL", "WACAMPAIGN_STORE", "WACAMPAIGN_HOME", "META_APP_SECRET")


class Meta(threading.Thread):
    """Sends one body after the other, and remembers which were answered with 200."""

    def __init__(self, rig: ReceiverRig) -> None:
        super().__init__(daemon=True)
        self._rig = rig
        self._enough = threading.Event()
        self.taken: list[bytes] = []

    def run(self) -> None:
        for nth in itertools.count():
            body = status_body(f"wamid.{nth}")
            with contextlib.suppress(OSError, http.client.HTTPException):  # it is not there
                if self._rig.post(body) == 200:
                    self.taken.append(body)
            if self._enough.wait(0.01):
                return

    def wait_taken(self, more: int) -> None:
        wanted = len(self.taken) + more
        wait_until(lambda: len(self.taken) >= wanted, 60, "more bodies are taken")

    def close(self) -> None:
        self._enough.set()
        self.join(60)


def test_what_was_answered_is_kept_through_all_that_pm2_does(
    rig: ReceiverRig, tmp_path: Path
) -> None:
    settings = {name: rig.environment()[name] for name in SETTINGS}
    pm2 = Pm2(tmp_path / "installed", settings, "--webhook", "--port", str(rig.port))
    meta = Meta(rig)
    try:
        pm2("start", "ecosystem.config.cjs", "--only", RECEIVER)
        # `wait_ready`: it listens when the command returns.
        assert rig.post(status_body("wamid.A")) == 200
        pm2("save")
        meta.start()
        for command in ("restart", "reload"):
            meta.wait_taken(20)
            pm2(command, RECEIVER)
        meta.wait_taken(20)
        seen = pm2.app(RECEIVER)["pid"]
        os.kill(seen, signal.SIGKILL)
        wait_until(lambda: pm2.app(RECEIVER)["pid"] not in (0, seen), 30, "it is started again")
        meta.wait_taken(20)
        told = pm2.trigger("stats", app=RECEIVER)
        assert (told["ok"], told["status"], told["received"] > 0) == (True, "ok", True)
        assert "received" in pm2("describe", RECEIVER)
        pm2("stop", RECEIVER)
        app = pm2.app(RECEIVER)
        assert (app["status"], app["exit_code"]) == ("stopped", 0)
        pm2("start", RECEIVER)
        meta.wait_taken(20)
        orphan = psutil.Process(pm2.app(RECEIVER)["pid"])
        os.kill(pm2.daemon, signal.SIGKILL)
        (pm2.home / "pm2.pid").unlink()
        # At once: the one without a daemon has left the port to it.
        pm2("resurrect")
        meta.wait_taken(20)
        assert pm2.app(RECEIVER)["status"] == "online"
        wait_until(lambda: not orphan.is_running(), 40, "the receiver without a daemon ends")
        pm2("stop", RECEIVER)
        meta.close()
        stored = set(rig.stored())
        # What lay in the file of the one that was killed is for the next receiver.
        if not stored.issuperset(meta.taken):
            pm2("start", "ecosystem.config.cjs", "--only", RECEIVER)
            wait_until(lambda: set(rig.stored()).issuperset(meta.taken), 30, "all are stored")
    finally:
        meta.close()
        pm2.close()


def test_stopped_before_it_listens_it_stays_stopped(rig: ReceiverRig, tmp_path: Path) -> None:
    settings = {name: rig.environment()[name] for name in SETTINGS}
    del settings["META_APP_SECRET"]
    settings["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    systemd = PlayedSystemd(tmp_path / "app", settings, RECEIVER, "--webhook")
    try:
        systemd.start(watchdog_seconds=60)
        systemd.wait_told("STATUS", "waits for the database")
        assert systemd.stop() == int(systemd.unit["SuccessExitStatus"])
        assert systemd.times("READY") == 0
    finally:
        systemd.close()


def test_the_unit_for_systemd(rig: ReceiverRig, tmp_path: Path) -> None:
    settings = {name: rig.environment()[name] for name in SETTINGS}
    arguments = ("--webhook", "--port", str(rig.port))
    systemd = PlayedSystemd(tmp_path / "app", settings, RECEIVER, *arguments)
    try:
        systemd.start(watchdog_seconds=0.3)
        systemd.wait_told("READY")
        assert rig.post(status_body("wamid.A")) == 200
        systemd.wait_told("WATCHDOG", times=systemd.times("WATCHDOG") + 2)
        assert systemd.stop() == 0
        assert systemd.times("STOPPING") == 1
        assert rig.stored() == [status_body("wamid.A")]
    finally:
        systemd.close()


def test_every_event_of_its_log_is_explained() -> None:
    rows = table_rows(section(PAGE, "Its log"))
    explained = {
        name
        for line in section(PAGE, "Its log").splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split(" | ")[0])
    }
    assert rows
    written = set()
    for module in (ROOT / "wacampaign" / "webhook").glob("*.py"):
        text = module.read_text("utf-8")
        written |= set(re.findall(r"\b_?(?:log|tell)\(\s*\"(\w+)\"", text))
        for ending in re.findall(r"_log\(\s*f\"\{self\._kind\}(\w+)\"", text):
            written |= {f"spool{ending}", f"forward{ending}"}
    assert explained == written


def test_every_status_of_its_health_is_explained() -> None:
    text = (ROOT / "wacampaign" / "webhook" / "health.py").read_text("utf-8")
    known = set(re.findall(r"\"([a-z]+)\"", text.partition("def _status")[2]))
    rows = table_rows(section(PAGE, "/healthz"))
    assert known == {row[0] for row in rows} - {"status"}
