"""The schema's SQL as steps: each locks one table at most, for as long as a change of its catalogue
takes, and waits for that lock only for a moment at a time.

Whoever waits for a lock lets everybody behind him wait, too, so a lock that does not come at once
is given up and asked for again. Indexes are made concurrently. The same steps are run by
`db migrate` and printed by `db sql --psql`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from wacampaign.store.sql_files import SqlFile, statements

#: Key of the advisory lock that keeps two migrations apart: "wacampai" as a 64-bit integer.
LOCK_KEY: Final = int.from_bytes(b"wacampai", "big") & (2**63 - 1)
#: Milliseconds that a step waits for a table for itself alone: readers queue behind it, too.
ALONE_WAIT_MS: Final = 75
#: Milliseconds that a step waits for a table without writers (triggers): readers pass it by.
NO_WRITERS_WAIT_MS: Final = 400
#: Seconds between two tries, on average: others get through in between.
_PAUSE_SECONDS: Final = 0.35
#: Rows up to which making an index in the ordinary way blocks writers for a blink (20,000 rows:
#: 20 ms an index on a small machine).
SMALL_QUEUE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done by itself: by a transaction of its own, or outside of one."""

    #: For people: "index wacampaign_queue_fresh".
    title: str
    #: One command for the server, which may be several statements in one transaction.
    sql: str
    #: A condition without which there is nothing to do; None: always.
    when: str | None = None


#: What a session is set to before the first step.
SESSION: Final = f"""\
set search_path = public, pg_catalog;
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
-- The count of the rows relies on it.
set default_transaction_isolation = 'read committed';
do $$
begin
    -- A program that died is noticed while its statement runs. From version 14, not on all systems.
    perform set_config('client_connection_check_interval', '1s', false);
exception when others then
    null;
end
$$;
do $$
begin
    -- The server cancels its own vacuum for us after this long; by default it takes longer than
    -- we wait. Only superusers may.
    perform set_config('deadlock_timeout', '{ALONE_WAIT_MS // 3}ms', false);
exception when others then
    null;
end
$$;
"""

_INDEX: Final = re.compile(
    r"create (unique )?index (?:if not exists )?(\w+)\s+on public\.(\w+)(.*)", re.DOTALL
)
#: Statements that share one transaction with those beside them: they lock no table.
_FUNCTION: Final = re.compile(
    r"create or replace function|drop function|comment on function|grant execute|revoke execute"
)
#: Follows whatever makes a function or table.
KEEP_RIGHTS: Final = "select public.wacampaign_keep_rights();"
_ADD_COLUMN: Final = re.compile(r"add column if not exists (\w+)")
_NO_WRITERS: Final = re.compile(r"\bcreate (?:or replace )?trigger\b")
_ALONE: Final = re.compile(r"\b(?:alter|drop)\b")
#: A condition of a DO block that makes an index unless it holds.
_CONDITION: Final = re.compile(r"if (exists \(.*?\n    \)) then", re.DOTALL)


def steps(files: tuple[SqlFile, ...], patience_seconds: float) -> Iterator[Step]:
    """The steps of these files. A lock that does not come within the patience is an error 55P03."""
    each = ((file, statement) for file in files for statement in statements(file.sql))
    for are_functions, group in groupby(each, lambda pair: bool(_FUNCTION.match(pair[1]))):
        if are_functions:
            yield _together([statement for _, statement in group])
            continue
        for file, statement in group:
            yield from _steps_of(file, statement, patience_seconds)


def _steps_of(file: SqlFile, statement: str, patience: float) -> Iterator[Step]:
    if index := _INDEX.match(statement):
        yield from _index(index, None, patience)
        return
    if statement.startswith("do ") and (index := _INDEX.search(statement)):
        met = _CONDITION.findall(statement)
        text = index[0][: index[0].index(";")]
        inner = _INDEX.match(text)
        assert inner and met, f"{file.name}: an index without its conditions"
        # `case`: the second condition is dear, and asked only when the first leaves it open.
        unmet = f"case {' '.join(f'when {one} then false' for one in met)} else true end"
        yield from _index(inner, unmet, patience)
    yield _locking(file, statement, patience)


def _together(functions: list[str]) -> Step:
    """Functions in one transaction: nobody may call one that is not his to call in between, and
    none calls one of another version."""
    made = sum(one.startswith("create") for one in functions)
    body = "".join(f"{one};\n\n" for one in functions)
    return Step(
        f"{made} functions",
        f"begin;\n\nset local check_function_bodies = off;\n\n{body}{KEEP_RIGHTS}\n\ncommit;",
    )


def _index(found: re.Match[str], when: str | None, patience: float) -> Iterator[Step]:
    unique, name, table, rest = found.groups()
    at_hand = f"from pg_catalog.pg_index where indexrelid = to_regclass('public.{name}')"
    yield Step(
        f"what is left of index {name}",
        _retried(f"drop index public.{name}", patience, f"not exists (select {at_hand})"),
        f"exists (select {at_hand} and not indisvalid)",
    )
    # The whole patience at once: who waits for this lock is in nobody's way.
    yield Step(
        f"index {name}",
        f"create {unique or ''}index concurrently {name}\n    on public.{table}{rest}",
        when or f"to_regclass('public.{name}') is null",
    )


