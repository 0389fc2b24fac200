"""Languages of templates on the command line: named, asked for, listed, and kept."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns import add_campaign, add_number, run_on
from tests.cli.conftest import Wacampaign
from wacampaign.core.template.languages import meant_languages
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.store import Store

SQL = psycopg.Connection[Any]
NUMBER = "200000000000007"


def page(language: str, text: str = "Hello {{1}}", **more: Any) -> dict[str, Any]:
    return {
        "name": "offer",
        "language": language,
        "status": "APPROVED",
        "category": "MARKETING",
        "components": [{"type": "BODY", "text": text}],
        "parameter_format": "POSITIONAL",
    } | more


PAGES = (
    page("en_US"),
    page("en_GB"),
    page("de", "Hallo {{1}}"),
    page("fr", "Bonjour {{1}}", status="PENDING"),
    page("en", name="single"),
    page("it", name="single", status="REJECTED", rejected_reason="SCAM"),
)


async def put(store: Store, number_id: str, *pages: dict[str, Any]) -> None:
    await store.call(
        "put_templates", number_id=number_id, templates=json.dumps(pages), actor="test"
    )


@pytest.fixture
def number(database: str) -> str:
    async def add(store: Store) -> str:
        number_id = await add_number(store, phone_number_id=NUMBER, rate=100)
        await put(store, number_id, *PAGES)
        return number_id

    return run_on(database, add)


@pytest.fixture
def create(wacampaign: Wacampaign, number: str) -> Wacampaign:  # noqa: ARG001
    """`create` of one contact with these templates."""
    Path("offer.csv").write_text("447700900001,Asha\n447700900002,Ben\n")

    def run(*templates: str, yes: bool = True) -> Any:
        words = ["create", "--csv", "offer.csv", "--number", NUMBER, "--json"]
        for template in templates:
            words += ["--template", template]
        return wacampaign(*words, *(["--yes"] if yes else []))

    return run


def test_a_language_is_taken_exactly_as_meta_writes_it(create: Wacampaign, sql: SQL) -> None:
    done = create("offer:de,single")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["languages"] == {"offer": "de", "single": "en"}
    assert "  template offer (de, 1 variable): 1" in done.stderr
    assert sql.execute(
        "select template_name, language from wacampaign_campaign_templates order by 1"
    ).fetchall() == [("offer", "de"), ("single", "en")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("en-us", "--template offer:en_US or --template offer:en_GB"),
        ("EN_GB", "--template offer:en_GB or --template offer:en_US"),
        ("english", "--template offer:en_GB or --template offer:en_US"),
        ("German", "--template offer:de"),
        ("de_DE", "--template offer:de"),
        ("tlh", "--template offer:de or --template offer:en_GB or --template offer:en_US"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(
    create: Wacampaign, typed: str, meant: str
) -> None:
    done = create(f"offer:{typed}")
    assert done.exit_code == 6
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["message"] == (
        f"the template 'offer' has no language {typed!r}; Meta has it in de (APPROVED), "
        "en_GB (APPROVED), en_US (APPROVED) and fr (PENDING)"
    )
    assert error["suggestion"].startswith(f"the same command with {meant};")


def test_several_languages_and_none_named(create: Wacampaign, sql: SQL) -> None:
    done = create("offer")
    assert done.exit_code == 6
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["code"] == "several_languages"
    assert error["message"] == (
        "the template 'offer' is approved in de, en_GB and en_US: say which one goes out"
    )
    assert "--template offer:de or --template offer:en_GB" in error["suggestion"]
    assert sql.execute("select count(*) from campaigns").fetchone() == (0,)


def test_a_language_that_is_not_approved(create: Wacampaign) -> None:
    done = create("offer:fr")
    assert done.exit_code == 6
    message = json.loads(done.stderr.splitlines()[-1])["error"]["message"]
    assert message == (
        "the template 'offer' is PENDING in fr, only an APPROVED one can be sent; "
        "approved is offer:de, offer:en_GB and offer:en_US"
    )


def test_a_campaign_has_one_language_of_a_template(create: Wacampaign) -> None:
    done = create("offer:de", "offer:en_US")
    assert done.exit_code == 2
    assert "rows of a campaign name their template only" in done.stderr
    assert create("offer:de", "offer:de").exit_code == 2
    assert "is given twice" in create("offer:de", "offer").stderr


def test_a_name_that_is_nearly_right(create: Wacampaign) -> None:
    assert "did you mean offer?" in create("offers:de").stderr


@pytest.mark.parametrize(
    ("answers", "language"), [((b"9", b"2"), "en_GB"), ((b"en_US",), "en_US"), ((b"",), None)]
)
def test_a_person_is_asked(
    environment: dict[str, str],
    number: str,  # noqa: ARG001
    sql: SQL,
    answers: tuple[bytes, ...],
    language: str | None,
) -> None:
    Path("offer.csv").write_text("447700900001,Asha\n")
    words = ["create", "--csv", "offer.csv", "--number", NUMBER, "--template", "offer"]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", *words],
        env=os.environ | environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = b""
    waiting = [*answers, b"y"]
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other side has ended
            break
        if not part:
            break
        shown += part
        if shown.rstrip().endswith((b"[1-3]", b"[y/N]")) and waiting:
            os.write(leader, waiting.pop(0) + b"\n")
            shown += b" answered "
    os.close(leader)
    code = process.wait(20)
    assert b"2  en_GB  MARKETING, 1 variable" in shown
    planned = sql.execute("select language from wacampaign_campaign_templates").fetchall()
    if language is None:
        assert (code, planned) == (6, [])
    else:
        assert code == 0, shown
        assert planned == [(language,)]


def test_each_language_is_listed(wacampaign: Wacampaign, number: str) -> None:  # noqa: ARG001
    done = wacampaign("templates", "list")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    found = [(row[0], row[1], row[2]) for row in rows[1:]]
    assert ("offer", "de", "APPROVED") in found
    assert ("offer", "fr", "PENDING") in found
    assert ("single", "it", "REJECTED") in found
    assert len(found) == 6
    answer = json.loads(wacampaign("templates", "list", "--json").stdout)
    assert {t["rejected_reason"] for t in answer["templates"]} == {None, "SCAM"}


def test_preflight_says_what_is_not_as_planned(
    wacampaign: Wacampaign, database: str, number: str
) -> None:
    async def scenario(store: Store) -> str:
        campaign = await add_campaign(
            store, number, 3, templates=("single",), name="market", start=False
        )
        await put(store, number, page("en", "Hi {{1}}, {{2}}", name="single", category="UTILITY"))
        return campaign

    campaign = run_on(database, scenario)
    done = wacampaign("preflight", "market")
    assert done.exit_code == 3
    told = " ".join(done.stdout.split())
    assert (
        "warn template single:en changed since this campaign was planned: it needs "
        "2 variables, and needed 1 variable"
    ) in told
    assert "single:en changed since this campaign was planned: it is UTILITY" in told
    assert f"wacampaign start {campaign[:8]} shows it" in told
    assert "FAIL variables 3 of 3 rows cannot be sent as they are" in told
    # It is shown before a person says yes, and taken with it.
    done = wacampaign("start", "market", "--skip-preflight", "--yes")
    assert done.exit_code == 0, done.output
    assert "NOTE: the template single:en changed since this campaign was planned:" in done.stdout
    done = wacampaign("preflight", "market")
    assert "changed since this campaign was planned" not in done.stdout


def test_what_meta_has_again_is_to_be_synced(
    wacampaign: Wacampaign,
    database: str,
    number: str,
    sandbox: SandboxProcess,
    environment: dict[str, str],
) -> None:
    sandbox.control.put_number(NUMBER, waba_id="2000000001", token="test-token")
    ours = page("en", name="single")
    sandbox.control.put_templates("2000000001", ours)
    environment["WHATSAPP_API_URL"] = sandbox.url

    async def scenario(store: Store) -> str:
        campaign = await add_campaign(store, number, 3, templates=("single",), name="market")
        await put(store, number, page("en", name="single", status="PAUSED"))
        return campaign

    campaign = run_on(database, scenario)
    told = " ".join(wacampaign("preflight", "market").stdout.split())
    assert (
        "warn template single is APPROVED at Meta, and was PAUSED when it was synced: workers go "
        f"by that → wacampaign templates sync --number {NUMBER}"
    ) in told
    assert "warn holds template single is held: the template single (en) changed since" in told
    done = wacampaign("templates", "sync", "--yes")
    assert (
        f"market ({campaign[:8]}), paused: single is as it was planned again: "
        f"wacampaign resume {campaign[:8]}\n"
    ) in done.stdout
    done = wacampaign("resume", "market", "--yes")
    assert done.exit_code == 0, done.output
    assert "NOTE" not in done.stdout
    assert "holds lifted: 1" in done.stdout


def test_rows_of_a_template_that_changed_move_to_one_that_they_fit(
    wacampaign: Wacampaign,
    database: str,
    number: str,
    sandbox: SandboxProcess,
    environment: dict[str, str],
    sql: SQL,
) -> None:
    sandbox.control.put_number(NUMBER, waba_id="2000000001", token="test-token")
    other_rows = page("en", "Hi {{1}}, {{2}}", name="single")
    sandbox.control.put_templates("2000000001", other_rows, page("en", name="spare"))
    environment["WHATSAPP_API_URL"] = sandbox.url

    async def scenario(store: Store) -> str:
        return await add_campaign(store, number, 3, templates=("single",), name="market")

    campaign = run_on(database, scenario)
    assert "is held" in wacampaign("templates", "sync", "--yes").stdout
    told = wacampaign("preflight", "market").stdout
    assert f"wacampaign fix-media {campaign[:8]} --template NEW" in " ".join(told.split())
    done = wacampaign("fix-media", "market", "--template", "spare", "--yes")
    assert done.exit_code == 0, done.output
    done = wacampaign("resume", "market", "--yes")
    assert done.exit_code == 0, done.output
    assert "NOTE" not in done.stdout
    assert sql.execute(
        "select template_name, language from wacampaign_campaign_templates c where exists"
        " (select from send_queue q where q.template_name = c.template_name)"
    ).fetchall() == [("spare", "en")]


CODES = ["af", "de", "de_AT", "en", "en_GB", "en_US", "fil", "pt_BR", "pt_PT", "zh_CN", "zh_HK"]


@given(code=st.sampled_from(CODES), separator=st.sampled_from("_- ."), data=st.data())
def test_another_writing_of_a_code_means_it(code: str, separator: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from((c.lower(), c.upper()))) for c in code]
    assert meant_languages("".join(letters).replace("_", separator), CODES)[0] == code


@given(typed=st.text(max_size=12))
def test_anything_may_be_typed(typed: str) -> None:
    assert set(meant_languages(typed, CODES)) <= set(CODES)
