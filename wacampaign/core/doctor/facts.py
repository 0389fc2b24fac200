"""What a doctor looks at, as the machine, the database and Meta gave it. Nothing here is judged."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A `.env` beside the one that was read, and the settings that stand differently in it."""

    path: str
    differing: tuple[str, ...]
    #: Why it could not be read; "" when it could.
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Settings and files of this machine."""

    #: postgres, supabase or embedded, and where that is, without secrets.
    store: str
    place: str
    #: Absolute; None: none was read.
    env_file: str | None
    #: Permission bits of it; None: there is none, or they mean nothing on this system.
    env_mode: int | None
    other_env_files: tuple[EnvFile, ...]
    #: Settings that the environment has otherwise than `.env`, as they are called there.
    overridden: tuple[str, ...]
    home: str
    home_exists: bool
    #: Why nothing can be written there; "" when it can.
    home_fault: str
    #: The command that mends that; "": there is none, another place is needed.
    home_fix: str
    #: Bytes; None: it could not be looked at.
    home_free: int | None
    api_version: str
    #: What it was read from, such as "WHATSAPP_API_URL in .env"; None: it is this program's.
    api_version_from: str | None
    #: Today, ISO 8601.
    today: str
    supabase_host: str | None = None
    #: `secret key`, `service_role JWT`, … None: no key is used.
    key_kind: str | None = None
    #: Of a JWT: seconds until it expires (below 0: since), and the project that it is for.
    key_expires: float | None = None
    key_project: str | None = None


@dataclass(frozen=True, slots=True)
class Pm2App:
    """One process of PM2 that runs wacampaign."""

    name: str
    #: Its name in the file that `wacampaign pm2` prints.
    service: str
    #: online, stopped, errored, waiting restart, …
    status: str
    #: The file that it reads its settings from, if that is there.
    env_file: str
    kill_timeout_ms: float
    interpreter: str
    exec_mode: str
    autorestart: bool
    stop_exit_codes: tuple[int, ...]
    restarts: int
    log_date_format: str | None
    #: Names of settings with secrets that PM2 keeps for it.
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pm2:
    """PM2 of this user, when it runs."""

    apps: tuple[Pm2App, ...]
    dump: str
    #: Names of secrets that `pm2 save` wrote there in clear, and the file's permission bits.
    dump_secrets: tuple[str, ...]
    dump_mode: int | None
    #: Why PM2 could not be asked; "" when it could.
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Deviating:
    """What differs in the schema, by the kinds of `store/schema_difference.py`."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table that a role of the web reads or writes."""

    role: str
    table: str
    reads: bool
    writes: bool
    secrets: bool
    #: The grant is everybody's.
    public: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it is in the database."""

    name: str
    table: str
    valid: bool
    unique: bool
    whole: bool
    columns: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class HeldTable:
    """A table; rows by the last analyse."""

    name: str
    rows: int
    bytes: int
    dead: int


@dataclass(frozen=True, slots=True)
class Server:
    """The database's server."""

    version: str
    jit: bool
    standby: bool
    read_only: bool
    connections: int
    connections_most: int
    published_all: bool
    published: tuple[str, ...]
    sizes: tuple[HeldTable, ...]
    #: The login for which row level security hides the tables' rows; None: it sees them.
    blind: str | None = None
    #: Its own name for the database.
    database: str = "postgres"
    #: What it says of its disk when that is full; None: there is room.
    disk_full: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The database's schema against the one of this program."""

    version: str | None
    expected_version: str
    deviations: tuple[Deviating, ...]
    #: Index → the statement of our SQL that makes it.
    index_statements: Mapping[str, str]
    indexes: tuple[Index, ...] = ()
    #: Tables of ours without row level security.
    bare: tuple[str, ...] = ()
    #: Table and name of triggers that are switched off.
    switched_off: tuple[tuple[str, str], ...] = ()
    #: Database and role (None: all) for whose connections it is set that no trigger fires.
    not_firing: tuple[tuple[str | None, str | None], ...] = ()
    #: Where the connection that asked has the same from, in PostgreSQL's words; None: it has not.
    not_firing_here: str | None = None
    #: Functions that have to switch JIT off and do not.
    jit_left_on: tuple[str, ...] = ()
    open_tables: tuple[OpenTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """A worker or receiver of the last day."""

    kind: str
    host: str
    pid: int
    version: str
    alive: bool
    #: It said goodbye.
    stopped: bool
    #: Since its last sign of life.
    seconds: float


@dataclass(frozen=True, slots=True)
class ForeignRows:
    """Rows that somebody without a claim took, and rows to be sent though they are in doubt."""

    taken: int
    #: Seconds since the last of them.
    taken_last: float | None
    doubt_waiting: int


@dataclass(frozen=True, slots=True)
class LogSample:
    """Of so many status logs, so many name no campaign though their message has one."""

    looked_at: int
    orphans: int


@dataclass(frozen=True, slots=True)
class Bodies:
    """Webhooks that were stored."""

    waiting: int
    lag_seconds: float
    last_received_at: str | None
    with_faults: int
    receiver_alive: bool


@dataclass(frozen=True, slots=True)
class Hearing:
    """Seconds since a message of a number was accepted last, and since its last status."""

    id: str
    accepted: float | None
    status: float | None
    #: Since the first message accepted ten minutes or more after that status, or since the first of
    #: all where none ever came. While it sends, the last one is always but a moment old.
    unheard: float | None = None


@dataclass(frozen=True, slots=True)
class WaitingCampaign:
    """A running campaign with rows to send."""

    id: str
    name: str
    ready: int


@dataclass(frozen=True, slots=True)
class StaleTemplates:
    """Templates in use that were not synced for long; `days`: the oldest."""

    stale: int
    names: tuple[str, ...]
    days: float | None


@dataclass(frozen=True, slots=True)
class ShownTotals:
    """A campaign that shows other totals than its rows have."""

    id: str
    name: str
    shown_sent: int | None
    sent: int
    shown_failed: int | None
    failed: int


@dataclass(frozen=True, slots=True)
class OtherWriter:
    """What another program tried since yesterday; see the guard."""

    kind: str
    who: str
    rows: int
    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LoggedStatuses:
    """Statuses that another program logged and nobody has taken; seconds of the oldest."""

    waiting: int
    seconds: float | None
    with_faults: int


@dataclass(frozen=True, slots=True)
class RefusedAlerts:
    """Alerts that an address did not take; times are seconds ago."""

    #: Since yesterday.
    given_up: int
    #: Still to be told.
    tried: int
    #: What the last of them met.
    problem: str | None
    seconds: float | None
    #: When all addresses took one; None: none since yesterday.
    taken: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who works, who else writes, what nobody takes."""

    processes: tuple[Process, ...]
    foreign: ForeignRows
    orphans: LogSample
    bodies: Bodies
    numbers: tuple[Hearing, ...]
    campaigns: tuple[WaitingCampaign, ...]
    templates: StaleTemplates
    totals: tuple[ShownTotals, ...]
    others: tuple[OtherWriter, ...]
    statuses: LoggedStatuses
    alerts: RefusedAlerts


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that got no answer: what came instead, and what to do."""

    text: str
    fix: str = ""
    #: It was answered: wacampaign's schema is missing, or that part of it.
    no_schema: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """What the database answered; each part may have failed by itself."""

    #: Milliseconds of an answer, the middle one of some.
    answer_ms: float | Failed
    #: Seconds that this machine's clock is ahead of the database's, and how well that is known.
    clock_ahead: float | None
    clock_within: float
    server: Server | Failed
    schema: Schema | Failed
    traffic: Traffic | Failed
    #: Whether what is set on a connection stays on it; None: not looked at.
    keeps_session: bool | None = None
