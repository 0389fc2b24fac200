"""DATABASE_URL as people and other programs write it, and its password in no output."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wacampaign.cli.program import report
from wacampaign.core.masking import mask_secrets, mask_tokens
from wacampaign.database_address import DatabaseAddress, read_database_address
from wacampaign.logs import log_event, set_up_logs
from wacampaign.problems import Misconfigured, Problem
from wacampaign.settings import load_settings
from wacampaign.store import schema
from wacampaign.store.postgres import PostgresTransport


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://boss:p%40ss%2Fw@db.example.com:5432/app",
            DatabaseAddress("db.example.com", "5432", "boss", "p@ss/w", "app"),
        ),
        (
            "postgresql+asyncpg://u:p@h/d?ssl=require",
            DatabaseAddress("h", None, "u", "p", "d", {"sslmode": "require"}),
        ),
        (
            '"postgresql+psycopg://u:p@h:6543/d"',
            DatabaseAddress("h", "6543", "u", "p", "d", transaction_pooler=True),
        ),
        (
            "'postgresql://postgres.abc:p@h:5432/postgres?pgbouncer=true&connection_limit=1"
            "&pool_timeout=0&schema=public&sslmode=require&sslaccept=accept_invalid_certs'",
            DatabaseAddress(
                "h", "5432", "postgres.abc", "p", "postgres", {"sslmode": "require"}, True
            ),
        ),
        (
            "postgresql://u@h/d?sslaccept=strict",
            DatabaseAddress(
                "h", None, "u", None, "d", {"sslmode": "verify-full", "sslrootcert": "system"}
            ),
        ),
        (
            "postgresql://u:p@h/d?sslmode=no-verify&supa=base-pooler.x&statement_cache_size=0",
            DatabaseAddress("h", None, "u", "p", "d", {"sslmode": "require"}),
        ),
        ("postgresql://u@/d?host=/run/pg", DatabaseAddress("/run/pg", None, "u", None, "d")),
        ("postgresql://u:p@%2Frun%2Fpg/d", DatabaseAddress("/run/pg", None, "u", "p", "d")),
        ("postgresql://u@[2001:db8::1]:1/d", DatabaseAddress("2001:db8::1", "1", "u", None, "d")),
        ("postgresql://u:p@a:1,b:2/d", DatabaseAddress("a,b", "1,2", "u", "p", "d")),
        ("postgresql://u:a:b@h/d", DatabaseAddress("h", None, "u", "a:b", "d")),
        ("postgresql://h/d?user=u&password=p%26q", DatabaseAddress("h", None, "u", "p&q", "d")),
    ],
)  # fmt: skip
def test_other_programs_addresses_are_understood(url: str, expected: DatabaseAddress) -> None:
    address = read_database_address(url)
    assert address == expected
    assert read_database_address(address.url()) == address
    psycopg.conninfo.make_conninfo(**address.parameters())  # libpq knows every parameter


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:p@[2001:db8::1/d", "no IPv6 address"),
        ("postgresql://u:p@[2001:db8::1]5432/d", "no IPv6 address"),
        ("postgresql://u:p@[db.example]:5432/d", "no IPv6 address"),
        ("postgresql://u:p@[2001:db8::x]/d", "no IPv6 address"),
        ("postgresql://[::1", "no IPv6 address"),
        ("postgresql://u:p@ss@h/d", "percent-encoded"),
        ("postgresql://u:pa/ss@h/d", "percent-encoded"),
        ("postgresql://u:5432/ss@h/d", "percent-encoded"),
        ("postgresql://u:pa#ss@h/d", "percent-encoded"),
        ("postgresql://u:pa?ss@h/d", "percent-encoded"),
        ("postgresql://u:pa ss@h/d", "percent-encoded"),
        ("postgresql://u:50%off@h/d", "percent-encoded"),
        ("postgresql://h:5432/d?password=p@ss", "percent-encoded"),
        ("postgresql://u:12345", "%23"),
        ("postgresql://u:p@h/d?schema=other", "?schema="),
        ("postgresql://u:p@h/d?sslmod=require", "ssl"),
        ("postgresql://u:p@h:99999/d", "no port"),
        ("postgresql://u:p%00@h/d", "%00"),
        ("mysql://u:p@h/d", "postgresql://"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(url: str, says: str) -> None:
    with pytest.raises(Misconfigured, match="DATABASE_URL") as caught:
        load_settings(environ={"DATABASE_URL": url})
    assert says in caught.value.message
    assert caught.value.exit_code == 78


def test_the_advice_encodes_a_password() -> None:
    with pytest.raises(ValueError, match="python3 -c") as caught:
        read_database_address("postgresql://u:p@ss@h/d")
    command = str(caught.value).partition("python3 -c '")[2].removesuffix("'")
    compile(command, "advice", "exec")
    assert "u.quote(getpass.getpass(), safe=" in command


# --- no part of a secret, anywhere ---------------------------------------------------------------

#: Characters that hold no word of a message, so that four of them in a row are the secret's.
SECRET = st.text("QXZJ0179@#/%:?& $!*+=~|[]{}^<>;,äß", min_size=8, max_size=24).filter(
    lambda text: text == text.strip() and len(set(text)) > 3
)
#: A letter or digit of a secret → another one, which is a port where that one is.
OTHERS = str.maketrans("QXZJ0179äß", "XQJZ1097ßä")


def parts(secret: str) -> Iterator[str]:
    for text in {secret, quote(secret, safe="")}:
        for start in range(len(text) - 3):
            yield text[start : start + 4]


def outputs(url: str) -> str:
    """All that may be said of an address: settings, errors, log lines, a library's texts."""
    said: list[str] = []
    printed, log = io.StringIO(), io.StringIO()

    def tell(problem: Problem) -> None:
        said.extend((problem.message, problem.suggestion, repr(problem), str(problem.__cause__)))
        said.append("" if problem.__suppress_context__ else str(problem.__context__))
        report(problem, as_json=False)
        report(problem, as_json=True)
        log_event(logging.getLogger("wacampaign.test"), "failed", exc_info=problem)

    handler = set_up_logs(log)
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                read = load_settings(environ={"DATABASE_URL": url})
                assert read.database_url is not None
                transport = PostgresTransport(read.database_url)
                said += [repr(read), str(read.describe()), repr(transport._address)]
                said.append(mask_secrets(f"a library: {read.database_url}"))
                said.append(mask_tokens(f"a library: {url}"))
                for connect in (
                    lambda: asyncio.run(transport.call("schema_version", {})),
                    lambda: schema.check(str(read.database_url)),
                ):
                    try:
                        connect()
                    except Problem as problem:
                        tell(problem)
            except Problem as problem:
                tell(problem)
    finally:
        logging.getLogger().removeHandler(handler)
    # The moment of a line may be any digits.
    lines = re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+Z ", "", log.getvalue(), flags=re.MULTILINE)
    return "\n".join([*said, printed.getvalue(), lines])


