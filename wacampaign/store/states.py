"""What a database or gateway says when it does not do what was asked: one table, with sources.

Three languages say it: SQLSTATEs (and PostgREST's own codes), sentences of poolers and of a server
at the login, which libpq hands on without their SQLSTATE, and HTTP statuses.
`DatabaseAway` is what passes by itself: a worker waits, a command repeats for some seconds.
Everything else is said once and ends.
"""

import re
from typing import Final, NamedTuple

from wacampaign.core.engine.ports import DatabaseAway
from wacampaign.problems import (
    AccessRefused,
    Busy,
    Misconfigured,
    NoSuchCampaign,
    Problem,
    Refused,
    SchemaMissing,
    Unreachable,
    Usage,
)


class DatabaseUnreachable(DatabaseAway, Unreachable):
    """The database cannot be reached."""


class DatabaseBusy(DatabaseAway, Busy):
    """The database has no room for us at the moment."""


class State(NamedTuple):
    """One thing that a database or gateway may answer."""

    kind: type[Problem]
    #: The sentence that is followed by what was answered.
    says: str
    #: What to do; None: what the kind of problem suggests.
    advice: str | None = None
    #: Where that meaning is written down.
    source: str = "PostgreSQL, appendix A"


_POSTGREST = "docs.postgrest.org, references/errors"
_SUPABASE = "supabase.com/docs/guides/platform/http-status-codes"
_SUPAVISOR = "supabase.com/docs/guides/troubleshooting (Supavisor); its lib/supavisor/*_handler.ex"
_PGBOUNCER = "pgbouncer.org/config.html; its src/client.c, src/objects.c"
_CLOUDFLARE = "developers.cloudflare.com/support/troubleshooting/http-status-codes"
_HTTP = "RFC 9110, RFC 6585"

_READ_ONLY = (
    "hosted: the disk is nearly full, or the project was set to read-only (dashboard: Database); "
    "self-hosted: this is a standby, DATABASE_URL has to name the primary"
)
_DISK = "free space on the database's disk or enlarge it; rows are kept and go on by themselves"
_KEY = (
    "copy the secret key (sb_secret_…) from the project's API settings into SUPABASE_SERVICE_KEY; "
    "legacy service_role keys can be disabled there"
)
_RIGHTS = (
    "this login or key may not do that: over REST use the secret key (sb_secret_…), over a direct "
    "connection the login that ran `wacampaign db migrate`"
)
_PASSWORD = "check user and password in DATABASE_URL"
_PLACES = "wait, or close other programs' connections; a pooler's limit is in its settings"
_ADDRESS = "check SUPABASE_URL: the project's address, without anything behind the host"

#: By SQLSTATE, by the first two characters of it, or by PostgREST's code; the longest fits.
STATES: Final[dict[str, State]] = {
    # Our own functions' words (docs/explanation/decisions/0001).
    "PT400": State(Usage, ""),
    "PT404": State(NoSuchCampaign, ""),
    "PT409": State(Refused, ""),
    # Passes by itself.
    "08": State(DatabaseUnreachable, "the database cannot be reached"),
    "25006": State(DatabaseBusy, "the database is read-only at the moment", _READ_ONLY),
    "25P03": State(DatabaseBusy, "the database ended an idle transaction"),
    "40001": State(DatabaseBusy, "the database is busy"),
    "40P01": State(DatabaseBusy, "the database is busy"),
    "53": State(DatabaseBusy, "the database is out of resources"),
    "53100": State(DatabaseBusy, "the database's disk is full", _DISK),
    "53200": State(DatabaseBusy, "the database is out of memory"),
    "53300": State(DatabaseBusy, "the database has no connection free", _PLACES),
    "55P03": State(DatabaseBusy, "the database is busy"),
    "57014": State(DatabaseBusy, "the database is busy"),
    "57P01": State(DatabaseBusy, "the database is shutting down"),
    "57P02": State(DatabaseBusy, "the database crashed and is recovering"),
    "57P03": State(DatabaseBusy, "the database is starting up or shutting down"),
    "57P05": State(DatabaseBusy, "the database closed an idle connection"),
    "58": State(DatabaseBusy, "the database's server has a fault of its system"),
    "XX000": State(DatabaseBusy, "the database or its pooler has an internal error"),
    # Does not pass by itself.
    "3D000": State(Misconfigured, "there is no such database", "check the name in DATABASE_URL"),
    "57P04": State(Misconfigured, "the database was dropped", "check the name in DATABASE_URL"),
    "28": State(AccessRefused, "the database refused access", _PASSWORD),
    "0P000": State(AccessRefused, "the database refused access"),
    "42501": State(AccessRefused, "the database refused access", _RIGHTS),
    # Missing function, table, column: the migrations are not (all) applied.
    "42883": State(SchemaMissing, "the database lacks a part of wacampaign's schema"),
    "42P01": State(SchemaMissing, "the database lacks a part of wacampaign's schema"),
    "42703": State(SchemaMissing, "the database lacks a part of wacampaign's schema"),
    "PGRST202": State(
        SchemaMissing, "the database lacks a part of wacampaign's schema", source=_POSTGREST
    ),
    "PGRST205": State(
        SchemaMissing, "the database lacks a part of wacampaign's schema", source=_POSTGREST
    ),
    # PostgREST itself.
    "PGRST000": State(DatabaseUnreachable, "the database cannot be reached", source=_POSTGREST),
    "PGRST001": State(DatabaseUnreachable, "the database cannot be reached", source=_POSTGREST),
    "PGRST002": State(DatabaseUnreachable, "the database cannot be reached", source=_POSTGREST),
    "PGRST003": State(DatabaseBusy, "the database has no connection free", _PLACES, _POSTGREST),
    "PGRST106": State(
        Misconfigured,
        "the REST address does not show the schema public",
        "add public to the exposed schemas (dashboard: Data API; self-hosted: PGRST_DB_SCHEMAS)",
        _POSTGREST,
    ),
    "PGRST300": State(Misconfigured, "the REST address has no JWT secret", None, _POSTGREST),
    "PGRST301": State(AccessRefused, "the database refused the key", _KEY, _POSTGREST),
    "PGRST302": State(AccessRefused, "the database refused the key", _KEY, _POSTGREST),
    "PGRST303": State(AccessRefused, "the database refused the key", _KEY, _POSTGREST),
}

