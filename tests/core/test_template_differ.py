"""The differ names the fault of a payload, in a row's form and in Meta's."""

from __future__ import annotations

from typing import Any

import pytest

from wacampaign.core.media.rules import EXTENSIONS
from wacampaign.core.template.differ import differ
from wacampaign.core.template.header_kinds import HEADER_KINDS

SAMPLE = "https://scontent.whatsapp.net/v/t61.29466-34/film_n.mp4"
LINK = "https://files.example.com/film.mp4"
VIDEO = [
    {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": [SAMPLE]}},
    {"type": "BODY", "text": "Hello {{1}}, {{2}} % off"},
]
TEXT = [{"type": "BODY", "text": "Hello {{1}}, {{2}} % off"}]
BUTTON = [
    {"type": "BODY", "text": "On its way, {{1}}"},
    {
        "type": "BUTTONS",
        "buttons": [{"type": "URL", "text": "Track", "url": "https://example.com/t/{{1}}"}],
    },
]
NAMED = [{"type": "BODY", "text": "Dear {{first_name}}, we expect you on {{day}}."}]
COUPON = [
    {"type": "BODY", "text": "Your code:"},
    {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "text": "Copy"}]},
]


def row(*values: Any) -> dict[str, Any]:
    return {f"var{n}": value for n, value in enumerate(values, start=1)}


def codes(payload: Any, components: Any, parameter_format: str | None = None, **more: Any) -> Any:
    return [one.code for one in differ(payload, components, parameter_format, **more)]


@pytest.mark.parametrize(
    ("payload", "components"),
    [
        (row(LINK, "Asha", "20"), VIDEO),
        (row("746289441234567", "Asha", 20), VIDEO),
        (row("Asha", "20", "", None), TEXT),  # blank columns take nobody's place
        (row("Asha", "a7/x"), BUTTON),
        (row("Asha", "Monday"), NAMED),
        (row("SAVE20"), COUPON),
        (None, [{"type": "BODY", "text": "Hello"}]),
    ],
)
def test_what_fits_has_no_difference(payload: Any, components: Any) -> None:
    assert codes(payload, components) == []


@pytest.mark.parametrize(
    ("payload", "components", "expected"),
    [
        (row("Asha"), TEXT, ["too_few"]),
        (row(LINK, "Asha"), VIDEO, ["too_few"]),
        (row("Asha", "20", "more"), TEXT, ["too_many"]),
        # The night of the 12th: the template's sample in front of the row's own variables.
        (row(SAMPLE, LINK, "Asha", "20"), VIDEO, ["shifted", "too_many"]),
        (row(SAMPLE, "746289441234567", "Asha", "20"), VIDEO, ["shifted", "too_many"]),
        (row(SAMPLE, "Asha", "20"), TEXT, ["shifted", "too_many"]),
        (row("Asha", LINK, "20"), VIDEO, ["shifted"]),
        # As many as the template takes: the last column was cut off.
        (row(SAMPLE, LINK, "Asha"), VIDEO, ["shifted"]),
        (row(LINK, LINK, "20"), VIDEO, ["shifted"]),
        (row(LINK, SAMPLE, "20"), VIDEO, ["shifted"]),
        # A link to a shop is a text like any other.
        (row(LINK, "Asha", "https://shop.example/offer"), VIDEO, []),
        (row(SAMPLE, "https://shop.example/offer", "20"), VIDEO, []),
        (row("Asha", "20"), VIDEO, ["header_missing", "too_few"]),
        (row("", "Asha", "20"), VIDEO, ["media_missing"]),
        (row("film 7b", "Asha", "20"), VIDEO, ["media_unclear"]),
        (row("files.example.com/film.mp4", "Asha", "20"), VIDEO, ["url_where_id"]),
        (row("Asha\nB", "20"), TEXT, ["newline"]),
        (row("Asha\tB", "20"), TEXT, ["tab"]),
        (row("Asha     B", "20"), TEXT, ["spaces"]),
        (row("  ", "20"), TEXT, ["empty"]),
        (row("\u200b\u200d", "20"), TEXT, ["zero_width"]),
        (row("x" * 1020, "20"), TEXT, ["too_long"]),
        (row(True, "20"), TEXT, ["wrong_kind"]),
        (row("Asha"), BUTTON, ["button_suffix_missing"]),
        (row("Asha", " "), BUTTON, ["button_suffix_missing"]),
        (row("Asha", "https://example.com/t/1"), BUTTON, ["url_where_suffix"]),
        (row("SAVE-20"), COUPON, ["not_alphanumeric"]),
        (row("S" * 21), COUPON, ["too_long"]),
        ({"first_name": "Asha", "day": "Monday"}, NAMED, ["named_positional"]),
        ({"name": "Asha", "offer": "20"}, TEXT, ["named_positional"]),
        ([1, 2], TEXT, ["no_object"]),
    ],
)
def test_a_rows_fault_is_named(payload: Any, components: Any, expected: list[str]) -> None:
    assert codes(payload, components)[: len(expected)] == expected


