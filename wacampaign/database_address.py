"""DATABASE_URL: read here and handed to libpq in parts, so that no error text can quote it.

libpq's own errors quote the address ("invalid port number: …"), which is the password's rest when
a special character in it was not percent-encoded. Here nothing is quoted of what was refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from wacampaign.core.cells import cell

#: The port of a transaction pooler on Supabase, hosted and self-hosted (platform-facts 2.4).
TRANSACTION_PORT: Final = "6543"

#: Parameters that libpq takes in an address and that are handed on (PostgreSQL, "Parameter Key
#: Words"). Not here, as they are ours: application_name, client_encoding, connect_timeout.
_LIBPQ: Final = frozenset(
    {"channel_binding", "gssdelegation", "gssencmode", "gsslib", "hostaddr", "keepalives"}
    | {"keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname"}
    | {"load_balance_hosts", "max_protocol_version", "min_protocol_version", "options"}
    | {"passfile", "require_auth", "requirepeer", "requiressl", "ssl_max_protocol_version"}
    | {"ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl"}
    | {"sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert"}
    | {"sslsni", "target_session_attrs", "tcp_user_timeout"}
)
#: Parameters that stand for a part of the address itself.
_PARTS: Final = {"host": "host", "port": "port", "user": "user", "password": "password"} | {
    "dbname": "database",
    "database": "database",
}
#: Schemas are named by other programs in these (Prisma; JDBC).
_SCHEMA: Final = ("schema", "currentschema")

_SCHEME: Final = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_HOST: Final = r"(?:\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._\-]*|(?:%2[fF])[^\s/?#@:,]*)(?::\d{0,5})?"
#: A host in brackets as it should be, with what may come behind it.
_IN_BRACKETS: Final = re.compile(r"\[[0-9a-fA-F:.%]+\](?=[:,/?]|$)")
_PLACE: Final = re.compile(
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<database>[^\s/?#@]*))?(?:\?(?P<query>[^\s#]*))?"
)
_PAIR: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*=[^=]*(?:=[^&]*)?")
#: What may not stand in a user or password as it is (RFC 3986, 3.2.1).
_BARE: Final = re.compile(r"[\s/?#@\[\]]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")

_ENCODE: Final = (
    "cannot be read: its password has special characters that are not percent-encoded (@ is %40, "
    "# %23, / %2F, % %25, : %3A, ? %3F, a space %20). This prints it encoded: "
    "python3 -c 'import getpass, urllib.parse as u; print(u.quote(getpass.getpass(), safe=\"\"))'"
)


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a PostgreSQL is, and as whom; the password is left out of `repr`."""

    host: str | None = None
    port: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    #: Further parameters of libpq, by its names.
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: The address itself says that a pooler in transaction mode is behind it.
    transaction_pooler: bool = False

    def parameters(self) -> dict[str, str]:
        """Everything as libpq's keyword parameters."""
        parts = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
        }
        return {key: value for key, value in parts.items() if value} | dict(self.options)

    def url(self) -> str:
        """The same address, well formed; it holds the password."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        user = f"{quote(self.user or '', safe='')}{secret}@" if self.user or secret else ""
        query = [("host", self.host or "")] if _socket(self.host) else []
        place = "" if query else _hosts(self.host, self.port)
        if query and self.port:
            query.append(("port", self.port))
        query += sorted(self.options.items())
        if self.transaction_pooler and self.port != TRANSACTION_PORT:
            query.append(("pgbouncer", "true"))
        asked = "&".join(f"{key}={quote(value, safe='/')}" for key, value in query)
        database = quote(self.database or "", safe="")
        return f"postgresql://{user}{place}/{database}{'?' if asked else ''}{asked}"

    def shown(self) -> str:
        """As people may see it: without the password and what else may be secret."""
        user = self.user or ""
        if self.password:
            user += ":***"
        place = self.host or "" if _socket(self.host) else _hosts(self.host, self.port)
        return f"postgresql://{user}{'@' if user else ''}{place}/{self.database or ''}"


def read_database_address(text: str) -> DatabaseAddress:
    """Reads an address as people and other programs write it.

    Understood are quotation marks around it, the schemes of SQLAlchemy (`postgresql+asyncpg://`)
    and other programs' parameters (Prisma's `pgbouncer`, `schema`, `connection_limit` …).

    Raises `ValueError` with the end of a sentence that begins with the setting's name; it quotes
    nothing of `text`.
    """
    text = _unquoted(text)
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise ValueError("must start with postgresql://")
    rest = text[scheme.end() :]
    if "[YOUR-PASSWORD]" in rest:
        raise ValueError("still has the placeholder [YOUR-PASSWORD] in it")
    if not rest.startswith("[") and ":" in rest and not any(mark in rest for mark in "@/?"):
        # A password that was cut off (at a # in .env) would be taken for the port.
        raise ValueError(
            "ends before its host: a # after a space begins a comment in .env; "
            "percent-encode it (%23)"
        )
    user, password, place = _split(rest)
    return _address(user, password, place)


def _unquoted(text: str) -> str:
    text = cell(text)
    while len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        text = cell(text[1:-1])
    return text


def _split(rest: str) -> tuple[str | None, str | None, re.Match[str]]:
    """User, password and place of an address in which everything special is encoded."""
    user = password = None
    head = re.match(r"[^@/]*@", rest)  # as libpq finds where a user and password end
    if head is not None:
        told, rest = head[0][:-1], rest[head.end() :]
        user, _, password = told.partition(":")
        if _BARE.search(told) or _BAD_ESCAPE.search(told):
            raise ValueError(_ENCODE)
    if "@" not in rest and rest.startswith("[") and not _IN_BRACKETS.match(rest):
        raise ValueError(
            "has a host in brackets that is no IPv6 address: such as [2001:db8::1]:5432"
        )
    place = _PLACE.fullmatch(rest)
    # An @ behind the host would be allowed in a parameter, but may as well end a password.
    if place is None or "@" in rest or not _pairs(place["query"]):
        raise ValueError(_ENCODE)
    return unquote(user or ""), unquote(password or ""), place


def _pairs(query: str | None) -> bool:
    return all(_PAIR.fullmatch(pair) for pair in (query or "").split("&") if pair)


def _address(user: str | None, password: str | None, place: re.Match[str]) -> DatabaseAddress:
    hosts = [_host_and_port(one) for one in place["hosts"].split(",")]
    if any(port and not 0 < int(port) < 65536 for _, port in hosts):
        raise ValueError("has a port that is no port (1 to 65535)")
    parts: dict[str, str | None] = {
        "host": ",".join(host for host, _ in hosts) or None,
        "port": ",".join(port for _, port in hosts) if any(port for _, port in hosts) else None,
        "user": user or None,
        "password": password or None,
        "database": unquote(place["database"] or "") or None,
    }
    options: dict[str, str] = {}
    pooler = False
    for pair in filter(None, (place["query"] or "").split("&")):
        key, _, value = pair.partition("=")
        name, value = key.lower(), unquote(value)
        if name in _PARTS:
            parts[_PARTS[name]] = value or None
        elif name in _SCHEMA:
            if value not in ("", "public"):
                raise ValueError(
                    f"names another schema in ?{key}=; its tables are in the schema public, "
                    "where the backend's tables are"
                )
        elif name == "pgbouncer":
            pooler = value.lower() not in ("false", "0", "")
        elif name in _LIBPQ:
            options[name] = value
        else:
            options |= _others(name, value)
    if options.get("sslmode") == "no-verify":  # node-postgres: encrypted, nobody's name checked
        options["sslmode"] = "require"
    if "\x00" in "".join(filter(None, (*parts.values(), *options.values()))):
        raise ValueError("has a %00 in it, which no password can hold")
    return DatabaseAddress(
        **parts,
        options=options,
        transaction_pooler=pooler or TRANSACTION_PORT in (parts["port"] or "").split(","),
    )


def _others(name: str, value: str) -> dict[str, str]:
    """What another program's parameter means for libpq; most mean nothing for us."""
    if name == "ssl":  # asyncpg, node-postgres
        if value.lower() in ("true", "1", ""):
            return {"sslmode": "require"}
        if value.lower() in ("false", "0"):
            return {"sslmode": "disable"}
        return {"sslmode": value}
    if name == "sslaccept":  # Prisma: strict checks certificate and name against the system's
        return {"sslmode": "verify-full", "sslrootcert": "system"} if value == "strict" else {}
    if name.startswith(("ssl", "gss")) and name != "sslidentity":
        raise ValueError("has a parameter about encryption (ssl…) that is not known")
    return {}


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = text.partition(":")
    return unquote(host), port


def _socket(host: str | None) -> bool:
    return bool(host) and str(host).startswith(("/", "@"))


def _hosts(host: str | None, port: str | None) -> str:
    ports = (port or "").split(",")
    hosts = (host or "").split(",")
    shown = []
    for index, one in enumerate(hosts):
        number = ports[index] if len(ports) == len(hosts) else ports[0]
        shown.append((f"[{one}]" if ":" in one else one) + (f":{number}" if number else ""))
    return ",".join(shown)
