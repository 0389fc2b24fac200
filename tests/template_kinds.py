"""The kinds of templates: what each looks like at Meta, a row of a list, and the message of it.

The messages are written out by hand, from Meta's page of each kind: nothing of the program makes
them. Each kind stands twice, with counted and with named variables, but those that Meta has once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of template, and one row for it."""

    name: str
    components: list[Json]
    #: Columns of a list after the phone, and what stands in them.
    row: dict[str, str]
    #: The components of the message.
    message: list[Json]
    named: bool = False
    category: str = "MARKETING"
    #: Columns that are wrong in another row, the words of `create` about it, and the code that the
    #: API answers when it is sent all the same.
    wrong: tuple[dict[str, str], str, int] | None = None

    @property
    def marketing_only(self) -> bool:
        """Whether Meta takes it at the marketing endpoint alone."""
        return self.components[0].get("format") == "GIF"

    @property
    def template(self) -> Json:
        """Meta's object."""
        return {
            "name": self.name,
            "language": "en_US",
            "category": self.category,
            "status": "APPROVED",
            "parameter_format": "NAMED" if self.named else "POSITIONAL",
            "components": self.components,
        }


def text(value: str, name: str | None = None) -> Json:
    return {"type": "text"} | ({"parameter_name": name} if name else {}) | {"text": value}


def part(kind: str, *parameters: Json) -> Json:
    return {"type": kind, "parameters": list(parameters)}


def button(sub_type: str, index: int, *parameters: Json) -> Json:
    given = {"parameters": list(parameters)} if parameters else {}
    return {"type": "button", "sub_type": sub_type, "index": str(index)} | given


def buttons(*given: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(given)}


URL = {"type": "URL", "text": "Shop", "url": "https://shop.example/t/{{1}}"}
CATALOG = {"type": "CATALOG", "text": "View catalog"}
COPY = {"type": "COPY_CODE", "text": "Copy code", "example": ["SAVE20"]}
FLOW = {"type": "FLOW", "text": "Book", "flow_id": "1"}
OFFER = {
    "type": "LIMITED_TIME_OFFER",
    "limited_time_offer": {"text": "Ends soon", "has_expiration": True},
}
JPG, MP4, PDF = (f"https://cdn.example/{name}" for name in ("a.jpg", "b.mp4", "c/Bill%20May.pdf"))


def header(kind: str) -> Json:
    return {"type": "HEADER", "format": kind}


