"""Error codes as Meta, gateways and logs print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.errors import printed_codes
from wacampaign.core.errors.table import error_table

ANSWER = (
    '{"error":{"message":"(#132000) Number of parameters does not match the expected number of '
    'params","type":"OAuthException","code":132000,"error_data":{"messaging_product":"whatsapp",'
    '"details":"body: number of localizable_params (1) does not match the expected number of '
    'params (3)"},"fbtrace_id":"A1"}}'
)
STATUS = (
    '{"id":"wamid.HBg","status":"failed","timestamp":"1700000000","recipient_id":"447700900123",'
    '"errors":[{"code":131049,"title":"x"},{"code":131026,"title":"y"}]}'
)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("135000", ["135000"]),
        ("#132000", ["132000"]),
        ("(#132000)", ["132000"]),
        ("(#132000) Number of parameters does not match", ["132000"]),
        ("132000: Number of parameters does not match", ["132000"]),
        ("132000 - Number of parameters (1)", ["132000"]),
        ("100/33", ["100/33"]),
        ("100 33", ["100/33"]),
        ("100.33", ["100/33"]),
        ("100:33", ["100/33"]),
        ("#100/#33", ["100/33"]),
        ("100 (subcode 33)", ["100/33"]),
        ("100, error_subcode 33", ["100/33"]),
        ("GraphMethodException (100), subcode 33", ["100/33"]),
        ("OAuthException 190", ["190"]),
        ("OAuthException: 190/463", ["190/463"]),
        ("HTTP 401 OAuthException", []),
        ("(100/33)", ["100/33"]),
        ("code 100, subcode 33", ["100/33"]),
        ("Error code: 100, error_subcode: 33", ["100/33"]),
        ("subcode 33, code 100", ["100/33"]),
        ("190/463", ["190/463"]),
        ("100/2388024", ["100/2388024"]),
        ("100 2388024", ["100/2388024"]),
        ("2388024", ["2388024"]),
        ("subcode 2494055", ["2494055"]),
        ("2494055", ["2494055"]),
        ("[Cloud 131047/2494055] Re-engagement message", ["131047/2494055"]),
        ("error_subcode=2494055", ["2494055"]),
        ("code 131047", ["131047"]),
        ("code=131047 retries=3", ["131047"]),
        ("error 131026: Message undeliverable", ["131026"]),
        ("131047 131049", ["131047", "131049"]),
        ("131047, 131049 and 135000", ["131047", "131049", "135000"]),
        ("10: Permission denied", ["10"]),
        ("131047,131049", ["131047", "131049"]),
        ("131047 131047", ["131047"]),
        (ANSWER, ["132000"]),
        (ANSWER.replace('"code":', '"error_subcode":2494055,"code":'), ["132000/2494055"]),
        (ANSWER.replace('"fbtrace', '"error_subcode":2494055,"fbtrace'), ["132000/2494055"]),
        (ANSWER.replace('"', '\\"'), ["132000"]),
        (ANSWER[:120], ["132000"]),
        (STATUS, ["131049", "131026"]),
        ("2026-11-26 14:02:11 row 5 failed: 131026 Message undeliverable", ["131026"]),
        ("level=error event=refused code=131009 number=106540352242922", ["131009"]),
        ("Message undeliverable", ["131026"]),
        ("Generic user error", ["135000"]),
        ("999999", ["999999"]),
        ("x", []),
        ("", []),
        ("phone 447700900123", []),
    ],
)
def test_codes_in_a_text(text: str, codes: list[str]) -> None:
    assert [str(one) for one in printed_codes(text)] == codes


@given(
    st.sampled_from(sorted(error_table().entries)),
    st.sampled_from(["{}", "#{}", "(#{})", " {} ", "{}: text", "code {}", '"code":{}', "code: {}"]),
)
def test_every_code_in_every_print(code: int, form: str) -> None:
    (printed,) = printed_codes(form.format(code))
    assert code in (printed.code, printed.subcode)


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    printed_codes(text)
