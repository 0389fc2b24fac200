"""What is in the database: our schema by content, the guard, indexes, and who is let in."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.doctor.facts import Deviating, Failed, Machine, OpenTable, Schema
from wacampaign.core.doctor.model import (
    Examined,
    Mending,
    failing,
    outside_transactions,
    passed,
    quoted,
    some,
    statements,
    unseen,
    unseen_all,
    wanting,
)
from wacampaign.core.words import are, counted

#: What has a check of its own.
_APART: Final = frozenset({"index", "grant", "trigger"})
_GUARD: Final = "wacampaign_guard_"
_RISK: Final = "what other programs write may have messages sent twice, and no worker starts"
#: The table in an index's statement.
_TABLE: Final = re.compile(r"\bon (?:only )?public\.(\w+)", re.IGNORECASE)
#: Rows from which a missing index of the backend's costs seconds.
_MANY_ROWS: Final = 100_000
#: Table → columns that only one row may have: what a repeat is recognised by.
_UNIQUE: Final = {
    "send_queue": ("whatsapp_message_id",),
    "messages": ("whatsapp_message_id",),
    "message_status_logs": ("whatsapp_message_id", "status"),
}

OF_THE_SCHEMA: Final = (
    *("schema", "guard", "open_to_anon", "open_to_users", "unique_ids", "grants"),
    "indexes",
)


def schema_checks(facts: Schema | Failed, machine: Machine, log_rows: int) -> Iterator[Examined]:
    """All of the schema; `log_rows`: how many status logs there are, about."""
    if isinstance(facts, Failed) and not facts.no_schema:
        yield from unseen_all(OF_THE_SCHEMA, facts.text)
        return
    if isinstance(facts, Failed):
        yield failing("schema", facts.text, _migrate(machine), Mending.SHELL)
        why = "wacampaign's schema is missing: the check `schema` says why"
        yield from unseen_all(OF_THE_SCHEMA[1:], why)
        return
    yield _schema(facts, machine)
    yield from _guard(facts, machine)
    if not facts.indexes and facts.version is None:
        # A direct connection was compared without our functions, which tell the rest.
        why = "its part of wacampaign's schema is missing: the check `schema` says why"
        yield from unseen_all(("open_to_anon", "open_to_users", "unique_ids"), why)
    else:
        yield from _open_to(facts.open_tables, "anon")
        yield from _open_to(facts.open_tables, "authenticated")
        yield from _unique(facts)
    yield _grants(facts)
    yield from _indexes(facts, log_rows)


def _migrate(machine: Machine) -> str:
    return "wacampaign db sql > wacampaign.sql" if machine.store == "supabase" else _MIGRATE


_MIGRATE: Final = "wacampaign db migrate"


def _of(facts: Schema, *kinds: str) -> list[Deviating]:
    return [one for one in facts.deviations if one.kind in kinds]


def _schema(facts: Schema, machine: Machine) -> Examined:
    different = [one for one in facts.deviations if one.kind not in _APART]
    # An index whose table is missing is made with it; a trigger that is not the guard's counts.
    different += [one for one in _of(facts, "trigger") if not one.name.startswith(_GUARD)]
    newer = (facts.version or "").partition("-")[0] > facts.expected_version.partition("-")[0]
    if different and newer:
        return failing(
            "schema",
            f"the database has version {facts.version}, newer than this program's"
            f" {facts.expected_version}",
            "update this program: `wacampaign db migrate` of an older one would undo the newer",
            Mending.WORDS,
        )
    if different:
        texts = some([one.text for one in different])
        return failing(
            "schema",
            f"{counted(len(different), 'difference')}: {texts}",
            _migrate(machine),
        )
    if facts.version != facts.expected_version:
        return wanting(
            "schema",
            f"the database says version {facts.version}, this program {facts.expected_version},"
            " and no difference was found",
            _migrate(machine),
        )
    return passed("schema", f"version {facts.version}, compared in full")


def _guard(facts: Schema, machine: Machine) -> Iterator[Examined]:
    gone = [one for one in _of(facts, "trigger") if one.name.startswith(_GUARD)]
    off = [pair for pair in facts.switched_off if pair[1].startswith(_GUARD)]
    if off:
        yield failing(
            "guard",
            f"{some([name for _, name in off])} {are(len(off))} switched off: {_RISK}",
            statements(
                [f"alter table public.{table} enable trigger {name}" for table, name in off]
            ),
            Mending.SQL,
        )
    elif gone:
        text = f"{some([one.name for one in gone])} {are(len(gone))} missing: {_RISK}"
        yield failing("guard", text, _migrate(machine))
    if facts.not_firing:
        yield failing(
            "guard",
            f"session_replication_role is replica for {some(list(map(_whom, facts.not_firing)))},"
            f" so that no trigger fires: {_RISK}",
            statements([*map(_firing_again, facts.not_firing), _OPEN_ONES]),
            Mending.SQL,
        )
    elif facts.not_firing_here is not None:
        yield _not_firing_here(facts.not_firing_here)
    elif not (off or gone):
        yield passed("guard", "all of its triggers stand, and fire")


def _whom(place: tuple[str | None, str | None]) -> str:
    database, role = place
    where = f"the database {database}" if database is not None else "all databases"
    return f"the login {role} in {where}" if role is not None else where


def _firing_again(place: tuple[str | None, str | None]) -> str:
    database, role = place
    reset = "reset session_replication_role"
    if role is None and database is not None:
        return f"alter database {quoted(database)} {reset}"
    where = f" in database {quoted(database)}" if database is not None else ""
    return f"alter role {quoted(role) if role is not None else 'all'}{where} {reset}"


#: A connection keeps what was set as it was opened. Nobody but a superuser ends a superuser's.
_OPEN_ONES: Final = (
    "select pg_terminate_backend(a.pid) from pg_stat_activity a join pg_roles r on r.oid ="
    " a.usesysid where a.datname = current_database() and a.backend_type = 'client backend' and"
    " a.pid <> pg_backend_pid() and (not r.rolsuper or current_setting('is_superuser') = 'on')"
)


def _not_firing_here(source: str) -> Examined:
    text = (
        "session_replication_role is replica on the connection that asks, so that no trigger fires"
    )
    if source == "client":
        fix = "take session_replication_role out of the options in DATABASE_URL"
        return failing("guard", f"{text}: {_RISK}", fix, Mending.WORDS)
    if source == "configuration file":
        fix = statements(
            ["alter system reset session_replication_role", "select pg_reload_conf()", _OPEN_ONES]
        )
        return failing("guard", f"{text}, by the server's settings: {_RISK}", fix, Mending.SQL)
    # It was set as this connection was opened, and is not any more.
    fix = statements([_OPEN_ONES])
    return failing("guard", f"{text}, as others may that are open: {_RISK}", fix, Mending.SQL)


def _indexes(facts: Schema, log_rows: int) -> Iterator[Examined]:
    missing = [one.name for one in _of(facts, "index")]
    gone = {one.name for one in _of(facts, "table")}
    # Made together with its table, and not before that.
    alone = [
        name for name in missing if _TABLE.findall(facts.index_statements[name])[0] not in gone
    ]
    if missing and not alone:
        yield unseen("indexes", "their tables are missing: the check `schema` says why")
        return
    for name in alone:
        drop = _leftover(facts, name)
        what = "was not built to its end" if drop else "is missing"
        made = facts.index_statements[name]
        yield failing(
            "indexes",
            f"index {name} {what}: each look for it reads the whole table",
            outside_transactions([*drop, made]),
            Mending.SQL,
        )
    by_campaign = any(
        index.valid and index.whole and index.columns[:1] == ("campaign_id",)
        for index in facts.indexes
        if index.table == "message_status_logs"
    )
    if facts.indexes and log_rows >= _MANY_ROWS and not by_campaign:
        yield wanting(
            "indexes",
            f"message_status_logs ({log_rows:,} rows) has no index by campaign_id: each look of the"
            " backend's dashboard reads all of it",
            outside_transactions(
                [
                    *_leftover(facts, "idx_message_status_logs_campaign_id"),
                    "create index concurrently idx_message_status_logs_campaign_id"
                    " on public.message_status_logs (campaign_id)",
                ]
            ),
            Mending.SQL,
        )
    elif not missing:
        yield passed("indexes", "what a claim looks through is there")


def _leftover(facts: Schema, name: str) -> list[str]:
    """What takes away an index of this name that was not built to its end, if there is one."""
    left = any(index.name == name and not index.valid for index in facts.indexes)
    return [f"drop index concurrently public.{name}"] if left else []


def _unique(facts: Schema) -> Iterator[Examined]:
    missing = {
        table: columns
        for table, columns in _UNIQUE.items()
        if not any(
            index.valid and index.unique and index.table == table and index.columns == columns
            for index in facts.indexes
        )
    }
    for table, columns in missing.items():
        condition = " where whatsapp_message_id is not null" if table == "send_queue" else ""
        yield failing(
            "unique_ids",
            f"{table} may hold the same {' and '.join(columns)} twice: nothing recognises a repeat."
            f" Where it stands twice already the statement fails, and `wacampaign audit` names it",
            outside_transactions(
                [
                    *_leftover(facts, f"{table}_{columns[0]}_key"),
                    f"create unique index concurrently {table}_{columns[0]}_key"
                    f" on public.{table} ({', '.join(columns)}){condition}",
                ]
            ),
            Mending.SQL,
        )
    if not missing:
        yield passed("unique_ids", "each message id stands once")


def _grants(facts: Schema) -> Examined:
    wrong = [one.text for one in _of(facts, "grant")]
    wrong += [f"{table} has no row level security" for table in facts.bare]
    if wrong:
        return failing(
            "grants",
            f"{some(wrong)}: ours are for the service role alone",
            "select wacampaign_keep_rights();",
            Mending.SQL,
        )
    return passed("grants", "what is ours is for the service role alone")


def _open_to(tables: Sequence[OpenTable], role: str) -> Iterator[Examined]:
    name = "open_to_anon" if role == "anon" else "open_to_users"
    mine = [one for one in tables if one.role == role and not one.table.startswith("wacampaign_")]
    who = (
        "who has the key of the web pages (anon)"
        if role == "anon"
        else "who can sign in (authenticated)"
    )
    secrets = [one.table for one in mine if one.secrets]
    writes = [one.table for one in mine if one.writes]
    reads = [one.table for one in mine if one.reads]
    said = []
    if secrets:
        said.append(f"read the tokens and secrets in {some(secrets)}")
    if writes == reads and writes and role == "anon":
        said.append(f"read and write {some(writes)}")
    elif writes:
        said.append(f"write {some(writes)}")
    if reads and role == "anon" and writes != reads:
        said.append(f"read {some(reads)}")
    nothing = "reads and writes nothing" if role == "anon" else "reads no secret and writes nothing"
    if not said:
        yield passed(name, f"{role} {nothing}")
        return
    concerned = [one for one in mine if role == "anon" or one.secrets or one.writes]
    others = ", public" if any(one.public for one in concerned) else ""
    listed = ", ".join(f"public.{quoted(one.table)}" for one in concerned)
    make = failing if role == "anon" else wanting
    yield make(
        name,
        f"{who} may {'; '.join(said)}."
        " The backend's server has the service key, and keeps its rights",
        f"revoke all on table {listed} from {role}{others};",
        Mending.SQL,
    )
