"""The one clock by which a worker judges how old something is."""

import time
from typing import Final

#: Linux's CLOCK_MONOTONIC, which asyncio and `time.monotonic` read, stands still while a machine
#: sleeps: what was claimed before would look fresh after.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_seconds() -> float:
    """Seconds since some moment before this process; goes on while the machine sleeps.

    macOS has no such clock by a name that Python knows: there it is the monotonic one.
    """
    return time.clock_gettime(_CLOCK)
