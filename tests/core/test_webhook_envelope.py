"""Webhook bodies become updates: Meta's shapes, what is missing in them, and anything else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wacampaign.core.webhook.envelope import updates_of
from wacampaign.core.webhook.updates import Updates

PHONE, NUMBER, WABA = "447700900123", "106540352242922", "102290129340398"
USER = "GB.13491208655302741918"


def body(value: Any, field: str = "messages", **entry: Any) -> dict[str, Any]:
    """whatsapp-cloud-api, 6.1."""
    change = {"field": field, "value": value}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": [change]} | entry],
    }


def messages(**value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "447700900100", "phone_number_id": NUMBER}
    return body({"messaging_product": "whatsapp", "metadata": metadata} | value)


def status(**more: Any) -> dict[str, Any]:
    """whatsapp-cloud-api, 6.2."""
    return {
        "id": "wamid.A",
        "status": "delivered",
        "timestamp": "1757600000",
        "recipient_id": PHONE,
    } | more


def inbound(**more: Any) -> dict[str, Any]:
    """whatsapp-cloud-api, 6.3."""
    return {"from": PHONE, "id": "wamid.B", "timestamp": "1757600000"} | more


def only_status(**more: Any) -> Any:
    updates = updates_of(messages(statuses=[status(**more)]))
    assert updates.faults == ()
    return updates.statuses[0]


def only_inbound(**more: Any) -> Any:
    updates = updates_of(messages(messages=[inbound(**more)]))
    assert updates.faults == ()
    return updates.inbound[0]


# -- statuses


def test_a_failed_status_with_all_its_parts() -> None:
    error = {
        "code": 131049,
        "title": "Not delivered",
        "message": "Not delivered",
        "error_data": {"details": "to maintain healthy ecosystem engagement"},
        "href": "https://developers.facebook.com/",
    }
    said = status(
        status="failed",
        recipient_user_id=USER,
        biz_opaque_callback_data="row:claim",
        pricing={"billable": False},
        errors=[error],
    )
    (update,) = updates_of(messages(statuses=[said])).statuses
    assert (update.wamid, update.status, update.at) == ("wamid.A", "failed", 1757600000)
    assert (update.phone_number_id, update.recipient, update.user_id) == (NUMBER, PHONE, USER)
    assert (update.callback, update.code, update.title) == ("row:claim", 131049, "Not delivered")
    assert update.details == "to maintain healthy ecosystem engagement"
    assert update.said == said


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("1757600000", 1757600000),
        (1757600000, 1757600000),
        (1757600000.0, 1757600000),
        ("1757600000000", None),
        (1757600000000, None),
        (-5, None),
        (0, None),
        (True, None),
        (math.inf, None),
        (math.nan, None),
        (10**400, None),
        ("9" * 5000, None),
        ("١٧٥٧٦٠٠٠٠٠", None),
        ("soon", None),
        ("", None),
        (None, None),
        ([], None),
    ],
    ids=repr,
)
def test_times(given: object, at: int | None) -> None:
    assert only_status(timestamp=given).at == at


def test_what_a_status_may_lack() -> None:
    (update,) = updates_of(body({"statuses": [{"id": "wamid.A", "status": "sent"}]})).statuses
    assert (update.at, update.recipient, update.user_id, update.phone_number_id) == (None,) * 4
    assert (update.code, update.title, update.details, update.callback) == (None,) * 4


@pytest.mark.parametrize("hidden", ["", None, USER])
def test_a_hidden_number_has_an_id_of_its_person(hidden: object) -> None:
    known = {} if hidden == USER else {"recipient_user_id": USER}
    update = only_status(recipient_id=hidden, **known)
    assert (update.recipient, update.user_id) == (None, USER)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([{"code": "131053"}], 131053),
        ({"code": 131053}, 131053),
        ([{"code": 1026}], 131026),  # an old name (whatsapp-cloud-api, 1.3)
        ([{"title": "no code"}, {"code": 131042}], 131042),
        ([{"code": 10**30}], None),
        ([None, "x"], None),
        ("x", None),
        ([], None),
    ],
    ids=repr,
)
def test_the_code_of_a_failure(errors: object, code: int | None) -> None:
    assert only_status(status="failed", errors=errors).code == code


def test_a_word_that_nobody_knows_yet_is_kept() -> None:
    assert only_status(status="deleted").status == "deleted"


@pytest.mark.parametrize("wrong", ["", " ", "a\0b", "\ud800", "w" * 513, None, [], {}, True])
def test_an_id_that_is_none_costs_no_neighbour(wrong: object) -> None:
    given = [status(id="wamid.1"), status(id=wrong), status(id="wamid.2")]
    updates = updates_of(messages(statuses=given))
    assert [update.wamid for update in updates.statuses] == ["wamid.1", "wamid.2"]
    assert updates.faults == ("entry 1, change 1, status 2: no message id of 1 to 512 characters",)


def test_odd_neighbours_of_a_status() -> None:
    updates = updates_of(messages(statuses=[None, status(), "x", status(status=None)]))
    assert len(updates.statuses) == 1
    assert updates.faults == (
        "entry 1, change 1, status 1: no object",
        "entry 1, change 1, status 3: no object",
        "entry 1, change 1, status 4: no status word",
    )


def test_a_thousand_updates_and_as_many_faults() -> None:
    updates = updates_of(messages(statuses=[status(id=f"wamid.{n}") for n in range(1000)]))
    assert len(updates.statuses) == 1000
    faults = updates_of(messages(statuses=[{}] * 1000)).faults
    assert (len(faults), faults[-1]) == (51, "and 950 more faults")


# -- messages


BUTTON = {"type": "button_reply", "button_reply": {"id": "no", "title": "Not now"}}
LIST_ROW = {"type": "list_reply", "list_reply": {"id": "7", "title": "Seven", "description": "d"}}
FORM = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"}}
CARDS = [{"name": {"formatted_name": "Asha"}}, {"name": {}}, {"name": {"formatted_name": "Bo"}}]


@pytest.mark.parametrize(
    ("kind", "content", "text", "payload"),
    [
        ("text", {"body": "STOP"}, "STOP", None),
        ("button", {"payload": "stop-1", "text": "Stop"}, "Stop", "stop-1"),
        ("button", {"payload": "stop-1"}, "stop-1", "stop-1"),
        ("interactive", BUTTON, "Not now", "no"),
        ("interactive", LIST_ROW, "Seven", "7"),
        ("interactive", FORM, "Sent", None),
        ("interactive", {"type": "of next year"}, None, None),
        ("image", {"caption": "look", "id": "1", "mime_type": "image/jpeg"}, "look", None),
        ("video", {"caption": "film", "id": "1"}, "film", None),
        ("document", {"caption": "bill", "filename": "a.pdf"}, "bill", None),
        ("document", {"filename": "a.pdf"}, "a.pdf", None),
        ("audio", {"id": "1", "voice": True}, None, None),
        ("sticker", {"id": "1", "animated": False}, None, None),
        ("location", {"name": "Shop", "address": "Main St 1"}, "Shop, Main St 1", None),
        ("location", {"latitude": 52.5, "longitude": 13}, "52.50000, 13.00000", None),
        ("contacts", CARDS, "Asha, Bo", None),
        ("order", {"product_items": [{}, {}]}, "order of 2 products", None),
        ("order", {"product_items": [{}], "text": "please"}, "please", None),
        ("system", {"body": "changed the number", "type": "user_changed_number"},
         "changed the number", None),
        ("request_welcome", None, None, None),
        ("of next year", {"body": "?"}, None, None),
    ],
)  # fmt: skip
def test_what_a_person_reads(
    kind: str, content: Any, text: str | None, payload: str | None
) -> None:
    update = only_inbound(type=kind, **{kind: content})
    assert (update.kind, update.text, update.payload) == (kind, text, payload)
    assert (update.phone, update.at, update.phone_number_id) == (PHONE, 1757600000, NUMBER)


def test_what_meta_could_not_pass_on_says_why() -> None:
    errors = [{"code": 131051, "title": "Unsupported", "error_data": {"details": "is a poll"}}]
    update = only_inbound(type="unsupported", errors=errors)
    assert (update.kind, update.text) == ("unsupported", "is a poll")


def test_a_reply_names_the_message_it_answers() -> None:
    update = only_inbound(
        type="button",
        button={"payload": "p", "text": "t"},
        context={"from": "447700900100", "id": "wamid.T"},
    )
    assert update.context_id == "wamid.T"
    reaction = {"message_id": "wamid.T", "emoji": "👍"}
    update = only_inbound(type="reaction", reaction=reaction)
    assert (update.context_id, update.text) == ("wamid.T", "👍")


def test_names_come_from_contacts() -> None:
    contacts = [
        {"profile": {"name": "Bo"}, "wa_id": "447700900199"},
        {"profile": {"name": "Asha"}, "wa_id": PHONE, "user_id": USER},
    ]
    (update,) = updates_of(messages(messages=[inbound(type="text")], contacts=contacts)).inbound
    assert (update.name, update.user_id) == ("Asha", USER)


def test_a_writer_without_a_number_is_known_by_his_id() -> None:
    given = inbound(type="text", from_user_id=USER, **{"from": ""})
    contacts = [{"profile": {"username": "asha"}, "user_id": USER}]
    (update,) = updates_of(messages(messages=[given], contacts=contacts)).inbound
    assert (update.phone, update.user_id, update.name) == (None, USER, "asha")


def test_a_single_contact_is_the_writer_where_the_message_names_none() -> None:
    given = {"id": "wamid.B", "type": "text", "text": {"body": "hi"}}
    contacts = [{"profile": {"name": "Asha"}, "wa_id": PHONE}]
    (update,) = updates_of(messages(messages=[given], contacts=contacts)).inbound
    assert (update.phone, update.name, update.at) == (PHONE, "Asha", None)
    two = [*contacts, {"wa_id": "447700900199"}]
    (update,) = updates_of(messages(messages=[given], contacts=two)).inbound
    assert update.phone is None


# -- preferences, and everything else


def test_preferences() -> None:
    """whatsapp-cloud-api, 6.3: the time is a number here."""
    given = {
        "wa_id": PHONE,
        "detail": "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": 1757600000,
    }
    value = {"metadata": {"phone_number_id": NUMBER}, "user_preferences": [given, {"value": "x"}]}
    updates = updates_of(body(value, "user_preferences"))
    (update,) = updates.preferences
    assert (update.value, update.category, update.at) == ("stop", "marketing_messages", 1757600000)
    assert (update.phone, update.phone_number_id, update.said) == (PHONE, NUMBER, given)
    assert updates.faults == (
        "entry 1, change 1, preference 2: nobody is named, by number or by id",
    )


def test_a_preference_counts_in_any_case() -> None:
    given = {"wa_id": PHONE, "category": "MARKETING_MESSAGES", "value": "STOP", "timestamp": "1"}
    (update,) = updates_of(body({"user_preferences": [given]}, "user_preferences")).preferences
    assert (update.value, update.category) == ("stop", "marketing_messages")


def test_all_else_is_news() -> None:
    value = {"event": "PAUSED", "message_template_name": "offer", "reason": "NONE"}
    (news,) = updates_of(body(value, "message_template_status_update", time=1757600000)).news
    assert (news.field, news.waba_id, news.at) == (
        "message_template_status_update",
        WABA,
        1757600000,
    )
    assert news.value == value
    # Calls have statuses, too: of calls.
    updates = updates_of(body({"statuses": [status(status="RINGING")]}, "calls"))
    assert (updates.statuses, updates.news[0].field, updates.news[0].at) == ((), "calls", None)


def test_errors_of_a_number_are_news_beside_its_statuses() -> None:
    """whatsapp-cloud-api, 1.1: Meta's example is 130429."""
    error = {"code": 130429, "title": "Rate limit hit"}
    updates = updates_of(messages(statuses=[status()], errors=[error]))
    (news,) = updates.news
    assert (news.field, news.value["errors"]) == ("messages", [error])
    assert news.value["metadata"]["phone_number_id"] == NUMBER
    assert len(updates.statuses) == 1


