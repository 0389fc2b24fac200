"""Ends the embedded PostgreSQL when the last process that used it is gone, however it went.

A program of its own, run by path with the standard library alone: `… LOCK DATA`.
Each process that uses the server holds a shared lock on LOCK, which the kernel takes from it when
it dies, by SIGKILL too. This one waits for the exclusive lock.
"""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

#: Seconds for each way of shutting down.
_SECONDS = 15.0


def main(lock: str, data: str) -> None:
    """Waits, stops the server in `data`, lets the next user in."""
    if os.fork():
        os._exit(0)  # nobody's child: PM2 signals all children of a worker, and waits for them
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    waiter = os.open(f"{lock}.waiter", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(waiter, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # another one waits already
    os.truncate(waiter, 0)
    os.write(waiter, str(os.getpid()).encode())
    users = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)
    stop_server(Path(data))
    os.close(waiter)  # before the next user can look whether one waits
    os.close(users)


def stop_server(data: Path) -> None:
    """Fast, then immediate shutdown (PostgreSQL, "Shutting Down the Server")."""
    pid_file = data / "postmaster.pid"
    for number in (signal.SIGINT, signal.SIGQUIT):
        try:
            pid = int(pid_file.read_text().split()[0])
            if not _is_server(pid, data):
                return
            os.kill(pid, number)
        except (OSError, ValueError, IndexError):
            return
        until = time.monotonic() + _SECONDS
        while pid_file.exists() and time.monotonic() < until:
            time.sleep(0.05)


def _is_server(pid: int, data: Path) -> bool:
    """Whether that process works in the data folder: after a crash the number may be another's."""
    try:
        return (Path("/proc") / str(pid) / "cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc


if __name__ == "__main__":
    main(*sys.argv[1:3])
