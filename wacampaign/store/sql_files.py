"""The SQL of this package: its files in the order in which they are applied, and their version."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

#: Functions that tables call: an index the error code, a table of an earlier version the key of a
#: bucket. They read no table themselves.
_BEFORE_TABLES: Final = ("functions/rights.sql", "functions/values.sql")
_LAST: Final = ("triggers.sql", "access.sql")
#: What stands for the version in the texts.
_VERSION: Final = "@version@"

_LEXEME: Final = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|;|[^-/'\"$;]+|.", re.DOTALL
)
_COMMENT: Final = re.compile(r"--[^\n]*\n|\s+")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file, which may be applied again and again."""

    #: `functions/claim.sql`.
    name: str
    sql: str


@cache
def sql_files() -> tuple[SqlFile, ...]:
    """All files, in the order in which they are applied."""
    return tuple(
        SqlFile(one.name, one.sql.replace(_VERSION, expected_version())) for one in texts()
    )


@cache
def expected_version() -> str:
    """What `wacampaign_schema_version` answers when everything is applied: a date and a hash.

    The date is that of the newest tables. The hash is that of all statements, wherever they stand,
    without what is said around them.
    """
    date = max(one.name for one in texts() if one.name.startswith("tables/"))[7:15]
    made = sorted(statement for one in texts() for statement in statements(one.sql))
    return f"{date}-{hashlib.sha256(chr(0).join(made).encode()).hexdigest()[:12]}"


@cache
def texts() -> tuple[SqlFile, ...]:
    """All files as they are written: without the version, which takes a while to count out."""
    root = resources.files("wacampaign") / "store" / "sql"
    names = {
        folder: sorted(f"{folder}/{one.name}" for one in (root / folder).iterdir())
        for folder in ("tables", "functions")
    }
    rest = [name for name in names["functions"] if name not in _BEFORE_TABLES]
    ordered = (*_BEFORE_TABLES, *names["tables"], *rest, *_LAST)
    return tuple(SqlFile(name, root.joinpath(name).read_text("utf-8")) for name in ordered)


def statements(sql: str) -> list[str]:
    """The statements of a file, without the comments before them and the semicolons after."""
    found, current = [], ""
    for lexeme in _LEXEME.finditer(sql):
        if lexeme[0] != ";":
            current += lexeme[0]
            continue
        found.append(_bare(current))
        current = ""
    assert not _bare(current), "a statement without its semicolon"
    return found


def _bare(text: str) -> str:
    while leading := _COMMENT.match(text):
        text = text[leading.end() :]
    return text.rstrip()
