"""`preflight`, what `start` and `create --start` make of it, and `start --at`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import BODY_TEMPLATE, add_campaign, add_number, phone, run_on
from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
NUMBER = "100000000000001"
WABA = "2000000001"
TEMPLATE = {
    "name": "hello",
    "language": "en",
    "status": "APPROVED",
    "category": "MARKETING",
    "components": BODY_TEMPLATE,
}


@dataclass(frozen=True)
class Paused:
    campaign_id: str
    meta: SandboxControl

    @property
    def short_id(self) -> str:
        return self.campaign_id[:8]


@pytest.fixture
def paused(
    database: str, sandbox: SandboxProcess, environment: dict[str, str], live_worker: str
) -> Paused:
    """A campaign of 20 rows that is ready to start, with its number and template at Meta."""
    assert live_worker
    environment["WHATSAPP_API_URL"] = sandbox.url
    meta = sandbox.control
    meta.put_number(NUMBER, waba_id=WABA, token="test-token")
    meta.put_templates(WABA, TEMPLATE)

    async def seed(store: Store) -> str:
        number = await add_number(store, phone_number_id=NUMBER, waba_id=WABA, rate=50)
        return await add_campaign(store, number, 20, name="market_1", start=False)

    return Paused(run_on(database, seed), meta)


def status_of(sql: SQL) -> Any:
    return sql.execute("select status, pause_reason from campaigns").fetchone()


def events(sql: SQL) -> list[str]:
    return [
        kind
        for (kind,) in sql.execute(
            "select kind from wacampaign_events where campaign_id is not null"
            " and kind not in ('created', 'filled') order by id"
        )
    ]


def break_rows(sql: SQL, n: int) -> None:
    sql.execute(
        """update send_queue set payload = '{"var1": "two\\nlines"}' where id in"""
        " (select id from send_queue order by id limit %s)",
        (n,),
    )


def lines_of(text: str) -> dict[str, list[str]]:
    """Verdicts by id."""
    found: dict[str, list[str]] = {}
    for line in json.loads(text)["lines"]:
        found.setdefault(line["id"], []).append(line["verdict"])
        assert line["fix"] or line["verdict"] == "ok"
    return found


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_a_campaign_that_is_ready(
    wacampaign: Wacampaign,
    paused: Paused,
    sql: SQL,
    transport: str,
    request: pytest.FixtureRequest,
    environment: dict[str, str],
) -> None:
    if transport == "supabase":
        del environment["DATABASE_URL"]
        environment["SUPABASE_URL"] = request.getfixturevalue("rest_url")
        environment["SUPABASE_SERVICE_KEY"] = SECRET_KEY
    done = wacampaign("preflight", "market_1")
    assert done.exit_code == 0, done.output
    assert "ok       variables        all 20 rows fit their template" in done.stdout
    assert "fail" not in done.stdout.lower()
    assert done.stdout.splitlines()[-1].endswith(f"wacampaign start {paused.short_id}")
    done = wacampaign("preflight", "market_1", "--json")
    answer = json.loads(done.stdout)
    assert (answer["schema_version"], answer["ready"]) == (1, True)
    assert answer["campaign"] == {
        "id": paused.campaign_id,
        "name": "market_1",
        "status": "paused",
    }
    assert set(lines_of(done.stdout)) == {
        *("campaign", "contacts", "recipients", "template", "language", "category", "variables"),
        *("media", "token", "number", "quality", "throughput", "messaging_limit", "health"),
        *("holds", "workers", "duration"),
    }
    # Nothing was changed by looking.
    assert events(sql) == []


def test_what_fails_ends_with_3_and_start_refuses(
    wacampaign: Wacampaign, paused: Paused, sql: SQL
) -> None:
    break_rows(sql, 3)
    sql.execute("update send_queue set phone = %s where phone = %s", (phone(18), phone(19)))
    paused.meta.put_number(
        NUMBER,
        waba_id=WABA,
        quality_rating="RED",
        whatsapp_business_manager_messaging_limit="TIER_10",
    )
    paused.meta.put_templates(WABA, TEMPLATE | {"status": "PAUSED", "category": "UTILITY"})
    paused.meta.set_health(WABA, "BLOCKED")
    done = wacampaign("preflight", "market_1", "--json")
    assert done.exit_code == 3
    found = lines_of(done.stdout)
    assert found["variables"] == ["fail", "fail"]
    assert found["template"] == found["health"] == ["fail"]
    for line in ("recipients", "category", "quality", "messaging_limit"):
        assert found[line] == ["warn"], line
    done = wacampaign("preflight", "market_1")
    assert done.exit_code == 3
    assert "FAIL     variables        3 of 20 rows cannot be sent as they are" in done.stdout
    assert "hello: body {{1}} has a line break (3 rows, such as +999***" in done.stdout

    for more in (("--yes",), ("--dry-run",)):
        done = wacampaign("start", "market_1", *more)
        assert done.exit_code == 3
        assert "3 of 20 rows cannot be sent" in done.stdout
        assert "ok       token" not in done.stdout
        assert "3 checks of the preflight failed" in done.stderr
        assert f"wacampaign preflight {paused.short_id}" in done.stderr.splitlines()[-1]
        assert (status_of(sql), events(sql)) == (("paused", "not started yet"), [])

    done = wacampaign("start", "market_1", "--yes", "--skip-preflight")
    assert done.exit_code == 0, done.output
    assert status_of(sql) == ("running", None)
    assert events(sql) == ["started", "preflight_skipped"]


def test_start_says_only_what_is_not_ok(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    paused.meta.put_number(NUMBER, waba_id=WABA, quality_rating="RED")
    done = wacampaign("start", "market_1", "--yes")
    assert done.exit_code == 0, done.output
    first, second, *_ = done.stdout.splitlines()
    assert first == "preflight: 16 ok, 1 warn"
    assert second.startswith("warn     quality")
    assert (status_of(sql), events(sql)) == (("running", None), ["started"])


def test_an_api_that_is_away_does_not_stop_a_start(
    wacampaign: Wacampaign, paused: Paused, sql: SQL
) -> None:
    assert paused.campaign_id
    away = {"WHATSAPP_API_URL": "http://127.0.0.1:9"}
    done = wacampaign("start", "market_1", "--yes", env=away)
    assert done.exit_code == 0, done.output
    assert "skipped  6 checks         127.0.0.1 cannot be reached" in done.stdout
    assert status_of(sql)[0] == "running"


@pytest.mark.parametrize("how", ["none", "revoked"])
def test_without_a_token_that_works(
    wacampaign: Wacampaign, paused: Paused, sql: SQL, how: str
) -> None:
    if how == "none":
        sql.execute("update whatsapp_numbers set access_token = ' '")
    else:
        paused.meta.revoke_token("test-token")
    done = wacampaign("preflight", "market_1", "--json")
    assert done.exit_code == 3
    found = lines_of(done.stdout)
    assert found["token"] == ["fail"]
    assert found["template"] == found["health"] == ["skipped"]
    assert "test-token" not in done.output


def test_a_template_that_changed_or_was_never_synced(
    wacampaign: Wacampaign, paused: Paused, sql: SQL
) -> None:
    paused.meta.put_templates(
        WABA, TEMPLATE | {"components": [{"type": "BODY", "text": "{{1}}, {{2}}"}]}
    )
    # The id that was synced is no longer Meta's: it is looked for in the account's list.
    done = wacampaign("preflight", "market_1")
    assert done.exit_code == 3
    assert "hello has other variables at Meta" in done.stdout
    # The campaign knows what it was planned with, until that is gone as well.
    for table in ("templates", "wacampaign_translations", "wacampaign_campaign_templates"):
        sql.execute(f"delete from {table}".encode())
    done = wacampaign("preflight", "market_1")
    assert "hello is not in the table templates" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ wacampaign templates sync --number {NUMBER}"


def test_another_program_leaves_something_else_in_the_templates_row(
    wacampaign: Wacampaign, paused: Paused, sql: SQL
) -> None:
    """A worker sends what was planned: an id of another language, or damage, is nothing."""
    (other,) = paused.meta.put_templates(WABA, TEMPLATE | {"language": "ar"})
    assert wacampaign("templates", "sync").exit_code == 0
    sql.execute(
        "update templates set meta_template_id = %s, last_synced = now() where name = 'hello'",
        (other,),
    )
    done = wacampaign("preflight", paused.short_id)
    assert (done.exit_code, "hello in en\n" in done.stdout) == (0, True), done.stdout
    assert "FAIL" not in done.stdout
    sql.execute("update templates set components = '\"x\"', last_synced = now()")
    done = wacampaign("preflight", paused.short_id)
    assert "all 20 rows fit their template" in done.stdout, done.stdout
    assert "FAIL" not in done.stdout


def test_each_media_file_is_looked_at_once(
    wacampaign: Wacampaign, paused: Paused, sql: SQL
) -> None:
    film = [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BODY", "text": "Hello {{1}}"},
    ]
    paused.meta.put_templates(WABA, TEMPLATE | {"components": film})
    sql.execute("update templates set components = %s", (json.dumps(film),))
    paused.meta.put_hosted("files.example.com", "/a.txt", b"Dear reader,", "text/plain")
    sql.execute(
        "update send_queue set payload = jsonb_build_object("
        "'var1', 'https://files.example.com/a.txt', 'var2', 'Asha')"
    )
    sql.execute(
        "update send_queue set payload = jsonb_build_object("
        "'var1', 'https://files.example.com/gone.txt', 'var2', 'Asha') where id in"
        " (select id from send_queue order by id limit 2)"
    )
    done = wacampaign("preflight", "market_1")
    assert done.exit_code == 3
    assert "FAIL     media            https://files.example.com/gone.txt (2 rows):" in done.stdout
    assert "media            1 file is sound" in done.stdout
    assert f"wacampaign fix-media {paused.short_id}" in done.stdout.splitlines()[-1]
    fetches = {one["path"]: one["fetches"] for one in paused.meta.hosted()}
    assert fetches["a.txt"] == 1


def test_a_test_message(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    done = wacampaign("preflight", "market_1", "--test-to", "+44 7700 900123")
    assert done.exit_code == 6
    assert "--yes" in done.stderr
    assert paused.meta.totals()["accepted"] == 0

    done = wacampaign("preflight", "market_1", "--test-to", "+44 7700 900123", "--yes")
    assert done.exit_code == 0, done.output
    assert "Meta accepted hello to +44***0123" in done.stdout
    assert "no status webhook has ever been written" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ wacampaign start {paused.short_id}"
    (sent,) = paused.meta.accepted()
    assert sent["to"].lstrip("+") == "447700900123"
    assert events(sql) == ["test_sent"]
    assert sql.execute("select user_phone, campaign_id from messages").fetchall() == [
        ("447700900123", None)
    ]
    counts = sql.execute("select status, count(*) from send_queue group by 1").fetchall()
    assert counts == [("ready", 20)]
    assert "447700900123" not in done.output


def test_the_status_of_a_test_message(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    assert paused.campaign_id
    # As the backend's webhook does, at the moment that the message is there.
    sql.execute(
        "create function fail_it() returns trigger language plpgsql as $$ begin"
        " insert into message_status_logs (whatsapp_number_id, user_phone, whatsapp_message_id,"
        " status, error_code, error_message) values (new.whatsapp_number_id, new.user_phone,"
        " new.whatsapp_message_id, 'failed', 131053, 'Media upload error'); return new; end $$;"
        "create trigger fail_it after insert on messages for each row execute function fail_it()"
    )
    test = {"WACAMPAIGN_TEST_PHONE": "+447700900123"}
    done = wacampaign("preflight", "market_1", "--test", "--yes", "--json", env=test)
    assert done.exit_code == 3
    found = lines_of(done.stdout)
    assert (found["test_send"], found["test_status"]) == (["ok"], ["fail"])
    assert wacampaign("preflight", "market_1", "--test").exit_code == 78


def test_a_test_message_that_meta_refuses(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    paused.meta.add_fault("error", code=135000)
    done = wacampaign("preflight", "market_1", "--test-to", "+447700900123", "--yes")
    assert done.exit_code == 3
    assert "(135000)" in done.stdout
    assert done.stdout.splitlines()[-1] == f"→ wacampaign investigate-135000 {paused.short_id}"
    assert events(sql) == ["test_sent"]
    assert sql.execute("select count(*) from messages").fetchone() == (0,)
    # Nothing is sent where a look was enough.
    break_rows(sql, 1)
    done = wacampaign("preflight", "market_1", "--test-to", "+447700900123", "--yes")
    assert "not sent, as a check above failed" in done.stdout


@pytest.mark.parametrize(("status", "wording"), [(404, "html"), (503, "graph")])
def test_a_test_message_that_a_gateway_answers_may_have_been_sent(
    wacampaign: Wacampaign, paused: Paused, status: int, wording: str
) -> None:
    """It said "Meta refused the test message", and the message was on the phone."""
    paused.meta.add_fault("gateway", status=status, wording=wording)
    done = wacampaign("preflight", "market_1", "--test-to", "+447700900123", "--yes")
    assert "may or may not have been sent: HTTP" in done.stdout
    assert "look at the phone" in done.stdout
    assert "Meta refused" not in done.output
    assert paused.meta.totals()["accepted"] == 1


def test_create_and_start_in_one(
    wacampaign: Wacampaign, paused: Paused, sql: SQL, tmp_path: Path
) -> None:
    csv = tmp_path / "offer.csv"
    csv.write_text("phone,name\n447700900001,Asha\n")
    command = ("create", "--csv", str(csv), "--number", NUMBER, "--template", "hello")
    paused.meta.put_templates(WABA, TEMPLATE | {"status": "PAUSED"})
    done = wacampaign(*command, "--start", "--yes", "--json")
    assert done.exit_code == 3
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["changed"]) == ("not_ready", True)
    state = "select status from campaigns where name = %s"
    assert sql.execute(state, ("offer",)).fetchone() == ("paused",)
    done = wacampaign(*command, "--start", "--yes", "--name", "two", "--again", "--skip-preflight")
    assert done.exit_code == 0, done.output
    assert sql.execute(state, ("two",)).fetchone() == ("running",)
    assert events(sql) == ["started", "preflight_skipped"]


def test_start_at_a_time(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    assert paused.campaign_id
    for at, why in (("tomorrow", "is no time"), ("2020-01-01 10:00", "is over")):
        done = wacampaign("start", "market_1", "--at", at, "--yes")
        assert done.exit_code == 2
        assert why in done.stderr
    done = wacampaign("start", "market_1", "--at", "2099-05-01T09:30:00+05:30", "--dry-run")
    assert "1 campaign: paused → paused until its time" in done.stdout
    assert events(sql) == []
    for said in ("scheduled: market_1", "already: nothing was changed"):
        done = wacampaign("start", "market_1", "--at", "2099-05-01T09:30:00+05:30", "--yes")
        assert done.exit_code == 0, done.output
        assert said in done.stdout
        assert "(2099-05-01T04:00Z)" in done.stdout
    assert sql.execute(
        "select status, is_scheduled, scheduled_start_time, pause_reason from campaigns"
    ).fetchone() == (
        "paused",
        False,
        None,
        "starts at 2099-05-01 04:00 UTC (wacampaign start --at)",
    )
    assert events(sql) == ["scheduled"]
    shown = wacampaign("queue-stats", "market_1").stdout
    assert "starts by itself at 2099-05-01" in shown
    assert "2099-05-01" in wacampaign("monitor", "market_1", "--once").stdout
    stats = json.loads(wacampaign("queue-stats", "market_1", "--json").stdout)
    assert stats["campaigns"][0]["scheduled_start_time"].startswith("2099-05-01T04:00:00")
    assert "starts at" in wacampaign("preflight", "market_1").stdout


@pytest.mark.usefixtures("paused")
def test_a_time_that_has_passed_says_so(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign("start", "market_1", "--at", "2099-05-01T04:00Z", "--yes")
    assert done.exit_code == 0, done.output
    sql.execute(
        "update wacampaign_schedule set start_at = now() - interval '3 hours 12 minutes 30 seconds'"
    )
    shown = wacampaign("queue-stats", "market_1").stdout
    assert ", 3 h 12 min ago, and no live worker began it: they send named campaigns" in shown
    assert "→ wacampaign run-worker" in shown
    assert "no live worker began it" in wacampaign("monitor", "market_1", "--once").stdout
    sql.execute("update wacampaign_workers set stopped_at = now()")
    shown = wacampaign("queue-stats", "market_1").stdout
    assert ", 3 h 12 min ago: it begins as soon as a worker runs, and none is alive" in shown
    assert "→ wacampaign run-worker" in shown


def test_a_time_is_changed_and_taken_away(wacampaign: Wacampaign, paused: Paused, sql: SQL) -> None:
    assert paused.campaign_id
    state = "select status, pause_reason, wacampaign_starts_at(id)::text from campaigns"
    for year in ("2098", "2099"):
        done = wacampaign("start", "market_1", "--at", f"{year}-05-01T04:00Z", "--yes")
        assert done.exit_code == 0, done.output
        assert sql.execute(state).fetchone() == (
            "paused",
            f"starts at {year}-05-01 04:00 UTC (wacampaign start --at)",
            f"{year}-05-01 04:00:00+00",
        )
    for said in ("paused: market_1", "nothing was changed"):
        done = wacampaign("pause", "market_1", "--yes")
        assert done.exit_code == 0, done.output
        assert said in done.stdout
    status, reason, at = sql.execute(state).fetchone() or ("", "", "")
    assert (status, at) == ("paused", None)
    assert reason.startswith("paused by ")
    assert wacampaign("start", "market_1", "--at", "2099-05-01T04:00Z", "--yes").exit_code == 0
    assert wacampaign("start", "market_1", "--yes").exit_code == 0
    assert sql.execute(state).fetchone() == ("running", None, None)
    assert events(sql) == ["scheduled", "scheduled", "paused", "scheduled", "started"]
    assert wacampaign("start", "market_1", "--at", "2099-05-01T04:00Z", "--yes").exit_code == 6
