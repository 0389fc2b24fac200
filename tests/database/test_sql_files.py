"""The SQL as a specification: each function is defined once, in one file, and says what it does."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.database.backends import Connection
from wacampaign.store.functions import functions
from wacampaign.store.sql_files import SqlFile, sql_files, texts

#: As for Python: who looks for a subject reads one file of it at once.
LINES = 350

_DEFINED = re.compile(
    r"((?:^--[^\n]*\n)*)(?:^drop function[^\n]*\n)*^create or replace function public\.(\w+)",
    re.MULTILINE,
)


@pytest.mark.parametrize("file", texts(), ids=lambda file: file.name)
def test_a_file_has_one_subject_and_says_what_each_function_does(file: SqlFile) -> None:
    assert file.sql.count("\n") <= LINES
    for comment, name in _DEFINED.findall(file.sql):
        assert comment, f"{file.name}: {name} says nothing of itself"


def test_each_function_is_defined_once() -> None:
    defined = [name for one in texts() for _, name in _DEFINED.findall(one.sql)]
    assert sorted(defined) == sorted({f"wacampaign_{name}" for name in functions()})


def test_errors_that_a_function_raises_are_told() -> None:
    for one in texts():
        told = {name: comment for comment, name in _DEFINED.findall(one.sql)}
        for name, comment in told.items():
            body = functions()[name.removeprefix("wacampaign_")].body
            raised = set(re.findall(r"sqlstate '(\w+)'", body))
            assert {code for code in raised if code not in comment} == set(), name


def test_bodies_are_right_in_whatever_order_they_come(
    database: str, connect: Callable[..., Connection]
) -> None:
    """They are made unchecked, so that their order is of no importance; here they are checked."""
    connection = connect(database)
    connection.execute("set check_function_bodies = on")
    for file in sql_files():
        connection.execute(file.sql.encode())