@settings(max_examples=120)
@example(secret="X#07/QZ@19", encoded=False)
@example(secret="0179/QX:ZJ", encoded=False)
@example(secret="QXZJ%Q@ZX7", encoded=False)
@example(secret="17901/0179", encoded=False)
@example(secret="QX***@ZJ17", encoded=True)
@example(secret="QZ1:9/X07:190", encoded=True)
@given(secret=SECRET, encoded=st.booleans())
def test_no_part_of_a_database_password_is_in_any_output(secret: str, encoded: bool) -> None:
    text = outputs(address_with(secret, encoded))
    assert "127.0.0.1" in text or "DATABASE_URL" in text
    found = [part for part in parts(secret) if part in text]
    if found:
        # The program's own words have `***@` and `:190`: with another password, too.
        own = outputs(address_with(secret.translate(OTHERS), encoded))
        found = [part for part in found if part not in own]
    assert found == []


def address_with(secret: str, encoded: bool) -> str:
    """Of a host that no name server is asked for, and a port where nothing listens."""
    written = quote(secret, safe="") if encoded else secret
    return f"postgresql://postgres:{written}@127.0.0.1:9/postgres"


def test_a_secret_is_masked_in_a_text_that_does_not_name_it(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "DATABASE_URL=postgresql://boss:correct%20horse@h/d\nSUPABASE_SERVICE_KEY=batterystaple1\n"
        "META_ACCESS_TOKEN=plaintoken22\nMETA_APP_SECRET=0a1b2c3d4e5f\n"
    )
    load_settings(env, environ={})
    text = mask_secrets(
        "Illegal header value b'batterystaple1', correct horse, correct%20horse, plaintoken22 "
        "and 0a1b2c3d4e5f"
    )
    assert text == "Illegal header value b'***', ***, ***, *** and ***"


def test_an_address_in_a_librarys_text_is_masked_up_to_its_last_at() -> None:
    text = mask_secrets('invalid dsn "postgresql://u:p@ss/w#rd@h:5432/d": no')
    assert text == 'invalid dsn "postgresql://u:***@h:5432/d": no'
