"""The check of a message's buttons against its template's, or against those of a card."""

from __future__ import annotations

from typing import Any

from wacampaign.core.template.kinds import (
    BUTTON_KINDS,
    COUPON_LENGTH,
    OFFER_COUPON_LENGTH,
    PRODUCTS_MAX,
    SECTION_TITLE_LENGTH,
    SECTIONS_MAX,
    SLOT_KINDS,
    URL_LENGTH,
    ButtonKind,
)
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.templates import Button
from wacampaign.sandbox.text_checks import FORBIDDEN_TEXT, FORBIDDEN_TEXT_DETAILS

_SUB_TYPES = sorted({kind.sub_type.upper() for kind in BUTTON_KINDS.values() if kind.sub_type})
#: Of those whose kind is not in the table, such as a fixed URL's.
_OTHER = ButtonKind()


def check_buttons(
    expected: tuple[Button, ...],
    received: dict[int, tuple[str, list[dict[str, Any]]]],
    *,
    offers: bool = False,
) -> Refusal | None:
    """What is wrong with the buttons, by index; `offers`: beside a limited-time offer."""
    for sub_type, _ in received.values():
        if sub_type.upper() not in _SUB_TYPES:
            known = ", ".join(_SUB_TYPES)
            where = "template['components'][1]['sub_type']"
            return Refusal(
                100,
                message=f'(#100) Param {where} must be one of {{{known}}} - got "{sub_type}".',
            )
    for index, button in enumerate(expected):
        if _is_needed(button) and index not in received:
            return _not_named(index, button)
    for index, (sub_type, parameters) in received.items():
        if index >= len(expected):
            return Refusal(132018, f"buttons: the template has no button at index {index}")
        refusal = _check_button(index, expected[index], sub_type, parameters, offers)
        if refusal is not None:
            return refusal
    return None


def _is_needed(button: Button) -> bool:
    kind = BUTTON_KINDS.get(button.kind, _OTHER)
    return kind.is_needed or (button.kind == "URL" and bool(button.url.names))


def _not_named(index: int, button: Button) -> Refusal:
    if button.kind == "FLOW":  # reported in 2025 and 2026
        return Refusal(131009, f"buttons: Button at index {index} of type FLOW is not sent")
    return _missing(index, button.kind)


def _missing(index: int, kind: str) -> Refusal:
    return Refusal(131008, f"buttons: Button at index {index} of type {kind} requires a parameter")


def _check_button(
    index: int, button: Button, sub_type: str, parameters: list[dict[str, Any]], offers: bool
) -> Refusal | None:
    kind = BUTTON_KINDS.get(button.kind, _OTHER)
    at = f"buttons: Button at index {index}"
    if button.kind == "URL" and not button.url.names:
        return Refusal(132018, f"{at} of type URL takes no parameter")
    if kind.sub_type is None:
        return Refusal(100, f"{at} is of type {button.kind} and does not support parameters")
    if sub_type != kind.sub_type:
        return Refusal(132018, f"{at} is of type {button.kind}, received {sub_type!r}")
    if not parameters:
        wants = button.kind in ("URL", "OTP", "COPY_CODE", "MPM")
        return _missing(index, button.kind) if wants else None
    if len(parameters) > 1:
        return Refusal(132018, f"{at} takes 1 parameter, received {len(parameters)}")
    if not kind.slots:
        return None
    type_ = SLOT_KINDS[kind.slots[0]].type
    received = str(parameters[0].get("type", "unknown"))
    if received != type_:
        return Refusal(
            132012, f"{at}: Format mismatch, expected {type_.upper()}, received {received.upper()}"
        )
    value = parameters[0].get(type_)
    if type_ == "action":
        return _check_action(index, button.kind, value)
    if not isinstance(value, str) or not value.strip():
        return _missing(index, button.kind)
    return _check_value(at, button, value, offers)


def _check_value(at: str, button: Button, value: str, offers: bool) -> Refusal | None:
    if button.kind == "COPY_CODE":
        limit = OFFER_COUPON_LENGTH if offers else COUPON_LENGTH
        if len(value) > limit or not (value.isascii() and value.isalnum()):
            return Refusal(
                132018,
                f"{at}: coupon_code must be alphanumeric and have at most {limit} characters",
            )
        return None
    if button.kind == "QUICK_REPLY":
        return None
    if FORBIDDEN_TEXT.search(value):
        return Refusal(132018, FORBIDDEN_TEXT_DETAILS)
    if button.kind == "OTP":
        limit = SLOT_KINDS["code"].limit
        if len(value) > limit:
            return Refusal(132018, f"{at}: Param text must be at most {limit} characters")
    elif (length := button.url.fixed + len(value)) > URL_LENGTH:
        return Refusal(132005, f"{at}: the URL has {length} characters, the limit is {URL_LENGTH}")
    return None


def _check_action(index: int, kind: str, action: object) -> Refusal | None:
    at = f"buttons: Button at index {index} of type {kind}"
    if not isinstance(action, dict) or not action:
        return _missing(index, kind)
    known = {SLOT_KINDS[role].field for role in BUTTON_KINDS[kind].slots}
    if unexpected := sorted(action.keys() - known):
        return Refusal(100, f"{at}: Unexpected key {unexpected[0]!r} in action")
    if kind == "FLOW":
        token, data = action.get("flow_token", "unused"), action.get("flow_action_data", {"-": 0})
        if not isinstance(token, str) or not isinstance(data, dict) or not data:
            return Refusal(131009, f"{at}: flow_token is text, flow_action_data an object")
        return None
    thumbnail = action.get("thumbnail_product_retailer_id")
    if not isinstance(thumbnail, str) or not thumbnail.strip():
        return Refusal(131008, f"{at}: thumbnail_product_retailer_id is missing")
    return _check_sections(at, action.get("sections")) if kind == "MPM" else None


def _check_sections(at: str, sections: object) -> Refusal | None:
    if not isinstance(sections, list) or not sections:
        return Refusal(131008, f"{at}: sections is missing")
    products = 0
    for section in sections:
        title = section.get("title") if isinstance(section, dict) else None
        items = section.get("product_items") if isinstance(section, dict) else None
        if not isinstance(title, str) or not title.strip() or not isinstance(items, list):
            return Refusal(131008, f"{at}: a section is missing title or product_items")
        if len(title) > SECTION_TITLE_LENGTH:
            return Refusal(100, f"{at}: a section title has at most {SECTION_TITLE_LENGTH}")
        if not items or not all(
            isinstance(i, dict) and i.get("product_retailer_id") for i in items
        ):
            return Refusal(131008, f"{at}: a product is missing product_retailer_id")
        products += len(items)
    if len(sections) > SECTIONS_MAX or products > PRODUCTS_MAX:
        return Refusal(
            131009, f"{at}: at most {SECTIONS_MAX} sections and {PRODUCTS_MAX} products are taken"
        )
    return None
