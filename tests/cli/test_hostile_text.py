"""Names, reasons and errors that hold control characters: none of them reaches a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wacampaign
from tests.cli.every_command import HOSTILE, LINES, Stage, lines, paths, set_the_stage
from wacampaign.core.shown_text import json_text, one_line

HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2066-\u2069]"
)
#: What Rich writes itself: styles, the cursor, the other screen.
RICHS_OWN = re.compile(
    r"\x1b\[(?:[0-9;]*m|\?25[hl]|\?1049[hl]|\?2004[hl]|[0-9;]*H|2J|0K|2K|1A)|\r(?=\n|\x1b|$)"
)


@pytest.fixture
def stage(database: str, environment: dict[str, str], tmp_path: Path) -> Stage:
    assert environment
    return set_the_stage(database, tmp_path)


def test_every_command_is_in_the_table() -> None:
    assert sorted(LINES) == sorted(paths())


def test_no_control_character_reaches_the_output_of_any_command(
    wacampaign: Wacampaign, stage: Stage, tmp_path: Path
) -> None:
    told, faults = [], []
    for words, code in lines(stage, tmp_path):
        done = wacampaign(*words, prog_name="wacampaign")
        output = done.stdout + done.stderr
        where = (ascii(words), ascii(output))
        # Cells of tables that programs read have tabs between them.
        if HARMFUL.findall(output.replace("\t", " ")):
            faults.append(("harmful", *where))
        if re.search(r"^FORGED", output, re.MULTILINE):
            faults.append(("another line", *where))
        if done.exit_code != code:
            faults.append((f"{done.exit_code} instead of {code}", *where))
        if "owned" in output:
            told.append(words[0])
        if "--json" in words and done.stdout:
            for line in done.stdout.splitlines():
                json.loads(line)
    assert faults == [], "\n".join(map(str, faults))
    # Else this would prove nothing.
    assert {"queue-stats", "monitor", "failures", "audit", "create", "templates"} <= set(told)


def test_data_is_the_same_in_json(wacampaign: Wacampaign, stage: Stage) -> None:
    done = wacampaign("queue-stats", stage.running, "--json")
    assert json.loads(done.stdout)["campaigns"][0]["name"] == f"0 {HOSTILE}"
    value = {"name": HOSTILE + "é\ud800", "n": 1}
    assert json.loads(json_text(value, indent=2)) == value


def test_a_file_keeps_its_data(wacampaign: Wacampaign, stage: Stage, tmp_path: Path) -> None:
    done = wacampaign("failures", stage.failed, "--csv", str(tmp_path / "failed.csv"))
    assert done.exit_code == 0
    assert "\x1b]0;owned\x07" in (tmp_path / "failed.csv").read_text("utf-8-sig")


@pytest.mark.parametrize(
    "words",
    [
        "monitor",
        "monitor {running} --once",
        "queue-stats",
        "preflight {running}",
        "number list",
        "templates list",
        "restart-stuck --dry-run",
        "investigate-135000 {failed} --no-probe",
    ],
)
def test_on_a_terminal_only_richs_own_sequences_are_left(
    words: str, stage: Stage, environment: dict[str, str]
) -> None:
    line = words.format(running=stage.running, failed=stage.failed).split()
    output = on_a_terminal(line, environment, leaves_with=b"q" if words == "monitor" else b"")
    assert "owned" in output
    left = RICHS_OWN.sub("", output)
    assert HARMFUL.findall(left) == [], ascii(left)
    assert not re.search(r"^FORGED", left, re.MULTILINE), ascii(left)


def on_a_terminal(words: list[str], environment: dict[str, str], *, leaves_with: bytes) -> str:
    """What a command writes to a terminal of 100 columns."""
    mine, its = pty.openpty()
    more = {"TERM": "xterm-256color", "LINES": "40"}
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    inherited |= {name: value for name, value in environment.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *words],
        stdin=its,
        stdout=its,
        stderr=its,
        env=inherited | more,
        start_new_session=True,
    )
    os.close(its)
    output, asked = b"", False
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:  # the terminal's end, on Linux
            break
        if not part:
            break
        output += part
        if leaves_with and not asked and b"owned" in output:
            asked = True
            os.write(mine, leaves_with)
    os.close(mine)
    process.wait(30)
    return output.decode()


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\nb\x85c\u2028d\te") == "a b c d e"
    assert one_line("\x1b[31m\u202e\ud800\x7f") == "\ufffd[31m\ufffd\ufffd\ufffd"
    # Joiners are part of words and of emoji.
    assert one_line("क्‍ष 👩‍💻 नमस्ते") == "क्‍ष 👩‍💻 नमस्ते"


def test_nothing_of_the_command_line_goes_another_way() -> None:
    """Everything printed goes through `cli/output.py`."""
    package = Path(__file__).parent.parent.parent / "wacampaign" / "cli"
    other = re.compile(r"(?<![\w.])print\(|std(?:out|err)\.write|\bConsole\(|\becho\(")
    own = {"output.py", "gate.py", "app.py", "reference.py"}
    modules = sorted(package.rglob("*.py"))
    assert {"commands", "screens"} <= {path.parent.name for path in modules}
    assert [
        f"{path.relative_to(package)}:{n}"
        for path in modules
        if path.name not in own
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if other.search(line)
    ] == []
