"""Which functions of the database programs call: the others are parts of these, and triggers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import wacampaign
from wacampaign.store.functions import functions
from wacampaign.store.sql_files import texts

PACKAGE = Path(wacampaign.__file__).parent

#: Functions that no program of ours calls by the store: `db migrate` does, and a person may.
BY_HAND = {"recount", "keep_rights", "keep_trigger"}


def _called_by_sql() -> set[str]:
    """Functions that another one, an index or a trigger calls."""
    callers = {name: one.body for name, one in functions().items()}
    callers |= {one.name: one.sql for one in texts() if not one.name.startswith("functions/")}
    return {
        name
        for caller, text in callers.items()
        for name in re.findall(r"public\.wacampaign_(\w+)\(", text)
        if name != caller
    }


def _called_by_python() -> set[str]:
    """Functions that a program names in a call of the store."""
    called = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("call", "call_list")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                called.add(str(node.args[0].value))
    return called


def _protocol() -> dict[str, dict[str, str]]:
    triggers = {name for name, one in functions().items() if one.returns == "trigger"}
    outer = functions().keys() - _called_by_sql() - triggers - BY_HAND
    return {name: functions()[name].parameters for name in sorted(outer | _called_by_python())}


#: Function → parameter → type.
PROTOCOL = _protocol()
