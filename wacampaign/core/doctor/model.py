"""What a look at an installation comes to: checks, each with a verdict and what mends it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wacampaign.core.preflight.model import Check, Line

#: Worst first. What could not be looked at stands before what is fine: it may be anything.
_ORDER: Final = (Check.FAIL, Check.WARN, Check.SKIPPED, Check.OK)


class Mending(StrEnum):
    """How the fix of a check is to be used."""

    #: A command for the shell of this machine, to be typed as it stands.
    SHELL = "shell"
    #: Statements for the database: psql, or Supabase's SQL editor.
    SQL = "sql"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Examined(Line):
    """One thing of an installation that was looked at: a line with a fix that can be used."""

    mending: Mending = Mending.WORDS


def passed(name: str, text: str) -> Examined:
    """Nothing has to be done."""
    return Examined(name, Check.OK, text)


def wanting(name: str, text: str, fix: str, mending: Mending = Mending.SHELL) -> Examined:
    """It can run; somebody should know."""
    return Examined(name, Check.WARN, text, fix, mending)


def failing(name: str, text: str, fix: str, mending: Mending = Mending.SHELL) -> Examined:
    """It must not go on like this."""
    return Examined(name, Check.FAIL, text, fix, mending)


def unseen(name: str, why: str, fix: str = "", mending: Mending = Mending.WORDS) -> Examined:
    """It could not be looked at."""
    return Examined(name, Check.SKIPPED, why, fix, mending)


def unseen_all(names: Iterable[str], why: str) -> list[Examined]:
    """None of these could be looked at, for one reason."""
    return [unseen(name, why) for name in names]


def worst_first(checks: Iterable[Examined]) -> list[Examined]:
    """Sorted by verdict; those of one verdict keep their order."""
    return sorted(checks, key=lambda one: _ORDER.index(one.verdict))


def statements(parts: Sequence[str]) -> str:
    """SQL of several statements, one a line, each with its semicolon."""
    return "\n".join(f"{part};" for part in parts)


#: A comment that may go on in the next line. Supabase's editor sends what is run together as one
#: query, of which PostgreSQL makes one transaction.
#: https://github.com/supabase/postgres-meta/blob/master/src/lib/db.ts
#: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
ONE_BY_ONE: Final = "/* in Supabase's SQL editor: each statement by itself */"


def outside_transactions(parts: Sequence[str]) -> str:
    """SQL of statements that no transaction takes (`concurrently`, `vacuum`), with a word on it."""
    return f"{ONE_BY_ONE}\n{statements(parts)}"


def quoted(name: str) -> str:
    """A name of the database for SQL that a person runs: a table may be called anything."""
    if name.isidentifier() and name.isascii() and name == name.lower():
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def some(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
