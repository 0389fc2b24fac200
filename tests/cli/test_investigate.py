"""`investigate-135000` on the night of 10 November 2025, in the old backend's database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.cli.the_night import (
    HOST,
    MARKET_2,
    NUMBER_1,
    NUMBER_2,
    ROWS,
    SAMPLE_HOST,
    open_account,
    seed_night,
)
from tests.database.backends import EARLY
from tests.servers import SECRET_KEY, PostgresServer, lite_server, migrate
from wacampaign.core.investigation.hypotheses import HYPOTHESES
from wacampaign.sandbox.demo import DEMO_TOKEN
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]
COMMAND = ("investigate-135000", "Bajaj_market_2")
TEST_PHONE = "+447700900123"


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The early backend's tables, migrated, with the night in them."""
    url = postgres.new_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EARLY.encode())
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        seed_night(connection)
    return url


@pytest.fixture
def rest_url(database: str) -> Iterator[str]:
    with lite_server(database) as url:
        yield url


@pytest.fixture
def sandbox(sandbox: SandboxProcess, environment: dict[str, str]) -> SandboxProcess:
    open_account(sandbox.control)
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    return sandbox


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in answer["hypotheses"]}


def evidence(answer: dict[str, Any], name: str) -> str:
    return next("; ".join(h["evidence"]) for h in answer["hypotheses"] if h["id"] == name)


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_the_database_alone_names_host_and_number(
    wacampaign: Wacampaign,
    environment: dict[str, str],
    request: pytest.FixtureRequest,
    transport: str,
) -> None:
    if transport == "supabase":
        del environment["DATABASE_URL"]
        environment["SUPABASE_URL"] = request.getfixturevalue("rest_url")
        environment["SUPABASE_SERVICE_KEY"] = SECRET_KEY
    done = wacampaign(*COMMAND, "--no-probe", "--json")
    assert done.exit_code == 3, done.output
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert answer["campaign"]["id"] == MARKET_2
    assert answer["failed_135000"] == ROWS
    assert [h["id"] for h in answer["hypotheses"]] == list(HYPOTHESES)
    assert answer["cause"] == "media_host_differs"
    found = verdicts(answer)
    assert (found["media_host_differs"], found["number_specific"]) == ("confirmed", "likely")
    assert found["account_restricted"] == found["media_unreachable"] == "not_checked"
    assert found["variables_illegal"] == "ruled_out"
    assert HOST in evidence(answer, "media_host_differs")
    assert SAMPLE_HOST in evidence(answer, "media_host_differs")
    assert NUMBER_2 in evidence(answer, "number_specific")
    assert [(o["id"], o["command"]) for o in answer["options"]][:2] == [
        ("A", "wacampaign fix-media 5a5c39a6 --upload"),
        ("A2", "wacampaign fix-media 5a5c39a6 --from-template"),
    ]
    assert [one["name"] for one in answer["beside"]] == ["Bajaj_market_2", "Bajaj_market_1"]
    assert [one["result"] for one in answer["beside"]] == [
        "30 of 30 failed with 135000",
        "30 of 30 sent",
    ]


def test_the_screen_begins_with_the_cause_and_ends_with_the_command(
    wacampaign: Wacampaign,
) -> None:
    done = wacampaign(*COMMAND, "--no-probe")
    assert done.exit_code == 3, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Bajaj_market_2 (5a5c39a6): 30 rows failed with 135000 Generic user error"
    assert lines[2].startswith("cause: media_host_differs (confirmed)")
    assert lines[-1] == "→ wacampaign fix-media 5a5c39a6 --upload"
    assert "999000" not in done.stdout


