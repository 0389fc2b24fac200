"""Which process wrote something, told so that no other can be taken for it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: A name of this boot of this machine, on Linux.
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
#: Process ids count within this namespace: another container has its own.
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
#: In /proc/PID/stat, counted after the name: state, and start in clock ticks since boot
#: (fields 3 and 22 of proc(5)).
_STATE: Final = 0
_START: Final = 19
#: The process has ended, and only its parent has not asked for its exit code yet.
_ENDED: Final = {"Z", "X"}


def boot_id() -> str | None:
    """This boot of this machine; None if the machine does not tell."""
    try:
        return _BOOT_ID.read_text().strip() or None
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process id is given again; with its start and its namespace it is one process's."""

    pid: int
    #: Clock ticks since boot; None where the machine does not tell.
    start: int | None
    #: Inode of the namespace that `pid` counts in; None where the machine does not tell.
    namespace: int | None


def this_process() -> ProcessIdentity:
    """The process that asks."""
    pid = os.getpid()
    try:
        namespace: int | None = _PID_NAMESPACE.stat().st_ino
    except OSError:
        namespace = None
    return ProcessIdentity(pid, _start_of(pid), namespace)


def is_running(process: ProcessIdentity) -> bool | None:
    """Whether it runs on this machine, in this boot; None: that cannot be known from here."""
    me = this_process()
    if process.namespace is None or process.start is None or process.namespace != me.namespace:
        return None
    start = _start_of(process.pid)
    if start is not None:
        return start == process.start
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return None
    # There, and not to be looked at; or it has ended, and its parent was not told yet.
    return False if _has_ended(process.pid) else None


def _stat(pid: int) -> list[str]:
    # The name is in brackets and may hold anything, brackets as well.
    text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return text.rpartition(")")[2].split()


def _start_of(pid: int) -> int | None:
    """None: no such process, or one that has ended, or none that may be looked at."""
    try:
        fields = _stat(pid)
        return None if fields[_STATE] in _ENDED else int(fields[_START])
    except (OSError, ValueError, IndexError):
        return None


def _has_ended(pid: int) -> bool:
    try:
        return _stat(pid)[_STATE] in _ENDED
    except (OSError, IndexError):
        return False
