"""`webhook subscribe` against the sandbox: who gets the webhooks of an account, and where."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from wacampaign.sandbox.demo import (
    DEMO_APP_ID,
    DEMO_APP_SECRET,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]
URL = "https://wa.example.com/api/webhooks"
SUBSCRIBE = ("webhook", "subscribe")


@pytest.fixture(autouse=True)
def sandbox(
    sandbox: SandboxProcess, environment: dict[str, str], wacampaign: Wacampaign
) -> SandboxProcess:
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    environment["META_WEBHOOK_VERIFY_TOKEN"] = "the word"
    add = ("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--yes")
    assert wacampaign(*add).exit_code == 0
    return sandbox


def apps(sandbox: SandboxProcess) -> dict[str, str | None]:
    return sandbox.control.subscriptions(DEMO_WABA_ID)


def test_what_is_as_it_is_to_be_is_said(wacampaign: Wacampaign) -> None:
    for more in ((), ("--dry-run",), ("--url", "app")):
        done = wacampaign(*SUBSCRIBE, *more)
        assert done.exit_code == 0, done.output
        assert done.stdout == (
            f"account {DEMO_WABA_ID} (1 number): Sandbox app ({DEMO_APP_ID}), to the app's own"
            " address, as it is to be\n→ wacampaign webhook\n"
        )


def test_an_app_that_is_not_subscribed_is_found_and_subscribed(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    sandbox.control.subscriptions(DEMO_WABA_ID, {"42": "https://other.example/hook"})
    done = wacampaign(*SUBSCRIBE, "--dry-run")
    assert done.exit_code == 3
    assert "  1 account: not subscribed → webhooks to the app's own address\n" in done.stdout
    assert "also subscribed, and stays so: App 42 (42), to https://other.example/hook" in (
        done.stdout
    )
    assert done.stdout.endswith("dry run: nothing was changed\n")
    assert wacampaign(*SUBSCRIBE).exit_code == 6
    assert DEMO_APP_ID not in apps(sandbox)

    done = wacampaign(*SUBSCRIBE, "--yes")
    assert done.exit_code == 0, done.output
    assert apps(sandbox) == {"42": "https://other.example/hook", DEMO_APP_ID: None}
    assert wacampaign(*SUBSCRIBE).exit_code == 0


def test_an_address_of_its_own_says_what_it_replaces(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    sandbox.control.subscriptions(DEMO_WABA_ID, {DEMO_APP_ID: "https://old.example/"})
    # Without --url it stays wherever it is.
    assert wacampaign(*SUBSCRIBE, "--dry-run").exit_code == 0
    done = wacampaign(*SUBSCRIBE, "--url", URL, "--yes")
    assert done.exit_code == 0, done.output
    assert f"  1 account: webhooks to https://old.example/ → webhooks to {URL}\n" in done.stdout
    assert f"https://old.example/ gets nothing more of the app {DEMO_APP_ID}" in done.stdout
    assert "preferences (marketing switched off or on)" in done.stdout
    assert apps(sandbox) == {DEMO_APP_ID: URL}
    done = wacampaign(*SUBSCRIBE, "--url", "app", "--yes")
    assert f"webhooks to {URL} → webhooks to the app's own address" in done.stdout
    assert apps(sandbox) == {DEMO_APP_ID: None}


def test_fields_that_the_app_does_not_get_are_told(
    wacampaign: Wacampaign, environment: dict[str, str], sandbox: SandboxProcess
) -> None:
    # Of several secrets the one that is the app's own opens its set-up.
    environment["META_APP_SECRET"] = f"another-secret,{DEMO_APP_SECRET}"
    done = wacampaign(*SUBSCRIBE, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "the app's own address is https://example.com/api/webhooks" in done.stdout
    sandbox.control.subscriptions(DEMO_WABA_ID, fields=["messages", "account_update"])
    done = wacampaign(*SUBSCRIBE, "--dry-run")
    assert done.exit_code == 3
    assert "user_preferences: tick them at https://developers.facebook.com/apps/" in done.stdout
    # Nothing of it can be set from here.
    assert wacampaign(*SUBSCRIBE).exit_code == 0
    (account,) = json.loads(wacampaign(*SUBSCRIBE, "--json").stdout)["accounts"]
    assert "message_template_status_update" in account["missing_fields"]
    assert "messages" not in account["missing_fields"]
    environment["META_APP_SECRET"] = "of-another-app"
    assert "is not subscribed to" not in wacampaign(*SUBSCRIBE).stdout


def test_a_new_app_is_subscribed_and_then_overridden(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    sandbox.control.subscriptions(DEMO_WABA_ID, {})
    done = wacampaign(*SUBSCRIBE, "--url", URL, "--yes", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["changed"] is True
    (account,) = answer["accounts"]
    assert account == {
        "waba_id": DEMO_WABA_ID,
        "numbers": 1,
        "app_id": DEMO_APP_ID,
        "subscribed": True,
        "override_url": URL,
        "wanted_url": URL,
        "missing": False,
        "app_url": None,
        "missing_fields": None,
        "others": [],
        "problem": None,
    }


def test_an_address_that_meta_cannot_verify(
    wacampaign: Wacampaign, sandbox: SandboxProcess
) -> None:
    sandbox.control.subscriptions(DEMO_WABA_ID, {}, unverified=True)
    done = wacampaign(*SUBSCRIBE, "--url", URL, "--yes", "--json")
    assert done.exit_code == 6
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert "Meta could not verify the address" in error["message"]
    assert "META_WEBHOOK_VERIFY_TOKEN" in error["suggestion"]
    # It is subscribed by then, to the app's own address: that is said.
    assert error["changed"] is True
    assert json.loads(done.stdout)["changed"] is True
    assert apps(sandbox) == {DEMO_APP_ID: None}


@pytest.mark.parametrize("url", ["http://a.example/", "a.example", "https://", "https://[", ""])
def test_addresses_that_meta_does_not_take(wacampaign: Wacampaign, url: str) -> None:
    done = wacampaign(*SUBSCRIBE, "--url", url)
    assert done.exit_code == 2
    assert "--url" in done.stderr


def test_what_is_missing_here(
    wacampaign: Wacampaign, environment: dict[str, str], sql: SQL
) -> None:
    del environment["META_WEBHOOK_VERIFY_TOKEN"]
    done = wacampaign(*SUBSCRIBE, "--url", URL)
    assert (done.exit_code, "META_WEBHOOK_VERIFY_TOKEN" in done.stderr) == (78, True)
    assert wacampaign(*SUBSCRIBE, "--waba", "abc").exit_code == 2
    done = wacampaign(*SUBSCRIBE, "--waba", "999")
    assert (done.exit_code, "account 999" in done.stderr) == (1, True)
    environment["META_ACCESS_TOKEN"] = "wrong"
    assert wacampaign(*SUBSCRIBE).exit_code == 4
    del environment["META_ACCESS_TOKEN"]
    assert wacampaign(*SUBSCRIBE).exit_code == 78
    sql.execute("update whatsapp_numbers set is_active = false")
    assert wacampaign(*SUBSCRIBE).exit_code == 6


def test_an_account_that_cannot_be_read_keeps_no_other(
    wacampaign: Wacampaign, sandbox: SandboxProcess, sql: SQL
) -> None:
    sandbox.control.subscriptions(DEMO_WABA_ID, {})
    sql.execute(
        "insert into whatsapp_numbers (number, phone_number_id, waba_id, app_id)"
        " values ('447700900555', '77', '88', null), ('447700900556', '78', %s, '4711')",
        (DEMO_WABA_ID,),
    )
    done = wacampaign(*SUBSCRIBE, "--yes")
    assert done.exit_code == 1
    assert "account 88: " in done.stderr
    assert "the database names 4711: its secret does not fit what comes" in done.stdout
    assert apps(sandbox) == {DEMO_APP_ID: None}
