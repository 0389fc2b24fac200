"""Captured output in pages: run again, compared, and with `python -m tests.docs.captures` renewed.

A fenced `console` block after `<!-- captured: SCENE -->` holds commands (`$ wacampaign …`), each
with what it printed. All blocks of one scene on a page are run in their order on one fresh
database and sandbox, which `tests/docs/scenes.py` brings into the state of that scene. A line `…`
stands for lines that were left out; a block that is renewed comes whole again.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.docs.pages import pages
from tests.docs.scenes import SCENES
from tests.forked import Forked
from tests.servers import PostgresServer, postgres_server, reset_sandbox
from tests.worker.rig import Rig
from wacampaign.sandbox.process import SandboxProcess

_CAPTURED = re.compile(
    r"<!-- captured: (?P<scene>[\w-]+) -->\n```console\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_LEFT_OUT = "…"
#: What differs from run to run, and what stands for it in a comparison.
_VOLATILE = (
    (
        re.compile(
            r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+\d\d:\d\d| [A-Z]{3,4}\b)?)?"
        ),
        "TIME",
    ),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b( [A-Z]{3,4}\b)?"), "TIME"),
    (re.compile(r"\bR[0-9a-f]{6}\b|(?<=--undo )[0-9a-f]{7,8}\b"), "REPAIR"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    # Of eight digits alone seven are shown.
    (re.compile(r"\b(worker|receiver)=[0-9a-f]{7,8}\b"), r"\1=ID"),
    (re.compile(r"\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{6,8}\b|\b[a-f]{8}\b"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "SANDBOX"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h|d|seconds?|minutes?|hours?|days?)\b"), "SPAN"),
    (re.compile(r"SPAN( SPAN)+"), "SPAN"),
    (re.compile(r"(?<=slowed down to )[\d.]+/s"), "RATE"),
    (re.compile(r"\bpid[ =]\d+"), "PID"),
    (re.compile(r" +"), " "),
)


class Capture(NamedTuple):
    """One block of a page, and what the same commands print now."""

    scene: str
    written: str
    printed: str

    @property
    def is_current(self) -> bool:
        """Whether the block still says what the commands print."""
        lines = iter(comparable(self.printed))
        skipping = False
        for wanted in comparable(self.written):
            if wanted == _LEFT_OUT:
                skipping = True
            elif skipping:
                if wanted not in lines:
                    return False
                skipping = False
            elif next(lines, None) != wanted:
                return False
        return skipping or next(lines, None) is None


def comparable(text: str) -> list[str]:
    """Lines without what differs from run to run."""
    for pattern, stand_in in _VOLATILE:
        text = pattern.sub(stand_in, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def captured_pages() -> list[Path]:
    """Pages that hold captured output."""
    return [page for page in pages() if _CAPTURED.search(page.read_text("utf-8"))]


def play(page: Path, postgres: PostgresServer) -> Iterator[Capture]:
    """Runs the page's scenes, three at a time; yields each block with what is printed now."""
    blocks = [(one["scene"], one["text"]) for one in _CAPTURED.finditer(page.read_text("utf-8"))]
    # A database each, made one by one: they are copies of the same template.
    plays = [
        (scene, [text for _, text in group], postgres.new_database())
        for scene, group in groupby(blocks, key=lambda block: block[0])
    ]
    beside = min(3, len(plays))
    with ExitStack() as stack, ThreadPoolExecutor(beside) as pool:
        free: SimpleQueue[SandboxProcess] = SimpleQueue()
        for _ in range(beside):
            free.put(stack.enter_context(SandboxProcess()))
        for captures in pool.map(lambda one: _play_scene(*one, free), plays):
            yield from captures


def _play_scene(
    scene: str, blocks: list[str], database: str, free: SimpleQueue[SandboxProcess]
) -> list[Capture]:
    sandbox = free.get()
    with tempfile.TemporaryDirectory(prefix="wa-") as home:
        rig = Rig(database, sandbox, Path(home))
        try:
            SCENES[scene](rig)
            return [Capture(scene, text, _run_again(rig, text)) for text in blocks]
        finally:
            rig.close()
            reset_sandbox(sandbox)
            free.put(sandbox)


def _run_again(rig: Rig, text: str) -> str:
    printed = []
    for line in text.splitlines():
        if not line.startswith("$ "):
            continue
        words = shlex.split(line[2:])
        assert words[0] == "wacampaign", line
        with (rig.home / "printed").open("w+b") as out:
            ended = Forked(
                words[1:],
                env=rig.environment | {"COLUMNS": "80", "NO_COLOR": "1"},
                cwd=rig.home,
                out=out,
            )
            ended.wait(120)
            out.seek(0)
            printed.append(f"{line}\n{out.read().decode().rstrip()}\n")
    return "".join(printed)


def renew(page: Path, postgres: PostgresServer) -> bool:
    """Writes what the commands print now into blocks that are no longer current."""
    text = page.read_text("utf-8")
    captures = list(play(page, postgres))
    fresh = iter(captures)

    def block(found: re.Match[str]) -> str:
        one = next(fresh)
        body = one.written if one.is_current else one.printed
        return f"<!-- captured: {found['scene']} -->\n```console\n{body}```"

    page.write_text(_CAPTURED.sub(block, text), "utf-8")
    return not all(one.is_current for one in captures)


if __name__ == "__main__":
    with postgres_server() as server:
        for one_page in captured_pages():
            print(one_page.name, "renewed" if renew(one_page, server) else "is current")
