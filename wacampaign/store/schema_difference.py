"""In what a database differs from what our SQL makes of it. Reads only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wacampaign.store.functions import SqlFunction, functions_of
from wacampaign.store.sql_files import sql_files

if TYPE_CHECKING:
    from psycopg import Connection

#: Seconds for the comparison of counts, which reads the whole queue.
COUNT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing in which a database is not as our SQL makes it."""

    #: version, table, column, index, function, trigger, grant or count.
    kind: str
    name: str
    text: str


_CREATE_TABLE: Final = re.compile(
    r"create table if not exists public\.(\w+) \(\n(.*?)\n\s*\)(?: with \([^)]*\))?;", re.DOTALL
)
_COLUMN: Final = re.compile(r"\s+(?!(?:primary|unique|check|constraint|foreign)\b)([a-z]\w*) \S")
_ADD_COLUMNS: Final = re.compile(r"alter table public\.(\w+)\s+(add column .*?);", re.DOTALL)
_ADD_COLUMN: Final = re.compile(r"add column if not exists (\w+)")
_INDEX: Final = re.compile(r"create (?:unique )?index if not exists (\w+)")
_TRIGGER: Final = re.compile(
    r"create (?:or replace )?trigger (\w+)\s.*?\son public\.(\w+)", re.DOTALL
)
_VOLATILITY: Final = re.compile(r"\b(immutable|stable|volatile)\b")
_LINE_COMMENT: Final = re.compile(r"--[^\n]*")
_FUNCTION_SETTING: Final = re.compile(r"\bset (\w+) = (.*?)(?=\s+set |\s*$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Function:
    """What `create or replace` can change of a function."""

    #: MD5 of the body without the blanks around it, as PostgreSQL can count it out, too.
    body: str
    volatility: str
    #: Runs with the rights of its owner.
    definer: bool
    #: `search_path=…`, without quotation marks.
    settings: frozenset[str]

    @classmethod
    def from_text(cls, text: SqlFunction) -> _Function:
        head = _LINE_COMMENT.sub("", text.head)
        volatility = _VOLATILITY.search(head)
        settings = (f"{name}={value}" for name, value in _FUNCTION_SETTING.findall(head))
        return cls(
            _digest(text.body),
            volatility[1] if volatility else "volatile",
            "security definer" in head,
            frozenset(_unquoted(one) for one in settings),
        )


def _digest(body: str) -> str:
    return hashlib.md5(body.strip(" \t\n\r").encode(), usedforsecurity=False).hexdigest()


def _unquoted(setting: str) -> str:
    return setting.replace("'", "").replace('"', "")


@dataclass(frozen=True, slots=True)
class _Expected:
    columns: frozenset[tuple[str, str]]
    indexes: frozenset[str]
    triggers: frozenset[tuple[str, str]]
    functions: dict[str, _Function]


def _expected() -> _Expected:
    """What our SQL makes, read from its text (a test compares it with a database)."""
    columns: set[tuple[str, str]] = set()
    indexes: set[str] = set()
    triggers: set[tuple[str, str]] = set()
    for file in sql_files():
        sql = file.sql
        for table, body in _CREATE_TABLE.findall(sql):
            indent = len(body) - len(body.lstrip())
            columns |= {
                (table, found[1])
                for line in body.splitlines()
                if len(line) - len(line.lstrip()) == indent and (found := _COLUMN.match(line))
            }
        for table, body in _ADD_COLUMNS.findall(sql):
            columns |= {(table, column) for column in _ADD_COLUMN.findall(body)}
        indexes.update(_INDEX.findall(sql))
        triggers |= {(table, trigger) for trigger, table in _TRIGGER.findall(sql)}
    made = {
        f"wacampaign_{name}": _Function.from_text(text)
        for name, text in functions_of(sql_files()).items()
    }
    return _Expected(frozenset(columns), frozenset(indexes), frozenset(triggers), made)


@dataclass(frozen=True, slots=True)
class SeenSchema:
    """What there is in the schema `public` of a database."""

    columns: frozenset[tuple[str, str]]
    #: Valid ones: an invalid one is what a concurrent build left that did not come to its end.
    indexes: frozenset[str]
    #: Those that fire: table and name.
    triggers: frozenset[tuple[str, str]]
    functions: Mapping[str, _Function]
    #: On Supabase: role, function, whether it may call it, whether everybody may.
    rights: Sequence[tuple[str, str, bool, bool]]


def differences(connection: Connection[Any]) -> list[Deviation]:
    """Missing tables, columns, indexes, triggers and functions, and functions of another text."""
    return compared(_seen_by(connection))


def compared(seen: SeenSchema) -> list[Deviation]:
    """As `differences`, of what was read already."""
    expected = _expected()
    tables = {table for table, _ in seen.columns}
    gone = sorted({table for table, _ in expected.columns} - tables)
    found = [Deviation("table", table, f"table {table} is missing") for table in gone]
    found += [
        Deviation("column", f"{table}.{column}", f"column {table}.{column} is missing")
        for table, column in sorted(expected.columns - seen.columns)
        if table in tables
    ]
    found += [
        Deviation("index", index, f"index {index} is missing")
        for index in sorted(expected.indexes - seen.indexes)
    ]
    found += [
        Deviation("trigger", trigger, f"trigger {trigger} on {table} is missing or switched off")
        for table, trigger in sorted(expected.triggers - seen.triggers)
    ]
    for name, function in sorted(expected.functions.items(), key=lambda pair: pair[0]):
        if name not in seen.functions:
            found.append(Deviation("function", name, f"function {name} is missing"))
        elif seen.functions[name] != function:
            found.append(Deviation("function", name, f"function {name} is of another version"))
    return found + _grants(seen)


def _grants(seen: SeenSchema) -> list[Deviation]:
    """On Supabase: the service role must be let in, and everybody else kept out, except where an
    index calls a function with the rights of whoever writes."""
    found = []
    for role, name, may, everybodys in seen.rights:
        if name in seen.functions and may != (everybodys or role == "service_role"):
            verb = "may call" if may else "may not call"
            found.append(Deviation("grant", name, f"role {role} {verb} {name}"))
    return found


def jit_left_on(seen: SeenSchema) -> list[str]:
    """Functions that are to switch JIT off, and do not."""
    return [
        name
        for name, function in sorted(_expected().functions.items(), key=lambda pair: pair[0])
        if "jit=off" in function.settings
        and name in seen.functions
        and "jit=off" not in seen.functions[name].settings
    ]


def seen_in(catalogue: Mapping[str, Any]) -> SeenSchema:
    """From the answer of `wacampaign_catalogue`."""
    functions = {
        name: _Function(body, volatility, definer, frozenset(map(_unquoted, settings)))
        for name, body, volatility, definer, settings, _, _ in catalogue["functions"]
    }
    rights = [
        (role, name, role in callers, everybodys)
        for role in sorted(catalogue["roles"])
        for name, _, _, _, _, everybodys, callers in catalogue["functions"]
    ]
    return SeenSchema(
        frozenset((table, column) for table, column in catalogue["columns"]),
        frozenset(name for name, _, valid, *_ in catalogue["indexes"] if valid),
        frozenset((table, name) for table, name in catalogue["triggers"]),
        functions,
        rights,
    )


def _seen_by(connection: Connection[Any]) -> SeenSchema:
    columns = connection.execute(
        "select table_name::text, column_name::text from information_schema.columns"
        " where table_schema = 'public'"
    )
    indexes = _names(
        connection,
        "select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where c.relnamespace = 'public'::regnamespace and i.indisvalid",
    )
    triggers = connection.execute(
        "select c.relname::text, t.tgname::text from pg_trigger t"
        " join pg_class c on c.oid = t.tgrelid"
        " where not t.tgisinternal and t.tgenabled in ('O', 'A')"
        " and c.relnamespace = 'public'::regnamespace"
    )
    functions = {
        name: _Function(_digest(body), volatility, definer, frozenset(map(_unquoted, settings)))
        for name, body, volatility, definer, settings in connection.execute(
            "select proname::text, prosrc, case provolatile when 'i' then 'immutable'"
            " when 's' then 'stable' else 'volatile' end, prosecdef, coalesce(proconfig, '{}')"
            " from pg_proc where pronamespace = 'public'::regnamespace"
            " and proname like 'wacampaign\\_%'"
        )
    }
    roles = _names(
        connection,
        "select rolname::text from pg_roles"
        " where rolname in ('service_role', 'anon', 'authenticated')",
    )
    rights: list[tuple[str, str, bool, bool]] = []
    for role in sorted(roles):
        rights += [
            (role, name, may, everybodys)
            for name, may, everybodys in connection.execute(
                "select proname::text, bool_or(has_function_privilege(%s, oid, 'execute')),"
                " bool_or(coalesce(obj_description(oid, 'pg_proc'), '') like 'for everybody:%%')"
                " from pg_proc where pronamespace = 'public'::regnamespace"
                " and proname like 'wacampaign\\_%%' group by 1 order by 1",
                (role,),
            )
        ]
    return SeenSchema(
        frozenset(columns), frozenset(indexes), frozenset(triggers), functions, rights
    )


def count_drift(connection: Connection[Any]) -> list[Deviation]:
    """Campaigns whose kept counts are not those of their rows. Reads the queue once."""
    with connection.transaction():
        connection.execute(f"set local statement_timeout = '{COUNT_SECONDS}s'")
        rows = connection.execute(
            "select campaign_id::text, status, sum(n)::bigint from ("
            "  select campaign_id, status, n from public.wacampaign_counts"
            "  union all"
            # As the triggers count rows of a backend that lets these columns be null.
            "  select coalesce(campaign_id, '00000000-0000-0000-0000-000000000000'),"
            "    coalesce(status, ''), -count(*) from public.send_queue group by 1, 2"
            ") as compared group by 1, 2 having sum(n) <> 0 order by 1, 2"
        ).fetchall()
    return [
        Deviation(
            "count",
            campaign,
            f"campaign {campaign}: {abs(n):,} {status} rows too {'many' if n > 0 else 'few'}"
            " in wacampaign_counts",
        )
        for campaign, status, n in rows
    ]


def _names(connection: Connection[Any], statement: str) -> set[str]:
    return {row[0] for row in connection.execute(statement.encode())}
