"""The database as a server: there, quick, writable, with the right time and room for us."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.doctor.facts import Database, Failed, Machine, Schema, Server
from wacampaign.core.doctor.model import (
    Examined,
    Mending,
    failing,
    outside_transactions,
    passed,
    quoted,
    some,
    statements,
    unseen_all,
    wanting,
)
from wacampaign.core.words import counted, duration

#: Milliseconds of an answer: a claim, a begin and a settle of 100 rows take a few of them a second.
_SLOW_MS: Final = 300
_TOO_SLOW_MS: Final = 2_000
#: Seconds that this machine's clock may differ: a webhook is received by ours and due by theirs.
_CLOCK_SECONDS: Final = 5
_CLOCK_TOO_MANY: Final = 60
#: Share of the server's connections in use.
_CROWDED: Final = 0.8
#: Rows and bytes from which a table is told of: 5 GB are a year's logs at 100,000 messages a month.
_BIG_BYTES: Final = 5 << 30
#: Dead rows from which a table costs more than it holds: autovacuum comes at a fifth.
_DEAD_MANY: Final = 1_000_000
#: Tables of the backend that grow with each message and that nothing clears.
_GROWING: Final = ("message_status_logs", "messages", "send_queue", "campaign_contacts")
#: Tables whose every change Supabase would send to each open browser.
_BUSY: Final = ("send_queue", "messages", "message_status_logs")

_LOOK_AT_IT: Final = "check SUPABASE_URL or DATABASE_URL, the network, and the server's load"

OF_THE_SERVER: Final = ("database_writable", "connections", "publication", "table_sizes", "jit")


def database_checks(facts: Database, machine: Machine) -> Iterator[Examined]:
    """All of the server; `machine` says how it is reached."""
    if isinstance(facts.answer_ms, Failed):
        yield failing(
            "database_reachable",
            facts.answer_ms.text,
            facts.answer_ms.fix or _LOOK_AT_IT,
            Mending.WORDS,
        )
        why = "the database did not answer"
        yield from unseen_all(("database_speed", "clock", *OF_THE_SERVER), why)
        return
    parts = (facts.server, facts.schema, facts.traffic)
    silent = [part for part in parts if isinstance(part, Failed) and not part.no_schema]
    if silent:
        yield failing(
            "database_reachable",
            f"it answered, and then not all that was asked: {silent[0].text}",
            silent[0].fix or _LOOK_AT_IT,
            _WORDS,
        )
    else:
        yield passed("database_reachable", f"{machine.store} at {machine.place}")
    yield _speed(facts.answer_ms)
    yield from _clock(facts)
    yield from _pooler(facts, machine)
    if isinstance(facts.server, Failed):
        yield from unseen_all(OF_THE_SERVER, facts.server.text)
        return
    yield from _server(facts.server)
    yield from _jit(facts.server, facts.schema)


def _speed(answer_ms: float) -> Examined:
    text = f"it answers in {answer_ms:,.0f} ms"
    advice = (
        "run the worker near the database (same region), and look at its load: "
        "docs/explanation/performance.md"
    )
    if answer_ms >= _TOO_SLOW_MS:
        return failing("database_speed", f"{text}: nothing can be sent at a pace", advice, _WORDS)
    if answer_ms >= _SLOW_MS:
        return wanting("database_speed", f"{text}: it will limit the pace", advice, _WORDS)
    return passed("database_speed", text)


def _clock(facts: Database) -> Iterator[Examined]:
    if facts.clock_ahead is None:
        yield from unseen_all(("clock",), "the database did not tell its time")
        return
    off = abs(facts.clock_ahead)
    way = "ahead of" if facts.clock_ahead > 0 else "behind"
    text = f"this machine's clock is {duration(off)} {way} the database's"
    fix = "sudo timedatectl set-ntp true"
    sure = off - facts.clock_within
    if sure > _CLOCK_TOO_MANY:
        yield failing("clock", text, fix)
    elif sure > _CLOCK_SECONDS:
        yield wanting("clock", text, fix)
    else:
        yield passed("clock", "this machine's clock and the database's agree")


def _pooler(facts: Database, machine: Machine) -> Iterator[Examined]:
    if machine.store != "postgres":
        return
    if facts.keeps_session is False:
        yield wanting(
            "pooler",
            "DATABASE_URL leads to a pooler in transaction mode: workers are not woken (they look"
            " every few seconds), and the schema cannot be changed over it",
            "DATABASE_URL with the pooler in session mode (port 5432 at Supabase), or the direct"
            " connection",
            _WORDS,
        )
    elif facts.keeps_session is None:
        yield from unseen_all(("pooler",), "the connection's mode could not be looked at")
    else:
        yield passed("pooler", "a connection keeps its session")


def _server(server: Server) -> Iterator[Examined]:
    if server.standby:
        yield failing(
            "database_writable",
            "this is a standby: it can be read only",
            "DATABASE_URL has to name the primary",
            _WORDS,
        )
    elif server.read_only:
        yield failing(
            "database_writable",
            "the database is set to read only; a hosted one is when its disk is nearly full: free"
            " space first (dashboard: Database)",
            # In one transaction that may write: by itself it would be read only, too.
            f"begin read write; alter database {quoted(server.database)} set"
            " default_transaction_read_only = off; commit;",
            Mending.SQL,
        )
    elif server.disk_full is not None:
        yield failing(
            "database_writable",
            f"the database's disk is full: {server.disk_full}",
            "free space on that disk or enlarge it (hosted: dashboard, Database); workers wait,"
            " and go on by themselves",
            _WORDS,
        )
    elif server.blind is not None:
        yield failing(
            "database_writable",
            f"row level security hides all rows from the login {server.blind}: what is said here of"
            " campaigns, workers and numbers is of none",
            f"alter role {quoted(server.blind)} bypassrls;",
            Mending.SQL,
        )
    else:
        yield passed("database_writable", f"PostgreSQL {server.version}, may be written")
    used = f"{server.connections} of {server.connections_most} connections in use"
    if server.connections >= _CROWDED * server.connections_most:
        yield wanting(
            "connections",
            used,
            "select usename, application_name, state, count(*) from pg_stat_activity"
            " group by 1, 2, 3 order by 4 desc;",
            Mending.SQL,
        )
    else:
        yield passed("connections", used)
    yield _publication(server)
    yield from _sizes(server)


def _publication(server: Server) -> Examined:
    ours = [name for name in server.published if name.startswith("wacampaign_")]
    busy = [name for name in (*_BUSY, *ours) if name in server.published]
    if server.published_all:
        return wanting(
            "publication",
            "supabase_realtime publishes all tables: each change of a row goes to every browser",
            statements(
                (
                    "drop publication supabase_realtime",
                    "create publication supabase_realtime for table public.campaigns,"
                    " public.notifications",
                )
            ),
            Mending.SQL,
        )
    if busy:
        return wanting(
            "publication",
            f"supabase_realtime publishes {some(busy)}: three changes a message go to every"
            " browser that is open",
            statements(
                [f"alter publication supabase_realtime drop table public.{name}" for name in busy]
            ),
            Mending.SQL,
        )
    return passed("publication", "no busy table goes to browsers")


def _sizes(server: Server) -> Iterator[Examined]:
    faults = 0
    for table in server.sizes:
        name = quoted(table.name)
        size = f"{table.name} has {counted(table.rows, 'row')}, {table.bytes / (1 << 30):,.1f} GiB"
        if table.dead >= _DEAD_MANY and table.dead > table.rows:
            faults += 1
            yield wanting(
                "table_sizes",
                f"{size}, and {table.dead:,} dead rows: autovacuum does not keep up",
                outside_transactions([f"vacuum (analyze) public.{name}"]),
                Mending.SQL,
            )
        elif table.bytes >= _BIG_BYTES:
            faults += 1
            if table.name in _GROWING or not table.name.startswith("wacampaign_"):
                advice = "keep what is older than you need elsewhere: nothing of the backend's does"
                yield wanting("table_sizes", f"{size}: it grows without end", advice, _WORDS)
            else:
                yield wanting("table_sizes", size, "wacampaign prune")
    if not faults:
        megabytes = sum(table.bytes for table in server.sizes) / (1 << 20)
        yield passed("table_sizes", f"the tables take {megabytes:,.0f} MiB")


def _jit(server: Server, schema: Schema | Failed) -> Iterator[Examined]:
    if not server.jit:
        yield passed("jit", "off")
    elif isinstance(schema, Failed):
        yield from unseen_all(("jit",), schema.text)
    elif schema.jit_left_on:
        yield wanting(
            "jit",
            f"the server compiles queries (JIT), and {some(schema.jit_left_on)} does not switch it"
            " off: a claim may take a second",
            statements(
                [
                    f"alter function public.{quoted(name)} set jit = off"
                    for name in schema.jit_left_on
                ]
            ),
            Mending.SQL,
        )
    else:
        yield passed("jit", "on for others, and off in every function of ours")


_WORDS: Final = Mending.WORDS
