"""The processes that run for months, as a process manager has to know them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wacampaign.core.engine.deadlines import USUAL_DEADLINES

#: Exit code of a setting that is wrong: no restart mends it.
WRONG_SETTING: Final = 78
#: Exit code of what was stopped before it worked, or at once. Not 0: PM2 calls a death by SIGKILL
#: 0, so 0 must be restarted, and PM2 restarts what is stopped while it starts unless its code is
#: one of `stop_exit_codes`.
STOPPED_EARLY: Final = 130
#: Seconds from the signal to SIGKILL: a worker's own end at most, and one more.
KILL_SECONDS: Final = math.ceil(USUAL_DEADLINES.end) + 1
#: MiB of memory at which a process is restarted: five times what a busy worker has
#: (docs/explanation/performance.md), so that only what grows without end meets it.
MEMORY_MIB: Final = 512


@dataclass(frozen=True, slots=True)
class Service:
    """One process to be kept running."""

    name: str
    #: What it does, in one line.
    purpose: str
    #: The words after the program.
    arguments: tuple[str, ...]
    #: Whether it may wait for the database for as long as that is away, before it is ready.
    waits_for_database: bool


@dataclass(frozen=True, slots=True)
class Installed:
    """Where this installation lies; all paths are absolute."""

    #: The words that start the program.
    program: tuple[str, ...]
    #: The working directory: `.env` is read there.
    folder: Path
    #: WACAMPAIGN_HOME.
    home: Path
    #: The file of `--env-file`; None: `.env` in `folder`.
    env_file: Path | None
    #: Who runs the services under systemd.
    user: str
    #: Whether the database is the embedded one, a server that belongs to all who use it.
    embedded: bool


def worker() -> Service:
    return Service("wacampaign-worker", "sends WhatsApp campaigns", ("run-worker",), True)


def receiver(port: int | None = None) -> Service:
    """`port`: where it listens; None: at its usual one."""
    more = () if port is None else ("--port", str(port))
    return Service("wacampaign-webhook", "receives Meta's webhooks", ("webhook", *more), False)


def words(installed: Installed, service: Service) -> tuple[str, ...]:
    """The whole command of a service."""
    file = () if installed.env_file is None else ("--env-file", str(installed.env_file))
    return (*installed.program, *service.arguments, *file)
