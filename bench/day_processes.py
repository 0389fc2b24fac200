"""Worker and receiver as they are installed, but for their heartbeats: a day's in ten minutes.

python bench/day_processes.py worker
python bench/day_processes.py receiver PORT
"""

from __future__ import annotations

import sys
from dataclasses import replace

import uvloop

from wacampaign.core.engine.deadlines import USUAL_DEADLINES
from wacampaign.logs import set_up_logs
from wacampaign.settings import load_settings
from wacampaign.webhook import run as receiver
from wacampaign.worker.run import Worker

#: Seconds between two, and that one may take: a quarter of a day's in ten minutes. Shorter ones
#: fail where others want the processors, too.
BEAT_SECONDS = 0.25


def main(what: str) -> int:
    """Runs it to its end; the exit code."""
    if what == "receiver":
        from wacampaign.cli.app import app

        receiver.BEAT_SECONDS = BEAT_SECONDS  # type: ignore[misc]
        sys.argv = ["wacampaign", "webhook", "--port", sys.argv[2]]
        app()
        return 0
    set_up_logs(sys.stdout)
    deadlines = replace(USUAL_DEADLINES, beat=BEAT_SECONDS)
    return uvloop.run(Worker(load_settings(), deadlines=deadlines).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
