"""After how many seconds the worker gives something up, says so, or ends."""

from dataclasses import dataclass
from typing import Final

#: The lease: seconds for which a claim may be held before the database gives its rows up. Four
#: times as long as an answer of the API is waited for, so that only a worker that lost its claim or
#: stands still meets it.
LEASE_SECONDS: Final = 120

#: Seconds without a heartbeat after which the database calls a worker dead: three missed beats, as
#: Procrastinate does.
DEAD_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds. Tests shorten them; an installation has these.

    Its end must be over before PM2's kill_timeout and systemd's TimeoutStopSec
    (core/services/service.py).
    """

    #: For a connection to the Cloud API: name, TCP and TLS together.
    api_connect: float = 5.0
    #: For its answer, from the last byte sent: Meta's slowest answers that still came took some
    #: seconds (whatsapp-cloud-api 2.1), and what is given up is in doubt.
    api_answer: float = 30.0
    #: For a connection to the database, and for one call of it; None: what the transport takes
    #: for right.
    database_connect: float | None = None
    database_call: float | None = None
    #: Between two heartbeats, and for one of them.
    beat: float = 10.0
    #: Without a beat that reached the database: from then on nothing more is claimed.
    silent: float = DEAD_SECONDS - 10.0
    #: That the event loop may stand before the process is ended: by then the database calls this
    #: worker dead and others have its rows, so nothing is lost with it (ADR 0016).
    stall: float = DEAD_SECONDS
    #: For answers of the API after a stop.
    drain: float = 20.0
    #: For the database to take outcomes and unsent rows after that. What it could not take is in
    #: the journal.
    last_write: float = 5.0
    #: For the last word to the database; unheard, the worker counts as dead `DEAD_SECONDS` later.
    goodbye: float = 2.0
    #: For connections to close.
    close: float = 1.0

    @property
    def end(self) -> float:
        """Seconds from a stop to the end of the process, at most."""
        return self.drain + self.last_write + self.goodbye + self.close + 1.0


#: Those of an installation.
USUAL_DEADLINES: Final = Deadlines()
