"""Meta's news in this program's terms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.webhook.decision import Decision
from wacampaign.core.webhook.decisions import decisions_of
from wacampaign.core.webhook.updates import News

AT = 1757600000
FIELDS = (
    "message_template_status_update",
    "message_template_quality_update",
    "template_category_update",
    "message_template_components_update",
    "phone_number_quality_update",
    "business_capability_update",
    "account_update",
    "account_review_update",
    "account_alerts",
    "messages",
)


def decided(field: str, value: dict[str, Any]) -> Decision:
    (decision,) = decisions_of(News(field, "1", AT, value))
    assert (decision.waba_id, decision.at, decision.said) == ("1", AT, value)
    return decision


def template(**more: Any) -> dict[str, Any]:
    return {
        "message_template_id": 12,
        "message_template_name": "offer",
        # As in Meta's samples, where the API has en_US.
        "message_template_language": "en-US",
    } | more


@pytest.mark.parametrize(
    ("event", "status", "severity"),
    [
        ("APPROVED", "APPROVED", "info"),
        ("REINSTATED", "APPROVED", "info"),
        ("UNARCHIVED", "APPROVED", "info"),
        ("PAUSED", "PAUSED", "error"),
        ("DISABLED", "DISABLED", "error"),
        ("REJECTED", "REJECTED", "error"),
        ("LOCKED", "LOCKED", "error"),
        ("PENDING_DELETION", "PENDING_DELETION", "error"),
        ("ARCHIVED", "ARCHIVED", "error"),
        ("of next year", "OF NEXT YEAR", "error"),
    ],
)
def test_template_states(event: str, status: str, severity: str) -> None:
    one = decided("message_template_status_update", template(event=event, reason="NONE"))
    assert (one.kind, one.word, one.severity) == ("template_status", status, severity)
    assert (one.name, one.language, one.because) == ("offer", "en_US", None)
    assert "offer (en_US)" in one.title
    if severity == "error":
        assert "wacampaign" in one.text


def test_a_pause_says_why_and_what_then() -> None:
    value = template(event="PAUSED", reason="NONE", other_info={"title": "FIRST_PAUSE"})
    one = decided("message_template_status_update", value)
    assert one.because == "FIRST_PAUSE"
    assert one.text.startswith("FIRST_PAUSE. ")


def test_a_flagged_template_can_still_be_sent() -> None:
    one = decided("message_template_status_update", template(event="FLAGGED"))
    assert (one.kind, one.severity) == ("note", "warning")


@pytest.mark.parametrize(("score", "severity"), [("RED", "warning"), ("GREEN", "info")])
def test_template_quality(score: str, severity: str) -> None:
    value = template(previous_quality_score="UNKNOWN", new_quality_score=score)
    one = decided("message_template_quality_update", value)
    assert (one.kind, one.word, one.severity) == ("template_quality", score, severity)


def test_a_category_changes_or_will() -> None:
    value = template(previous_category="UTILITY", new_category="MARKETING")
    one = decided("template_category_update", value)
    assert (one.kind, one.word) == ("template_category", "MARKETING")
    ahead = template(new_category="UTILITY", correct_category="MARKETING")
    one = decided("template_category_update", ahead)
    assert (one.kind, "make it MARKETING" in one.text) == ("note", True)


def test_an_edit_says_to_sync() -> None:
    one = decided(FIELDS[3], template(message_template_element="Hi {{1}}"))
    assert (one.kind, "wacampaign templates sync" in one.text) == ("note", True)


def test_throughput_and_quality_of_a_number() -> None:
    value = {"display_phone_number": "+44 7700 900000", "event": "THROUGHPUT_UPGRADE"}
    one = decided(FIELDS[4], value)
    assert (one.kind, one.phone, one.per_second) == ("throughput", "447700900000", 1000)
    one = decided(FIELDS[4], value | {"event": "FLAGGED"})
    assert (one.kind, one.word, one.severity) == ("number_quality", "RED", "warning")


@pytest.mark.parametrize(
    ("told", "word"),
    [("TIER_2K", "TIER_2K"), ("TIER_UNLIMITED", "TIER_UNLIMITED"), (2000, "2000"),
     (-1, "TIER_UNLIMITED"), ("-1", "TIER_UNLIMITED")],
)  # fmt: skip
def test_the_messaging_limit(told: object, word: str) -> None:
    one = decided(FIELDS[5], {"max_daily_conversations_per_business": told})
    assert (one.kind, one.word) == ("messaging_limit", word)


@pytest.mark.parametrize("told", ["TIER_NOT_SET", None, [], True, ""])
def test_no_limit_is_told(told: object) -> None:
    assert (
        decisions_of(News(FIELDS[5], "1", AT, {"max_daily_conversations_per_business": told})) == ()
    )


def restriction(*kinds: str, expiration: object = AT + 86400) -> dict[str, Any]:
    info = [{"restriction_type": kind, "expiration": expiration} for kind in kinds]
    return {"event": "ACCOUNT_RESTRICTION", "restriction_info": info}


def test_a_restriction_of_templates_stops_the_account_until_it_ends() -> None:
    one = decided("account_update", restriction("RESTRICTED_BIZ_INITIATED_MESSAGING"))
    assert (one.kind, one.until, one.code) == ("account_hold", AT + 86400, 368)
    assert "ends by itself" in one.text
    forever = restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", expiration=None)
    one = decided("account_update", forever)
    assert (one.until, "wacampaign resume CAMPAIGN" in one.text) == (None, True)


def test_other_restrictions_are_told() -> None:
    given = restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION", "OF_NEXT_YEAR")
    kinds = [one.kind for one in decisions_of(News("account_update", "1", AT, given))]
    assert kinds == ["account_free", "note", "note"]
    about = [one.about for one in decisions_of(News("account_update", "1", AT, given))]
    assert len(set(about)) == 3


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}},
         "account_hold"),
        ("account_update",
         {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}},
         "note"),
        ("account_update",
         {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}},
         "account_free"),
        ("account_update",
         {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SCAM"}}, "note"),
        ("account_review_update", {"decision": "REJECTED"}, "account_hold"),
        ("account_review_update", {"decision": "APPROVED"}, "account_free"),
        ("account_review_update", {"decision": "PENDING"}, "note"),
        ("account_alerts", {"alert_info": {"alert_type": "X", "alert_severity": "CRITICAL"}},
         "note"),
        ("messages", {"errors": [{"code": 130429, "title": "Rate limit hit"}]}, "note"),
    ],
)  # fmt: skip
def test_accounts(field: str, value: dict[str, Any], kind: str) -> None:
    assert decided(field, value).kind == kind


@pytest.mark.parametrize("field", ["security", "history", "smb_message_echoes", "calls"])
def test_what_concerns_no_campaign_is_left_alone(field: str) -> None:
    assert decisions_of(News(field, "1", AT, {"event": "x"})) == ()


KEYS = (
    "event reason message_template_name message_template_language other_info title ban_info "
    "waba_ban_state restriction_info restriction_type expiration new_quality_score new_category "
    "correct_category display_phone_number max_daily_conversations_per_business decision errors "
    "code alert_info alert_type alert_severity alert_description violation_info"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.sampled_from(["PAUSED", "ACCOUNT_RESTRICTION", "DISABLED_UPDATE", "THROUGHPUT_UPGRADE"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS.split(" ")), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(st.sampled_from(FIELDS), st.dictionaries(st.sampled_from(KEYS.split(" ")), VALUES))
def test_nothing_raises(field: str, value: dict[str, Any]) -> None:
    for one in decisions_of(News(field, "1", None, value)):
        assert one.title