def test_a_template_whose_format_contradicts_its_text() -> None:
    assert codes(row("Asha", "Monday"), NAMED, "POSITIONAL") == ["named_positional"]
    assert codes(row("x"), [{"type": "CAROUSEL"}]) == ["unusable"]


def test_media_may_be_given_either_way() -> None:
    by_id, by_link = row("746289441234567", "Asha", "20"), row(LINK, "Asha", "20")
    assert codes(by_id, VIDEO) == codes(by_link, VIDEO) == []


@pytest.mark.parametrize("kind", HEADER_KINDS)
def test_a_file_of_any_kind_that_a_header_takes_is_a_medium(kind: str) -> None:
    """What the sample pushed aside is known by its ending, as many as Meta takes."""
    accepted = HEADER_KINDS[kind].accepted
    taken = [end for end, mime_type in EXTENSIONS.items() if mime_type in accepted]
    assert taken
    header = [{**VIDEO[0], "format": kind.upper()}, *VIDEO[1:]]
    for end in taken:
        payload = row(SAMPLE, f"https://files.example.com/a{end}?signature=1", "Asha")
        assert codes(payload, header) == ["shifted"], end


def test_language() -> None:
    assert codes(row("A", "2"), TEXT, language="en", approved_languages=["en_US"]) == [
        "wrong_language"
    ]
    assert codes(row("A", "2"), TEXT, language="en", approved_languages=["en"]) == []
    sent = {"name": "t", "language": {"code": "en"}, "components": message("A", "2")}
    assert codes(sent, TEXT, language="en_US") == ["wrong_language"]


