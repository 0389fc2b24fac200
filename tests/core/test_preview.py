"""What the recipient sees, part by part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.display_width import width
from wacampaign.core.template.preview import Bubble, message_lines, preview

FULL = [
    {"type": "HEADER", "format": "TEXT", "text": "Sale for {{1}}"},
    {"type": "BODY", "text": "Hello *{{2}}*,\n\n{{1}} off. Again: {{1}}"},
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "URL", "text": "Buy", "url": "https://example.com/t/{{1}}?x=1"},
            {"type": "URL", "text": "Shop", "url": "https://example.com"},
            {"type": "COPY_CODE"},
            {"type": "QUICK_REPLY", "text": "No, thanks"},
        ],
    },
]


def test_a_one_time_password_has_a_button_that_leads_nowhere() -> None:
    address = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"
    components = [
        {"type": "BODY", "text": "*{{1}}* is your code."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Copy code", "url": address}]},
    ]
    seen = preview(components, None, {"var1": "123456"})
    assert seen.bubble == Bubble(None, "*123456* is your code.", None, ("Copy code",))


def test_all_parts() -> None:
    payload = {"var1": "Winter", "var2": "20 %", "var3": "Asha", "var4": "A3", "var5": "SAVE20"}
    seen = preview(FULL, None, payload)
    assert seen.bubble == Bubble(
        "Sale for Winter",
        "Hello *Asha*,\n\n20 % off. Again: 20 %",
        "Reply STOP to opt out",
        (
            "Buy → https://example.com/t/A3?x=1",
            "Shop → https://example.com",
            "Copy code SAVE20",
            "No, thanks",
        ),
    )
    assert (seen.offer, seen.cards) == (None, ())


def test_named_variables() -> None:
    named = [
        {"type": "HEADER", "format": "TEXT", "text": "Visit of {{day}}"},
        {"type": "BODY", "text": "Dear {{first_name}}, on {{day}}."},
    ]
    seen = preview(named, "NAMED", {"var1": "Monday", "var2": "Asha", "var3": "Friday"}).bubble
    assert (seen.header, seen.body) == ("Visit of Monday", "Dear Asha, on Friday.")


@pytest.mark.parametrize(
    ("header_format", "payload", "header"),
    [
        ("VIDEO", {"var1": "https://cdn.example/film.mp4?t=1"}, "[video: cdn.example/film.mp4]"),
        ("IMAGE", {"var1": "123456789012345"}, "[image: media id 123456789012345]"),
        ("IMAGE", {}, "[image: [no header image]]"),
        ("DOCUMENT", {"var1": "https://cdn.example/a%20b.pdf"}, "[document: a b.pdf (cdn.example/"
                                                                "a%20b.pdf)]"),
        ("DOCUMENT", {"var1": "3001", "filename": "a.pdf"}, "[document: a.pdf (media id 3001)]"),
        ("LOCATION", {"var1": "51.5", "var2": "-0.1", "place_name": "Shop"},
         "[map: Shop, 51.5, -0.1]"),
    ],
)  # fmt: skip
def test_headers_that_are_no_text(header_format: str, payload: dict[str, str], header: str) -> None:
    components = [{"type": "HEADER", "format": header_format}, {"type": "BODY", "text": "Hi"}]
    assert preview(components, None, payload).bubble.header == header


def test_a_carousel_card_by_card_and_an_offer() -> None:
    card = {
        "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Lamp {{1}}"},
            {"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Buy", "url": "https://example.com/l/{{1}}"}]},
        ]
    }  # fmt: skip
    carousel = [{"type": "BODY", "text": "For {{1}}"}, {"type": "CAROUSEL", "cards": [card, card]}]
    values = ["Asha", "30001", "one", "A", "30002", "two", "B"]
    seen = preview(carousel, None, {f"var{n}": v for n, v in enumerate(values, start=1)})
    assert seen.bubble.body == "For Asha"
    assert [one.body for one in seen.cards] == ["Lamp one", "Lamp two"]
    assert seen.cards[1] == Bubble(
        "[image: media id 30002]", "Lamp two", None, ("Buy → https://example.com/l/B",)
    )
    offer = [
        {"type": "LIMITED_TIME_OFFER",
         "limited_time_offer": {"text": "Ends soon", "has_expiration": True}},
        {"type": "BODY", "text": "Hi"},
    ]  # fmt: skip
    assert preview(offer, None, {"var1": "1896112800000"}).offer == (
        "Ends soon, until 2030-01-31 18:00 UTC"
    )


@pytest.mark.parametrize("payload", [None, [], {"var1": 5}, {"var1": {}}, {"var9": "x"}])
def test_rows_that_do_not_fit_are_shown_all_the_same(payload: object) -> None:
    assert preview(FULL, None, payload).bubble.body.startswith("Hello *[no body {{2}}]*")


@given(st.text(max_size=400), st.text(max_size=80), st.integers(20, 200))
def test_a_message_fits_the_screen(name: str, ending: str, columns: int) -> None:
    payload = {"var1": name, "var2": name, "var3": name, "var4": ending, "var5": "S"}
    lines = list(message_lines(preview(FULL, None, payload), columns))
    assert max(map(width, lines)) == min(columns, 72)
    assert not any(c in "".join(lines) for c in "\n\x1b\u202e")
    assert any(line.startswith("[Copy code") for line in lines)
