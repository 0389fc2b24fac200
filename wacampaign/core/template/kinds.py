"""The places of a template that a row fills: one table for compiler, differ, preflight and sandbox.

Sources, all Meta's: the pages of each template kind under "Send message templates" (media and
product card carousels, limited-time offers, multi-product and catalog templates, location
templates; November 2025 to May 2026) and the reference of template components (November 2025).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Characters of a body with its values in; of one with a limited-time offer below it.
BODY_LENGTH: Final = 1024
OFFER_BODY_LENGTH: Final = 600
#: Characters of a text header with its value in.
HEADER_LENGTH: Final = 60
#: Characters of a URL button's address with its ending.
URL_LENGTH: Final = 2000
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


#: By role, as `Slot.role` has it.
SLOT_KINDS: Final[Mapping[str, SlotKind]] = {
    "media": SlotKind("media", _ANY, "a URL or media id", ("media", "header", "mediaurl", "file")),
    "filename": SlotKind(
        "filename", 240, "the name that the reader sees", ("filename", "documentname"), "filename"
    ),
    "header": SlotKind("text", HEADER_LENGTH, "text", ("header", "headertext")),
    "latitude": SlotKind("location", 24, "degrees, such as 51.5072", ("latitude", "lat")),
    "longitude": SlotKind("location", 24, "degrees, such as -0.1276", ("longitude", "lon", "lng")),
    "place_name": SlotKind(
        "location", _ANY, "the place's name", ("placename", "locationname", "place"), "place_name"
    ),
    "place_address": SlotKind(
        "location",
        _ANY,
        "the place's address",
        ("placeaddress", "locationaddress", "address"),
        "place_address",
    ),
    "body": SlotKind("text", BODY_LENGTH, "text"),
    "expires": SlotKind(
        "limited_time_offer",
        13,
        "when the offer ends, such as 2030-01-31 18:00",
        ("expires", "expiry", "expiration", "offerends"),
    ),
    "suffix": SlotKind("text", URL_LENGTH, "the ending of the URL", ("url", "link", "suffix")),
    "coupon": SlotKind("coupon_code", 20, "a code of letters and digits", ("coupon", "couponcode")),
    "code": SlotKind("text", 15, "the one-time code", ("code", "otp")),
    "thumbnail": SlotKind(
        "action",
        _ANY,
        "the content id of the product whose picture is shown",
        ("thumbnail", "thumbnailproduct"),
        "thumbnail",
    ),
    # A multi-product button must have one.
    "lead_product": SlotKind(
        "action",
        _ANY,
        "the content id of the product whose picture is shown",
        ("thumbnail", "thumbnailproduct"),
    ),
    "products": SlotKind(
        "action", _ANY, "sections of products: Lamps: A1, A2; Chairs: B1", ("products", "sections")
    ),
    "product": SlotKind("product", _ANY, "the product's content id", ("product", "productid")),
    "catalog": SlotKind("product", _ANY, "the catalog's id", ("catalog", "catalogid")),
}

#: Characters that a value has at most, by its slot's role.
LENGTHS: Final[Mapping[str, int]] = {role: kind.limit for role, kind in SLOT_KINDS.items()}
