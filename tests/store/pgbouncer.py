"""A real PgBouncer before the tests' PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers import free_port, wait_until

#: Where Debian puts it; not on everybody's PATH.
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pgbouncer(database_url: str, mode: str, pool_size: int = 3) -> Iterator[str]:
    """The same database behind PgBouncer in `mode` (session or transaction)."""
    assert PGBOUNCER is not None
    address, socket_dir = database_url.split("?host=")
    database = address.rpartition("/")[2]
    folder = Path(tempfile.mkdtemp(prefix="wacampaign-pgbouncer-"))
    port = free_port()
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
{database} = host={socket_dir} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = {pool_size}
logfile = {folder}/log
"""
    )
    command = [PGBOUNCER, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:  # it refuses to run as root, and the socket is its owner's alone
        owner = Path(socket_dir).owner()
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
        command[1:1] = ["-u", owner]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(listens, what="PgBouncer listens")
        yield f"postgresql://postgres@127.0.0.1:{port}/{database}?sslmode=disable"
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
