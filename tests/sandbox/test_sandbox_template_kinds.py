"""Each kind of template at the simulated API: what it takes, and what it refuses and how."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_WABA_ID

Components = list[dict[str, Any]]
Send = Callable[..., httpx.Response]

HELLO = {"type": "BODY", "text": "Hello {{1}}"}
FIXED = {"type": "BODY", "text": "Look at this"}
COPY = {"type": "COPY_CODE", "example": "SAVE20"}
SHOP = {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}"}


def _buttons(*given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(given)}


def _carousel(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": "CAROUSEL", "cards": [{"components": list(components)}] * 2}


def _header(kind: str) -> dict[str, Any]:
    return {"type": "HEADER", "format": kind}


TEMPLATES: dict[str, Components] = {
    "image": [_header("IMAGE"), FIXED],
    "document": [_header("DOCUMENT"), FIXED],
    "gif": [_header("GIF"), FIXED],
    "location": [_header("LOCATION"), FIXED],
    "product": [_header("PRODUCT"), FIXED, _buttons({"type": "SPM", "text": "View"})],
    "catalog": [HELLO, _buttons({"type": "CATALOG", "text": "View catalog"})],
    "mpm": [FIXED, _buttons({"type": "MPM", "text": "View items"})],
    "flow": [FIXED, _buttons({"type": "FLOW", "text": "Open"})],
    "call": [FIXED, _buttons({"type": "PHONE_NUMBER", "text": "Call"})],
    "url": [FIXED, _buttons(SHOP)],
    "otp": [
        {"type": "BODY", "add_security_recommendation": True},
        _buttons({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"}),
    ],
    "offer": [
        HELLO,
        {
            "type": "LIMITED_TIME_OFFER",
            "limited_time_offer": {"text": "Ends!", "has_expiration": True},
        },
        _buttons(COPY, SHOP),
    ],
    "cards": [HELLO, _carousel(_header("IMAGE"), HELLO, _buttons(SHOP))],
    "products": [HELLO, _carousel(_header("PRODUCT"), _buttons({"type": "SPM", "text": "View"}))],
}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def part(kind: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "parameters": list(parameters)}


def button(sub_type: str, index: int, *parameters: dict[str, Any]) -> dict[str, Any]:
    return part("button", *parameters) | {"sub_type": sub_type, "index": str(index)}


def action(sub_type: str, **fields: Any) -> dict[str, Any]:
    return button(sub_type, 0, {"type": "action", "action": fields})


def header(kind: str, **value: Any) -> dict[str, Any]:
    return part("header", {"type": kind, kind: value})


IMAGE = header("image", link="https://cdn.example/a.jpg")
ASHA = part("body", text("Asha"))
ENDING = button("url", 0, text("a"))
PRODUCT = header("product", product_retailer_id="A1", catalog_id="77")


def cards(*components: Components) -> dict[str, Any]:
    items = [{"card_index": n, "components": given} for n, given in enumerate(components)]
    return {"type": "carousel", "cards": items}


CARD = [IMAGE, ASHA, ENDING]
LTO = "limited_time_offer"
ENDS = part(LTO, {"type": LTO, LTO: {"expiration_time_ms": 1893456000000}})


def coupon(code: str) -> dict[str, Any]:
    return button("copy_code", 0, {"type": "coupon_code", "coupon_code": code})


#: What each template takes.
SOUND: dict[str, list[Components]] = {
    "image": [[IMAGE]],
    "document": [
        [header("document", link="https://cdn.example/a.pdf")],
        [header("document", link="https://cdn.example/a.pdf", filename="Your bill.pdf")],
    ],
    "location": [
        [header("location", latitude="51.5", longitude="-0.1", name="Shop", address="1 High St")],
        [header("location", latitude=51.5, longitude=-0.1)],
    ],
    "product": [[PRODUCT]],
    "catalog": [
        [ASHA, button("catalog", 0)],
        [ASHA, action("CATALOG", thumbnail_product_retailer_id="A1")],
    ],
    "mpm": [
        [
            action(
                "mpm",
                thumbnail_product_retailer_id="A1",
                sections=[{"title": "Lamps", "product_items": [{"product_retailer_id": "A1"}]}],
            )
        ]
    ],
    "flow": [
        [button("flow", 0)],
        [action("flow", flow_token="t", flow_action_data={"a": 1})],
    ],
    "otp": [[part("body", text("1" * 15)), button("url", 0, text("1" * 15))]],
    "offer": [[ASHA, ENDS, coupon("A" * 15), button("url", 1, text("a"))]],
    "cards": [[ASHA, cards(CARD, CARD)]],
    "products": [[ASHA, cards(*[[PRODUCT]] * n)] for n in (2, 3, 10)],
}


@pytest.fixture
def kinds(control: SandboxControl) -> None:
    control.put_templates(
        DEMO_WABA_ID,
        *(
            {"name": name, "language": "en_US", "category": "MARKETING", "components": components}
            for name, components in TEMPLATES.items()
        ),
    )


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_message_is_accepted_and_shown(
    send: Send, control: SandboxControl, name: str
) -> None:
    control.reset()
    for n, components in enumerate(SOUND[name]):
        answer = send(name, components=components, to=f"+44770090001{n}")
        assert answer.status_code == 200, answer.text
    seen = [message["template"]["components"] for message in control.messages()]
    assert seen == SOUND[name]


def with_product(**changes: Any) -> dict[str, Any]:
    return header("product", **({"product_retailer_id": "A1", "catalog_id": "77"} | changes))


def misnumbered(*indexes: object) -> dict[str, Any]:
    carousel = copy.deepcopy(cards(CARD, CARD))
    for card, index in zip(carousel["cards"], indexes, strict=True):
        card["card_index"] = index
    return carousel


def section(title: str, n: int) -> dict[str, Any]:
    return {"title": title, "product_items": [{"product_retailer_id": f"A{i}"} for i in range(n)]}


REFUSED: list[tuple[str, Components, int, str]] = [
    ("image", [header("image", link="https://a.b/c", filename="a.jpg")], 100, 'key "filename"'),
    ("document", [header("document", link="https://a.b/c", filename="")], 100, "filename"),
    ("document", [header("document", link="https://a.b/c", filename="x" * 241)], 100, "filename"),
    ("gif", [header("gif", link="https://cdn.example/a.mp4")], 100, "/marketing_messages only"),
    ("location", [], 132012, "expected LOCATION"),
    ("location", [header("location", longitude="1")], 131008, "missing latitude"),
    ("location", [header("location", latitude="91", longitude="1")], 131009, "latitude"),
    ("location", [header("location", latitude="1", longitude="east")], 131009, "longitude"),
    ("product", [with_product(catalog_id="")], 131008, "missing catalog_id"),
    ("product", [PRODUCT, button("spm", 0)], 100, "must be one of"),
    ("catalog", [ASHA], 131008, "index 0 of type CATALOG"),
    ("catalog", [ASHA, button("catalog", 1)], 131008, "index 0 of type CATALOG"),
    ("catalog", [ASHA, action("catalog")], 131008, "type CATALOG"),
    ("catalog", [ASHA, button("catalog", 0, text("A1"))], 132012, "expected ACTION, received TEXT"),
    ("mpm", [button("mpm", 0)], 131008, "type MPM"),
    ("mpm", [action("mpm", thumbnail_product_retailer_id="A1")], 131008, "sections"),
    ("mpm", [action("mpm", sections=[section("a", 1)])], 131008, "thumbnail"),
    *(
        (
            "mpm",
            [action("mpm", thumbnail_product_retailer_id="A1", sections=sections)],
            code,
            details,
        )
        for sections, code, details in (
            ([section("x" * 25, 1)], 100, "title"),
            ([section("", 1)], 131008, "title"),
            ([section("a", 0)], 131008, "product_retailer_id"),
            ([section("a", 1)] * 11, 131009, "10 sections"),
            ([section("a", 31)], 131009, "30 products"),
        )
    ),
    ("flow", [], 131009, "type FLOW"),
    ("flow", [action("flow", flow_action_data={})], 131009, "flow_action_data"),
    ("flow", [action("flow", screen="A")], 100, "Unexpected key 'screen'"),
    ("call", [button("url", 0, text("+44"))], 100, "does not support parameters"),
    ("url", [button("url", 0, {"type": "payload", "payload": "a"})], 132012, "expected TEXT"),
    ("url", [button("url", 0, text("x" * 2000))], 132005, "URL"),
    ("url", [button("url", 0, text("a\nb"))], 132018, "new-line"),
    ("url", [button("phone_number", 0, text("a"))], 100, "VOICE_CALL"),
    ("otp", [part("body", text("1" * 16)), ENDING], 132018, "at most 15"),
    ("otp", [part("body", text("1")), button("url", 0, text("1" * 16))], 132018, "at most 15"),
    ("otp", [ENDING], 132000, "body"),
    ("offer", [ASHA, coupon("A"), button("url", 1, text("a"))], 131008, "limited_time_offer"),
    ("offer", [ASHA, ENDS, coupon("A" * 16), button("url", 1, text("a"))], 132018, "at most 15"),
    ("offer", [part("body", text("x" * 600)), ENDS], 132005, "the limit is 600"),
    (
        "offer",
        [ASHA, part(LTO, {"type": LTO, LTO: {"expiration_time_ms": "tomorrow"}})],
        131009,
        "no moment",
    ),
    ("offer", [ASHA, part(LTO, text("a"))], 132012, "expected LIMITED_TIME_OFFER"),
    ("image", [IMAGE, ENDS], 132018, "no offer"),
    ("cards", [ASHA], 132012, "expected CAROUSEL"),
    ("cards", [ASHA, cards(CARD)], 132000, "number of cards (1)"),
    ("cards", [ASHA, cards(CARD, CARD, CARD)], 132000, "number of cards (3)"),
    ("products", [ASHA, cards([PRODUCT])], 132000, "number of cards (1)"),
    ("products", [ASHA, cards(*[[PRODUCT]] * 11)], 132000, "number of cards (11)"),
    ("cards", [ASHA, misnumbered(0, 0)], 131009, "card_index"),
    ("cards", [ASHA, misnumbered(1, 2)], 131009, "card_index"),
    ("cards", [ASHA, misnumbered(None, 1)], 131009, "card_index"),
    ("cards", [ASHA, cards(CARD, [ASHA, ENDING])], 132012, "card 1: header"),
    ("cards", [ASHA, cards([IMAGE, ENDING], CARD)], 132000, "card 0: body"),
    ("cards", [ASHA, cards(CARD, [IMAGE, ASHA])], 131008, "card 1: buttons"),
    (
        "cards",
        [ASHA, cards(CARD, [IMAGE, part("body", text("x" * 160)), ENDING])],
        132005,
        "the limit is 160",
    ),
    ("cards", [ASHA, cards(CARD, [*CARD, cards(CARD)])], 100, "'carousel'"),
    ("image", [IMAGE, cards(CARD, CARD)], 132018, "no carousel"),
]


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize(("name", "components", "code", "words"), REFUSED)
def test_what_does_not_fit_is_refused(
    send: Send, control: SandboxControl, name: str, components: Components, code: int, words: str
) -> None:
    answer = send(name, components=components)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code), error
    assert words in error.get("error_data", {}).get("details", "") + error["message"]
    assert control.messages() == []
