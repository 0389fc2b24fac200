"""A message that is shown to others has nothing of one recipient in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.template.preview import preview
from wacampaign.core.template.sample_values import UNSHOWN, sample_payload
from wacampaign.core.template.shape import UnusableTemplate

BODY = {
    "type": "BODY",
    "text": "Dear {{1}}, your loan of {{2}}",
    "example": {"body_text": [["Asha", "10,000"]]},
}
VIDEO = {"type": "HEADER", "format": "VIDEO"}
FILM = "https://cdn.example/film.mp4"


def rows(n: int, *shared: str) -> list[dict[str, Any]]:
    """Rows whose first variables are shared, and the next two their own."""
    return [
        {f"var{k}": value for k, value in enumerate((*shared, f"name {i}", f"{i},000"), start=1)}
        for i in range(n)
    ]


def test_what_all_share_is_the_campaigns_and_the_rest_is_a_sample() -> None:
    payload = sample_payload([VIDEO, BODY], None, rows(5, FILM))
    assert payload == {"var1": FILM, "var2": "Asha", "var3": "10,000"}
    shown = preview([VIDEO, BODY], None, payload)
    assert shown.bubble.header == "[video: cdn.example/film.mp4]"
    assert shown.bubble.body == "Dear Asha, your loan of 10,000"


def test_few_rows_do_not_tell_what_all_share() -> None:
    payload = sample_payload([VIDEO, BODY], None, rows(4, FILM))
    assert payload == {"var1": UNSHOWN, "var2": "Asha", "var3": "10,000"}


def test_a_place_stands_where_no_sample_is_known() -> None:
    bare = {"type": "BODY", "text": BODY["text"]}
    assert sample_payload([bare], None, rows(9)) == {"var1": "{{1}}", "var2": "{{2}}"}
    damaged = {**bare, "example": {"body_text": [[7, None]]}}
    assert sample_payload([damaged], None, []) == {"var1": "{{1}}", "var2": "{{2}}"}
    odd = {**bare, "example": ["x"]}
    assert sample_payload([odd], None, [None, 3, "x"]) == {"var1": "{{1}}", "var2": "{{2}}"}


def test_named_variables_have_their_samples_by_name() -> None:
    body = {
        "type": "BODY",
        "text": "Dear {{name}}, {{amount}}",
        "example": {
            "body_text_named_params": [
                {"param_name": "amount", "example": "50"},
                {"param_name": "name", "example": "Asha"},
            ]
        },
    }
    assert sample_payload([body], "NAMED", rows(6)) == {"var1": "Asha", "var2": "50"}


def test_a_header_a_button_and_a_file_name_are_not_told() -> None:
    components = [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BODY", "text": "Your invoice"},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "URL", "text": "Pay", "url": "https://pay.example/{{1}}"}],
        },
    ]
    own = [
        {"var1": f"https://cdn.example/asha{i}.pdf", "var2": f"A{i}", "filename": f"asha{i}.pdf"}
        for i in range(8)
    ]
    payload = sample_payload(components, None, own)
    assert "asha" not in str(payload)
    shown = preview(components, None, payload)
    assert "asha" not in str(shown)
    assert shown.bubble.buttons[0].startswith("Pay → https://pay.example/")


def test_a_template_that_cannot_be_used_is_told() -> None:
    with pytest.raises(UnusableTemplate):
        sample_payload([{"type": "HEADER", "format": "HOLOGRAM"}, BODY], None, [])


@given(st.lists(st.text("abc", min_size=30, max_size=40), min_size=5, unique=True))
def test_no_value_that_differs_is_shown(names: list[str]) -> None:
    own = [{"var1": FILM, "var2": name, "var3": name} for name in names]
    payload = sample_payload([VIDEO, BODY], None, own)
    assert not any(name in str(payload) for name in names)
