"""What a publishable key gets over REST: nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.database.backends import NUMBER, Connection, our_tables, tables
from tests.database.protocol import PROTOCOL
from tests.servers import PUBLISHABLE_KEY, SECRET_KEY, migrate


def ask_rest(url: str, key: str, path: str, body: object = None) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{url}/rest/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"apikey": key, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def fill_with_anything(connection: Connection) -> None:
    """One row at least in every table."""
    for table in our_tables(connection) + tables(connection):
        columns = connection.execute(
            "select attname::text, format_type(atttypid, null) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and attnotnull and not atthasdef"
            " and attidentity = ''",
            (table,),
        ).fetchall()
        words = {
            "direction": "incoming",
            "encoding": "text",
            "severity": "info",
            "state": "sent",
            "status": "sent",
            "type": "info",
            "wish": "stop",
        }
        values = {
            "uuid": f"'{NUMBER}'",
            "text": "'{}'",
            "integer": "1",
            "bigint": "1",
            "timestamp with time zone": "now()",
            "time without time zone": "'09:00'",
            "text[]": "array[]::text[]",
            "uuid[]": "array[]::uuid[]",
            "bigint[]": "array[]::bigint[]",
        }
        listed = ", ".join(name for name, _ in columns)
        given = ", ".join(
            f"'{words[name]}'" if name in words else values[kind] for name, kind in columns
        )
        row = f"({listed}) values ({given})" if columns else "default values"
        connection.execute(f"insert into {table} {row} on conflict do nothing".encode())


def test_the_publishable_key_gets_nothing_by_rest(
    rest_url: str, database: str, sql: Connection
) -> None:
    assert ask_rest(rest_url, SECRET_KEY, "rpc/wacampaign_schema_version", {})[0] == 200
    # This server grants every table to everybody when it starts, as older projects did. So the
    # backend's tables are behind their row level security alone, and ours are revoked again.
    migrate(database)
    sql.execute("insert into whatsapp_numbers (id, number) values (%s, '99900')", (NUMBER,))
    fill_with_anything(sql)
    for table in our_tables(sql) + tables(sql):
        status, text = ask_rest(rest_url, SECRET_KEY, table)
        assert (table, status, bool(json.loads(text))) == (table, 200, True)
        status, text = ask_rest(rest_url, PUBLISHABLE_KEY, table)
        if table.startswith("wacampaign_"):
            assert (table, status, json.loads(text)["code"]) == (table, 401, "42501")
        else:
            assert (table, status, json.loads(text)) == (table, 200, [])
        status, text = ask_rest(rest_url, PUBLISHABLE_KEY, table, {"campaign_id": NUMBER})
        assert (table, status) in ((table, 401), (table, 400)), text
    for name, params in PROTOCOL.items():
        body = {f"p_{key}": None for key in params}
        status, text = ask_rest(rest_url, PUBLISHABLE_KEY, f"rpc/wacampaign_{name}", body)
        assert (name, status, json.loads(text)["code"]) == (name, 401, "42501")
