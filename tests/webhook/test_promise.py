"""200 is a promise: killed at any instant, without a database, without a disk, nothing is lost."""

from __future__ import annotations

import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.servers import SECRET_KEY, wait_until
from tests.store.outages import Proxy, postgres_proxy, rest_proxy
from tests.webhook.rig import ReceiverRig, status_body


def bodies_of(count: int, name: str = "A") -> list[bytes]:
    return [status_body(f"wamid.{name}{n}") for n in range(count)]


def post_all(rig: ReceiverRig, bodies: list[bytes], at_once: int = 8) -> list[bytes]:
    """Those that were answered with 200, of requests at the same time."""

    def post(body: bytes) -> bool:
        with suppress(OSError):
            return rig.post(body) == 200
        return False

    with ThreadPoolExecutor(at_once) as pool:
        return [body for body, good in zip(bodies, pool.map(post, bodies), strict=True) if good]


@pytest.fixture
def away(rig: ReceiverRig) -> Iterator[Proxy]:
    """The rig's receivers reach the database by this way."""
    direct = rig.database
    with postgres_proxy(direct) as (url, proxy):
        environment = rig.environment
        rig.environment = lambda **more: environment(**({"DATABASE_URL": url} | more))  # type: ignore[method-assign]
        yield proxy


@pytest.mark.parametrize("way", ["refused", "silent"])
def test_while_the_database_is_away_bodies_go_into_a_file(
    rig: ReceiverRig, away: Proxy, way: str
) -> None:
    process = rig.start()
    before, meanwhile, after = (bodies_of(20, name) for name in "ABC")
    assert post_all(rig, before) == before
    rig.wait_stored(20)
    away.set(way)  # type: ignore[arg-type]
    assert post_all(rig, meanwhile) == meanwhile
    health = rig.health()
    assert (health["status"], health["spool"]["bodies"] >= 20) == ("spooling", True)
    assert health["database"] != "ok"
    away.set("open")
    rig.wait_stored(40)
    assert post_all(rig, after) == after
    assert sorted(rig.wait_stored(60)) == sorted(before + meanwhile + after)
    wait_until(lambda: rig.health()["status"] == "ok", 30, "it is well again")
    assert "event=database_away" in rig.log_of(process)
    assert "event=database_back" in rig.log_of(process)


def test_a_database_that_is_slow_makes_no_answer_slow(rig: ReceiverRig) -> None:
    """Its table is locked: each call hangs, and the file takes over."""
    rig.start()
    assert rig.post(bodies_of(1, "before")[0]) == 200
    bodies = bodies_of(50)
    with psycopg.connect(rig.database) as other:
        other.execute("lock table wacampaign_webhooks in access exclusive mode")
        assert post_all(rig, bodies) == bodies
        assert rig.health()["spool"]["bodies"] >= 50
    rig.wait_stored(51)
    assert sorted(rig.stored()) == sorted(bodies_of(1, "before") + bodies)


def test_over_rest(rest_url: str, database: str, tmp_path: Path) -> None:
    rig = ReceiverRig(database, tmp_path / "home")
    with rest_proxy(rest_url) as (url, way):
        environment = rig.environment
        rig.environment = lambda **more: environment(  # type: ignore[method-assign]
            WACAMPAIGN_STORE="supabase", SUPABASE_URL=url, SUPABASE_SERVICE_KEY=SECRET_KEY, **more
        )
        try:
            rig.start()
            before, meanwhile = bodies_of(5, "A"), [*bodies_of(5, "B"), b"\xff\0"]
            assert post_all(rig, before) == before
            way.set("refused")
            assert post_all(rig, meanwhile) == meanwhile
            way.set("open")
            rig.wait_stored(11)
            assert sorted(rig.stored()) == sorted(before + meanwhile)
        finally:
            rig.close()


def test_without_the_database_from_the_start(rig: ReceiverRig, away: Proxy) -> None:
    away.set("refused")
    process = rig.start()
    bodies = bodies_of(5)
    assert post_all(rig, bodies) == bodies
    assert rig.stop(process) == 0
    assert rig.stored() == []
    # The next one finds what the first one kept.
    away.set("open")
    rig.start()
    rig.wait_stored(5)
    assert sorted(rig.stored()) == sorted(bodies)


def test_without_the_database_and_without_a_secret_it_does_not_begin(
    rig: ReceiverRig, away: Proxy
) -> None:
    away.set("refused")
    process = rig.start(META_APP_SECRET="", wait=False)
    assert process.wait(30) == 69