def test_meta_is_asked_and_contradicts_the_usual_belief(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    answer = json.loads(wacampaign(*COMMAND, "--json").stdout)
    found = verdicts(answer)
    assert found["template_status"] == found["template_mismatch"] == "ruled_out"
    assert found["account_restricted"] == "unlikely"
    assert answer["cause"] == "media_host_differs"
    said = " ".join(answer["contradictions"])
    for belief in ("approval", "the file's format", "reachability"):
        assert f"{belief} is not the cause" in said
    sources = {(fact["about"], fact["source"]) for fact in answer["facts"]}
    assert sources >= {(a, "Cloud API") for a in ("template", "number", "account")}
    assert sandbox.control.totals()["message_requests"] == 0


def test_a_language_that_meta_has_not_approved(
    wacampaign: Wacampaign,
    sandbox: SandboxProcess,  # noqa: ARG001 - Meta
    sql: SQL,
) -> None:
    sql.execute("update templates set language = 'en_GB'")
    answer = json.loads(wacampaign(*COMMAND, "--json").stdout)
    assert answer["cause"] == "template_mismatch"
    assert "it is sent in en_GB, and approved in en" in evidence(answer, "template_mismatch")


def test_another_number_with_the_approved_template_is_an_option(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    sql.execute("update templates set name = '10_nov_2025_temp_bajaj1'")
    sql.execute("update send_queue set template_name = '10_nov_2025_temp_bajaj1'")
    answer = json.loads(wacampaign(*COMMAND, "--no-probe", "--json").stdout)
    option = next(o for o in answer["options"] if o["id"] == "C")
    assert option["command"] == f"wacampaign fix-media 5a5c39a6 --number {NUMBER_1} --upload"
    assert answer["cause"] == "media_host_differs"


def test_a_restricted_account_comes_first(wacampaign: Wacampaign, sandbox: SandboxProcess) -> None:
    sandbox.control.set_health(NUMBER_2, "BLOCKED")
    answer = json.loads(wacampaign(*COMMAND, "--json").stdout)
    assert answer["cause"] == "account_restricted", evidence(answer, "account_restricted")
    assert answer["options"][0]["id"] == "D"


def test_an_api_that_is_away_costs_only_what_depends_on_it(
    wacampaign: Wacampaign, environment: dict[str, str]
) -> None:
    environment["WHATSAPP_API_URL"] = "http://127.0.0.1:9"
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    done = wacampaign(*COMMAND, "--json")
    assert done.exit_code == 3, done.output
    answer = json.loads(done.stdout)
    assert verdicts(answer)["account_restricted"] == "not_checked"
    assert "cannot be reached" in evidence(answer, "account_restricted")
    assert answer["cause"] == "media_host_differs"


def test_probes_need_a_yes_and_go_to_the_test_phone_only(
    wacampaign: Wacampaign, sandbox: SandboxProcess, sql: SQL
) -> None:
    done = wacampaign(*COMMAND, "--test-to", TEST_PHONE)
    assert done.exit_code == 6
    assert "900123" not in done.output.replace("***0123", "")
    assert sandbox.control.totals()["message_requests"] == 0

    before = sql.execute("select md5(string_agg(q::text, '' order by id)) from send_queue q")
    rows_before = before.fetchone()
    done = wacampaign(*COMMAND, "--test-to", TEST_PHONE, "--yes", "--json")
    assert done.exit_code == 3, done.output
    answer = json.loads(done.stdout)
    assert [(p["title"], p["accepted"]) for p in answer["probes"]] == [
        ("the failed payload itself", False),
        ("the same with the approved media uploaded", True),
    ]
    assert answer["probes"][1]["media"] == "media id"
    assert sandbox.control.totals()["recipients"] == 1
    found = verdicts(answer)
    assert (found["media_host_differs"], found["number_specific"]) == ("confirmed", "ruled_out")
    assert found["account_restricted"] == "ruled_out"
    kinds = sql.execute(
        "select count(*) from wacampaign_events where kind = 'probe_sent' and campaign_id = %s",
        (MARKET_2,),
    ).fetchone()
    assert kinds == (2,)
    after = sql.execute("select md5(string_agg(q::text, '' order by id)) from send_queue q")
    assert after.fetchone() == rows_before


def test_what_an_earlier_test_message_proved_is_kept(
    wacampaign: Wacampaign,
    sandbox: SandboxProcess,
    sql: SQL,
    tmp_path: Path,
) -> None:
    done = wacampaign(*COMMAND, "--test-to", TEST_PHONE, "--yes", "--json")
    told = json.loads(done.stdout)
    assert [probe["at"] for probe in told["probes"]] == ["", ""]
    sent = sandbox.control.totals()["message_requests"]

    report = tmp_path / "incident.md"
    done = wacampaign(*COMMAND, "--report", str(report), "--json")
    assert done.exit_code == 3, done.output
    answer = json.loads(done.stdout)
    assert all(probe["at"] for probe in answer["probes"])
    assert [{**probe, "at": ""} for probe in answer["probes"]] == told["probes"]
    assert verdicts(answer) == verdicts(told)
    section = report.read_text().split("Messages to the test phone")[1]
    assert section.count("the failed payload itself") == 1
    assert section.count(f"(sent {answer['probes'][0]['at'][:10]} ") == 2
    done = wacampaign(*COMMAND, "--no-probe")
    assert "refused: the failed payload itself" in done.stdout
    assert sandbox.control.totals()["message_requests"] == sent

    # Of another code, and from before the rows were changed: it says nothing.
    other = json.loads(wacampaign(*COMMAND, "--no-probe", "--code", "131053", "--json").stdout)
    assert not other.get("probes")
    sql.execute(
        "insert into wacampaign_events (campaign_id, kind, actor, row_count)"
        " values (%s, 'repaired', 'test', 30)",
        (MARKET_2,),
    )
    answer = json.loads(wacampaign(*COMMAND, "--no-probe", "--json").stdout)
    assert answer["probes"] == []


def test_a_payload_that_was_accepted_and_fails_again_proves_nothing(
    wacampaign: Wacampaign, sql: SQL
) -> None:
    """As an earlier version wrote it down."""
    write = (
        "insert into wacampaign_events (at, campaign_id, kind, actor, row_count, reason, detail)"
        " values (%s, %s, 'probe_sent', 'test', 1, 'the failed payload itself: accepted',"
        """ '{"title": "the failed payload itself", "number": "1", "template": "t"}')"""
    )
    sql.execute(write, ("2025-11-10 09:00+00", MARKET_2))
    answer = json.loads(wacampaign(*COMMAND, "--no-probe", "--json").stdout)
    assert answer["probes"] == []
    sql.execute(write, ("2025-11-12 09:00+00", MARKET_2))
    answer = json.loads(wacampaign(*COMMAND, "--no-probe", "--json").stdout)
    (probe,) = answer["probes"]
    assert (probe["answer"], probe["accepted"], probe["at"][:10]) == (
        "accepted",
        True,
        "2025-11-12",
    )


def test_a_probe_that_a_gateway_answers_is_no_evidence(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    sandbox.control.clear_faults()
    sandbox.control.add_fault("gateway", status=404)
    done = wacampaign(*COMMAND, "--test-to", TEST_PHONE, "--yes", "--json")
    assert done.exit_code == 3, done.output
    answer = json.loads(done.stdout)
    probes = [(p["accepted"], p["unanswered"]) for p in answer["probes"]]
    assert probes and set(probes) == {(False, "in doubt")}
    assert "probe:" not in json.dumps(answer["hypotheses"])


def test_the_setting_alone_is_no_reason_to_refuse(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    done = wacampaign(*COMMAND, "--json", env={"WACAMPAIGN_TEST_PHONE": TEST_PHONE})
    assert done.exit_code == 3, done.output
    assert "no test message was sent" in done.stderr
    assert sandbox.control.totals()["message_requests"] == 0


def test_another_code_and_none_at_all(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign("investigate-135000", "Bajaj_market_1", "--no-probe")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("→ wacampaign queue-stats 3d824b99\n")
    done = wacampaign(*COMMAND, "--no-probe", "--code", "132000")
    assert done.exit_code == 0
    assert done.stdout.endswith("→ wacampaign investigate-135000 5a5c39a6 --code 135000\n")

    # The night of the 12th: the sample's address in front of the row's own variables.
    sql.execute(
        "update send_queue set error_message = '(#132000) Number of parameters',"
        " payload = jsonb_build_object('var1', 'https://scontent.whatsapp.net/x.mp4',"
        " 'var2', payload -> 'var1', 'var3', payload -> 'var2', 'var4', payload -> 'var3')"
        " where campaign_id = %s",
        (MARKET_2,),
    )
    done = wacampaign(*COMMAND, "--no-probe", "--code", "132000", "--json")
    answer = json.loads(done.stdout)
    assert (answer["cause"], answer["failed_132000"]) == ("template_mismatch", ROWS)
    assert any("shifted by one" in text for text in answer["differences"])
    assert answer["options"][0]["id"] == "B"


def test_refusals(wacampaign: Wacampaign) -> None:
    assert wacampaign("investigate-135000", "nobody").exit_code == 5
    assert wacampaign(*COMMAND, "--compare", "nobody").exit_code == 5
    assert wacampaign(*COMMAND, "--no-probe", "--test-to", TEST_PHONE).exit_code == 2
    assert wacampaign(*COMMAND, "--test-to", "12").exit_code == 2
    assert wacampaign(*COMMAND, "--report", "incident.pdf").exit_code == 2


@pytest.mark.parametrize("name", ["incident.md", "incident.html"])
def test_the_report_is_written(wacampaign: Wacampaign, tmp_path: Path, name: str) -> None:
    done = wacampaign(*COMMAND, "--no-probe", "--report", str(tmp_path / name))
    assert done.exit_code == 3, done.output
    text = (tmp_path / name).read_text("utf-8")
    assert HOST in text
    assert "Bajaj_market_1" in text
    assert "999000" not in text
