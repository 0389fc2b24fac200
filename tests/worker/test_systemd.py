"""The worker as the unit that `wacampaign pm2 --systemd` prints has it started and ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.systemd import PlayedSystemd
from tests.worker.rig import Rig
from wacampaign.store.campaigns import Campaigns

WORKER = "wacampaign-worker"
NUMBER = "874163789109558"
SETTINGS = ("DATABASE_URL", "WACAMPAIGN_STORE", "WACAMPAIGN_HOME", "WHATSAPP_API_URL")


@contextlib.contextmanager
def unit(rig: Rig, folder: Path, **more: str) -> Iterator[PlayedSystemd]:
    settings = {name: rig.environment[name] for name in SETTINGS} | more
    made = PlayedSystemd(folder / "app", settings, WORKER)
    try:
        yield made
    finally:
        made.close()


def test_a_worker_is_ready_alive_and_ended(rig: Rig, tmp_path: Path) -> None:
    campaign = rig.campaign(rig.number(NUMBER, rate=60), 2_000)
    with unit(rig, tmp_path) as systemd:
        systemd.start(watchdog_seconds=0.3)
        systemd.wait_told("READY")
        assert len(rig.ask(lambda store: Campaigns(store).stats()).workers) == 1
        rig.wait_accepted(60)
        # Two after it is ready: the second says that the loop turned since.
        systemd.wait_told("WATCHDOG", times=systemd.times("WATCHDOG") + 2)
        assert systemd.times("STOPPING") == 0
        assert systemd.stop() == 0
        assert (systemd.times("STOPPING"), systemd.times("READY")) == (1, 1)
    counts = rig.stats(campaign)["counts"]
    assert (counts["in_doubt"], counts["processing"]) == (0, 0)
    assert counts["sent"] == rig.accepted() < 2_000


def test_a_worker_that_is_stopped_while_it_waits_for_the_database(rig: Rig, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with unit(rig, tmp_path, DATABASE_URL=nowhere) as systemd:
        systemd.start(watchdog_seconds=0.3)
        systemd.wait_told("STATUS", "waits for the database")
        # Nothing looks at the watchdog before READY, however long it waits.
        assert (systemd.unit["TimeoutStartSec"], systemd.times("READY")) == ("infinity", 0)
        assert systemd.stop() == int(systemd.unit["SuccessExitStatus"])
        assert systemd.times("READY") == 0


def test_a_wrong_setting_ends_it_for_good(rig: Rig, tmp_path: Path) -> None:
    with unit(rig, tmp_path) as systemd:
        (tmp_path / "app" / ".env").write_text("WACAMPAIGN_STORE=cloud\n")
        process = systemd.start(watchdog_seconds=60)
        assert process.wait(30) == int(systemd.unit["RestartPreventExitStatus"])
