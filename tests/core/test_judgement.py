"""What becomes of a row, by the answer that its message got."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.engine.judgement import NoAnswer, doubt_step, judge_answer, judge_failure
from wacampaign.core.errors.table import error_table
from wacampaign.core.outcomes import Outcome, Scope, Verdict

WAMID = "wamid.HBgLMTU1NTAxMDAwMDEVAgARGBI"


def accepted(wamid: object = WAMID) -> bytes:
    return json.dumps({"messages": [{"id": wamid, "message_status": "accepted"}]}).encode()


def refused(code: object, details: str = "", **more: object) -> bytes:
    error: dict[str, Any] = {"message": f"(#{code}) Title", "type": "OAuthException", "code": code}
    if details:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details}
    return json.dumps({"error": error | more}).encode()


TRACE = "AbCdEfGhIjKlMnOpQrStUvW"


def traced(code: object, **more: object) -> bytes:
    """As Meta writes it."""
    return refused(code, fbtrace_id=TRACE, **more)


def in_place_of_meta(status: int) -> list[bytes]:
    """What gateways answer, some of them in the shape of Graph's errors."""
    objects: list[Any] = [
        {"error": {"code": status, "message": "upstream"}},
        {"error": {"code": status, "type": "OAuthException", "message": "upstream"}},
        {"error": {"code": 2, "type": "OAuthException", "message": "Service unavailable"}},
        {"error": {"code": 1, "type": "OAuthException", "message": "An unknown error"}},
        {"error": {"code": 131000, "message": "Something went wrong"}},
        {"error": {"code": 131026, "message": "a known code, and no mark of Meta's"}},
        {"error": {"code": 131026, "type": "invalid_request_error", "message": "another API's"}},
        {"error": {"code": 135000, "type": "OAuthException", "fbtrace_id": ""}, "no": "cut"},
        {"error": {"code": 999999, "type": "OAuthException", "message": "nobody's code"}},
        {"error": {"type": "OAuthException", "message": "no code"}},
        {"error": "Bad gateway"},
        {"message": "no Route matched with those values"},
        {},
        [],
        None,
    ]
    if status < 500:
        objects = [one for one in objects if "no" not in (one or {})]
    bodies = [json.dumps(one).encode() for one in objects]
    bodies += [b"", b"<html><h1>Bad gateway</h1></html>", traced(131026)[:-20], traced(2)[:40]]
    return bodies


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504])
def test_a_gateway_in_metas_place_is_not_believed(status: int) -> None:
    """It may answer after Meta took the message: 10 of 15 such answers made a duplicate."""
    for body in in_place_of_meta(status):
        verdict = judge_answer(status, body)
        assert verdict.outcome is Outcome.IN_DOUBT, body
        assert verdict.code is None
        assert "may have been sent" in (verdict.text or "")
        # Each costs a person a look: many in a row hold the number.
        assert verdict.hold_scope is Scope.NUMBER
        assert verdict.hold_after <= 20


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_wrong_address_costs_a_few_doubts_and_waits_for_a_person(status: int) -> None:
    verdict = judge_answer(status, b"<html>")
    assert (verdict.hold_after, verdict.hold_seconds) == (5, None)
    assert doubt_step(verdict, "3d824b99") == (
        "check WHATSAPP_API_URL and what stands between this machine and Meta: wacampaign templates"
        " sync must work; then wacampaign resume 3d824b99"
    )
    passing = judge_answer(429, b"<html>")
    assert (passing.hold_after, passing.hold_seconds) == (5, 60)
    assert "by itself" in doubt_step(passing, "3d824b99")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_unknown_code_of_metas_is_a_refusal_of_the_request(status: int) -> None:
    for verdict in (
        judge_answer(status, traced(999999)),
        judge_answer(status, refused(999999), from_meta=True),
    ):
        assert (verdict.outcome, verdict.code) == (Outcome.FAILED, 999999)
        assert (verdict.hold_scope, verdict.hold_after) == (Scope.TEMPLATE, 5)


def test_an_unknown_code_by_which_meta_speaks_of_itself_is_in_doubt() -> None:
    for status, more in ((500, {}), (503, {}), (400, {"is_transient": True})):
        assert judge_answer(status, traced(999999, **more)).outcome is Outcome.IN_DOUBT
        verdict = judge_answer(status, refused(999999, **more), from_meta=True)
        assert verdict.outcome is Outcome.IN_DOUBT