@pytest.mark.parametrize("way", ["open", "refused"])
def test_two_hundred_answers_then_a_kill(rig: ReceiverRig, away: Proxy, way: str) -> None:
    process = rig.start()
    away.set(way)  # type: ignore[arg-type]
    answered: list[bytes] = []
    enough = threading.Event()

    def post(bodies: list[bytes]) -> None:
        for body in bodies:
            try:
                if rig.post(body) == 200:
                    answered.append(body)
            except OSError:
                return
            if len(answered) >= 200:
                enough.set()

    threads = [threading.Thread(target=post, args=(bodies_of(500, name),)) for name in "ABCDEFGH"]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    rig.stop(process, signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    away.set("open")
    rig.start()
    wait_until(lambda: not set(answered) - set(rig.stored()), 30, "all that was answered is there")
    # A body that was stored twice would have been stored under two ids.
    assert len(rig.stored()) == len(set(rig.stored()))


def test_sigterm_answers_what_is_due(rig: ReceiverRig) -> None:
    process = rig.start()
    bodies = bodies_of(400)
    answered: list[bytes] = []
    posting = threading.Thread(target=lambda: answered.extend(post_all(rig, bodies, 16)))
    posting.start()
    wait_until(lambda: len(rig.stored()) > 50, 30, "some are stored")
    assert rig.stop(process) == 0
    posting.join(30)
    # On a busy machine some were put into the file, which the next one reads.
    rig.start()
    wait_until(lambda: not set(answered) - set(rig.stored()), 30, "all that was answered is there")


def test_a_full_disk_beside_a_database_that_is_away(rig: ReceiverRig, away: Proxy) -> None:
    """RLIMIT_FSIZE stands for the full disk: no file grows beyond 20 kB, the write fails."""
    rig.start(file_bytes=20_000)
    away.set("refused")
    bodies = bodies_of(100)
    statuses = {body: rig.post(body) for body in bodies}
    assert set(statuses.values()) == {200, 503}
    health = rig.health()
    assert (health["status"], health["refused"]["not_kept"] > 0) == ("refusing", True)
    assert "large" in health["spool"]["error"]
    away.set("open")
    answered = {body for body, code in statuses.items() if code == 200}
    wait_until(lambda: not answered - set(rig.stored()), 30, "what was answered is stored")
    # What was refused comes again, and is taken.
    refused = [body for body in bodies if body not in answered]
    assert {rig.post(body) for body in refused} == {200}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_that_is_full(rig: ReceiverRig, away: Proxy, tmp_path: Path) -> None:
    """A real one, where the machine lets us mount it."""
    with small_disk(tmp_path / "small"):
        process = rig.start(WACAMPAIGN_HOME=str(tmp_path / "small"))
        away.set("refused")
        bodies = [body + b" " * 10_000 for body in bodies_of(40)]
        statuses = {body: rig.post(body) for body in bodies}
        assert set(statuses.values()) == {200, 503}
        away.set("open")
        answered = {body for body, code in statuses.items() if code == 200}
        wait_until(lambda: not answered - set(rig.stored()), 30, "what was answered is stored")
        assert rig.stop(process) == 0


def test_a_home_that_cannot_be_written(rig: ReceiverRig, away: Proxy) -> None:
    (rig.home / "webhooks").write_text("a file where the folder should be")
    process = rig.start()
    assert rig.post(bodies_of(1)[0]) == 200
    away.set("refused")
    assert rig.post(bodies_of(1)[0]) == 503
    away.set("open")
    wait_until(lambda: rig.post(bodies_of(1)[0]) == 200, 30, "it takes bodies again")
    assert "WACAMPAIGN_HOME" in rig.log_of(process)


def test_a_home_that_cannot_be_written_is_told_before_a_body_needs_it(rig: ReceiverRig) -> None:
    folder = rig.home / "webhooks"
    folder.write_text("a file where the folder should be")
    process = rig.start()
    wait_until(lambda: "event=spool_not_written" in rig.log_of(process), 30, "it is told")
    assert "WACAMPAIGN_HOME" in rig.health()["spool"]["error"]
    folder.unlink()
    wait_until(lambda: rig.health()["spool"]["error"] is None, 30, "it is tried again")
    log = rig.log_of(process)
    assert (log.count("spool_not_written"), log.count("spool_written_again")) == (1, 1)


def test_a_record_that_was_cut_off_harms_no_other(rig: ReceiverRig, away: Proxy) -> None:
    away.set("refused")
    process = rig.start()
    bodies = bodies_of(30)
    assert post_all(rig, bodies, 1) == bodies
    rig.stop(process, signal.SIGKILL)
    (file,) = (rig.home / "webhooks" / "spool").glob("*.bodies")
    data = bytearray(file.read_bytes())
    place = data.index(b"wamid.A10")
    data[place : place + 4] = b"DEAD"  # a fault of the disk
    file.write_bytes(bytes(data) + b"WB1 00000000 100 4000\n{half")  # the last write was cut off
    away.set("open")
    process = rig.start()
    rig.wait_stored(29)
    assert sorted(rig.stored()) == sorted(body for body in bodies if b'wamid.A10"' not in body)
    wait_until(lambda: "event=spool_damaged" in rig.log_of(process), 30, "it is told")
    assert len(list((rig.home / "webhooks" / "spool").glob("*.damaged"))) == 1


def test_two_receivers_in_one_home(rig: ReceiverRig, away: Proxy) -> None:
    """Each has its own file; what a dead one left is read by the one that lives."""
    away.set("refused")
    first = rig.start()
    ours = bodies_of(10, "A")
    assert post_all(rig, ours) == ours
    other = ReceiverRig(rig.database, rig.home)
    other.environment = rig.environment  # type: ignore[method-assign]
    try:
        other.start()
        theirs = bodies_of(10, "B")
        assert post_all(other, theirs) == theirs
        rig.stop(first, signal.SIGKILL)
        away.set("open")
        rig.wait_stored(20, 60)
        assert sorted(rig.stored()) == sorted(ours + theirs)
    finally:
        other.close()


def test_files_of_the_spool_are_its_owners_alone(rig: ReceiverRig, away: Proxy) -> None:
    away.set("refused")
    rig.start()
    assert rig.post(bodies_of(1)[0]) == 200
    files = [path for path in (rig.home / "webhooks").rglob("*") if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}
