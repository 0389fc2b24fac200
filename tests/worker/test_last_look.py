"""What no program can prevent: it is stopped after its last look at the fence, before the wire."""

from __future__ import annotations

import signal
from typing import Any

import psutil
import psycopg

from tests.servers import wait_until
from tests.worker.rig import Rig

#: `wacampaign run-worker` that is stopped there, with its sixtieth message.
STOPS_AT_THE_WIRE = """
import os, signal
from wacampaign.meta.send import MessageSender
hand_over, left = MessageSender._hand_over, []
def stop(sender, protocol, request):
    left.append(request)
    if len(left) == 60:
        os.kill(os.getpid(), signal.SIGSTOP)
    hand_over(sender, protocol, request)
MessageSender._hand_over = stop
from wacampaign.__main__ import main
main()
"""


def test_the_one_message_that_leaves_late_was_nobody_elses(
    rig: Rig, sql: psycopg.Connection[Any]
) -> None:
    """Its row is in doubt meanwhile, so no other worker sends it; it is settled when it wakes."""
    campaign = rig.campaign(rig.number("874163789109558", rate=100), 300)
    zombie = rig.start_worker(program=("-c", STOPS_AT_THE_WIRE))
    process = psutil.Process(zombie.pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, 30, "it is stopped")
    # As if the 30 s without a heartbeat had passed.
    sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 minute'")
    other = rig.start_worker()
    rig.wait_sent_or_in_doubt(campaign, 300, 40)
    before = rig.accepted()
    zombie.send_signal(signal.SIGCONT)
    wait_until(lambda: rig.accepted() == before + 1, 20, "the late one arrives")
    wait_until(lambda: rig.stats(campaign)["counts"]["sent"] == before + 1, 20, "it is told")
    assert rig.sandbox.control.repeated() == []
    assert rig.stop(zombie, other) == [0, 0]
    assert rig.audit(campaign)["ok"]
