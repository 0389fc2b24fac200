"""Payloads become the components that Meta expects, and never somebody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.cells import cell
from wacampaign.core.outcomes import Outcome, Scope
from wacampaign.core.template.message import CompiledTemplate, PayloadMismatch
from wacampaign.core.template.shape import UnusableTemplate, folded, shape_of
from wacampaign.core.template.url_ending import encoded

TO = "15550100001"
Components = list[dict[str, Any]]


def header(kind: str, text: str | None = None) -> dict[str, Any]:
    return {"type": "HEADER", "format": kind} | ({"text": text} if text else {})


def body(count: int) -> dict[str, Any]:
    text = "Dear " + ", ".join(f"{{{{{n}}}}}" for n in range(1, count + 1)) + "."
    return {"type": "BODY", "text": text}


def buttons(*given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(given)}


URL = {"type": "URL", "text": "Shop", "url": "https://shop.test/{{1}}"}
FIXED_URL = {"type": "URL", "text": "Site", "url": "https://shop.test/"}
REPLY = {"type": "QUICK_REPLY", "text": "Stop"}
COUPON = {"type": "COPY_CODE", "text": "Copy offer code", "example": ["SAVE20"]}
PHONE = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550100002"}


GREETING = CompiledTemplate("hello", "en", [body(0)])


def variables(*values: object) -> dict[str, object]:
    return {f"var{n}": value for n, value in enumerate(values, start=1)}


def sent(components: Components, payload: object, parameter_format: str | None = None) -> Any:
    template = CompiledTemplate("offer", "en_GB", components, parameter_format)
    return json.loads(template.body(TO, payload))["template"].get("components", [])


def mismatch(components: Components, payload: object) -> str:
    with pytest.raises(PayloadMismatch) as raised:
        sent(components, payload)
    text = str(raised.value)
    assert text.startswith("not sent: ")
    return text


def texts(*values: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": value} for value in values]


def test_the_whole_request() -> None:
    template = CompiledTemplate("offer", "en_GB", [header("VIDEO"), body(2), {"type": "FOOTER"}])
    request = json.loads(template.body(TO, variables("77001", "Asha", "20 %"), "row-1"))
    assert request == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+15550100001",
        "type": "template",
        "biz_opaque_callback_data": "row-1",
        "template": {
            "name": "offer",
            "language": {"code": "en_GB"},
            "components": [
                {"type": "header", "parameters": [{"type": "video", "video": {"id": "77001"}}]},
                {"type": "body", "parameters": texts("Asha", "20 %")},
            ],
        },
    }


def test_a_template_without_variables_has_no_components() -> None:
    template = CompiledTemplate("hello", "en", [body(0), buttons(REPLY, PHONE, FIXED_URL)])
    for payload in (None, {}):
        assert template.template_object(payload) == {"name": "hello", "language": {"code": "en"}}
    assert "biz_opaque_callback_data" not in json.loads(template.body(TO, None))


@pytest.mark.parametrize("kind", ["VIDEO", "IMAGE", "DOCUMENT"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://cdn.test/a.mp4", {"link": "https://cdn.test/a.mp4"}),
        ("HTTP://cdn.test/a.mp4", {"link": "HTTP://cdn.test/a.mp4"}),
        ("  https://cdn.test/a.mp4\n", {"link": "https://cdn.test/a.mp4"}),
        ("1234567890", {"id": "1234567890"}),
        (" 1234567890 ", {"id": "1234567890"}),
        (1234567890, {"id": "1234567890"}),
        ("http-1", {"id": "http-1"}),
    ],
)
def test_media_by_link_or_by_id(kind: str, value: object, expected: dict[str, str]) -> None:
    [component] = sent([header(kind), {"type": "BODY", "text": "Hi"}], variables(value))
    name = kind.lower()
    if kind == "DOCUMENT" and "link" in expected:
        expected = expected | {"filename": "a.mp4"}
    assert component == {"type": "header", "parameters": [{"type": name, name: expected}]}


def test_var10_comes_after_var9() -> None:
    payload = dict(sorted(variables(*(f"v{n}" for n in range(1, 13))).items()))
    [component] = sent([body(12)], payload)
    assert component["parameters"] == texts(*(f"v{n}" for n in range(1, 13)))


def test_positional_variables_go_by_number_and_count_once() -> None:
    [component] = sent([{"type": "BODY", "text": "{{2}} {{1}} {{2}}"}], variables("a", "b"))
    assert component["parameters"] == texts("a", "b")


def test_a_text_header_takes_the_first_variable() -> None:
    first, second = sent([header("TEXT", "Hi {{1}}"), body(1)], variables("a", "b"))
    assert first == {"type": "header", "parameters": texts("a")}
    assert second == {"type": "body", "parameters": texts("b")}
    assert sent([header("TEXT", "Hi"), body(1)], variables("a"))[0]["type"] == "body"


NAMED_BODY = {
    "type": "BODY",
    "text": "{{surname}}, {{first_name}}",
    "example": {
        "body_text_named_params": [
            {"param_name": "first_name", "example": "Asha"},
            {"param_name": "surname", "example": "Rao"},
        ]
    },
}


@pytest.mark.parametrize("parameter_format", [None, "NAMED", "named"])
def test_named_variables_go_in_the_order_of_the_text(parameter_format: str | None) -> None:
    components = [header("TEXT", "{{shop}}"), NAMED_BODY]
    first, second = sent(components, variables("a", "b", "c"), parameter_format)
    assert first["parameters"] == [{"type": "text", "parameter_name": "shop", "text": "a"}]
    assert second["parameters"] == [
        {"type": "text", "parameter_name": "surname", "text": "b"},
        {"type": "text", "parameter_name": "first_name", "text": "c"},
    ]


def test_buttons_take_what_is_left_in_their_order() -> None:
    components = [header("IMAGE"), body(1), buttons(REPLY, URL, FIXED_URL, COUPON)]
    _, _, url, coupon = sent(components, variables("77001", "a", "u=1", "SAVE20"))
    assert url == {"type": "button", "sub_type": "url", "index": "1", "parameters": texts("u=1")}
    assert coupon == {
        "type": "button",
        "sub_type": "copy_code",
        "index": "3",
        "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}],
    }


@pytest.mark.parametrize(
    "button",
    [
        {"type": "OTP", "otp_type": "ONE_TAP", "text": "Autofill"},
        {
            "type": "URL",
            "text": "Copy code",
            "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}",
        },
    ],
)
@pytest.mark.parametrize("text", [{"text": "*{{1}}* is your code."}, {}])
def test_authentication_repeats_its_code(button: dict[str, Any], text: dict[str, str]) -> None:
    components = [{"type": "BODY", "add_security_recommendation": True} | text, buttons(button)]
    assert sent(components, variables("123456")) == [
        {"type": "body", "parameters": texts("123456")},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": texts("123456")},
    ]
    assert shape_of(components).count == 1


def test_a_flow_button_is_named_without_a_value() -> None:
    [component] = sent([body(0), buttons(REPLY, {"type": "FLOW", "text": "Open"})], {})
    assert component == {"type": "button", "sub_type": "flow", "index": "1"}


def test_a_flow_takes_a_token_and_data_where_a_row_has_them() -> None:
    components = [body(0), buttons({"type": "FLOW", "text": "Open"})]
    row = {"flow_token": "t-1", "flow_data": '{"name": "Asha", "n": 1}'}
    [component] = sent(components, row)
    action = {"flow_token": "t-1", "flow_action_data": {"name": "Asha", "n": 1}}
    assert component["parameters"] == [{"type": "action", "action": action}]
    for data in ("Asha", "[1]", "{}", '{"a": NaN}', '{"a":' * 5000):
        assert "no JSON object" in mismatch(components, {"flow_data": data})


def test_a_quick_reply_is_named_where_a_row_has_a_payload() -> None:
    components = [body(0), buttons(REPLY, REPLY | {"text": "Yes"})]
    assert sent(components, {}) == []
    [component] = sent(components, {"payload2": "YES-77"})
    assert component == {
        "type": "button",
        "sub_type": "quick_reply",
        "index": "1",
        "parameters": [{"type": "payload", "payload": "YES-77"}],
    }


def test_a_carousel_of_products_may_have_more_cards_than_its_template() -> None:
    card = {"components": [header("PRODUCT"), buttons({"type": "SPM", "text": "View"})]}
    components = [body(0), {"type": "CAROUSEL", "cards": [card, card]}]
    assert shape_of(components).count == 4

    def products(row: dict[str, object]) -> list[tuple[int, str]]:
        [carousel] = sent(components, row)
        headers = [(c["card_index"], *c["components"]) for c in carousel["cards"]]
        return [(n, h["parameters"][0]["product"]["product_retailer_id"]) for n, h in headers]

    row = variables("A1", "77", "A2", "77")
    assert products(row) == [(0, "A1"), (1, "A2")]
    third = {"card3.product": "A3", "card3.catalog": "77"}
    assert products(row | third) == [(0, "A1"), (1, "A2"), (2, "A3")]
    assert "card 3 is not whole" in mismatch(components, row | {"card3.product": "A3"})
    fourth = {"card4.product": "A4", "card4.catalog": "77"}
    assert "card 4 is there, and card 3 is not" in mismatch(components, row | fourth)


def test_a_document_has_a_name_its_own_or_that_of_its_address() -> None:
    for payload, filename in (
        ({"var1": "https://cdn.test/b/Statement%20March.pdf?sig=1"}, "Statement March.pdf"),
        ({"var1": "https://cdn.test/b/1", "filename": "Your bill.pdf"}, "Your bill.pdf"),
        ({"var1": "https://cdn.test/b/1.pdf", "filename": " "}, "1.pdf"),
        ({"var1": "https://cdn.test/"}, None),
        ({"var1": "77001"}, None),
        ({"var1": "77001", "filename": "Your bill.pdf"}, "Your bill.pdf"),
    ):
        [component] = sent([header("DOCUMENT"), body(0)], payload)
        assert component["parameters"][0]["document"].get("filename") == filename


def test_a_location_takes_four_parts_two_of_them_by_name() -> None:
    payload = {"var1": "51.5072", "var2": "-0,1276", "var3": "Asha", "place_name": "Shop"}
    first, second = sent([header("LOCATION"), body(1)], payload)
    location = {"latitude": "51.5072", "longitude": "-0.1276", "name": "Shop"}
    assert first["parameters"] == [{"type": "location", "location": location}]
    assert second["parameters"] == texts("Asha")
    assert "no number of degrees" in mismatch([header("LOCATION")], variables("north", "1"))
    assert "-90 and 90" in mismatch([header("LOCATION")], variables("90.5", "1"))
    assert "-180 and 180" in mismatch([header("LOCATION")], variables("-90", "181"))


def test_a_catalog_button_is_named_with_a_thumbnail_or_without() -> None:
    catalog = buttons({"type": "CATALOG", "text": "View catalog"})
    named = {"type": "button", "sub_type": "catalog", "index": "0"}
    # Without parameters Meta shows the first product of the catalog.
    assert sent([body(1), catalog], variables("Asha"))[1] == named
    action = {"thumbnail_product_retailer_id": "SKU1"}
    component = sent([body(1), catalog], variables("Asha") | {"thumbnail": "SKU1"})[1]
    assert component == named | {"parameters": [{"type": "action", "action": action}]}


def test_a_multi_product_button_takes_sections() -> None:
    components = [body(0), buttons({"type": "MPM", "text": "View items"})]
    [component] = sent(components, variables("SKU1", "Lamps: A1, A2; Big: chairs: B1"))
    products = [{"product_retailer_id": "A1"}, {"product_retailer_id": "A2"}]
    assert component["parameters"][0]["action"] == {
        "thumbnail_product_retailer_id": "SKU1",
        "sections": [
            {"title": "Lamps", "product_items": products},
            {"title": "Big: chairs", "product_items": [{"product_retailer_id": "B1"}]},
        ],
    }
    assert "no list of sections" in mismatch(components, variables("SKU1", "A1"))
    for value, why in (
        ("x" * 25 + ": A1", "more than 24 characters"),
        (";".join(f"S{n}: A{n}" for n in range(11)), "11 sections"),
        ("All: " + ",".join(f"A{n}" for n in range(31)), "31 products"),
    ):
        assert why in mismatch(components, variables("SKU1", value))


def test_an_offer_ends_at_a_moment() -> None:
    offer = {
        "type": "LIMITED_TIME_OFFER",
        "limited_time_offer": {"text": "Ends soon", "has_expiration": True},
    }
    components = [header("IMAGE"), body(1), offer, buttons(COUPON, URL)]
    row = variables("77001", "Asha", "1893456000000", "SAVE20", "a")
    _, text, ends, coupon, url = sent(components, row)
    assert text["parameters"] == texts("Asha")
    moment = {"expiration_time_ms": 1893456000000}
    kind = "limited_time_offer"
    assert ends == {"type": kind, "parameters": [{"type": kind, kind: moment}]}
    assert (coupon["sub_type"], url["sub_type"]) == ("copy_code", "url")
    assert "no moment" in mismatch(components, row | {"var3": "tomorrow"})
    assert sent([body(0), offer | {"limited_time_offer": {"text": "Ends soon"}}], {}) == []


def test_a_carousel_is_filled_card_by_card() -> None:
    card = {"components": [header("IMAGE"), body(1), buttons(URL, REPLY)]}
    first, carousel = sent(
        [body(1), {"type": "CAROUSEL", "cards": [card, card]}],
        variables("Asha", "77001", "Lamp one", "a", "https://cdn.test/b.jpg", "Lamp two", "b"),
    )
    assert first == {"type": "body", "parameters": texts("Asha")}
    button = {"type": "button", "sub_type": "url", "index": "0"}
    media = ({"id": "77001"}, {"link": "https://cdn.test/b.jpg"})
    assert carousel == {
        "type": "carousel",
        "cards": [
            {
                "card_index": n,
                "components": [
                    {"type": "header", "parameters": [{"type": "image", "image": medium}]},
                    {"type": "body", "parameters": texts(text)},
                    button | {"parameters": texts(ending)},
                    # Meta's form names each quick reply of a card; its text is what comes back.
                    {
                        "type": "button",
                        "sub_type": "quick_reply",
                        "index": "1",
                        "parameters": [{"type": "payload", "payload": "Stop"}],
                    },
                ],
            }
            for n, (medium, text, ending) in enumerate(
                zip(media, ("Lamp one", "Lamp two"), "ab", strict=True)
            )
        ],
    }


def test_the_columns_of_a_list_that_mean_a_slot() -> None:
    card = {"components": [header("IMAGE"), body(1), buttons(URL)]}
    shape = shape_of([header("DOCUMENT"), body(1), {"type": "CAROUSEL", "cards": [card, card]}])
    by_label = {slot.label: slot.column_names for slot in (*shape.slots(), *shape.optional())}
    assert by_label["body {{1}}"] == ("body1", "1")
    assert {"document", "media"} < set(by_label["header document"])
    assert "filename" in by_label["header document's file name"]
    assert {"card2.media", "card2.image"} < set(by_label["card 2 header image"])
    assert {"card1.1", "card1.body1", "card1.var1"} == set(by_label["card 1 body {{1}}"])
    assert "card1.url" in by_label['card 1 button 1 "Shop" URL ending']
    assert folded("Card1.Body_1") == "card1.body1"
    labels = [slot.label for slot in shape.slots()]
    assert len(set(labels)) == len(labels)


def test_too_few_names_the_variable_that_is_missing() -> None:
    text = mismatch([header("VIDEO"), body(2)], variables("77001", "a"))
    assert text == (
        "not sent: the template takes 3 variables (header video, body {{1}}, body {{2}}), "
        "the row has 2; missing: var3 for body {{2}}"
    )


def test_too_many_names_what_is_left_over() -> None:
    text = mismatch([body(1)], variables("a", "b"))
    assert text == (
        "not sent: the template takes 1 variable (body {{1}}), the row has 2; left over: var2"
    )
    assert "no variables, the row has 1" in mismatch([body(0)], variables("a"))


def test_a_button_without_its_variable_is_named() -> None:
    text = mismatch([body(1), buttons(REPLY, URL)], variables("a"))
    assert 'missing: var2 for button 2 "Shop" URL ending' in text


def test_a_gap_is_not_closed_by_the_next_variable() -> None:
    assert "missing: var2" in mismatch([body(2)], {"var1": "a", "var3": "c"})
    assert "missing: var2" in mismatch([body(3)], variables("a", None, "c"))


def test_blank_columns_at_the_end_and_other_keys_do_no_harm() -> None:
    payload = variables("a", "", None, "  ") | {"note": "x", "variable": "y"}
    assert sent([body(1)], payload)[0]["parameters"] == texts("a")


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (0, "0"), (20.0, "20"), (2.5, "2.5"), (10**17, "1" + "0" * 17), (-3, "-3")],
)
def test_numbers_become_text(value: object, text: str) -> None:
    assert sent([body(1)], variables(value))[0]["parameters"] == texts(text)


@pytest.mark.parametrize("value", ["", "  ", True, [], ["a"], {"a": 1}, float("nan")])
def test_what_is_no_value_fails_the_row(value: object) -> None:
    assert "var1 for body {{1}}" in mismatch([body(1)], variables(value))


@pytest.mark.parametrize("payload", ["var1", [], 7, True])
def test_a_payload_that_is_no_object_fails_the_row(payload: object) -> None:
    mismatch([body(1)], payload)


def test_a_mismatch_fails_its_row_and_several_hold_the_template() -> None:
    with pytest.raises(PayloadMismatch) as raised:
        sent([body(1)], {})
    verdict = raised.value.verdict
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, None)
    assert (verdict.hold_scope, verdict.hold_after) == (Scope.TEMPLATE, 5)
    assert verdict.text == str(raised.value)


@pytest.mark.parametrize(
    ("components", "word"),
    [
        ([header("HOLOGRAM")], "HOLOGRAM"),
        ([body(0), {"type": "CAROUSEL", "cards": []}], "CAROUSEL"),
        ([body(0), {"type": "LIMITED_TIME_OFFER"}], "LIMITED_TIME_OFFER"),
        (
            [body(0), buttons({"type": "ORDER_DETAILS", "text": "Pay"})],
            "ORDER_DETAILS.*use a",
        ),
        ([body(0), buttons({"type": "REMINDER", "text": "Add"})], "REMINDER"),
        ([body(0), {"type": "ORDER_STATUS"}], "ORDER_STATUS"),
        ([header("TEXT", "{{1}} {{2}}")], "one variable"),
        (["BODY"], "damaged"),
        ("[]", "no list"),
        (None, "no list"),
        ([{"type": "BUTTONS", "buttons": "x"}], "damaged"),
    ],
)
def test_templates_that_cannot_be_filled(components: Any, word: str) -> None:
    with pytest.raises(UnusableTemplate, match=word):
        CompiledTemplate("x", "en", components)


def test_what_a_csv_must_bring() -> None:
    needs = shape_of([header("DOCUMENT"), body(2), buttons(REPLY, URL)])
    assert needs.count == 4
    assert needs.header_media == "document"
    assert needs.names == (
        "header document",
        "body {{1}}",
        "body {{2}}",
        'button 2 "Shop" URL ending',
    )
    assert shape_of([header("TEXT", "{{1}}")]).header_media is None
    assert shape_of([NAMED_BODY]).names == ("body {{surname}}", "body {{first_name}}")


@pytest.mark.parametrize("to", ["15550100001", "+15550100001", " 15550100001 "])
def test_the_phone_always_has_its_plus(to: str) -> None:
    assert json.loads(GREETING.body(to, {}))["to"] == "+15550100001"


def test_limits_of_the_request() -> None:
    with pytest.raises(PayloadMismatch):
        GREETING.body(" + ", {})
    GREETING.body(TO, {}, "x" * 512)
    with pytest.raises(ValueError, match="512"):
        GREETING.body(TO, {}, "x" * 513)


@pytest.mark.parametrize("blank", ["\xad", "\u200b", " \ufeff\t"])
@pytest.mark.parametrize("components", [[header("VIDEO")], [body(1)]])
def test_a_variable_of_nothing_that_is_seen_is_empty(components: Components, blank: str) -> None:
    with pytest.raises(PayloadMismatch, match="is empty"):
        CompiledTemplate("x", "en", components).body(TO, variables(blank))


VALUE = st.text(min_size=1).filter(cell)


@given(
    media=st.sampled_from([None, "VIDEO", "IMAGE", "DOCUMENT"]),
    title=st.booleans(),
    in_body=st.integers(0, 12),
    extra=st.lists(st.sampled_from([URL, COUPON, REPLY, FIXED_URL, PHONE]), max_size=5),
    sample=st.booleans(),
    off=st.integers(-2, 2),
    data=st.data(),
)
def test_no_variable_is_ever_shifted(
    media: str | None,
    title: bool,
    in_body: int,
    extra: list[dict[str, Any]],
    sample: bool,
    off: int,
    data: st.DataObject,
) -> None:
    """Each value stands in its own place, or nothing is sent at all."""
    components: Components = [body(in_body), buttons(*extra)]
    if media is not None:
        example = {"example": {"header_handle": ["https://sample.test/x"]}} if sample else {}
        components.insert(0, header(media) | example)
    elif title:
        components.insert(0, header("TEXT", "Hi {{1}}"))
    needs = shape_of(components)
    count = max(0, needs.count + off)
    values = data.draw(st.lists(VALUE, min_size=count, max_size=count))
    payload = dict(data.draw(st.permutations(list(variables(*values).items()))))
    template = CompiledTemplate("x", "en", components)
    if count != needs.count:
        with pytest.raises(PayloadMismatch):
            template.body(TO, payload)
        return
    out: list[str] = []
    text = template.body(TO, payload).decode()
    for component in json.loads(text)["template"].get("components", []):
        for parameter in component.get("parameters", []):
            value = parameter[parameter["type"]]
            out.append(next(iter(value.values())) if isinstance(value, dict) else value)
    if media is not None:
        values[0] = cell(values[0])
    slots = needs.slots()
    assert out == [
        encoded(cell(value)) if slot.role == "suffix" else value
        for slot, value in zip(slots, values, strict=True)
    ]
    assert "sample.test" not in text or any("sample.test" in value for value in values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "format", "text", "buttons", "url", "example", "var1"])
            | st.text(),
            inner
            | st.sampled_from(
                ["HEADER", "BODY", "BUTTONS", "VIDEO", "URL", "OTP", "{{1}}", "{{a}}"]
            ),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON | st.lists(JSON), st.none() | st.text(), JSON)
def test_any_stored_template_and_any_payload(
    components: Any, parameter_format: str | None, payload: object
) -> None:
    try:
        CompiledTemplate("x", "en", components, parameter_format).body(TO, payload)
    except (UnusableTemplate, PayloadMismatch) as error:
        assert str(error)


def test_a_text_that_was_left_in_another_header_names_no_variables() -> None:
    left = shape_of([header("LOCATION", "{{a}}"), body(2)])
    assert left == shape_of([header("LOCATION", "Hi"), body(2)])
    assert [slot.parameter_name for slot in left.body] == [None, None]