def test_headers_of_metas_prove_as_much_as_a_trace() -> None:
    assert judge_answer(503, refused(2)).outcome is Outcome.IN_DOUBT
    assert judge_answer(503, refused(2), from_meta=True) == judge_answer(
        503, refused(2, x=1), from_meta=True
    )
    assert judge_answer(503, refused(2), from_meta=True).outcome is Outcome.RETRY
    # They prove who answered, not what a body without a code means.
    assert judge_answer(500, b"<html>", from_meta=True).outcome is Outcome.IN_DOUBT


def test_accepted() -> None:
    assert judge_answer(200, accepted()) == Verdict(Outcome.SENT, wamid=WAMID)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", accepted(""), accepted(7), accepted("a\0b")])
def test_success_without_a_message_id_is_in_doubt(body: bytes) -> None:
    verdict = judge_answer(200, body)
    assert verdict.outcome is Outcome.IN_DOUBT
    assert verdict.hold_scope is Scope.NUMBER


@pytest.mark.parametrize("code", [3, 131045, 134102])
def test_final_codes_under_500_are_not_retried(code: int) -> None:
    verdict = judge_answer(500, traced(code))
    assert verdict.outcome is Outcome.WAIT
    assert (verdict.hold_after, verdict.hold_seconds) == (1, None)


@pytest.mark.parametrize("code", [4, 80007, 130429, 613, 429])
@pytest.mark.parametrize("status", [400, 429])
def test_throttling_uses_no_retry_and_slows_the_number(code: int, status: int) -> None:
    verdict = judge_answer(status, traced(code))
    assert (verdict.outcome, verdict.slow_number) == (Outcome.WAIT, True)
    assert (verdict.max_retries, verdict.hold_scope) == (0, None)
    assert verdict.wait_ms > 0


def test_429_of_metas_with_an_unknown_code_is_throttling() -> None:
    verdict = judge_answer(429, traced(999999))
    assert (verdict.outcome, verdict.slow_number) == (Outcome.WAIT, True)


def test_the_pair_limit_slows_one_recipient_only() -> None:
    verdict = judge_answer(400, refused(131056))
    assert (verdict.outcome, verdict.slow_number) == (Outcome.WAIT, False)
    assert verdict.wait_ms >= 6_000
    assert verdict.hold_scope is None


@pytest.mark.parametrize(("code", "status"), [(2, 503), (131000, 500), (131016, 500)])
def test_server_errors_of_meta_are_retried(code: int, status: int) -> None:
    verdict = judge_answer(status, traced(code))
    assert verdict.outcome is Outcome.RETRY
    assert 3 <= verdict.max_retries <= 5
    assert verdict.code == code


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Bad gateway</html>", b'{"error":"x"}', b'{"error":{"code":504,"message":"x"}}'],
)
def test_a_gateways_page_is_in_doubt(status: int, body: bytes) -> None:
    verdict = judge_answer(status, body)
    assert verdict.outcome is Outcome.IN_DOUBT
    # Many at once: the number waits a minute, and goes on by itself.
    assert verdict.hold_scope is Scope.NUMBER
    assert (verdict.hold_after, verdict.hold_seconds) == (20, 60)


def test_the_answer_of_the_incident() -> None:
    body = (
        b'{"error":{"message":"(#135000) Generic user error","type":"OAuthException",'
        b'"code":135000}}'
    )
    assert judge_answer(400, body) == Verdict(
        Outcome.FAILED,
        code=135000,
        text="(#135000) Generic user error",
        hold_scope=Scope.TEMPLATE,
        hold_after=3,
        hold_cumulative=True,
    )


def test_text_has_details_and_trace_but_no_phone_and_no_token() -> None:
    details = "Recipient +15550100001 refused for EAAJZCxyz012abc\n\0twice"
    verdict = judge_answer(400, refused(131026, details, fbtrace_id="AbC_d-1"))
    assert verdict.text == (
        "(#131026) Title: Recipient +1***0001 refused for EAA*** twice [fbtrace_id AbC_d-1]"
    )
    long = judge_answer(400, refused(131026, "x" * 9_000, fbtrace_id="AbC_d-1"))
    assert long.text is not None
    assert len(long.text) == 500
    assert long.text.endswith("[fbtrace_id AbC_d-1]")


def test_an_unknown_object_is_the_number_only_when_it_is_named() -> None:
    message = "Unsupported post request. Object with ID '100000000000001' does not exist"
    body = refused(100, error_subcode=33, message=message)
    assert judge_answer(400, body, "100000000000001").hold_scope is Scope.NUMBER
    for verdict in (judge_answer(400, body, "100000000000002"), judge_answer(400, body)):
        assert (verdict.outcome, verdict.hold_scope) == (Outcome.FAILED, Scope.MEDIA)


