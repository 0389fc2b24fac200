"""Three workers on three machines, one cut off for a minute: `python -m bench.machines` (as root).

Machines are network namespaces behind one bridge; PostgreSQL and the simulated API are the host's.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from pathlib import Path

from tests.servers import http_address, postgres_server, tcp_address, wait_until
from tests.worker import machines
from tests.worker.machines import Machines
from tests.worker.rig import Rig
from tests.worker.test_machines import alive, start
from wacampaign.sandbox.process import SandboxProcess


def _rate(rig: Rig, seconds: float) -> float:
    before, began = rig.accepted(), time.monotonic()
    time.sleep(seconds)
    return (rig.accepted() - before) / (time.monotonic() - began)


def main() -> None:
    """Prints what happened when."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=80, help="messages a second of the number")
    parser.add_argument("--cut", type=float, default=60.0, metavar="SECONDS")
    given = parser.parse_args()
    if (reason := machines.why_not()) is not None:
        raise SystemExit(reason)
    rows = int(given.rate * (given.cut + 45))
    home = Path(tempfile.mkdtemp(prefix="wacampaign-machines-"))
    with (
        postgres_server() as server,
        SandboxProcess() as sandbox,
        Machines(3, home) as (first, second, third),
    ):
        rig = Rig(server.new_database(), sandbox, home)
        campaign = rig.campaign(rig.number("201", rate=given.rate), rows)
        with (
            tcp_address(rig.database, machines.HERE) as database,
            http_address(sandbox.url, machines.HERE) as api,
        ):
            workers = [start(rig, one, database, api) for one in (first, second, third)]
            wait_until(lambda: len(alive(rig, campaign)) == 3, 30, "all work")
            rig.wait_accepted(5 * given.rate)
            print(f"three machines             {_rate(rig, 5):6.1f} messages/s")
            second.cut_off()
            cut = time.monotonic()
            time.sleep(2)
            print(f"the second cut off         {_rate(rig, 10):6.1f} messages/s")
            wait_until(lambda: len(alive(rig, campaign)) == 2, 60, "one is missed")
            print(f"missed after               {time.monotonic() - cut:6.1f} s")
            doubts = rig.stats(campaign)["counts"]["in_doubt"]
            time.sleep(max(0.0, cut + given.cut - time.monotonic()))
            second.join()
            back = time.monotonic()
            wait_until(lambda: len(alive(rig, campaign)) == 3, 60, "it is back")
            print(f"back after                 {time.monotonic() - back:6.1f} s")
            rig.wait_sent_or_in_doubt(campaign, rows, 120)
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
                rig.finished(worker)
        counts = rig.stats(campaign)["counts"]
        print(f"in doubt meanwhile, after  {doubts:6} {counts['in_doubt']}")
        print(f"sent, of                   {counts['sent']:6,} {rows:,}")
        print(f"accepted by the API        {rig.accepted():6,}")
        print(f"recipients written twice   {len(rig.sandbox.control.repeated()):6}")


if __name__ == "__main__":
    main()
