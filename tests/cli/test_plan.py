"""The question before a change."""

from __future__ import annotations

import io
import os
import shutil

import pytest

from wacampaign.cli.plan import agreed
from wacampaign.core.plan import Change, Plan
from wacampaign.problems import ConfirmationRequired, Declined

PLAN = Plan(
    title="mend market_1",
    steps=(Change(7, "row", "failed", "ready"), Change(1, "index", "missing", "there")),
    samples=[f"row {i}" for i in range(7)],
    notes=("nothing else changes",),
    next_command="wacampaign resume market_1",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))
    monkeypatch.setattr("sys.stderr", Terminal())


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)],
)
def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, typed: str, wanted: bool) -> None:
    answer(monkeypatch, typed)
    if wanted:
        assert agreed(PLAN, yes=False, dry_run=False)
        return
    with pytest.raises(Declined) as no:
        agreed(PLAN, yes=False, dry_run=False)
    assert "nothing was changed" in no.value.message
    assert no.value.exit_code == 6


def test_the_plan_has_its_steps_five_samples_and_the_next_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "y\n")
    assert agreed(PLAN, yes=True, dry_run=False)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "plan: mend market_1",
        "7 rows: failed → ready",
        "1 index: missing → there",
        *(f"row {i}" for i in range(5)),
        "and 2 more",
        "nothing else changes",
        "afterwards: wacampaign resume market_1",
    ]


def test_a_long_step_and_a_long_note_are_broken_at_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(
        title="resume",
        steps=(Change(1, "campaign", "paused (190 Access token has expired)", "running"),),
        notes=("", "  line 3   too short: is its country code missing?", "0 are touched"),
    )
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((32, 24)))
    assert not agreed(plan, yes=False, dry_run=True)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "plan: resume",
        "  1 campaign: paused (190 Access",
        "    token has expired) → running",
        "",
        "    line 3   too short: is its",
        "      country code missing?",
        "  0 are touched",
        "dry run: nothing was changed",
    ]


def test_a_terminal_breaks_long_lines_between_words_and_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    command = f"wacampaign fix-media {'x' * 40} --from-template --number 200000000000001"
    note = "    one row of a drawing, as wide as it is, stays as it stands and ends here │"
    sentence = "rows of marketing for them fail when they are claimed, whatever put them there " * 2
    plan = Plan(
        title=f"move {'market ' * 14}",
        steps=[Change(7, "row", "from 200000000000001 " * 4, "ready")],
        samples=["+99*********0001  hello  " * 4],
        notes=[sentence, note],
        next_command=command,
    )
    assert not agreed(plan, yes=False, dry_run=True)
    *lines, last, _ = screen.getvalue().splitlines()
    assert last == f"  afterwards: {command}"
    assert max(map(len, lines)) <= 80
    assert f"  {note}" in lines
    assert " ".join(sentence.split()) in " ".join(" ".join(lines).split())


def test_dry_run_wins_over_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "y\n")
    assert not agreed(PLAN, yes=True, dry_run=True)


def test_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(ConfirmationRequired):
        agreed(PLAN, yes=False, dry_run=False)
