"""The kinds of templates: one table for compiler, differ, preflight and sandbox.

Sources, Meta's documentation unless said: the page of each kind under "Templates" (media and
product card carousels, limited-time offers, location, catalog, multi- and single-product templates;
November 2025 to June 2026), "Sending a Flow" (June 2026), the reference of template components
(November 2025), and the answer that lists the button types (`sub_type must be one of …`, reported
in shridarpatil/frappe_whatsapp #188).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Characters of a body with its values in; of one with a limited-time offer below it; of a card's.
BODY_LENGTH: Final = 1024
OFFER_BODY_LENGTH: Final = 600
CARD_BODY_LENGTH: Final = 160
#: Characters of a text header with its value in.
HEADER_LENGTH: Final = 60
#: Characters of a URL button's address with its ending.
URL_LENGTH: Final = 2000
#: Characters of a code to copy; of a limited-time offer's, and of a template's example.
COUPON_LENGTH: Final = 20
OFFER_COUPON_LENGTH: Final = 15
#: Cards of a carousel.
CARDS_MIN: Final = 2
CARDS_MAX: Final = 10
#: Sections of a multi-product message, characters of their titles, and products in all of them.
SECTIONS_MAX: Final = 10
SECTION_TITLE_LENGTH: Final = 24
PRODUCTS_MAX: Final = 30
#: Degrees north or south, and east or west.
LATITUDE_MAX: Final = 90
LONGITUDE_MAX: Final = 180
#: Where Meta documents no limit.
_ANY: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SlotKind:
    """What holds for one kind of place, whichever template it is in."""

    #: Type of Meta's parameter; of a medium it is the header's.
    type: str
    #: Characters that Meta takes there at most.
    limit: int
    #: What a row brings, for people.
    expects: str
    #: Names that the column of a contact list may have, folded: small letters and digits alone.
    columns: tuple[str, ...] = ()
    #: Key of the payload for a value that a row may leave out. None: it must be there, and goes by
    #: its number (`var1`, `var2`, …).
    key: str | None = None
    #: What it is called inside Meta's parameter, where that takes several values.
    field: str = ""
    #: A row that has it.
    example: str = ""


#: By role, as `Slot.role` has it.
SLOT_KINDS: Final[Mapping[str, SlotKind]] = {
    "media": SlotKind(
        "media",
        _ANY,
        "a URL or media id",
        ("media", "header", "mediaurl", "file"),
        example="https://cdn.example/spring.jpg",
    ),
    "filename": SlotKind(
        "filename",
        240,
        "the name that the reader sees",
        ("filename", "documentname"),
        "filename",
        "filename",
        "Your bill.pdf",
    ),
    "header": SlotKind("text", HEADER_LENGTH, "text", ("header", "headertext"), example="Asha"),
    "latitude": SlotKind(
        "location",
        24,
        "degrees, such as 51.5072",
        ("latitude", "lat"),
        field="latitude",
        example="51.5072",
    ),
    "longitude": SlotKind(
        "location",
        24,
        "degrees, such as -0.1276",
        ("longitude", "lon", "lng"),
        field="longitude",
        example="-0.1276",
    ),
    "place_name": SlotKind(
        "location",
        _ANY,
        "the place's name",
        ("placename", "locationname", "place"),
        "place_name",
        "name",
        "Our shop",
    ),
    "place_address": SlotKind(
        "location",
        _ANY,
        "the place's address",
        ("placeaddress", "locationaddress", "address"),
        "place_address",
        "address",
        "1 High Street",
    ),
    "body": SlotKind("text", BODY_LENGTH, "text", example="Asha"),
    "expires": SlotKind(
        "limited_time_offer",
        13,
        "when the offer ends, such as 2030-01-31 18:00",
        ("expires", "expiry", "expiration", "offerends"),
        field="expiration_time_ms",
        example="2030-01-31 18:00",
    ),
    "suffix": SlotKind(
        "text", URL_LENGTH, "the ending of the URL", ("url", "link", "suffix"), example="A3"
    ),
    "coupon": SlotKind(
        "coupon_code",
        COUPON_LENGTH,
        "a code of letters and digits",
        ("coupon", "couponcode"),
        example="SAVE20",
    ),
    # One-time passwords: "maximum 15 characters", in the body and in its button.
    "code": SlotKind("text", 15, "the one-time code", ("code", "otp"), example="123456"),
    "payload": SlotKind(
        "payload",
        _ANY,
        "what comes back when the button is tapped (by itself its text)",
        ("payload",),
        "payload",
        example="YES-77",
    ),
    "flow_token": SlotKind(
        "action",
        _ANY,
        "what the flow's answers are told apart by (by itself: unused)",
        ("flowtoken",),
        "flow_token",
        "flow_token",
        "row-77",
    ),
    "flow_data": SlotKind(
        "action",
        _ANY,
        'what the flow\'s first screen gets, as JSON: {"name": "Asha"}',
        ("flowdata", "flowactiondata"),
        "flow_data",
        "flow_action_data",
        '{"name": "Asha"}',
    ),
    # Without it Meta shows the picture of the catalog's first product.
    "thumbnail": SlotKind(
        "action",
        _ANY,
        "the content id of the product whose picture is shown",
        ("thumbnail", "thumbnailproduct"),
        "thumbnail",
        "thumbnail_product_retailer_id",
        "SKU1",
    ),
    # A multi-product button must have one.
    "lead_product": SlotKind(
        "action",
        _ANY,
        "the content id of the product whose picture is shown",
        ("thumbnail", "thumbnailproduct"),
        field="thumbnail_product_retailer_id",
        example="A1",
    ),
    "products": SlotKind(
        "action",
        _ANY,
        "sections of products: Lamps: A1, A2; Chairs: B1",
        ("products", "sections"),
        field="sections",
        example="Lamps: A1, A2; Chairs: B1",
    ),
    "product": SlotKind(
        "product",
        _ANY,
        "the product's content id",
        ("product", "productid"),
        field="product_retailer_id",
        example="SKU1",
    ),
    "catalog": SlotKind(
        "product",
        _ANY,
        "the catalog's id",
        ("catalog", "catalogid"),
        field="catalog_id",
        example="194836987003835",
    ),
}

#: Roles whose text people read; others hold addresses, codes, ids and figures.
PROSE: Final = frozenset({"header", "body"})

#: Headers that are no medium and no text, by a template's `format` in small letters: their slots.
HEADER_SLOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "location": ("latitude", "longitude", "place_name", "place_address"),
    "product": ("product", "catalog"),
}


@dataclass(frozen=True, slots=True)
class ButtonKind:
    """What a message says of one kind of button."""

    #: Meta's name of it in a message, in small letters. None: a message cannot name it.
    sub_type: str | None = None
    #: Roles of the values in it.
    slots: tuple[str, ...] = ()
    #: Whether every message must name it. A URL button with a variable must be, too.
    is_needed: bool = False
    #: Why no row of a list can fill it, and what to do instead; "": one can.
    unfit: str = ""


_ORDERS: Final = (
    "each message takes a whole order with its items, taxes and payment settings. Send it from the "
    "system that holds the order, and use a template with a URL button for a campaign"
)
_APPOINTMENTS: Final = (
    "each message takes an appointment of your calendar. Send it from the system that holds the "
    "appointment, and use a template with the date in its text for a campaign"
)

#: By a template's button `type`. Buttons of other types need nothing.
BUTTON_KINDS: Final[Mapping[str, ButtonKind]] = {
    "URL": ButtonKind("url", ("suffix",)),
    "OTP": ButtonKind("url", ("code",), is_needed=True),
    "COPY_CODE": ButtonKind("copy_code", ("coupon",), is_needed=True),
    "QUICK_REPLY": ButtonKind("quick_reply", ("payload",)),
    "FLOW": ButtonKind("flow", ("flow_token", "flow_data"), is_needed=True),
    "CATALOG": ButtonKind("catalog", ("thumbnail",), is_needed=True),
    "MPM": ButtonKind("mpm", ("lead_product", "products"), is_needed=True),
    "VOICE_CALL": ButtonKind("voice_call"),
    # What it shows is the header's product.
    "SPM": ButtonKind(),
    "PHONE_NUMBER": ButtonKind(),
    "ORDER_DETAILS": ButtonKind("order_details", is_needed=True, unfit=_ORDERS),
    "BOOKING_CONFIRMATION": ButtonKind("booking_confirmation", unfit=_APPOINTMENTS),
    "REMINDER": ButtonKind("reminder", unfit=_APPOINTMENTS),
}

#: Components of a template that no row of a list can fill, and what to do instead.
UNFIT_COMPONENTS: Final[Mapping[str, str]] = {"ORDER_STATUS": _ORDERS}
