"""A worker whose deadlines are short, so that tests can let each of them pass."""

from __future__ import annotations

import sys
from dataclasses import replace

import uvloop

from wacampaign.core.engine.deadlines import Deadlines
from wacampaign.logs import set_up_logs
from wacampaign.settings import load_settings
from wacampaign.worker.run import Worker

#: Seconds. A connection to the database cannot be given less than 2 (libpq's own least).
SHORT = Deadlines(
    api_connect=1.0,
    api_answer=2.0,
    database_connect=2.0,
    database_call=2.0,
    beat=0.5,
    silent=1.5,
    # Imports in the loop take some seconds while every core is busy.
    stall=12.0,
    drain=2.5,
    last_write=1.5,
    goodbye=0.5,
)


#: Where the stall itself is what passes.
QUICK_TO_STALL = replace(SHORT, stall=3.0)


def main(deadlines: Deadlines) -> int:
    set_up_logs(sys.stdout)
    return uvloop.run(Worker(load_settings(), deadlines=deadlines).run())


if __name__ == "__main__":
    sys.exit(main(QUICK_TO_STALL if "--quick-to-stall" in sys.argv else SHORT))
