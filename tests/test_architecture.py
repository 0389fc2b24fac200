"""The house keeps its shape: who imports whom, where terminal and SQL live, one name a thing.

A package that needs another one gets a line in `ALLOWED`, with its reason: that is the decision.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import wacampaign

ROOT = Path(wacampaign.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
SQL_FILES = sorted(ROOT.rglob("*.sql"))
#: Longest file of code, in lines: what a person reads at one go.
LINES_MAX = 350

#: Package → what it may import of this project, and why.
ALLOWED: dict[str, dict[str, str]] = {
    "core": {},
    "problems": {},
    "spreadsheet": {},
    "store_name": {},
    "extras": {},
    "waits": {},
    "home": {"problems": "a folder that cannot be written is told with its setting"},
    "logs": {
        "core": "secrets are masked and lines are one line by the core's rules",
        "problems": "a problem's own fields go into its line",
    },
    "database_address": {"core": "an address is pasted like a cell"},
    "settings": {
        "core": "values are pasted cells; secrets are masked in messages",
        "database_address": "the database's address is checked when it is read",
        "problems": "a wrong setting is told by name",
        "store_name": "one of the settings",
    },
    "store": {
        "core": "answers become the core's types",
        "database_address": "how to connect",
        "extras": "the embedded database may be missing",
        "home": "the embedded database lives there",
        "logs": "notices of the database are logged",
        "problems": "outages and refusals by name",
        "settings": "which database, which transport",
        "waits": "a call says that it waits",
    },
    "meta": {
        "core": "answers become the core's types",
        "problems": "refusals by name",
        "waits": "a call says that it waits",
    },
    "media": {
        "core": "the validator's ports are kept here",
        "meta": "uploads are looked at through the API",
        "problems": "a file that cannot be opened is told",
        "settings": "hosts and limits",
    },
    "journal": {
        "core": "outcomes and claimed rows",
        "home": "journals lie there",
    },
    "intake": {
        "core": "cells and phone numbers",
        "problems": "a list that cannot be read is told",
        "spreadsheet": "formulas are disarmed in what is written back",
    },
    "report": {
        "core": "what is reported",
        "problems": "a report that cannot be written is told",
    },
    "operations": {
        "core": "the rules",
        "intake": "campaigns are created from lists",
        "journal": "what a dead worker knew settles doubts",
        "media": "media are looked at as Meta would",
        "meta": "numbers, templates, uploads and test messages",
        "problems": "refusals by name",
        "settings": "what the operator chose",
        "spreadsheet": "formulas are disarmed in CSV files",
        "store": "the queue's rules are there",
    },
    "alerting": {
        "core": "what is told, and in which words",
        "extras": "Apprise may be missing",
        "settings": "where alerts go",
        "store": "who looks, and who tells, is decided there",
    },
    "worker": {
        "alerting": "it watches beside its work",
        "core": "the queue processor",
        "home": "its journal lies there",
        "journal": "what it began is written before it leaves",
        "logs": "its events",
        "meta": "messages leave through it",
        "metrics": "it serves its own",
        "operations": "scheduled campaigns get their preflight; journals of the dead are read",
        "problems": "why it ends",
        "settings": "what the operator chose",
        "store": "the queue is there",
    },
    "webhook": {
        "alerting": "it watches beside its work",
        "core": "bodies, and how a loop waits",
        "home": "what the database has not got yet lies there",
        "logs": "its events",
        "metrics": "it serves its own",
        "operations": "what is stored is worked on",
        "problems": "why it cannot begin",
        "settings": "what the operator chose",
        "store": "bodies are kept there",
        "worker": "PM2's channel and the watchdog are those of a worker",
    },
    "metrics": {
        "core": "what is measured and found",
        "store": "campaigns are looked up there",
    },
    "sandbox": {
        "core": "it reads a message's mark as the engine writes it, and refuses by the tables of"
        " what Meta takes",
        "problems": "a port that is taken is told",
    },
    "demo": {
        "core": "words",
        "sandbox": "it plays against the simulated API",
        "store": "it prepares a database of its own",
    },
    "cli": {
        "alerting": "wacampaign alert test",
        "core": "words, plans and findings are shown",
        "demo": "wacampaign demo",
        "extras": "what to install, as its own next command",
        "logs": "run-worker sets them up; the monitor's lines have their form",
        "metrics": "where they are served is an option",
        "operations": "what a command does",
        "problems": "exit codes",
        "report": "the investigation's screen is one more writer of its document",
        "sandbox": "wacampaign sandbox",
        "settings": "read from the flags",
        "store": "opened for one command, and the schema's commands",
        "store_name": "one of the options; the settings take 60 ms to import",
        "waits": "whom a command waits for is said",
        "webhook": "wacampaign webhook",
        "worker": "wacampaign run-worker",
    },
    "__main__": {"cli": "the program"},
}
#: Libraries that only one package may import, and why.
ONLY_IN = {
    "typer": ("cli", "whatever can be done can be done without a terminal"),
    "rich": ("cli", "what is shown is decided in one place"),
    "psycopg": ("store", "SQL is called in one place"),
    "supabase": ("store", "SQL is called in one place"),
    "postgrest": ("store", "SQL is called in one place"),
    "prometheus_client": ("metrics", "names and types are decided in one place"),
}


def _package(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_read_imports(path))


def _read_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{path}: relative import"
            if node.module == "wacampaign":
                yield from (f"wacampaign.{alias.name}" for alias in node.names)
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_what_its_package_may(path: Path) -> None:
    package = _package(path)
    if package == "__init__":
        return
    inside = {name.split(".")[1] for name in _imports(path) if name.startswith("wacampaign.")}
    forbidden = inside - set(ALLOWED[package]) - {package, "__version__"}
    assert not forbidden
    for library, (home, reason) in ONLY_IN.items():
        # The demo plays the old backend, which talks to the database itself.
        if package not in (home, "demo"):
            outside = {name.split(".")[0] for name in _imports(path)}
            assert library not in outside, f"{library} is for {home}: {reason}"


def test_every_line_of_the_list_is_needed() -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        names = [name for name in _imports(path) if name.startswith("wacampaign.")]
        used[_package(path)].update(name.split(".")[1] for name in names)
    unused = {(a, b) for a, others in ALLOWED.items() for b in others if b not in used[a]}
    assert not unused


def test_sql_is_called_in_the_store_only() -> None:
    # The demo plays the old backend, which writes its own SQL.
    outside = [path for path in MODULES if _package(path) not in ("store", "demo")]
    calls = re.compile(r"\bstore\.call\(|\bcall\(\s*\"|public\.wacampaign_|\.(?:rpc|execute)\(")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in outside
        for match in calls.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_no_public_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        if _package(path) != "sandbox":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


@pytest.mark.parametrize(
    "path", [*MODULES, *SQL_FILES], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_is_read_at_one_go(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_MAX