def test_a_webhook_of_another_product() -> None:
    updates = updates_of(messages(statuses=[status()]) | {"object": "page"})
    assert updates == Updates(
        faults=("a webhook of another product: 'page' instead of 'whatsapp_business_account'",)
    )


@pytest.mark.parametrize("nothing", [None, [], "x", 5, True])
def test_no_body(nothing: object) -> None:
    assert updates_of(nothing) == Updates(faults=("the body is no JSON object",))
    assert updates_of({}) == Updates()


def test_an_order_without_end_is_cut_and_told() -> None:
    deep: Any = {"n": 1}
    for _ in range(5000):
        deep = {"deeper": deep}
    updates = updates_of(messages(messages=[inbound(type="order", order=deep), inbound()]))
    assert len(updates.inbound) == 2
    assert updates.faults == ("entry 1, change 1, message 1: too large to be kept whole",)
    wide = inbound(type="text", text={"body": "x" * 10**6}, more=["y"] * 10**6)
    updates = updates_of(messages(messages=[wide]))
    assert len(json.dumps(updates.inbound[0].said)) < 200_000
    assert len(updates.faults) == 1


# -- anything

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**5000, "\0", "\ud800x", "", PHONE, USER, "1757600000", "wamid.A"])
    | st.text(st.characters(exclude_categories=()), max_size=20)
)
WORDS = """
object entry changes field value id time metadata phone_number_id contacts wa_id user_id
profile name statuses status errors code title error_data details timestamp recipient_id
recipient_user_id biz_opaque_callback_data messages from type text body button payload
interactive button_reply context user_preferences category image caption reaction order
location formatted_name product_items latitude longitude
"""
KEYS = st.sampled_from(WORDS.split()) | st.text(st.characters(exclude_categories=()), max_size=8)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
#: Anything in the places where Meta has statuses, messages, preferences and news.
SHAPED = st.builds(
    lambda name, arrays, metadata, entry, rest: body(
        {"metadata": metadata, "contacts": rest} | arrays, name, **entry
    ),
    st.sampled_from(["messages", "user_preferences", "account_update"]) | ANYTHING,
    st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(
                st.builds(
                    lambda real, odd: real | odd, st.just(real), st.dictionaries(KEYS, ANYTHING)
                )
                | ANYTHING,
                max_size=4,
            )
            for name, real in {
                "statuses": status(),
                "messages": inbound(type="text", text={"body": "hi"}),
                "user_preferences": {"wa_id": PHONE, "value": "stop"},
                "errors": {"code": 130429},
            }.items()
        },
    ),
    ANYTHING,
    st.dictionaries(st.sampled_from(["id", "time", "changes"]), ANYTHING),
    ANYTHING,
)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for element in value.values() for text in _texts(element))]
    if isinstance(value, list):
        return [text for element in value for text in _texts(element)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=300)
@given(SHAPED | ANYTHING)
def test_nothing_raises_and_all_of_it_is_what_a_database_takes(given_body: Any) -> None:
    updates = updates_of(given_body)
    every = [*updates.inbound, *updates.statuses, *updates.preferences, *updates.news]
    for update in every:
        said = update.value if hasattr(update, "field") else update.said
        json.dumps(said, allow_nan=False).encode()
        fields = [getattr(update, name) for name in update.__slots__]
        for text in [*_texts(said), *_texts(fields)]:
            assert "\0" not in text
            text.encode()
        assert update.at is None or 0 < update.at < 2**34
    for update in (*updates.inbound, *updates.statuses):
        assert 0 < len(update.wamid) <= 512
    for fault in updates.faults:
        fault.encode()


@given(st.lists(st.integers(0, 2), max_size=6))
def test_sound_updates_survive_any_neighbours(order: list[int]) -> None:
    kinds = [status(id="wamid.good"), {"id": []}, None]
    updates = updates_of(messages(statuses=[kinds[n] for n in order]))
    assert len(updates.statuses) == order.count(0)
    assert len(updates.faults) == len(order) - order.count(0)