#: By what is said, where no code or one that says too little comes along. The first fits.
SENTENCES: Final[tuple[tuple[re.Pattern[str], State], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), state)
    for pattern, state in (
        (
            r"jwt (?:issued at future|not yet valid)",
            State(
                DatabaseBusy,
                "the REST server's clock is behind the key's",
                "set that server's clock",
                _POSTGREST,
            ),
        ),
        (
            r"tenant or user not found|\(ENOTFOUND\)|tenant/user .* not found",
            State(
                Misconfigured,
                "the pooler knows no such project or user",
                "the user is postgres.<project>, the host the one of the project's region; a "
                "project that is paused is not found either",
                _SUPAVISOR,
            ),
        ),
        (
            r"max(?:imum)? ?clients?(?: connections)? (?:are )?(?:reached|limited)"
            r"|max clients reached|\(EMAXCONN|max_client_conn|no more connections allowed"
            r"|sorry, too many clients|too many connections for"
            r"|remaining connection slots are reserved|unable to check ?out|\(ECHECKOUTTIMEOUT\)"
            r"|query_wait_timeout|client_login_timeout",
            State(DatabaseBusy, "the database has no connection free", _PLACES, _SUPAVISOR),
        ),
        (
            r"circuit breaker|\(ECIRCUITBREAKER\)|too many authentication (?:errors|failures)",
            State(
                AccessRefused,
                "the pooler keeps this address out after too many failed logins",
                "correct DATABASE_URL, wait some minutes, then try again",
                _SUPAVISOR,
            ),
        ),
        (
            r"password authentication failed|sasl authentication failed|wrong password"
            r"|no pg_hba\.conf entry|authentication failed|no password supplied"
            r"|not permitted to log in|role \".*\" does not exist|no such user"
            r"|\(EADDRNOTALLOWED\)|permission denied for database",
            State(AccessRefused, "the database refused the connection", _PASSWORD),
        ),
        (
            r"database \".*\" does not exist|no such database",
            State(Misconfigured, "there is no such database", "check the name in DATABASE_URL"),
        ),
        (
            r"unsupported startup parameter",
            State(
                Misconfigured,
                "the pooler refuses a parameter of DATABASE_URL",
                "leave that parameter out, or add it to the pooler's ignore_startup_parameters",
                _PGBOUNCER,
            ),
        ),
        (
            r"certificate verify failed|root certificate file|server certificate for"
            r"|server does not support ssl|\(ESSLREQUIRED\)|ssl connection is required",
            State(
                Misconfigured,
                "the encrypted connection that was asked for cannot be had",
                "check sslmode and sslrootcert in DATABASE_URL",
                "PostgreSQL, libpq: SSL Support",
            ),
        ),
        (
            r"starting up|shutting down|in recovery mode|not (?:yet )?accepting connections"
            r"|hot standby mode is disabled|database .* is (?:disabled|paused)"
            r"|server login has been failing|cannot connect to server|server conn crashed",
            State(DatabaseBusy, "the database is not ready", source=_PGBOUNCER),
        ),
    )
)

