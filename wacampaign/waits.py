"""Whom this process waits for at the moment: the database, Meta."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

#: For whom, and since when by the monotonic clock; the oldest first.
_under_way: dict[int, tuple[str, float]] = {}
_numbers = count()


@contextmanager
def waiting_for(whom: str) -> Iterator[None]:
    """While it is open, `whom` (`the database`) has been asked and has not answered."""
    number = next(_numbers)
    _under_way[number] = whom, time.monotonic()
    try:
        yield
    finally:
        del _under_way[number]


def longest_wait() -> tuple[str, float]:
    """Who is being waited for longest, and for how many seconds; nobody: 0 s."""
    whom, since = next(iter(_under_way.values()), ("", time.monotonic()))
    return whom, time.monotonic() - since