def _kinds(named: bool) -> list[Kind]:
    ending = "_named" if named else ""
    name = "first_name" if named else None
    column = "first_name" if named else "body1"
    shown = "{{first_name}}" if named else "{{1}}"
    hello = {"type": "BODY", "text": f"Hello {shown}, look"}
    asha = part("body", text("Asha", name))
    who = {column: "Asha"}
    item = "item" if named else None

    def kind(
        title: str,
        components: list[Json],
        row: dict[str, str],
        message: list[Json],
        wrong: tuple[dict[str, str], str, int] | None = None,
        category: str = "MARKETING",
    ) -> Kind:
        return Kind(f"{title}{ending}", components, row, message, named, category, wrong)

    def card(image: str, said: str, url: str) -> list[Json]:
        return [
            part("header", {"type": "image", "image": {"link": image}}),
            part("body", text(said, item)),
            button("url", 0, text(url)),
            button("quick_reply", 1, {"type": "payload", "payload": "Tell me more"}),
        ]

    def product(*ids: str) -> list[list[Json]]:
        return [
            [
                part(
                    "header",
                    {
                        "type": "product",
                        "product": {"product_retailer_id": one, "catalog_id": "194836987003835"},
                    },
                )
            ]
            for one in ids
        ]

    def carousel(cards: list[list[Json]]) -> Json:
        given = [{"card_index": n, "components": one} for n, one in enumerate(cards)]
        return {"type": "carousel", "cards": given}

    media_card = {
        "components": [
            header("IMAGE"),
            {"type": "BODY", "text": "For {{item}}" if named else "For {{1}}"},
            buttons(URL, {"type": "QUICK_REPLY", "text": "Tell me more"}),
        ]
    }
    product_card = {"components": [header("PRODUCT"), buttons({"type": "SPM", "text": "View"})]}
    of_card = "item" if named else "body1"
    return [
        kind("text", [hello], who, [asha], ({column: "x" * 1024}, "body has", 132005)),
        kind(
            "text_header",
            [header("TEXT") | {"text": "Sale in {{town}}" if named else "Sale in {{1}}"}, hello],
            {"town" if named else "header1": "Leeds"} | who,
            [part("header", text("Leeds", "town" if named else None)), asha],
            ({"town" if named else "header1": "x" * 53}, "header has", 132005),
        ),
        kind(
            "image",
            [header("IMAGE"), hello],
            {"image": JPG} | who,
            [part("header", {"type": "image", "image": {"link": JPG}}), asha],
            ({"image": "a.jpg"}, "neither a URL nor a media id", 100),
        ),
        kind(
            "video",
            [header("VIDEO"), hello],
            {"video": MP4} | who,
            [part("header", {"type": "video", "video": {"link": MP4}}), asha],
            ({"video": ""}, "empty", 131008),
        ),
        kind(
            "gif",
            [header("GIF"), hello],
            {"gif": MP4} | who,
            [part("header", {"type": "gif", "gif": {"link": MP4}}), asha],
            ({"gif": "b.mp4"}, "neither a URL nor a media id", 100),
        ),
        kind(
            "document",
            [header("DOCUMENT"), hello],
            {"document": PDF} | who,
            [
                part(
                    "header",
                    {"type": "document", "document": {"link": PDF, "filename": "Bill May.pdf"}},
                ),
                asha,
            ],
            ({"document": "Bill May.pdf"}, "neither a URL nor a media id", 100),
        ),
        kind(
            "document_with_name",
            [header("DOCUMENT"), hello],
            {"document": PDF, "filename": "Your bill.pdf"} | who,
            [
                part(
                    "header",
                    {"type": "document", "document": {"link": PDF, "filename": "Your bill.pdf"}},
                ),
                asha,
            ],
            ({"filename": "x" * 241}, "241 characters", 100),
            "UTILITY",
        ),
        kind(
            "location",
            [header("LOCATION"), hello],
            {"latitude": "51.5072", "longitude": "-0.1276", "place_name": "Shop"}
            | {"place_address": "1 High Street"}
            | who,
            [
                part(
                    "header",
                    {
                        "type": "location",
                        "location": {
                            "latitude": "51.5072",
                            "longitude": "-0.1276",
                            "name": "Shop",
                            "address": "1 High Street",
                        },
                    },
                ),
                asha,
            ],
            ({"latitude": "north"}, "no number of degrees", 131009),
            "UTILITY",
        ),
        kind(
            "url_button",
            [hello, buttons({"type": "QUICK_REPLY", "text": "Stop"}, URL)],
            who | {"url": "A3?from=mail"},
            [asha, button("url", 1, text("A3?from=mail"))],
            ({"url": ""}, "empty", 131008),
        ),
        kind(
            "copy_code",
            [hello, buttons(COPY)],
            who | {"coupon": "SAVE20"},
            [asha, button("copy_code", 0, {"type": "coupon_code", "coupon_code": "SAVE20"})],
            ({"coupon": "SAVE 20"}, "letters and digits", 132018),
        ),
        kind(
            "quick_reply",
            [
                hello,
                buttons(
                    {"type": "QUICK_REPLY", "text": "Yes"}, {"type": "QUICK_REPLY", "text": "No"}
                ),
            ],
            who | {"payload1": "YES-77"},
            [asha, button("quick_reply", 0, {"type": "payload", "payload": "YES-77"})],
        ),
        kind("flow", [hello, buttons(FLOW)], who, [asha, button("flow", 0)]),
        kind(
            "flow_with_data",
            [hello, buttons(FLOW)],
            who | {"flow_token": "t-77", "flow_data": '{"town":"Leeds"}'},
            [
                asha,
                button(
                    "flow",
                    0,
                    {
                        "type": "action",
                        "action": {"flow_token": "t-77", "flow_action_data": {"town": "Leeds"}},
                    },
                ),
            ],
            ({"flow_data": "[Leeds]"}, "no JSON object", 131009),
            "UTILITY",
        ),
        kind("catalog", [hello, buttons(CATALOG)], who, [asha, button("catalog", 0)]),
        kind(
            "catalog_with_thumbnail",
            [hello, buttons(CATALOG)],
            who | {"thumbnail": "SKU1"},
            [
                asha,
                button(
                    "catalog",
                    0,
                    {"type": "action", "action": {"thumbnail_product_retailer_id": "SKU1"}},
                ),
            ],
        ),
        kind(
            "multi_product",
            [hello, buttons({"type": "MPM", "text": "View items"})],
            who | {"thumbnail": "A1", "products": "Lamps: A1, A2; Chairs: B1"},
            [
                asha,
                button(
                    "mpm",
                    0,
                    {
                        "type": "action",
                        "action": {
                            "thumbnail_product_retailer_id": "A1",
                            "sections": [
                                {
                                    "title": "Lamps",
                                    "product_items": [
                                        {"product_retailer_id": "A1"},
                                        {"product_retailer_id": "A2"},
                                    ],
                                },
                                {
                                    "title": "Chairs",
                                    "product_items": [{"product_retailer_id": "B1"}],
                                },
                            ],
                        },
                    },
                ),
            ],
            ({"products": "A1, A2"}, "no list of sections", 131008),
        ),
        kind(
            "single_product",
            [header("PRODUCT"), hello, buttons({"type": "SPM", "text": "View"})],
            {"product": "SKU1", "catalog": "194836987003835"} | who,
            [product("SKU1")[0][0], asha],
            ({"catalog": ""}, "empty", 131008),
        ),
        kind(
            "media_carousel",
            [hello, {"type": "CAROUSEL", "cards": [media_card, media_card]}],
            who
            | {"card1.image": JPG, f"card1.{of_card}": "you", "card1.url": "A1"}
            | {"card2.media": JPG, "card2.var1": "her", "card2.url": "B2"},
            [asha, carousel([card(JPG, "you", "A1"), card(JPG, "her", "B2")])],
            ({"card2.var1": "x" * 160}, "card 2 body has", 132005),
        ),
        kind(
            "product_carousel",
            [hello, {"type": "CAROUSEL", "cards": [product_card, product_card]}],
            who
            | {
                f"card{n}.{column}": value
                for n, one in ((1, "A1"), (2, "A2"), (3, "A3"))
                for column, value in (("product", one), ("catalog", "194836987003835"))
            },
            [asha, carousel(product("A1", "A2", "A3"))],
            ({"card3.catalog": ""}, "card 3 is not whole", 131008),
        ),
        kind(
            "offer",
            [header("IMAGE"), hello, OFFER, buttons(COPY, URL)],
            {"image": JPG} | who | {"expires": "2099-12-31 18:00Z", "coupon": "SAVE20", "url": "A"},
            [
                part("header", {"type": "image", "image": {"link": JPG}}),
                asha,
                part(
                    "limited_time_offer",
                    {
                        "type": "limited_time_offer",
                        "limited_time_offer": {"expiration_time_ms": 4102423200000},
                    },
                ),
                button("copy_code", 0, {"type": "coupon_code", "coupon_code": "SAVE20"}),
                button("url", 1, text("A")),
            ],
            ({"coupon": "A" * 16}, "16 characters", 132018),
        ),
    ]


#: Meta writes the text of these: they have no named variables.
_OTP = Kind(
    "otp",
    [
        {"type": "BODY", "text": "*{{1}}* is your verification code."},
        buttons(
            {
                "type": "URL",
                "text": "Copy code",
                "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}",
            }
        ),
    ],
    {"code": "123456"},
    [part("body", text("123456")), button("url", 0, text("123456"))],
    category="AUTHENTICATION",
    wrong=({"code": "1" * 16}, "16 characters", 132018),
)

KINDS: list[Kind] = [*_kinds(named=False), *_kinds(named=True), _OTP]
