"""What a terminal shows of `wacampaign monitor`: the real program in a real tmux.

Only the database's answers are made up (the scenes of `pictures.py`), by a server that speaks as
Supabase's REST address does. `python -m tests.docs.panes` renews the page of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from tests.docs.pictures import SCENES
from tests.servers import SECRET_KEY, wait_until

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "monitor-in-a-terminal.md"
SHOWN: Final = ("running", "paused", "stalled", "failing", "budgeted", "finished")
SIZES: Final = ((80, 24), (140, 40), (60, 15))
LOCALES: Final = {"UTF-8": "C.UTF-8", "ASCII": "C"}
PROMPT: Final = "you@app1 $"
PANE: Final = re.compile(
    r"### (?P<scene>\w+), (?P<width>\d+)x(?P<height>\d+), (?P<locale>UTF-8|ASCII)\n\n"
    r"```text\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Answers(BaseHTTPRequestHandler):
    """Supabase's REST address, of a database with one campaign."""

    scene: str
    calls: Counter[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        function = self.path.rpartition("wacampaign_")[2]
        self.calls[function] += 1
        answer = SCENES[self.scene]()
        (campaign,) = answer["campaigns"]
        name = {key: campaign[key] for key in ("id", "name", "status")}
        known = {"stats": answer, "find": [name]}
        missing = {"code": "PGRST202", "message": "not here", "details": None, "hint": None}
        body = json.dumps(known.get(function, missing)).encode()
        self.send_response(200 if function in known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _answering(scene: str) -> Iterator[tuple[str, Counter[str]]]:
    calls: Counter[str] = Counter()
    handler = type("OfScene", (Answers,), {"scene": scene, "calls": calls})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        server.server_close()


class Terminal:
    """One pane of a tmux of its own."""

    def __init__(self, width: int, height: int, locale: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wacampaign-tmux-"))
        self._size = ("-x", str(width), "-y", str(height))
        self._locale = locale

    def _tmux(self, *words: str) -> str:
        utf8 = ("-u",) if self._locale.endswith("UTF-8") else ()
        done = subprocess.run(
            ["tmux", *utf8, "-S", str(self._folder / "s"), "-f", os.devnull, *words],
            capture_output=True,
            check=True,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
        )
        return done.stdout.decode()

    def run(self, words: Sequence[str], **environment: str) -> None:
        """Runs a program in it; after that the prompt of a shell."""
        given = [f"{name}={value}" for name, value in environment.items()]
        clean = ["env", "-i", *given, f"LC_ALL={self._locale}", f"PATH={os.environ['PATH']}"]
        clean += ["TERM=screen-256color", "TZ=UTC", f"HOME={self._folder}"]
        clean += ["sh", "-c", f'"$@"; printf "{PROMPT}"; exec cat', "sh", *words]
        # Else tmux takes a line for its own, and its shell reads files of the person who tests.
        self._tmux("new-session", "-d", *self._size, "cat")
        self._tmux("set", "-g", "status", "off")
        self._tmux("respawn-pane", "-k", *clean)

    def text(self) -> str:
        """What the pane shows."""
        return self._tmux("capture-pane", "-p")

    def close(self) -> None:
        """Ends the tmux, and what runs in it."""
        subprocess.run(
            ["tmux", "-S", str(self._folder / "s"), "kill-server"], check=False, capture_output=True
        )
        shutil.rmtree(self._folder, ignore_errors=True)


def captured(scene: str, width: int, height: int, locale: str) -> tuple[str, Counter[str]]:
    """The pane of `wacampaign monitor CAMPAIGN`, and how often which function was called."""
    terminal = Terminal(width, height, LOCALES[locale])
    with _answering(scene) as (url, calls), tempfile.TemporaryDirectory() as home:
        try:
            terminal.run(
                [sys.executable, "-m", "wacampaign", "monitor", "4e72e450", "--interval", "0.5"],
                SUPABASE_URL=url,
                SUPABASE_SERVICE_KEY=SECRET_KEY,
                WACAMPAIGN_STORE="supabase",
                WACAMPAIGN_HOME=home,
                PYTHONPATH=str(ROOT),
            )
            if scene == "finished":
                # It has ended, so the monitor does: the last picture stays.
                prompt = f"\n{PROMPT}"
                wait_until(lambda: prompt in terminal.text(), 60, "the monitor has ended")
            else:
                wait_until(lambda: "q quit" in terminal.text(), 60, "the monitor has drawn")
                wait_until(lambda: calls["stats"] >= 4, 60, "it has looked some times")
            return _tidy(terminal.text()), calls
        finally:
            terminal.close()


def _tidy(text: str) -> str:
    """Without blanks at the ends of lines, and empty lines at the end."""
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n"


_HEAD: Final = """# The monitor in a terminal

What `wacampaign monitor CAMPAIGN` shows in tmux, by state, size and locale. How to read it:
[the monitor](monitor.md). A test runs the program in tmux and compares; the database's answers are
made up.
"""


def renew() -> None:
    """Writes the page anew."""
    text = _HEAD
    for scene in SHOWN:
        text += f"\n## {scene.capitalize()}\n"
        for width, height in SIZES:
            for locale in LOCALES:
                pane, _ = captured(scene, width, height, locale)
                text += f"\n### {scene}, {width}x{height}, {locale}\n\n```text\n{pane}```\n"
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    renew()
