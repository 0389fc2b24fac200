"""What a measurement stands on: certificate, sandbox, PostgreSQL, @supabase/lite, the machine."""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
import trustme

from tests.servers import (
    INSTALLED_POSTGRES,
    NODE_MODULES,
    SECRET_KEY,
    PostgresServer,
    installed_postgres_server,
    lite_server,
    postgres_server,
)
from wacampaign.sandbox.process import SandboxProcess

WABA = "2000000001"
TOKEN = "bench-token"
TEMPLATE = "hello"
#: Meta's highest throughput of one number is 1,000 messages a second: four of them can give the
#: worker more than it can take at 400 in flight and 150 ms (2,667 a second).
NUMBERS = ("100000000000001", "100000000000002", "100000000000003", "100000000000004")
RATE = 1_000
COMPONENTS = [{"type": "BODY", "text": "Hello {{1}}"}]


@dataclass(frozen=True)
class Certificate:
    """A server certificate for 127.0.0.1 and whom to trust for it (PEM files)."""

    chain: Path
    key: Path
    authority: Path


def make_certificate(folder: Path) -> Certificate:
    """A new authority and a certificate of it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(made.chain)
    issued.private_key_pem.write_to_path(made.key)
    authority.cert_pem.write_to_path(made.authority)
    return made


@contextmanager
def sandbox(
    certificate: Certificate, latency_ms: float, *, tls: bool = True
) -> Iterator[SandboxProcess]:
    """A sandbox in its own process, with our numbers and their template."""
    with SandboxProcess(
        latency_ms=latency_ms,
        tls_cert=certificate.chain if tls else None,
        tls_key=certificate.key if tls else None,
        tls_ca=certificate.authority if tls else None,
    ) as made:
        for number in NUMBERS:
            # No limit of the sandbox's own: what is measured is the sender.
            made.control.put_number(number, waba_id=WABA, token=TOKEN, mps=None)
        made.control.put_templates(
            WABA,
            {
                "name": TEMPLATE,
                "language": "en",
                "status": "APPROVED",
                "category": "MARKETING",
                "components": COMPONENTS,
            },
        )
        yield made


@dataclass(frozen=True)
class Postgres:
    """The server of all measurements: from the wheel, with its defaults."""

    server: PostgresServer

    @property
    def pid(self) -> int:
        """The postmaster."""
        with psycopg.connect(self.server.url("postgres")) as connection:
            row = connection.execute("select pg_postmaster_start_time(), pg_backend_pid()")
            found = row.fetchone()
            assert found is not None
            return psutil.Process(int(found[1])).ppid()

    def scalar(self, question: str) -> str:
        with psycopg.connect(self.server.url("postgres")) as connection:
            found = connection.execute(question.encode()).fetchone()
            assert found is not None
            return str(found[0])

    def new_database(self) -> str:
        """Address of a fresh, migrated database."""
        return self.server.new_database()

    def drop(self, url: str) -> None:
        """Removes a database."""
        name = url.split("@/")[1].split("?")[0]
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)".encode())


@contextmanager
def postgres() -> Iterator[Postgres]:
    """The tests' server, but as durable as PostgreSQL is by default.

    The one that WACAMPAIGN_TEST_POSTGRES gives (an address of its superuser), when it is set: a
    distribution's compiles queries (JIT), the wheel's cannot.
    """
    given = installed_postgres_server() if os.environ.get(INSTALLED_POSTGRES) else postgres_server()
    with given as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit"):
                connection.execute(f"alter system reset {name}".encode())
            connection.execute("select pg_reload_conf()")
        yield Postgres(server)


def lite_missing() -> bool:
    """Whether @supabase/lite is not installed (`make bench` installs it)."""
    return not (NODE_MODULES / ".bin" / "lite").exists()


@dataclass(frozen=True)
class Lite:
    """@supabase/lite on one database."""

    url: str
    pid: int


@contextmanager
def lite(database: str) -> Iterator[Lite]:
    """A REST address of that database, in a process of its own."""
    with lite_server(database) as url:
        port = int(url.rpartition(":")[2])
        found = [
            process.pid
            for process in psutil.Process().children(recursive=True)
            if any(c.laddr.port == port for c in process.net_connections("tcp") if c.laddr)
        ]
        yield Lite(url, found[0])


def environment(certificate: Certificate, home: Path, sandbox_url: str) -> dict[str, str]:
    """What a worker reads: nothing of the caller's settings, the sandbox, its authority."""
    ours = ("WACAMPAIGN", "SUPABASE", "DATABASE", "META_", "WHATSAPP", "SSL_CERT")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return kept | {
        "WACAMPAIGN_HOME": str(home),
        "WHATSAPP_API_URL": sandbox_url,
        "SSL_CERT_FILE": str(certificate.authority),
        "PYTHONUNBUFFERED": "1",
    }


def database_environment(database: str) -> dict[str, str]:
    """The settings for a direct connection."""
    return {"WACAMPAIGN_STORE": "postgres", "DATABASE_URL": database}


def rest_environment(url: str) -> dict[str, str]:
    """The settings for REST."""
    return {
        "WACAMPAIGN_STORE": "supabase",
        "SUPABASE_URL": url,
        "SUPABASE_SERVICE_KEY": SECRET_KEY,
    }


def describe_machine(server: Postgres) -> str:
    """Processor, cores, memory and versions, in one paragraph."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    names = ("uvloop", "aiohttp", "psycopg", "supabase")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GB, {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}, {libraries}, "
        f"{ssl.OPENSSL_VERSION}, PostgreSQL {server.scalar('show server_version')} "
        f"(defaults: fsync {server.scalar('show fsync')}, synchronous_commit "
        f"{server.scalar('show synchronous_commit')}, shared_buffers "
        f"{server.scalar('show shared_buffers')})"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
