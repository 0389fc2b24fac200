"""Templates in the sandbox: samples uploaded, created, reviewed, refused."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.servers import wait_until
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_APP_ID, DEMO_TOKEN, DEMO_VIDEO, DEMO_WABA_ID

TEMPLATES = f"/v25.0/{DEMO_WABA_ID}/message_templates"
BODY = {"type": "BODY", "text": "Hello {{1}}!", "example": {"body_text": [["Asha"]]}}


def upload(http: httpx.Client, content: bytes = DEMO_VIDEO, kind: str = "video/mp4") -> str:
    """A handle, the file sent in two pieces."""
    assert http.get("/v25.0/app").json()["id"] == DEMO_APP_ID
    begun = http.post(
        f"/v25.0/{DEMO_APP_ID}/uploads",
        params={"file_name": "film.mp4", "file_length": len(content), "file_type": kind},
    ).json()["id"]
    assert begun.startswith("upload:")
    assert "?sig=" in begun
    half = len(content) // 2
    url = f"/v25.0/{begun}"
    oauth = {"Authorization": f"OAuth {DEMO_TOKEN}"}
    assert http.post(url, content=content).status_code == 400
    http.post(url, content=content[:half], headers=oauth | {"file_offset": "0"})
    assert http.get(url).json()["file_offset"] == half
    assert http.post(url, content=b"x", headers=oauth | {"file_offset": "0"}).status_code == 400
    last = http.post(url, content=content[half:], headers=oauth | {"file_offset": str(half)})
    return str(last.json()["h"])


def template(**changes: Any) -> dict[str, Any]:
    return {
        "name": "spring_offer",
        "language": "en_US",
        "category": "MARKETING",
        "components": [copy.deepcopy(BODY)],
    } | changes


def found(http: httpx.Client, name: str = "spring_offer") -> dict[str, Any]:
    pages = http.get(TEMPLATES, params={"limit": 100}).json()["data"]
    return next(t for t in pages if t["name"] == name)


def test_a_template_is_uploaded_created_and_approved(
    http: httpx.Client, control: SandboxControl
) -> None:
    control.settings(review_ms=0)
    handle = upload(http)
    assert handle.startswith("4::")
    header = {"type": "header", "format": "VIDEO", "example": {"header_handle": [handle]}}
    answer = http.post(TEMPLATES, json=template(components=[header, BODY]))
    assert answer.status_code == 200, answer.text
    created = answer.json()
    assert (created["status"], created["category"]) == ("PENDING", "MARKETING")
    wait_until(lambda: found(http)["status"] == "APPROVED")
    shown = found(http)
    assert shown["id"] == created["id"]
    sample = shown["components"][0]["example"]["header_handle"][0]
    assert sample.startswith("https://scontent.whatsapp.net/v/")
    host, _, path = sample.removeprefix("https://").partition("/")
    assert http.get(f"/hosts/{host}/{path}").content == DEMO_VIDEO


def test_a_review_rejects_changes_the_category_or_does_not_end(
    http: httpx.Client, control: SandboxControl
) -> None:
    control.settings(review_ms=0)
    control.review("REJECTED", template="bad", reason="SCAM")
    control.review("PENDING", template="slow")
    control.review("APPROVED", template="moved", category="UTILITY")
    control.review("APPROVED", template="may_move", category="UTILITY")
    for name in ("slow", "bad", "moved", "good"):
        assert http.post(TEMPLATES, json=template(name=name)).json()["status"] == "PENDING"
    may = http.post(TEMPLATES, json=template(name="may_move", allow_category_change=True)).json()
    assert may["category"] == "UTILITY"
    wait_until(lambda: found(http, "good")["status"] == "APPROVED")
    assert (found(http, "bad")["status"], found(http, "bad")["rejected_reason"]) == (
        "REJECTED",
        "SCAM",
    )
    assert found(http, "moved")["rejected_reason"] == "INCORRECT_CATEGORY"
    assert found(http, "may_move")["status"] == "APPROVED"
    assert found(http, "slow")["status"] == "PENDING"


def refused(http: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = http.post(TEMPLATES, json=template(**changes))
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_names_limits_and_repeats(http: httpx.Client, control: SandboxControl) -> None:
    assert http.post(TEMPLATES, json=template()).status_code == 200
    error = refused(http)
    assert (error["code"], error["error_subcode"]) == (100, 2388024)
    assert "already" in error["error_user_msg"]
    assert http.post(TEMPLATES, json=template(language="de")).status_code == 200
    assert "name" in refused(http, name="Spring Offer")["error_user_title"]
    assert "category" in refused(http, name="x", category="NEWS")["message"]
    assert "id" in refused(http, name="x", id="7")["message"]
    control.settings(templates_most=7)
    assert refused(http, name="x")["error_subcode"] == 2388019


@pytest.mark.parametrize(
    ("components", "subcode", "said"),
    [
        ([BODY | {"example": {}}], 2388043, "missing"),
        ([BODY | {"text": "{{1}} hello"}], 2388299, "start or end"),
        ([BODY | {"text": "x" * 1025, "example": {}}], 2388040, "1024"),
        ([BODY, {"type": "FOOTER", "text": "for {{1}}"}], 2388073, "variables"),
        ([{"type": "HEADER", "format": "VIDEO"}, BODY], 2388043, "missing"),
        (
            [{"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["77"]}}, BODY],
            2494102,
            "handle",
        ),
        ([BODY | {"id": "1"}], None, "Unexpected key 'id'"),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "CATALOG"}] * 2}], None, "CATALOG"),
        (
            [
                BODY,
                {
                    "type": "BUTTONS",
                    "buttons": [
                        {"type": "QUICK_REPLY", "text": "a"},
                        {"type": "URL", "text": "b", "url": "https://example.com/"},
                        {"type": "QUICK_REPLY", "text": "c"},
                    ],
                },
            ],
            None,
            "grouped",
        ),
        (
            [
                BODY,
                {
                    "type": "BUTTONS",
                    "buttons": [{"type": "COPY_CODE", "text": "Copy", "example": "X" * 16}],
                },
            ],
            2388043,
            "missing",
        ),
        ([{"type": "FOOTER", "text": "only"}], None, "BODY"),
        ([BODY, {"type": "CAROUSEL", "cards": [{"components": []}]}], None, "2 to 10 cards"),
    ],
)
def test_components_that_meta_refuses(
    http: httpx.Client, components: list[dict[str, Any]], subcode: int | None, said: str
) -> None:
    error = refused(http, components=components)
    assert error.get("error_subcode") == subcode
    assert (
        said in f"{error['message']} {error.get('error_user_title')} {error.get('error_user_msg')}"
    )


def test_named_variables_need_named_examples(http: httpx.Client) -> None:
    body = {"type": "BODY", "text": "Dear {{first_name}}, hello."}
    named = {"body_text_named_params": [{"param_name": "first_name", "example": "Asha"}]}
    given = {"parameter_format": "NAMED", "components": [body | {"example": named}]}
    assert http.post(TEMPLATES, json=template(**given)).status_code == 200
    missing = refused(http, name="other", parameter_format="NAMED", components=[body])
    assert missing["error_subcode"] == 2388043
    mixed = refused(http, name="other", parameter_format="POSITIONAL", components=[body])
    assert mixed["error_subcode"] == 2388072
