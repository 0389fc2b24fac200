"""Links lead somewhere, commands in examples exist, diagrams are diagrams."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from tests.docs.pages import DOCS, ROOT, anchors, blocks, links, name, pages
from wacampaign.cli.app import app

PAGES = pages()
#: Blocks in which a line that begins with the program's name is something to type.
SHELL = frozenset({"", "console", "sh", "bash", "text"})
DIAGRAMS = ("stateDiagram-v2", "sequenceDiagram", "flowchart ", "graph ")
#: Commands of the contract that a page names before the program has them.
AHEAD: frozenset[tuple[str, str]] = frozenset()
#: What a test of these pages must never let through.
LEAKS = re.compile(r"/home/(?!ubuntu\b)|/root/|\bEAA[A-Za-z0-9]{8}|eyJ[A-Za-z0-9_-]{10}")
PHONE = re.compile(r"(?<![\d-])\+?(?:44 ?7700 ?900 ?\d{3}|91 ?90000 ?0\d{4})(?!\d)")


def _target(page: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in links(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, anchor = _target(page, link)
        assert target.exists(), f"{name(page)}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text("utf-8")), f"{name(page)}: {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        for link in links(page.read_text("utf-8")):
            if not re.match(r"[a-z]+:", link):
                target, _ = _target(page, link)
                if target.suffix == ".md":
                    queue.append(target)
    assert {name(page) for page in PAGES} <= {name(page) for page in reached}


def _commands(page: Path) -> list[str]:
    """Lines of the page's examples that call the program, without prompt and comment."""
    found = []
    for language, text in blocks(page.read_text("utf-8")):
        if language not in SHELL:
            continue
        for line in text.splitlines():
            typed = line.removeprefix("$ ").removeprefix(".venv/bin/")
            if typed.startswith("wacampaign "):
                found.append(re.split(r"\s(?:#|>|\||&)", typed)[0])
    return found


def _parse(command: Any, words: list[str], path: str) -> None:
    """Reads the words as the program would, without running anything."""
    context = typer.Context(command, info_name=path, help_option_names=["-h", "--help"])
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        if words and words[0].startswith("-"):
            assert words[0] in {"--help", "-h", "--version"}, f"{path}: {words[0]}"
            return
        assert words, f"{path}: no command"
        assert words[0] in command.commands, f"{path}: no command {words[0]}"
        command = command.commands[words[0]]
        path, words = f"{path} {words[0]}", words[1:]
        context = typer.Context(
            command, info_name=path, parent=context, help_option_names=["-h", "--help"]
        )
    if {"--help", "-h"} & set(words):
        return
    command.parse_args(context, words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_examples_exist(page: Path) -> None:
    for line in _commands(page):
        words = shlex.split(line)[1:]
        if (name(page), words[0]) not in AHEAD:
            _parse(get_command(app), words, "wacampaign")


def test_no_command_that_exists_is_excused() -> None:
    program: Any = get_command(app)
    assert not {command for _, command in AHEAD} & program.commands.keys()


def test_a_wrong_command_would_be_found() -> None:
    with pytest.raises(AssertionError, match="no command fix-all"):
        _parse(get_command(app), ["fix-all"], "wacampaign")
    with pytest.raises(Exception, match="--nowhere"):
        _parse(get_command(app), ["audit", "--nowhere"], "wacampaign")
    with pytest.raises(Exception, match="campaign"):
        _parse(get_command(app), ["pause"], "wacampaign")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_fences_are_closed_and_diagrams_have_something_in_them(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks(text))
    for language, body in blocks(text):
        assert body.strip(), f"{name(page)}: an empty {language} block"
        if language == "mermaid":
            lines = [line.strip() for line in body.strip().splitlines()]
            assert lines[0].startswith(DIAGRAMS), f"{name(page)}: {lines[0]}"
            assert any("-->" in line or "->>" in line for line in lines[1:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_secrets_real_phones_or_paths_of_a_machine(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not LEAKS.search(text)
    without_fiction = PHONE.sub("", text)
    assert not re.search(r"(?<![\w.-])\+(?:44|91) ?\d{7}", without_fiction)


def test_the_runbook_lists_all_its_symptoms() -> None:
    text = (DOCS / "how-to" / "runbook.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(.+)\]\(#", text, re.MULTILINE)
    assert listed == re.findall(r"^## (.+)$", text, re.MULTILINE)
