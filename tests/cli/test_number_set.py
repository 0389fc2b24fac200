"""`number set`: marketing templates through the endpoint of their own, from plan to message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY
from wacampaign.core.marketing import PLAIN_ROUTE, MarketingEndpoint
from wacampaign.sandbox.demo import (
    DEMO_MEDIA_ID,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]
SET = ("number", "set", DEMO_PHONE_NUMBER_ID)


@pytest.fixture(params=["postgres", "supabase"])
def account(
    request: pytest.FixtureRequest,
    sandbox: SandboxProcess,
    environment: dict[str, str],
    wacampaign: Wacampaign,
) -> SandboxProcess:
    if request.param == "supabase":
        environment["DATABASE_URL"] = ""
        environment["SUPABASE_URL"] = request.getfixturevalue("rest_url")
        environment["SUPABASE_SERVICE_KEY"] = SECRET_KEY
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    done = wacampaign("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 0, done.output
    return sandbox


def onboard(sandbox: SandboxProcess, status: str = "ONBOARDED") -> None:
    sandbox.control.put_waba(DEMO_WABA_ID, DEMO_TOKEN, marketing_messages_onboarding_status=status)


def campaign(wacampaign: Wacampaign, template: str, header: str, *rows: str) -> None:
    people = Path("people.csv")
    people.write_text("\n".join([header, *rows]) + "\n")
    done = wacampaign(
        *("create", "--csv", str(people), "--number", DEMO_PHONE_NUMBER_ID),
        *("--template", template, "--name", template, "--yes", "--again"),
    )
    assert done.exit_code == 0, done.output
    done = wacampaign("start", template, "--yes", "--skip-preflight")
    assert done.exit_code == 0, done.output


def send(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wacampaign", "run-worker", "--until-idle"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_by_the_category_and_the_account(
    account: SandboxProcess, wacampaign: Wacampaign, environment: dict[str, str], sql: SQL
) -> None:
    marketing = (
        "phone,var1,var2,var3",
        "+447700900001,Asha,Asha,20 %",
        "+447700900002,Ravi,Ravi,5 %",
    )
    named = ("phone,first_name,day", "+447700900003,Asha,Monday")
    done = wacampaign(*SET, "--marketing-endpoint", "auto")
    assert done.exit_code == 6
    assert "1 marketing endpoint: off → auto (ELIGIBLE)" in done.stdout
    assert "the account is not onboarded (Meta says ELIGIBLE): /messages until it is" in done.stdout
    assert wacampaign(*SET, "--marketing-endpoint", "auto", "--yes").exit_code == 0
    campaign(wacampaign, "demo_text", *marketing)
    send(environment)
    assert account.control.totals()["accepted_by_endpoint"] == {"messages": 2}

    onboard(account)
    assert wacampaign("templates", "sync").exit_code == 0
    listed = json.loads(wacampaign("number", "list", "--json").stdout)["numbers"][0]
    assert listed["marketing_endpoint"] == {
        "mode": "auto",
        "product_policy": None,
        "onboarding": "ONBOARDED",
    }
    assert "auto (ONBOARDED)" in wacampaign("number", "list").stdout
    done = wacampaign(*SET, "--product-policy", "STRICT", "--yes", "--json")
    assert json.loads(done.stdout)["changed"] is True
    sql.execute("update campaigns set name = name || ' before'")
    campaign(wacampaign, "demo_text", *marketing)
    campaign(wacampaign, "demo_named", *named)
    send(environment)
    assert account.control.totals()["accepted_by_endpoint"] == {
        "messages": 3,
        "marketing_messages": 2,
    }
    events = sql.execute("select kind from wacampaign_events where kind = 'number_set'").fetchall()
    assert len(events) == 2
    again = wacampaign(*SET, "--product-policy", "STRICT", "--yes")
    assert again.exit_code == 0
    assert "nothing was changed" in again.stdout


def test_preflight_says_what_comes_of_it(
    account: SandboxProcess, wacampaign: Wacampaign, environment: dict[str, str], sql: SQL
) -> None:
    campaign(wacampaign, "demo_text", "phone,a,b,c", "+447700900001,Asha,Asha,20 %")
    sql.execute("update campaigns set status = 'paused'")

    def line() -> str:
        done = wacampaign("preflight", "demo_text", "--json")
        checks = json.loads(done.stdout)["lines"]
        (told,) = [c for c in checks if c["id"] == "marketing_endpoint"] or [{"verdict": "none"}]
        return str(told["verdict"])

    assert line() == "none"
    wacampaign(*SET, "--marketing-endpoint", "on", "--yes")
    assert line() == "warn"
    wacampaign(*SET, "--product-policy", "STRICT", "--yes")
    assert line() == "fail"
    onboard(account)
    assert line() == "ok"
    # Refused for certain: the template is held with the command that helps, its rows are kept.
    onboard(account, "ELIGIBLE")
    sql.execute("update campaigns set status = 'running'")
    send(environment)
    (reason,) = sql.execute("select reason from wacampaign_holds").fetchone() or ("",)
    assert "134102" in reason
    assert f"wacampaign number set {DEMO_PHONE_NUMBER_ID} --marketing-endpoint off" in reason
    assert sql.execute("select status from send_queue").fetchall() == [("ready",)]


def test_a_gif_goes_there_alone(
    account: SandboxProcess, wacampaign: Wacampaign, environment: dict[str, str]
) -> None:
    account.control.put_templates(
        DEMO_WABA_ID,
        {
            "name": "wave",
            "language": "en_US",
            "components": [{"type": "HEADER", "format": "GIF"}, {"type": "BODY", "text": "Hello"}],
        },
    )
    onboard(account)
    assert wacampaign("templates", "sync", "--yes").exit_code == 0
    Path("people.csv").write_text(f"phone,gif\n+447700900001,{DEMO_MEDIA_ID}\n")
    create = (
        *("create", "--csv", "people.csv", "--number", DEMO_PHONE_NUMBER_ID),
        *("--template", "wave", "--name", "wave", "--yes"),
    )
    done = wacampaign(*create)
    assert done.exit_code == 6
    assert "its header is a GIF, which Meta takes at the marketing endpoint alone" in done.stderr
    assert f"number set {DEMO_PHONE_NUMBER_ID} --marketing-endpoint on" in done.stderr
    assert wacampaign(*SET, "--marketing-endpoint", "auto", "--yes").exit_code == 0
    done = wacampaign(*create)
    assert done.exit_code == 0, done.output

    # Switched off under a campaign: the worker holds it, and says how it goes on.
    assert wacampaign(*SET, "--marketing-endpoint", "off", "--yes").exit_code == 0
    started = wacampaign("start", "wave", "--yes")
    assert started.exit_code == 3
    assert "cannot be sent from Sandbox: its header is a GIF" in started.stdout
    assert wacampaign(*SET, "--marketing-endpoint", "on", "--yes").exit_code == 0
    assert wacampaign("start", "wave", "--yes", "--skip-preflight").exit_code == 0
    send(environment)
    assert account.control.totals()["accepted_by_endpoint"] == {"marketing_messages": 1}


def test_usage(account: SandboxProcess, wacampaign: Wacampaign) -> None:
    assert account.url
    assert wacampaign(*SET).exit_code == 2
    assert wacampaign("number", "set", "999", "--marketing-endpoint", "on").exit_code == 6
    done = wacampaign(*SET, "--marketing-endpoint", "auto", "--dry-run")
    assert done.exit_code == 0
    assert '"mode": "off"' in json.dumps(
        json.loads(wacampaign("number", "list", "--json").stdout)["numbers"][0]
    )


def test_a_route_is_chosen_by_setting_and_category() -> None:
    def edge(mode: str, onboarding: str | None, category: str | None) -> str:
        return MarketingEndpoint(mode, None, onboarding).route(category).edge

    assert edge("on", None, "MARKETING") == "marketing_messages"
    assert edge("on", None, "marketing") == "marketing_messages"
    assert edge("auto", "ONBOARDED", "MARKETING") == "marketing_messages"
    for mode, onboarding, category in (
        ("off", "ONBOARDED", "MARKETING"),
        ("auto", None, "MARKETING"),
        ("auto", "ELIGIBLE", "MARKETING"),
        ("on", "ONBOARDED", "UTILITY"),
        ("on", "ONBOARDED", "AUTHENTICATION"),
        ("on", "ONBOARDED", None),
    ):
        assert MarketingEndpoint(mode, "STRICT", onboarding).route(category) is PLAIN_ROUTE
    strict = MarketingEndpoint("on", "STRICT").route("MARKETING")
    assert json.loads(strict.opening + b'"x":1}') == {"product_policy": "STRICT", "x": 1}
