"""Numbers and spans as people read them."""

from __future__ import annotations


def rows(n: int) -> str:
    """`1 row`, `10,807 rows`."""
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def contact_count(n: int) -> str:
    """`1 contact`, `10,807 contacts`."""
    return f"{n:,} contact" if n == 1 else f"{n:,} contacts"


def duration(seconds: float) -> str:
    """`41 s`, `2 min 11 s`, `1 h 05 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
