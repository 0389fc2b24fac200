"""How a worker is stopped: in order when it is asked once, at once when it is asked again."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Final

from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import EventLog
from wacampaign.core.services.service import STOPPED_EARLY
from wacampaign.core.words import are, counted, were

#: Rows in doubt that are named when the worker stops at once.
NAMED_ROWS: Final = 20


class Stopping:
    """Takes signals, PM2's word, or whoever else wants this worker to end."""

    def __init__(self, log: EventLog, in_flight: InFlight) -> None:
        self._log = log
        self._in_flight = in_flight
        #: Why the worker stops; None: nobody has asked for it.
        self.reason: str | None = None
        #: Set with the reason.
        self.asked = asyncio.Event()

    def watch_signals(self) -> None:
        """SIGINT and SIGTERM stop the worker from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ask, signal.Signals(number).name)

    def ask(self, reason: str) -> None:
        """First call: an orderly end. Second call: at once, telling what is left in doubt."""
        if self.reason is not None:
            self._exit_now()
        self.reason = reason
        self.asked.set()
        self._log("stopping", reason=reason, in_flight=self._in_flight.requests)

    def _exit_now(self) -> None:
        rows = self._in_flight.rows()
        n = len(rows)
        self._log("stopped_at_once", level="warning", in_doubt=n)
        if rows:
            print(
                f"stopped at once: {counted(n, 'message')} {were(n)} on the wire and {are(n)}"
                " in doubt.\n"
                "The next worker on this machine reads the journal first; then: wacampaign audit",
                file=sys.stderr,
            )
            for row in rows[:NAMED_ROWS]:
                print(f"  in doubt: row {row.id} of campaign {row.campaign_id}", file=sys.stderr)
            if len(rows) > NAMED_ROWS:
                print(f"  and {len(rows) - NAMED_ROWS} more", file=sys.stderr)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(STOPPED_EARLY)
