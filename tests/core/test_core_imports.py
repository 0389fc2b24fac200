"""The rules of sending know no terminal, no HTTP client and no database."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wacampaign.core

FORBIDDEN = {"typer", "rich", "click", "httpx", "aiohttp", "supabase", "psycopg", "psycopg_pool"}
CORE = Path(wacampaign.core.__file__).parent
FILES = sorted(CORE.rglob("*.py"))


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_no_file_imports_the_outside(path: Path) -> None:
    imported = _imported(path)
    assert not {name.split(".")[0] for name in imported} & FORBIDDEN
    inside = {name for name in imported if name.startswith("wacampaign")}
    assert all(name == "wacampaign" or name.startswith("wacampaign.core") for name in inside)


def test_importing_core_loads_none_of_them() -> None:
    modules = [
        ".".join(("wacampaign.core", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in FILES
    ]
    script = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sorted(set(sys.modules) & {FORBIDDEN!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