def test_codes_as_text_and_codes_too_large() -> None:
    assert judge_answer(400, refused("131026")).code == 131026
    verdict = judge_answer(400, traced(2**40))
    assert (verdict.outcome, verdict.code) == (Outcome.IN_DOUBT, None)


def test_transport() -> None:
    waits = judge_failure(NoAnswer.NOT_SENT, "refused by 442079460123")
    assert (waits.outcome, waits.max_retries, waits.hold_scope) == (Outcome.WAIT, 0, None)
    assert waits.text == "not sent: refused by +44***0123"
    assert waits.wait_ms > 0
    doubt = judge_failure(NoAnswer.MAYBE_SENT)
    assert doubt.outcome is Outcome.IN_DOUBT
    assert doubt.text == "no answer, may have been sent"


def _sound(verdict: Verdict) -> None:
    assert verdict.outcome is Outcome.SENT or verdict.text
    assert (verdict.outcome is Outcome.SENT) is (verdict.wamid is not None)
    for text in (verdict.text or "", verdict.wamid or ""):
        assert "\0" not in text
        text.encode()
        assert len(text) <= 512
    assert verdict.code is None or 0 <= verdict.code < 2**31
    assert verdict.outcome is not Outcome.RETRY or verdict.max_retries > 0
    assert verdict.outcome is not Outcome.WAIT or verdict.wait_ms >= 1_000


META_TYPES = ("OAuthException", "GraphMethodException", "FacebookApiException")
STATUS = st.integers(400, 599) | st.integers(100, 599) | st.integers()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def _marks(error: object) -> tuple[bool, bool]:
    """Whether an error object has a trace, and whether it has a type of Meta's."""
    if not isinstance(error, dict):
        return False, False
    trace, kind = error.get("fbtrace_id"), error.get("type")
    return isinstance(trace, str) and len(trace) > 1, isinstance(kind, str) and kind in META_TYPES


def _proved(verdict: Verdict, status: int, body: bytes, *, from_meta: bool) -> None:
    """Nothing counts as not sent but what is certainly Meta's refusal."""
    if verdict.outcome in (Outcome.SENT, Outcome.IN_DOUBT):
        return
    error = json.loads(body)["error"]
    trace, kind = _marks(error)
    assert 400 <= status <= 599
    if int(error["code"]) in error_table().entries:
        assert trace or from_meta or (kind and status < 500)
    else:
        assert (trace or from_meta) and status < 500
        assert verdict.outcome is not Outcome.RETRY


@given(STATUS, st.binary(), st.booleans())
def test_any_bytes(status: int, body: bytes, from_meta: bool) -> None:
    verdict = judge_answer(status, body, from_meta=from_meta)
    _sound(verdict)
    assert verdict.outcome is Outcome.IN_DOUBT


@given(
    STATUS,
    st.fixed_dictionaries(
        {},
        optional={
            "code": st.sampled_from(sorted(error_table().entries)) | JSON,
            "error_subcode": JSON,
            "message": st.text(alphabet=st.characters(), max_size=40) | JSON,
            "type": st.sampled_from(META_TYPES) | JSON,
            "fbtrace_id": st.just(TRACE) | JSON,
            "is_transient": JSON,
            "error_data": st.fixed_dictionaries({"details": JSON | st.text(max_size=600)}) | JSON,
        },
    ),
    JSON,
    st.booleans(),
    st.none() | st.integers(1, 40),
)
def test_any_error_object(
    status: int, error: dict[str, Any], messages: object, from_meta: bool, cut: int | None
) -> None:
    body = json.dumps({"error": error, "messages": messages}).encode()
    if cut is not None:
        body = body[:-cut]
    verdict = judge_answer(status, body, "1", from_meta=from_meta)
    _sound(verdict)
    if cut is not None:
        assert verdict.outcome is Outcome.IN_DOUBT
    _proved(verdict, status, body, from_meta=from_meta)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 20_000, b"1" * 10_000])
def test_hostile_nesting(body: bytes) -> None:
    assert judge_answer(200, body).outcome is Outcome.IN_DOUBT
    assert judge_answer(400, body).outcome is Outcome.IN_DOUBT


def test_half_characters_are_taken_out() -> None:
    verdict = judge_answer(
        400, b'{"error":{"code":1,"message":"\\ud800 \\u0000x"}}', from_meta=True
    )
    assert verdict.text == "x"