def message(*texts: str, header: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    body = {"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}
    return ([{"type": "header", "parameters": [header]}] if header else []) + [body]


def video(**medium: str) -> dict[str, Any]:
    return {"type": "video", "video": medium}


@pytest.mark.parametrize(
    ("sent", "components", "expected"),
    [
        (message("Asha", "20", header=video(link=LINK)), VIDEO, []),
        (message("Asha", "20"), VIDEO, ["header_missing"]),
        (message("Asha", "20", header=video(link=LINK)), TEXT, ["header_surplus"]),
        (
            message("Asha", "20", header={"type": "image", "image": {"id": "1"}}),
            VIDEO,
            ["wrong_kind"],
        ),
        # The night of the 15th: a media id where a URL goes, and the reverse.
        (message("A", "2", header=video(link="746289441234567")), VIDEO, ["id_where_url"]),
        (message("A", "2", header=video(id=LINK)), VIDEO, ["url_where_id"]),
        (message("Asha"), TEXT, ["too_few"]),
        (message("Asha", "20", "more"), TEXT, ["too_many"]),
        (message(SAMPLE, "Asha", "20"), TEXT, ["shifted", "too_many"]),
        (message("Asha\n", "20"), TEXT, ["newline"]),
        (message("Asha", "Monday"), NAMED, ["named_positional", "named_positional"]),
        (message("Asha"), BUTTON, ["button_suffix_missing"]),
    ],
)
def test_what_was_sent_is_compared_too(
    sent: list[dict[str, Any]], components: Any, expected: list[str]
) -> None:
    assert codes({"components": sent}, components) == expected
    whole = {"to": "x", "template": {"name": "t", "components": sent}}
    assert codes(whole, components) == expected


def test_named_parameters_for_a_template_that_counts() -> None:
    named = [{"type": "text", "parameter_name": name, "text": "x"} for name in ("a", "b")]
    sent = {"components": [{"type": "body", "parameters": named}]}
    assert codes(sent, TEXT) == ["named_positional", "named_positional"]


def test_texts_say_what_and_where_and_show_no_phone() -> None:
    [few] = differ(row("Asha"), TEXT, None)
    assert few.text == (
        "1 too few: the template takes 2 variables, the row has 1 (missing: var2 for body {{2}})"
    )
    [line] = differ(row("call +44 7700 900123\nnow", "20"), TEXT, None)
    assert line.where == "body {{1}}"
    assert "900123" not in line.found


@pytest.mark.parametrize(
    ("ending", "whole"),
    [
        ("A3", False),
        ("?utm=a b", False),  # encoded when it is sent
        ("example.com/t/A3", True),
        ("https://example.com/t/A3", True),
        ("www.example.org/x", True),
    ],
)
def test_a_whole_address_where_an_ending_goes(ending: str, whole: bool) -> None:
    button = {"type": "URL", "text": "Buy", "url": "https://example.com/t/{{1}}"}
    components = [{"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": [button]}]
    codes = [one.code for one in differ({"var1": ending}, components, None)]
    assert codes == (["url_where_suffix"] if whole else [])


def test_texts_are_measured_with_their_values_in() -> None:
    components = [
        {"type": "HEADER", "format": "TEXT", "text": "Sale for {{1}}"},
        {"type": "BODY", "text": "Hello {{1}}, once more {{1}}"},
    ]
    payload = {"var1": "x" * 52, "var2": "y" * 510}
    found = [(one.code, one.where) for one in differ(payload, components, None)]
    assert found == [("too_long", "header"), ("too_long", "body")]


def _sent(*components: dict[str, Any]) -> dict[str, Any]:
    return {"name": "x", "language": {"code": "en"}, "components": list(components)}


def _part(kind: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": list(parameters)} | more


PLACE = [{"type": "HEADER", "format": "LOCATION"}]
FILE = [{"type": "HEADER", "format": "DOCUMENT"}]
OFFER = [{"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": True}}]
LIST = [{"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "View"}]}]
CATALOG = [{"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "View"}]}]
CARD = {"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}}"}]}
CARDS = [{"type": "CAROUSEL", "cards": [CARD, CARD]}]


def _card(n: object, said: str = "a", link: str = "https://a.example/b.jpg") -> dict[str, Any]:
    image = {"type": "image", "image": {"link": link}}
    body = _part("body", {"type": "text", "text": said})
    return {"card_index": n, "components": [_part("header", image), body]}


def _cards(*cards: dict[str, Any]) -> dict[str, Any]:
    return _sent({"type": "carousel", "cards": list(cards)})


def _of_kind(kind: str, **value: Any) -> dict[str, Any]:
    return {"type": kind, kind: value}


@pytest.mark.parametrize(
    ("payload", "components", "expected"),
    [
        (row("north", "0"), PLACE, ["malformed"]),
        (row("0", "181"), PLACE, ["malformed"]),
        (row("0") | {"place_name": "Shop"}, PLACE, ["too_few"]),
        (row(LINK) | {"filename": "x" * 241}, FILE, ["too_long"]),
        (row("tomorrow"), OFFER, ["malformed"]),
        (row("A1", "A1, A2"), LIST, ["malformed"]),
        (row("77", "a", "77", "b"), CARDS, []),
        (row("77", "a", "b", "77"), CARDS, ["media_unclear"]),
        (row("77", "a", "77", "x" * 161), CARDS, ["too_long"]),
        (_sent(_part("header", _of_kind("location", longitude="1"))), PLACE, ["too_few"]),
        (_sent(_part("header", _of_kind("image", id="1"))), PLACE, ["wrong_kind"]),
        (_sent(), PLACE, ["header_missing"]),
        (_sent(), OFFER, ["too_few"]),
        (
            _sent(_part("limited_time_offer", _of_kind("limited_time_offer"))),
            OFFER,
            ["too_few"],
        ),
        (_sent(), CATALOG, ["too_few"]),
        (_sent(_part("button", index="0", sub_type="catalog")), CATALOG, []),
        (_sent(_part("button", index=0, sub_type="mpm")), LIST, ["too_few"]),
        (
            _sent(_part("button", _of_kind("action", thumbnail_product_retailer_id="A1"), index=0)),
            LIST,
            ["too_few"],
        ),
        (_cards(_card(0), _card(1)), CARDS, []),
        (_cards(_card(0)), CARDS, ["too_few"]),
        (_cards(_card(0), _card(1), _card(2)), CARDS, ["too_many"]),
        (_cards(_card(1), _card(0)), CARDS, ["shifted", "shifted"]),
        (_cards(_card(0), _card(1, link="b.jpg")), CARDS, ["media_unclear"]),
        (_cards(_card(0), _card(1, said="a\nb")), CARDS, ["newline"]),
        (_cards(_card(0), _card(1, said="a" * 161)), CARDS, ["too_long"]),
        (
            _sent(_part("header", {"type": "text", "text": "a" * 58})),
            [{"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}"}],
            ["too_long"],
        ),
    ],
)
def test_faults_of_the_other_kinds(payload: Any, components: Any, expected: list[str]) -> None:
    assert [code for code in codes(payload, components) if code != "empty"] == expected
