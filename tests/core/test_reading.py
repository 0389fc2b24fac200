"""Answers of the database become values; what another writer damaged stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from wacampaign.core.reading import read


@dataclass(frozen=True)
class Inner:
    n: int


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...]
    parts: Sequence[Any]
    none: Inner | None = None


def test_dataclasses_and_lists_in_it_are_read_alike() -> None:
    answer = {
        "inner": {"n": 1, "more": 2},
        "many": [{"n": 2}, {"n": 3}],
        "parts": [4],
        "none": None,
    }
    assert read(Outer, answer) == Outer(Inner(1), (Inner(2), Inner(3)), [4])


@pytest.mark.parametrize("damaged", [None, 5, "abc", {"odd": 1}])
def test_what_is_no_list_stays_as_it_is(damaged: object) -> None:
    assert read(Outer, {"inner": {"n": 1}, "many": [], "parts": damaged}).parts == damaged


def test_what_is_needed_and_missing_is_told() -> None:
    with pytest.raises(KeyError, match="parts"):
        read(Outer, {"inner": {"n": 1}, "many": []})