#: By HTTP status, where the answer was not PostgREST's.
STATUSES: Final[dict[int, State]] = {
    401: State(AccessRefused, "the REST address refused the key", _KEY, _SUPABASE),
    402: State(
        DatabaseUnreachable,
        "the project is restricted: a quota is used up or a bill is open",
        "dashboard: Billing; it goes on by itself afterwards",
        _SUPABASE,
    ),
    403: State(AccessRefused, "the REST address refused access", _KEY, _HTTP),
    404: State(Misconfigured, "there is no REST address of Supabase", _ADDRESS, _HTTP),
    405: State(Misconfigured, "there is no REST address of Supabase", _ADDRESS, _HTTP),
    407: State(AccessRefused, "a proxy on the way wants a login", "check HTTPS_PROXY", _HTTP),
    408: State(DatabaseUnreachable, "the REST address gave up waiting", None, _HTTP),
    410: State(Misconfigured, "there is no REST address of Supabase", _ADDRESS, _HTTP),
    425: State(DatabaseBusy, "the REST address is busy", None, _HTTP),
    429: State(DatabaseBusy, "the REST address is busy: too many requests", None, _HTTP),
    500: State(DatabaseUnreachable, "the REST address has a fault", None, _HTTP),
    521: State(DatabaseUnreachable, "the project's server is down", None, _CLOUDFLARE),
    522: State(DatabaseUnreachable, "the project's server does not answer", None, _CLOUDFLARE),
    530: State(
        DatabaseUnreachable,
        "the project's address leads nowhere",
        "check SUPABASE_URL; a project that was deleted or just restored looks like this",
        _CLOUDFLARE,
    ),
    540: State(
        DatabaseUnreachable,
        "the project is paused",
        "restore it in the dashboard; the worker goes on by itself",
        _SUPABASE,
    ),
    544: State(
        DatabaseUnreachable, "the project's database did not answer in time", None, _SUPABASE
    ),
}
_GATEWAY: Final = State(DatabaseUnreachable, "the database cannot be reached", None, _HTTP)
#: A success that is none: what answered is not PostgREST.
NO_ANSWER_OF_OURS: Final = State(
    DatabaseUnreachable,
    "something else answered in the database's place",
    "check SUPABASE_URL and what stands before it (proxy, login page, maintenance page)",
    "seen behind gateways",
)


def problem_from_state(state: str, message: str, hint: str | None = None) -> Problem:
    """Turns an SQLSTATE or a code of PostgREST into the problem that a person meets."""
    known = STATES.get(state)
    if known is not None and not known.says:
        return known.kind(message, hint)
    # Poolers use XX000 and 08P01 for everything, PostgREST one code for a key early or late.
    if state.startswith(("08", "XX", "PGRST30")):
        known = _by_sentence(message) or known
    known = known or STATES.get(state[:2])
    if known is None:
        return Problem(f"the database answered {state}: {message}")
    if (hint or "").startswith("wacampaign "):  # a function's of ours; PostgreSQL has other words
        known = known._replace(advice=hint)
    return problem_of(known, message)


def problem_from_login(message: str) -> Problem:
    """What a server, a pooler or libpq said when no connection came about."""
    known = _by_sentence(message)
    if known is not None:
        return problem_of(known, message)
    return DatabaseUnreachable(
        f"cannot connect to the database: {message}", "check DATABASE_URL and the server"
    )


def problem_from_status(status: int, message: str) -> Problem:
    """What an HTTP answer means that PostgREST did not give."""
    known = STATUSES.get(status)
    if known is None and status >= 500:
        known = _GATEWAY
    if known is None:
        return Problem(f"the REST address answered {status}: {message}", _ADDRESS)
    return problem_of(known, f"{status} {message}")


def problem_of(state: State, message: str) -> Problem:
    """The problem of a state, with what was answered."""
    return state.kind(f"{state.says}: {message}", state.advice)


def while_running(problem: Problem) -> Problem:
    """The problem as it is met where the same address worked before: then it was right.

    A database or project that is gone for a while (restored, paused, moved) looks like a wrong
    address. A worker waits for it; a refused key or password it reports.
    """
    if type(problem) is Misconfigured:
        return DatabaseUnreachable(problem.message, problem.suggestion)
    return problem


def _by_sentence(message: str) -> State | None:
    return next((state for pattern, state in SENTENCES if pattern.search(message)), None)