def _locking(file: SqlFile, statement: str, patience: float) -> Step:
    first_line = " ".join(statement.partition("\n")[0].split()[:6])
    title = f"{file.name}: {first_line.rstrip(' (')}"
    if statement.startswith(("select", "notify")):
        return Step(title, statement + ";")
    done = None
    if statement.startswith("alter table") and (columns := _ADD_COLUMN.findall(statement)):
        table = statement.split()[2]
        title = f"columns of {table.removeprefix('public.')}"
        names = ", ".join(f"'{one}'" for one in columns)
        done = (
            f"{len(columns)} = (select count(*) from pg_catalog.pg_attribute"
            f" where attrelid = to_regclass('{table}') and not attisdropped"
            f" and attname in ({names}))"
        )
    elif new := re.match(r"create table if not exists (public\.\w+)", statement):
        title = f"table {new[1].removeprefix('public.')}"
        statement += ";\n" + KEEP_RIGHTS.rstrip(";")
    return Step(title, _retried(statement, patience, done))


def _retried(statement: str, patience: float, done: str | None) -> str:
    """The statement, each of its locks waited for only shortly; a failed try leaves no lock."""
    alone = not _NO_WRITERS.search(statement) or _ALONE.search(statement)
    wait_ms = ALONE_WAIT_MS if alone else NO_WRITERS_WAIT_MS
    tries = max(1, round(patience / (_PAUSE_SECONDS + wait_ms / 1000)))
    check = f"    if {done} then\n        return;\n    end if;\n" if done else ""
    return f"""\
do $step$
begin
{check}    for v_try in 1..{tries} loop
        begin
            set local lock_timeout = '{wait_ms}ms';
            execute $statement$
{statement}
$statement$;
            return;
        exception when lock_not_available or deadlock_detected then
            if v_try = {tries} then
                raise;
            end if;
        end;
        perform pg_sleep({_PAUSE_SECONDS} * (0.5 + random()));
    end loop;
end
$step$;"""


# --- printed ----------------------------------------------------------------------------------

_PSQL_HEAD: Final = """\
-- For psql, on a database that is in use: psql -X -v ON_ERROR_STOP=1 -f THIS_FILE "$DATABASE_URL"
-- (not -1, nor Supabase's SQL editor, which make one transaction of it). Does what `wacampaign db
-- migrate` does: short locks, indexes concurrently. If a step cannot get its lock, run it again: it
-- goes on from there.
\\set ON_ERROR_STOP on
"""

_EDITOR_HEAD: Final = f"""\
-- For Supabase's SQL editor, psql, or any program that runs it in one transaction, on a new
-- database, or one whose queue has at most {SMALL_QUEUE:,} rows: it locks the backend's tables for
-- about a second. On a larger one it refuses, and changes nothing; there, use one of
--     wacampaign db migrate                   (a direct connection, or a pooler in session mode)
--     wacampaign db sql --psql > steps.sql    (the same, for psql)
-- which block nobody. Without any connection but the editor, in an hour in which nothing is sent,
-- put this line before it; readers and writers then wait about half a minute a million rows:
--     set wacampaign.may_block = 'on';
"""


def for_psql(files: tuple[SqlFile, ...], patience_seconds: float) -> str:
    """The steps as a script; psql runs each by itself."""
    refused = "another migration is running on this database"
    parts = [
        _PSQL_HEAD,
        SESSION,
        f"set lock_timeout = '{patience_seconds:g}s';",
        f"do $$\nbegin\n    if not pg_try_advisory_lock({LOCK_KEY}) then\n"
        f"        raise exception '{refused}';\n    end if;\nend\n$$;",
    ]
    for step in steps(files, patience_seconds):
        text = step.sql
        if step.when is not None:
            # The query's answer is run as a statement; no row, no statement.
            text = f"select $run${step.sql.rstrip(';')}$run$ where {step.when}\n\\gexec"
        parts.append(f"\\echo '{step.title}'\n{text}")
    return "\n\n".join(parts) + "\n"


def for_editor(files: tuple[SqlFile, ...]) -> str:
    """The files one after the other, for one transaction; refuses a queue that is not small."""
    parts = [
        _EDITOR_HEAD,
        _refusal("".join(one.sql for one in files)),
        "-- A function may call one that comes later.\nset check_function_bodies = off;\n",
        *(f"-- {one.name}\n\n{one.sql.rstrip()}\n\n{KEEP_RIGHTS}\n" for one in files),
        "reset check_function_bodies;\n",
    ]
    return "\n".join(parts)


def _refusal(sql: str) -> str:
    """Ends it before anything is changed, if an index or trigger of `sql` has yet to be made on a
    table that holds more than a few rows."""
    tables = sorted(set(re.findall(r"create (?:unique )?index[^;]*?\son public\.(\w+)", sql)))
    names = sorted(set(re.findall(r"create (?:unique )?index (?:if not exists )?(\w+)", sql)))
    if not tables:
        return ""
    listed = ", ".join(f"'{one}'" for one in tables)
    made = ", ".join(f"'{one}'" for one in names if one.startswith("wacampaign_"))
    return f"""\
do $$
declare
    v_table text;
    v_many bool;
begin
    if current_setting('wacampaign.may_block', true) = 'on' or not exists (
        select 1 from unnest(array[{made}]::text[]) as i (name)
        where to_regclass('public.' || i.name) is null
    ) then
        return;
    end if;
    foreach v_table in array array[{listed}] loop
        if to_regclass('public.' || v_table) is not null then
            execute format('select exists (select 1 from public.%I offset {SMALL_QUEUE})', v_table)
            into v_many;
            if v_many then
                raise exception '% has more than {SMALL_QUEUE} rows', v_table
                    using hint = 'its writers would wait, so nothing was changed; use:'
                        || ' wacampaign db migrate, or: wacampaign db sql --psql';
            end if;
        end if;
    end loop;
end
$$;
"""
