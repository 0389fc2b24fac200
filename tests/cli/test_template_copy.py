"""`templates copy`: from the plan to Meta's verdict, against the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.cli.conftest import Wacampaign
from tests.servers import SECRET_KEY
from wacampaign.core.template.copying import copy_of
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_VIDEO, DEMO_WABA_ID
from wacampaign.sandbox.process import SandboxProcess

SQL = psycopg.Connection[Any]


@pytest.fixture
def account(
    sandbox: SandboxProcess,
    environment: dict[str, str],
    wacampaign: Wacampaign,
    monkeypatch: pytest.MonkeyPatch,
) -> SandboxProcess:
    """The demo's account, its number entered, reviews that end at once."""
    environment["WHATSAPP_API_URL"] = sandbox.url
    environment["META_ACCESS_TOKEN"] = DEMO_TOKEN
    monkeypatch.setattr("wacampaign.operations.template_copy.FIRST_POLL_SECONDS", 0.05)
    sandbox.control.settings(review_ms=0)
    done = wacampaign("number", "add", DEMO_PHONE_NUMBER_ID, "--waba", DEMO_WABA_ID, "--yes")
    assert done.exit_code == 0, done.output
    return sandbox


def at_meta(sandbox: SandboxProcess, name: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{sandbox.url}/v25.0/{DEMO_WABA_ID}/message_templates?limit=100",
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
        trust_env=False,
    ).json()
    found: dict[str, Any] = next(t for t in answer["data"] if t["name"] == name)
    return found


