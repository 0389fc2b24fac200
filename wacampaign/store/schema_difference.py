"""In what a database differs from what the migrations make of it. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wacampaign.store.migration_files import migrations

if TYPE_CHECKING:
    from psycopg import Connection

#: Seconds for the comparison of counts, which reads the whole queue.
COUNT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a database is not as the migrations make it."""

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
_FUNCTION: Final = re.compile(
    r"create or replace function public\.(\w+)\s*\((.*?)\bas \$\$(.*?)\$\$", re.DOTALL
)
_VOLATILITY: Final = re.compile(r"^(immutable|stable|volatile)$", re.MULTILINE)
_FUNCTION_SETTING: Final = re.compile(r"^set (\w+) = (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Function:
    """What `create or replace` can change of a function."""

    body: str
    volatility: str
    #: Runs with the rights of its owner.
    definer: bool
    #: `search_path=…`, without quotation marks.
    settings: frozenset[str]

    @classmethod
    def from_text(cls, head: str, body: str) -> _Function:
        volatility = _VOLATILITY.search(head)
        settings = (f"{name}={value}" for name, value in _FUNCTION_SETTING.findall(head))
        return cls(
            body.strip(),
            volatility[1] if volatility else "volatile",
            "security definer" in head,
            frozenset(_unquoted(one) for one in settings),
        )


def _unquoted(setting: str) -> str:
    return setting.replace("'", "").replace('"', "")


@dataclass(frozen=True, slots=True)
class _Expected:
    columns: frozenset[tuple[str, str]]
    indexes: frozenset[str]
    triggers: frozenset[tuple[str, str]]
    functions: dict[str, _Function]


def _expected() -> _Expected:
    """What the migrations make, read from their text (a test compares it with a database)."""
    columns: set[tuple[str, str]] = set()
    indexes: set[str] = set()
    triggers: set[tuple[str, str]] = set()
    functions: dict[str, _Function] = {}
    for migration in migrations():
        sql = migration.sql
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
        for name, head, body in _FUNCTION.findall(sql):
            functions[name] = _Function.from_text(head, body)
    return _Expected(frozenset(columns), frozenset(indexes), frozenset(triggers), functions)


def differences(connection: Connection[Any]) -> list[Difference]:
    """Missing tables, columns, indexes, triggers and functions, and functions of another text."""
    expected = _expected()
    columns = set(
        connection.execute(
            "select table_name::text, column_name::text from information_schema.columns"
            " where table_schema = 'public'"
        )
    )
    indexes = _names(
        connection,
        # An invalid one is what a concurrent build left that did not come to its end.
        "select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where c.relnamespace = 'public'::regnamespace and i.indisvalid",
    )
    triggers = set(
        connection.execute(
            "select c.relname::text, t.tgname::text from pg_trigger t"
            " join pg_class c on c.oid = t.tgrelid"
            " where not t.tgisinternal and t.tgenabled in ('O', 'A')"
            " and c.relnamespace = 'public'::regnamespace"
        )
    )
    functions = {
        name: _Function(body.strip(), volatility, definer, frozenset(map(_unquoted, settings)))
        for name, body, volatility, definer, settings in connection.execute(
            "select proname::text, prosrc, case provolatile when 'i' then 'immutable'"
            " when 's' then 'stable' else 'volatile' end, prosecdef, coalesce(proconfig, '{}')"
            " from pg_proc where pronamespace = 'public'::regnamespace"
            " and proname like 'wacampaign\\_%'"
        )
    }
    tables = {table for table, _ in columns}
    gone = sorted({table for table, _ in expected.columns} - tables)
    found = [Difference("table", table, f"table {table} is missing") for table in gone]
    found += [
        Difference("column", f"{table}.{column}", f"column {table}.{column} is missing")
        for table, column in sorted(expected.columns - columns)
        if table in tables
    ]
    found += [
        Difference("index", index, f"index {index} is missing")
        for index in sorted(expected.indexes - indexes)
    ]
    found += [
        Difference("trigger", trigger, f"trigger {trigger} on {table} is missing or switched off")
        for table, trigger in sorted(expected.triggers - triggers)
    ]
    for name, function in sorted(expected.functions.items(), key=lambda pair: pair[0]):
        if name not in functions:
            found.append(Difference("function", name, f"function {name} is missing"))
        elif functions[name] != function:
            found.append(Difference("function", name, f"function {name} is of another version"))
    return found + _grants(connection, set(functions))


def _grants(connection: Connection[Any], functions: set[str]) -> list[Difference]:
    """On Supabase: the service role must be let in, and everybody else kept out, except where an
    index calls a function with the rights of whoever writes."""
    roles = _names(
        connection,
        "select rolname::text from pg_roles"
        " where rolname in ('service_role', 'anon', 'authenticated')",
    )
    found = []
    for role in sorted(roles):
        rows = connection.execute(
            "select proname::text, bool_or(has_function_privilege(%s, oid, 'execute')),"
            " bool_or(coalesce(obj_description(oid, 'pg_proc'), '') like 'for everybody:%%')"
            " from pg_proc where pronamespace = 'public'::regnamespace"
            " and proname like 'wacampaign\\_%%' group by 1 order by 1",
            (role,),
        ).fetchall()
        for name, may, everybodys in rows:
            if name in functions and may != (everybodys or role == "service_role"):
                verb = "may call" if may else "may not call"
                found.append(Difference("grant", name, f"role {role} {verb} {name}"))
    return found


def count_drift(connection: Connection[Any]) -> list[Difference]:
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
        Difference(
            "count",
            campaign,
            f"campaign {campaign}: {abs(n):,} {status} rows too {'many' if n > 0 else 'few'}"
            " in wacampaign_counts",
        )
        for campaign, status, n in rows
    ]


def _names(connection: Connection[Any], statement: str) -> set[str]:
    return {row[0] for row in connection.execute(statement.encode())}
