"""The decoder's process: whatever becomes of it, the answer comes and nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.media import films
from tests.servers import wait_until
from wacampaign.core.media.ports import Container
from wacampaign.core.media.validator import HeaderNeeds, MediaValidator
from wacampaign.media import inspect_file
from wacampaign.media.container import ProcessReader
from wacampaign.media.fetching import PublicStranger

Runner = Callable[[Coroutine[Any, Any, Any]], Any]
#: A decoder that comes to no end.
FOREVER = "import time; time.sleep(60)"
#: One that has written four times its answer's limit before anybody reads, where its output is a
#: pipe of Linux's (uvloop gives it a socket).
FLOOD = (
    "import contextlib, fcntl\n"
    "with contextlib.suppress(AttributeError, OSError):\n"
    "    fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 2**20)\n"
    "while True: print('x' * 65536)"
)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    """As the command line runs it, and as the worker does."""
    if request.param == "asyncio":
        return asyncio.run
    uvloop = pytest.importorskip("uvloop")

    def on_uvloop(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)

    return on_uvloop


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


@pytest.fixture
def decoders(others_processes: set[int]) -> Callable[[], list[psutil.Process]]:
    """Processes that this test has started, ended ones too if nobody asked for their end."""
    return lambda: [
        one for one in psutil.Process().children(recursive=True) if one.pid not in others_processes
    ]


CONFINED = "import sys; sys.path.insert(0, {0!r}); from wacampaign.media import inspect_file as i;"
PACKAGE = str(Path(inspect_file.__file__).parents[2])


@pytest.mark.parametrize(
    ("command", "deadline_s", "said"),
    [
        (python("import os; os.abort()"), 20, "ended with -6"),
        (python("raise SystemExit(7)"), 20, "ended with 7"),
        (python("print('no json')"), 20, "ended with 0"),
        (python("print('[1]')"), 20, "ended with 0"),
        (python('print(\'{"tracks": [{"colour": 1}]}\')'), 20, "ended with 0"),
        (python("while True: print('x' * 65536)"), 20, "ended with -9"),
        (python(FLOOD), 20, "ended with -9"),
        (python(FOREVER), 0.2, "no result after 0.2 s"),
        (python(f"import os; os.close(1); {FOREVER}"), 0.2, "no result after 0.2 s"),
        (("/no/such/program",), 20, "No such file"),
        (python(CONFINED.format(PACKAGE) + "i.confine(); bytearray(2**30)"), 20, "ended with 1"),
        (
            python(CONFINED.format(PACKAGE) + "i.confine(); open('x', 'wb', 0).write(b'y')"),
            20,
            "with 1",
        ),
    ],
)
def test_a_decoder_that_fails(
    run: Runner,
    tmp_path: Path,
    command: tuple[str, ...],
    deadline_s: float,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    decoders: Callable[[], list[psutil.Process]],
) -> None:
    monkeypatch.chdir(tmp_path)
    reader = ProcessReader(deadline_s, command=command)
    got: Container = run(reader.read(tmp_path / "film.mp4", "video/mp4"))
    assert got.decoder_failed
    assert said in (got.damage or "")
    assert decoders() == []


def test_that_is_a_warning_and_no_fault_of_the_file(run: Runner, tmp_path: Path) -> None:
    film = films.film(tmp_path / "film.mp4")
    reader = ProcessReader(command=python("import os; os.abort()"))
    validator = MediaValidator(PublicStranger(ssl.create_default_context()), reader)
    report = run(validator.validate(film, HeaderNeeds("video")))
    assert "not_inspected" in {one.code for one in report.findings}
    assert report.usable


def test_a_film_is_read(run: Runner, tmp_path: Path) -> None:
    film = films.film(tmp_path / "film.mp4")
    got: Container = run(ProcessReader().read(film, "video/mp4"))
    assert [track.codec for track in got.tracks] == ["h264", "aac"]


def test_it_learns_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_ACCESS_TOKEN", "EAAsecret")
    code = "import os, json; print(json.dumps({'damage': ' '.join(os.environ)}))"
    got = asyncio.run(ProcessReader(command=python(code)).read(tmp_path, "video/mp4"))
    assert "PATH" in (got.damage or "")
    assert "META" not in (got.damage or "")


def test_a_module_in_the_current_folder_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = films.film(tmp_path / "film.mp4")
    for name in ("av", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(ProcessReader().read(film, "video/mp4")).damage is None


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, None])
def test_cancelled_at_any_moment(
    run: Runner,
    tmp_path: Path,
    turns: int | None,
    decoders: Callable[[], list[psutil.Process]],
) -> None:
    async def work() -> None:
        task = asyncio.create_task(ProcessReader(command=python(FOREVER)).read(tmp_path, "x"))
        while turns is None and not decoders():  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0)
        for _ in range(turns or 0):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        # Not even one that ended and nobody asked for: the worker runs on for days.
        assert decoders() == []

    run(work())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_ctrl_c_leaves_no_decoder(tmp_path: Path, loop: str) -> None:
    code = (
        "import asyncio, importlib, sys\n"
        "from pathlib import Path\n"
        "from wacampaign.media.container import ProcessReader\n"
        f"work = ProcessReader(command=(sys.executable, '-S', '-c', {FOREVER!r}))\n"
        f"factory = importlib.import_module({loop!r}).new_event_loop\n"
        "with asyncio.Runner(loop_factory=factory) as runner:\n"
        "    runner.run(work.read(Path('x'), 'video/mp4'))\n"
    )
    asked = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        parent = psutil.Process(asked.pid)
        wait_until(lambda: bool(parent.children()), what="the decoder runs")
        decoder = parent.children()[0]
        asked.send_signal(signal.SIGINT)
        asked.wait(20)
        wait_until(lambda: not decoder.is_running(), what="the decoder is gone")
    finally:
        asked.kill()
        asked.wait()


def test_no_memory_is_the_decoders_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    pdf = films.pdf(tmp_path / "page.pdf")
    monkeypatch.setattr("pypdf.PdfReader", refuse)
    monkeypatch.setattr("av.open", refuse)
    for mime_type in ("application/pdf", "video/mp4"):
        assert inspect_file.main(str(pdf), mime_type)["decoder_failed"] is True


def test_its_answer_is_a_container(tmp_path: Path) -> None:
    facts = json.loads(json.dumps(inspect_file.main(str(tmp_path / "none"), "video/mp4")))
    assert Container(**facts).damage == "No such file or directory"
