"""Pages that are typed from their first line to their last, each command in a terminal.

A fenced block after `<!-- typed -->` is typed: in a `console` block each `$ …` line, with what is
printed below it (as in `captures`, `…` stands for lines that were left out); a `bash` block is one
script, and its output is not shown. After `<!-- typed: stays open -->` the command goes on in a
terminal of its own. Questions are answered with y. `python -m tests.docs.typed` renews what is
printed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.docs.captures import Capture
from tests.docs.pages import pages
from tests.pm2 import install_command
from tests.servers import free_port, wait_until
from tests.terminal import Terminal
from wacampaign.sandbox.client import SandboxControl

_TYPED: Final = re.compile(
    r"<!-- typed(?P<stays>: stays open)? -->\n```(?P<language>console|bash)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
#: Where a page's sandbox and receiver listen; a test takes free ports instead.
_PORTS: Final = (8788, 8789)
#: A campaign's id in short, behind its name. It may be of letters only.
_SHORT_ID: Final = re.compile(r"(?<=\w \()[0-9a-f]{8}(?=\))")


def typed_pages() -> list[Path]:
    """Pages that are typed."""
    return [page for page in pages() if _TYPED.search(page.read_text("utf-8"))]


def play(page: Path) -> Iterator[tuple[Capture, str]]:
    """Types the page; yields each block with what is printed now, and that as it would stand."""
    text = page.read_text("utf-8")
    ids = set(_SHORT_ID.findall(text))
    with tempfile.TemporaryDirectory(prefix="wa-") as name, ExitStack() as stack:
        folder = Path(name)
        install_command(folder)
        at_work = folder / "at-work"
        at_work.mkdir()
        environment = _environment(folder)
        ports = {port: free_port() for port in _PORTS}
        for block in _TYPED.finditer(text):
            if block["language"] == "bash":
                script = "set -e\n" + _elsewhere(block["text"], ports)
                with _terminal(script, at_work, environment) as terminal:
                    printed = terminal.until_its_end()
                    assert terminal.code == 0, printed
                ids |= set(_SHORT_ID.findall(printed))
                continue
            written, parts = block["text"], []
            for line, shown in _commands(written):
                command = _elsewhere(line, ports)
                terminal = Terminal(command, at_work, environment)
                if block["stays"]:
                    stack.callback(terminal.close)
                    printed = terminal.until_lines(max(shown, 1))
                else:
                    printed = terminal.until_its_end()
                    terminal.close()
                    assert terminal.code in (0, 3), f"{command}: {printed}"
                    _wait_for_webhooks(f"http://127.0.0.1:{ports[_PORTS[0]]}")
                ids |= set(_SHORT_ID.findall(printed))
                parts.append(f"$ {line}\n{_on_page(printed, ports)}")
            now = "".join(parts)
            yield Capture("typed", _same(written, ids), _same(now, ids)), now


def _wait_for_webhooks(sandbox: str) -> None:
    """Until all is told of what was sent: a person types no faster."""
    control = SandboxControl(sandbox)
    try:
        wait_until(lambda: control.totals()["webhook"]["waiting"] == 0, 60, "all is told")
    finally:
        control.close()


@contextmanager
def _terminal(command: str, folder: Path, environment: dict[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(command, folder, environment)
    try:
        yield terminal
    finally:
        terminal.close()


def _environment(folder: Path) -> dict[str, str]:
    """Of a person's shell, and none of the settings around the tests."""
    return {
        "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "NO_COLOR": "1",
    }


def _commands(written: str) -> Iterator[tuple[str, int]]:
    """Each command of a block, and how many lines are shown below it."""
    parts = re.split(r"^\$ (.+)\n", written, flags=re.MULTILINE)
    for line, shown in zip(parts[1::2], parts[2::2], strict=True):
        yield line, shown.count("\n")


def _elsewhere(command: str, ports: dict[int, int]) -> str:
    """On ports that are free, also where the command takes the usual one by itself."""
    for usual, free in ports.items():
        command = command.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{free}")
    sandbox, receiver = ports.values()
    command = re.sub(r"wacampaign sandbox(?= --webhook)", rf"\g<0> --port {sandbox}", command)
    return re.sub(r"wacampaign webhook$", rf"\g<0> --port {receiver}", command, flags=re.MULTILINE)


def _on_page(printed: str, ports: dict[int, int]) -> str:
    for usual, free in ports.items():
        printed = printed.replace(f"127.0.0.1:{free}", f"127.0.0.1:{usual}")
    return printed


def _same(text: str, ids: set[str]) -> str:
    """With `ID` for campaigns, as `captures` has it for what cannot be taken for anything else.

    Without empty lines: a bar of progress that went away may leave one.
    """
    text = re.sub(r"\n\s*\n", "\n", text)
    return re.sub(rf"\b({'|'.join(ids)})\b(?!-)", "ID", text) if ids else text


def renew(page: Path) -> bool:
    """Writes what is printed now into blocks that are no longer current."""
    captures = list(play(page))
    fresh = iter(captures)

    def block(found: re.Match[str]) -> str:
        if found["language"] == "bash":
            return found[0]
        one, now = next(fresh)
        if one.is_current:
            return found[0]
        return found[0].removesuffix(f"{found['text']}```") + f"{now}```"

    page.write_text(_TYPED.sub(block, page.read_text("utf-8")), "utf-8")
    return not all(one.is_current for one, _ in captures)


if __name__ == "__main__":
    for one_page in typed_pages():
        print(one_page.name, "renewed" if renew(one_page) else "is current")
