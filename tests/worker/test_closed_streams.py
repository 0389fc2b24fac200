"""Started with closed standard streams, as by some crons: the work is done all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.worker.rig import Rig

CLOSED = ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


def run(rig: Rig, words: str, streams: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        f"exec {sys.executable} -m wacampaign {words} {streams}",
        shell=True,
        env=rig.environment,
        cwd=rig.home,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("streams", CLOSED)
def test_a_worker(rig: Rig, streams: str) -> None:
    campaign = rig.campaign(rig.number("874163789109558"), 20)
    ended = run(rig, "run-worker --until-idle", streams)
    assert ended.returncode == 0, ended.stderr
    assert rig.stats(campaign)["status"] == "completed"
    assert rig.accepted() == 20


@pytest.mark.parametrize("streams", CLOSED)
def test_queue_stats(rig: Rig, streams: str) -> None:
    rig.campaign(rig.number("874163789109558"), 20)
    ended = run(rig, "queue-stats", streams)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert (ended.stdout == "") == (">&-" in streams.split())
    # What cannot be done has its exit code, wherever its reason goes.
    assert run(rig, "queue-stats no-such-campaign", streams).returncode == 5
