"""Tables on a terminal: nothing that somebody looks for is cut away."""

import os

import pytest

from wacampaign.cli.screens import tables

HEADINGS = ("id", "name", "rate/s", "messaging limit", "quality")
ROWS = [("200000000000001", "Offers", 60, "2,000 (set)", "GREEN"), ("2", None, 5, None, "RED")]


def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> list[str]:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(tables.shutil, "get_terminal_size", lambda: size)
    tables.print_table(HEADINGS, ROWS, right=("rate/s",))
    return capsys.readouterr().out.splitlines()


def test_what_fits_is_one_line_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 80) == [
        "id               name    rate/s  messaging limit  quality",
        "200000000000001  Offers      60  2,000 (set)      GREEN",
        "2                             5                   RED",
    ]


def test_what_does_not_fit_stands_below_under_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 40) == [
        "id               name    rate/s",
        "200000000000001  Offers      60",
        "    messaging limit 2,000 (set)  quality",
        "    GREEN",
        "2                             5",
        "    quality RED",
    ]


@pytest.mark.parametrize("columns", range(8, 80, 7))
def test_no_line_is_longer_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    lines = shown(monkeypatch, capsys, columns)
    assert all(len(line) <= max(columns, 24) for line in lines)
    assert "2,000 (set)" in " ".join(" ".join(lines).split())


def test_a_sentence_is_broken_at_its_words_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "the worker fails the message; after 3 such\nanswers it holds this template"
    tables.tell_indented("    ", sentence)
    (whole,) = capsys.readouterr().out.splitlines()
    assert whole == "    " + sentence.replace("\n", " ")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(tables.shutil, "get_terminal_size", lambda: os.terminal_size((40, 24)))
    tables.tell_indented("    ", sentence)
    assert capsys.readouterr().out.splitlines() == [
        "    the worker fails the message; after",
        "      3 such answers it holds this",
        "      template",
    ]
