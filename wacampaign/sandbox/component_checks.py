"""The check of a message's components against its template: what Meta would refuse, and how.

Codes and detail texts follow Meta's error reference and answers reported in public issue threads;
of carousels, offers, locations and products no wording is known, and the codes are those of the
same fault elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wacampaign.core.template.kinds import (
    BODY_LENGTH,
    CARD_BODY_LENGTH,
    CARDS_MAX,
    CARDS_MIN,
    HEADER_LENGTH,
    LATITUDE_MAX,
    LONGITUDE_MAX,
    OFFER_BODY_LENGTH,
    SLOT_KINDS,
)
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.button_checks import check_buttons
from wacampaign.sandbox.templates import MEDIA_FORMATS, Parts, Shape
from wacampaign.sandbox.text_checks import check_text, count_mismatch

#: Judges a header's media object ({"id"} or {"link"}): a refusal, or None when it will do.
MediaCheck = Callable[[dict[str, Any]], Refusal | None]

#: Keys of a header's value, by its format; those of media have `filename` for documents alone.
_VALUE_KEYS = {
    "LOCATION": {"latitude", "longitude", "name", "address"},
    "PRODUCT": {"product_retailer_id", "catalog_id"},
    "DOCUMENT": {"id", "link", "filename"},
}
_MEDIA_KEYS = {"id", "link"}
_OF_A_CARD = frozenset({"header", "body", "button"})
_OF_A_MESSAGE = _OF_A_CARD | {"limited_time_offer", "carousel"}


@dataclass(slots=True)
class _Received:
    """The components of a message, or of one card."""

    header: list[dict[str, Any]] | None = None
    body: list[dict[str, Any]] = field(default_factory=list)
    #: By index: the `sub_type` and the parameters.
    buttons: dict[int, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)
    offer: list[dict[str, Any]] | None = None
    cards: object = None


def check_components(
    shape: Shape, components: object, check_media: MediaCheck, *, marketing: bool = False
) -> Refusal | None:
    """The refusal Meta would answer for these `template.components`, or None.

    `marketing`: they came to the marketing endpoint, which takes GIFs.
    """
    received = _read(components, _OF_A_MESSAGE)
    if isinstance(received, Refusal):
        return received
    parts = shape.parts
    offers = shape.offer_ends is not None
    return (
        _check_header(parts, received.header, check_media, marketing)
        or check_text(
            "body",
            parts.named,
            parts.body,
            received.body,
            OFFER_BODY_LENGTH if offers else BODY_LENGTH,
            _value_limit(parts),
        )
        or _check_offer(shape.offer_ends, received.offer)
        or check_buttons(parts.buttons, received.buttons, offers=offers)
        or _check_cards(shape.cards, received.cards, check_media)
    )


def _value_limit(parts: Parts) -> int:
    """Characters of one value in the body: a one-time password is short."""
    is_code = any(button.kind == "OTP" for button in parts.buttons)
    return SLOT_KINDS["code" if is_code else "body"].limit


def _read(components: object, known: frozenset[str]) -> _Received | Refusal:
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        return Refusal(100, "template['components'] must be an array")
    received = _Received()
    for component in components:
        kind = str(component.get("type", "")).lower()
        if kind not in known:
            return Refusal(100, f"Unexpected component type {kind!r}")
        if kind == "carousel":
            received.cards = component.get("cards")
            continue
        parameters = component.get("parameters", [])
        if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
            return Refusal(100, f"{kind}: parameters must be an array of objects")
        if kind == "header":
            received.header = parameters
        elif kind == "body":
            received.body = parameters
        elif kind == "limited_time_offer":
            received.offer = parameters
        else:
            index = str(component.get("index", ""))
            if not index.isdecimal():
                return Refusal(131008, "buttons: index is missing or not a number")
            received.buttons[int(index)] = (str(component.get("sub_type", "")).lower(), parameters)
    return received


def _check_header(
    parts: Parts,
    parameters: list[dict[str, Any]] | None,
    check_media: MediaCheck,
    marketing: bool,
) -> Refusal | None:
    expected = parts.header_format
    if expected is None:
        if parameters:
            return Refusal(132018, "header: the template has no header")
        return None
    if expected == "TEXT":
        return check_text("header", parts.named, parts.header, parameters or [], HEADER_LENGTH)
    if not parameters:
        return Refusal(132012, f"header: Format mismatch, expected {expected}, received UNKNOWN")
    if len(parameters) != 1:
        return count_mismatch("header", len(parameters), 1)
    received = str(parameters[0].get("type", "unknown"))
    if received.upper() != expected:
        return Refusal(
            132012, f"header: Format mismatch, expected {expected}, received {received.upper()}"
        )
    if expected == "GIF" and not marketing:
        return Refusal(100, "header: gif is taken by /marketing_messages only")
    value = parameters[0].get(received)
    if not isinstance(value, dict):
        return Refusal(131008, f"header: Parameter of type {received} is missing {received} value")
    if unexpected := sorted(value.keys() - _VALUE_KEYS.get(expected, _MEDIA_KEYS)):
        where = f"template['components'][0]['parameters'][0]['{received}']"
        return Refusal(100, message=f'(#100) Unexpected key "{unexpected[0]}" on param "{where}".')
    if expected == "LOCATION":
        return _check_location(value)
    if expected == "PRODUCT":
        return _check_product(value)
    filename = value.get("filename", "x")
    if not isinstance(filename, str) or not 0 < len(filename) <= SLOT_KINDS["filename"].limit:
        return Refusal(100, "header: filename is not a valid name")
    return check_media(value) if expected in MEDIA_FORMATS else None


def _check_location(value: dict[str, Any]) -> Refusal | None:
    for key, most in (("latitude", LATITUDE_MAX), ("longitude", LONGITUDE_MAX)):
        given = value.get(key)
        if given is None or given == "":
            return Refusal(131008, f"header: Parameter of type location is missing {key} value")
        try:
            degrees = float(given)
        except (TypeError, ValueError):
            degrees = float("nan")
        if not -most <= degrees <= most:
            return Refusal(131009, f"header: {key} is not a valid number of degrees")
    return None


def _check_product(value: dict[str, Any]) -> Refusal | None:
    for key in ("product_retailer_id", "catalog_id"):
        if not isinstance(value.get(key), str) or not value[key].strip():
            return Refusal(131008, f"header: Parameter of type product is missing {key} value")
    return None


def _check_offer(ends: bool | None, parameters: list[dict[str, Any]] | None) -> Refusal | None:
    kind = "limited_time_offer"
    if not ends:
        if parameters:
            return Refusal(132018, f"{kind}: the template has no offer that ends")
        return None
    if not parameters:
        return Refusal(131008, f"{kind}: the template requires a parameter")
    value = parameters[0].get(kind)
    if parameters[0].get("type") != kind or not isinstance(value, dict):
        received = str(parameters[0].get("type", "unknown")).upper()
        return Refusal(
            132012, f"{kind}: Format mismatch, expected {kind.upper()}, received {received}"
        )
    moment = value.get("expiration_time_ms")
    if moment is None:
        return Refusal(131008, f"{kind}: Parameter is missing expiration_time_ms value")
    if isinstance(moment, bool) or not isinstance(moment, int) or moment <= 0:
        return Refusal(131009, f"{kind}: expiration_time_ms is no moment in milliseconds")
    return None


def _check_cards(
    expected: tuple[Parts, ...], given: object, check_media: MediaCheck
) -> Refusal | None:
    if not expected:
        return Refusal(132018, "carousel: the template has no carousel") if given else None
    if not isinstance(given, list) or not all(isinstance(card, dict) for card in given):
        return Refusal(132012, "carousel: Format mismatch, expected CAROUSEL, received UNKNOWN")
    # Of products, a template of two cards can be sent with up to ten.
    of_products = all(card.header_format == "PRODUCT" for card in expected)
    if len(given) != len(expected) and not (of_products and CARDS_MIN <= len(given) <= CARDS_MAX):
        return Refusal(
            132000,
            f"carousel: number of cards ({len(given)}) does not match the expected number of "
            f"cards ({len(expected)})",
        )
    indexes = [card.get("card_index") for card in given]
    if sorted(map(str, indexes)) != sorted(map(str, range(len(given)))):
        return Refusal(131009, f"carousel: card_index must be 0 to {len(given) - 1}, each once")
    for index, card in zip(indexes, given, strict=True):
        shape = expected[min(int(str(index)), len(expected) - 1)]
        if refusal := _check_card(shape, card, check_media):
            where = f"carousel: card {index}: "
            return Refusal(
                refusal.code,
                where + refusal.details if refusal.details else "",
                refusal.subcode,
                refusal.message,
            )
    return None


def _check_card(parts: Parts, card: dict[str, Any], check_media: MediaCheck) -> Refusal | None:
    received = _read(card.get("components"), _OF_A_CARD)
    if isinstance(received, Refusal):
        return received
    return (
        _check_header(parts, received.header, check_media, marketing=False)
        or check_text("body", parts.named, parts.body, received.body, CARD_BODY_LENGTH)
        or check_buttons(parts.buttons, received.buttons)
    )