def test_a_copy_is_planned_created_and_approved(
    account: SandboxProcess, wacampaign: Wacampaign, sql: SQL
) -> None:
    planned = wacampaign("templates", "copy", "demo_video", "demo_video_2", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "plan: copy the template demo_video (en_US) to demo_video_2" in planned.stdout
    assert "1 sample (2 KB), uploaded to Meta anew" in planned.stdout
    assert wacampaign("templates", "copy", "demo_video", "demo_video_2").exit_code == 6
    assert sql.execute("select count(*) from templates").fetchone() == (6,)

    done = wacampaign("templates", "copy", "demo_video", "demo_video_2", "--wait", "--yes")
    assert done.exit_code == 0, done.output
    assert "created: demo_video_2 (en_US) at Meta" in done.stdout
    assert "approved: demo_video_2 can be sent" in done.stdout
    assert sql.execute(
        "select status, is_active, language from templates where name = 'demo_video_2'"
    ).fetchone() == ("APPROVED", True, "en_US")
    old, new = at_meta(account, "demo_video"), at_meta(account, "demo_video_2")
    assert new["components"][1] == old["components"][1]
    sample = new["components"][0]["example"]["header_handle"][0]
    assert sample != old["components"][0]["example"]["header_handle"][0]
    hosted = {f"https://{f['host']}/{f['path']}": f["size"] for f in account.control.hosted()}
    assert hosted[sample] == len(DEMO_VIDEO)

    # The second time it is there: nothing is created, the verdict is told.
    again = wacampaign("templates", "copy", "demo_video", "demo_video_2", "--wait", "--json")
    assert again.exit_code == 0, again.output
    answer = json.loads(again.stdout)
    assert (answer["changed"], answer["template"]["status"]) == (False, "APPROVED")


def test_a_file_of_ones_own_becomes_the_sample(
    account: SandboxProcess, wacampaign: Wacampaign, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    # Another file, as good: MP4 allows free boxes at the end.
    film.write_bytes(DEMO_VIDEO + b"\x00\x00\x00\x08free")
    done = wacampaign(
        "templates", "copy", "demo_video", "other", "--media", str(film), "--yes", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["samples"] == 1
    sizes = {f["size"] for f in account.control.hosted()}
    assert len(DEMO_VIDEO) + 8 in sizes

    bad = tmp_path / "film.txt"
    bad.write_text("no film")
    done = wacampaign("templates", "copy", "demo_video", "third", "--media", str(bad), "--yes")
    assert done.exit_code == 3
    assert "not fit for the header of third" in done.stdout
    assert "templates copy demo_video third --media FILE_OR_URL" in done.stdout
    done = wacampaign(
        "templates", "copy", "demo_video", "third", "--media", str(bad), "--yes", "--json"
    )
    assert (done.exit_code, done.stdout) == (3, "")
    assert json.loads(done.stderr)["error"]["code"] == "unfit_media"
    done = wacampaign("templates", "copy", "demo_text", "third", "--media", str(film), "--yes")
    assert done.exit_code == 6
    assert "no media in its header" in done.stderr


def test_a_rejection_is_a_finding_with_its_reason(
    account: SandboxProcess, wacampaign: Wacampaign, sql: SQL
) -> None:
    account.control.review("REJECTED", template="twin", reason="TAG_CONTENT_MISMATCH")
    done = wacampaign("templates", "copy", "demo_text", "twin", "--wait", "--yes")
    assert done.exit_code == 3, done.output
    assert "twin is REJECTED: TAG_CONTENT_MISMATCH" in done.stdout
    assert "--allow-category-change" in done.stdout
    assert sql.execute("select status from templates where name = 'twin'").fetchone() == (
        "REJECTED",
    )


def test_another_category_is_told(account: SandboxProcess, wacampaign: Wacampaign) -> None:
    account.control.review("APPROVED", category="MARKETING")
    done = wacampaign("templates", "copy", "demo_named", "named_1", "--wait", "--yes")
    assert done.exit_code == 3
    assert "INCORRECT_CATEGORY" in done.stdout
    done = wacampaign(
        "templates", "copy", "demo_named", "named_2", "--wait", "--yes", "--allow-category-change"
    )
    assert done.exit_code == 0, done.output
    assert "its category is MARKETING, not UTILITY" in done.stdout


def test_a_review_that_does_not_end_is_looked_at_later(
    account: SandboxProcess, wacampaign: Wacampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.control.review("PENDING")
    done = wacampaign("templates", "copy", "demo_text", "slow", "--yes")
    assert done.exit_code == 0
    assert f"→ wacampaign templates sync --number {DEMO_PHONE_NUMBER_ID}" in done.stdout
    ticks = iter(range(0, 10_000, 50))
    monkeypatch.setattr("wacampaign.operations.template_copy.monotonic", lambda: next(ticks))
    done = wacampaign("templates", "copy", "demo_text", "slow", "--wait", "--wait-minutes", "1")
    assert done.exit_code == 75, done.output
    assert "slow is still PENDING: the review goes on at Meta" in done.stderr


def test_ctrl_c_says_that_the_review_goes_on(
    account: SandboxProcess, wacampaign: Wacampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.control.review("PENDING")

    async def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wacampaign.operations.template_copy.verdict", pressed)
    done = wacampaign("templates", "copy", "demo_text", "slow", "--wait", "--yes")
    assert done.exit_code == 130, done.output
    assert "slow stays at Meta, and its review goes on there" in done.stderr
    assert f"→ wacampaign templates sync --number {DEMO_PHONE_NUMBER_ID}" in done.stderr


def test_a_copy_over_rest(
    account: SandboxProcess, wacampaign: Wacampaign, rest_url: str, sql: SQL
) -> None:
    assert account.url
    over_rest = {"DATABASE_URL": "", "SUPABASE_URL": rest_url, "SUPABASE_SERVICE_KEY": SECRET_KEY}
    done = wacampaign("templates", "copy", "demo_video", "two", "--wait", "--yes", env=over_rest)
    assert done.exit_code == 0, done.output
    assert sql.execute("select status from templates where name = 'two'").fetchone() == (
        "APPROVED",
    )


def test_what_cannot_be_copied_is_refused_by_name(
    account: SandboxProcess, wacampaign: Wacampaign
) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = wacampaign("templates", "copy", *words, "--yes")
        return done.exit_code, done.stderr

    code, text = said("demo_text", "Demo Text")
    assert code == 2
    assert "lowercase letters, digits and underscores" in text
    assert said("demo_text", "demo_text")[0] == 2
    code, text = said("nobody", "somebody")
    assert code == 6
    assert "has no template 'nobody'" in text
    code, text = said("demo_text", "demo_video")
    assert code == 6
    assert "another template demo_video in en_US already" in text
    account.control.put_templates(
        DEMO_WABA_ID,
        {"name": "demo_text", "language": "de", "components": [{"type": "BODY", "text": "Hallo"}]},
    )
    code, text = said("demo_text", "two")
    assert code == 2
    assert "several languages (de, en_US): choose one" in text
    assert said("demo_text", "two", "--language", "fr")[0] == 6
    assert said("demo_text", "two", "--language", "de")[0] == 0
    account.control.settings(templates_most=3)
    code, text = said("demo_text", "three", "--language", "de")
    assert code == 6
    assert "100/2388019" in text
    assert "Message template limit exceeded" in text
    assert "delete templates that nobody uses" in text


def test_two_accounts_need_a_number(account: SandboxProcess, wacampaign: Wacampaign) -> None:
    account.control.put_waba("100000000000009", DEMO_TOKEN)
    account.control.put_number(
        "200000000000009", waba_id="100000000000009", display_phone_number="+44 7700 900009"
    )
    account.control.put_templates(
        "100000000000009", at_meta(account, "demo_text") | {"id": "400000000000099"}
    )
    added = wacampaign("number", "add", "200000000000009", "--waba", "100000000000009", "--yes")
    assert added.exit_code == 0, added.output
    done = wacampaign("templates", "copy", "demo_text", "two", "--yes")
    assert done.exit_code == 2
    assert "choose one by a number" in done.stderr
    way = f"→ the same command with --number {DEMO_PHONE_NUMBER_ID} or --number 200000000000009\n"
    assert way in done.stderr
    done = wacampaign("templates", "copy", "demo_text", "two", "--number", "200000000000009", "-y")
    assert done.exit_code == 0, done.output


def test_components_become_what_creation_takes() -> None:
    shown = [
        {"type": "HEADER", "format": "TEXT", "text": "Hi {{a}}", "example": {
            "header_text_named_params": [{"param_name": "a", "example": "Asha"}]}},
        {"type": "BODY", "text": "Offer", "id": "77"},
        {"type": "LIMITED_TIME_OFFER",
         "limited_time_offer": {"text": "Ends soon", "has_expiration": True}},
        {"type": "BUTTONS", "buttons": [
            {"type": "COPY_CODE", "text": "Copy", "example": ["SAVE20"], "id": 3},
            {"type": "URL", "text": "Go", "url": "https://example.com/{{1}}", "example": ["x"]},
            {"type": "FLOW", "text": "Book", "flow_id": "9", "flow_action": "NAVIGATE"},
        ]},
        {"type": "CAROUSEL", "cards": [
            {"components": [
                {"type": "HEADER", "format": "IMAGE",
                 "example": {"header_handle": [f"https://scontent.whatsapp.net/{n}"]}},
                {"type": "BODY", "text": "Card"},
            ]} for n in (1, 2)
        ]},
    ]  # fmt: skip
    copied = copy_of(shown, "MARKETING")
    assert [place.label for place in copied.samples] == ["card 1's header", "card 2's header"]
    assert [place.sample_url for place in copied.samples] == [
        "https://scontent.whatsapp.net/1",
        "https://scontent.whatsapp.net/2",
    ]
    assert copied.left_out == ("body: id", "button 1: id")
    made = copied.with_handles(["4::a", "4::b"])
    assert made[0] == shown[0]
    assert made[1] == {"type": "BODY", "text": "Offer"}
    assert made[2] == shown[2]
    assert made[3]["buttons"][0] == {"type": "COPY_CODE", "text": "Copy", "example": "SAVE20"}
    assert made[3]["buttons"][1:] == shown[3]["buttons"][1:]
    cards = made[4]["cards"]
    assert [card["components"][0]["example"] for card in cards] == [
        {"header_handle": ["4::a"]},
        {"header_handle": ["4::b"]},
    ]


def test_a_one_time_password_is_created_as_one() -> None:
    shown = [
        {"type": "BODY", "text": "*{{1}}* is your code.", "add_security_recommendation": True,
         "example": {"body_text": [["123456"]]}},
        {"type": "FOOTER", "text": "Expires in 10 minutes.", "code_expiration_minutes": 10},
        {"type": "BUTTONS", "buttons": [
            {"type": "URL", "text": "Copy code", "example": ["https://www.whatsapp.com/otp/"],
             "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"}]},
    ]  # fmt: skip
    assert copy_of(shown, "AUTHENTICATION").with_handles([]) == [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 10},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}],
        },
    ]
