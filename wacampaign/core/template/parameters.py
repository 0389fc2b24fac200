"""Meta's form of a template message: which component holds a slot's value, and how it is written.

Source: Meta's pages on sending each kind of template (`core/template/kinds.py`).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from wacampaign.core.cells import cell
from wacampaign.core.template.shape import Button, Shape, Slot
from wacampaign.core.template.values import is_link

#: What stands for a slot's value in the form, or None where a row leaves it out.
Mark = Callable[[Slot], str | None]

#: A string as JSON has it.
encode_string: Final = json.encoder.encode_basestring_ascii
_MILLISECONDS: Final = re.compile(r"[0-9]{13}")
_DEGREES: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]+)?")
#: Meta's bounds of a multi-product message: sections, and products in all of them.
SECTIONS_MAX: Final = 10
PRODUCTS_MAX: Final = 30


def template_form(name: str, language: str, shape: Shape, mark: Mark) -> dict[str, Any]:
    """The `template` of a message, a mark where each value goes.

    The mark of a medium is a key with the value 0: `written` puts `"link":…` or `"id":…` there.
    """
    components = _components(shape.header, shape.body, mark)
    if shape.offer is not None:
        expires = {"expiration_time_ms": mark(shape.offer)}
        kind = shape.offer.type
        components.append({"type": kind, "parameters": [{"type": kind, kind: expires}]})
    components += _buttons(shape.buttons, shape.body, mark)
    if shape.cards:
        cards = [
            {
                "card_index": n,
                "components": _components(card.header, card.body, mark)
                + _buttons(card.buttons, card.body, mark),
            }
            for n, card in enumerate(shape.cards)
        ]
        components.append({"type": "carousel", "cards": cards})
    template = {"name": name, "language": {"code": language}}
    return template | {"components": components} if components else template


def _components(header: Sequence[Slot], body: Sequence[Slot], mark: Mark) -> list[dict[str, Any]]:
    components = []
    if header:
        components.append({"type": "header", "parameters": [_header(header, mark)]})
    if body:
        texts = [_text(slot, mark(slot)) for slot in body]
        components.append({"type": "body", "parameters": texts})
    return components


#: What a value is called inside its parameter, where that is not its slot's role.
_FIELDS: Final[Mapping[str, str]] = {
    "place_name": "name",
    "place_address": "address",
    "product": "product_retailer_id",
    "catalog": "catalog_id",
    "thumbnail": "thumbnail_product_retailer_id",
    "lead_product": "thumbnail_product_retailer_id",
    "products": "sections",
}


def _fields(slots: Sequence[Slot], mark: Mark) -> dict[str, str]:
    given = ((_FIELDS.get(slot.role, slot.role), mark(slot)) for slot in slots)
    return {field: value for field, value in given if value is not None}


def _header(slots: Sequence[Slot], mark: Mark) -> dict[str, Any]:
    first, *rest = slots
    kind = first.type
    if first.role == "media":
        return {"type": kind, kind: {mark(first): 0} | _fields(rest, mark)}
    if first.role == "header":
        return _text(first, mark(first))
    return {"type": kind, kind: _fields(slots, mark)}


def _text(slot: Slot, value: str | None) -> dict[str, Any]:
    if slot.parameter_name is not None:
        return {"type": "text", "parameter_name": slot.parameter_name, "text": value}
    return {"type": "text", "text": value}


def _buttons(buttons: Sequence[Button], body: Sequence[Slot], mark: Mark) -> list[dict[str, Any]]:
    components = []
    for button in buttons:
        component: dict[str, Any] = {
            "type": "button",
            "sub_type": button.sub_type,
            "index": button.index,
        }
        if button.slots:
            kind = button.slots[0].type
            if kind == "action":
                parameter: dict[str, Any] = {"type": kind, kind: _fields(button.slots, mark)}
            else:
                slot = body[0] if button.repeats_code else button.slots[0]
                parameter = {"type": kind, kind: mark(slot)}
            component["parameters"] = [parameter]
        components.append(component)
    return components


# --- values ------------------------------------------------------------------------------------


def _medium(value: str) -> str:
    value = cell(value)
    return f'"{"link" if is_link(value) else "id"}":{encode_string(value)}'


def _degrees(value: str) -> str:
    value = cell(value).replace(",", ".") if value.count(",") == 1 else cell(value)
    if not _DEGREES.fullmatch(value):
        raise ValueError("is no number of degrees, such as 51.5072")
    return encode_string(value)


def _milliseconds(value: str) -> str:
    value = cell(value)
    if not _MILLISECONDS.fullmatch(value):
        raise ValueError("is no moment in milliseconds since 1970 (13 digits)")
    return value


def sections_of(value: str) -> list[dict[str, Any]]:
    """The sections of `Lamps: A1, A2; Chairs: B1`, as Meta takes them. Raises `ValueError`."""
    sections = []
    for part in value.split(";"):
        if not cell(part):
            continue
        title, colon, products = part.rpartition(":")
        ids = [cell(product) for product in products.split(",") if cell(product)]
        if not colon or not cell(title) or not ids:
            raise ValueError("is no list of sections, such as Lamps: A1, A2; Chairs: B1")
        items = [{"product_retailer_id": product} for product in ids]
        sections.append({"title": cell(title), "product_items": items})
    if not 1 <= len(sections) <= SECTIONS_MAX:
        raise ValueError(f"has {len(sections)} sections, 1 to {SECTIONS_MAX} are possible")
    count = sum(len(section["product_items"]) for section in sections)
    if count > PRODUCTS_MAX:
        raise ValueError(f"has {count} products, at most {PRODUCTS_MAX} are possible")
    return sections


def _sections(value: str) -> str:
    return json.dumps(sections_of(value), separators=(",", ":"))


#: How a value is written, by its slot's role, where it is no plain text. Each raises `ValueError`,
#: whose text goes after the value's name.
WRITERS: Final[Mapping[str, Callable[[str], str]]] = {
    "media": _medium,
    "latitude": _degrees,
    "longitude": _degrees,
    "expires": _milliseconds,
    "products": _sections,
}


def file_name(link: str) -> str:
    """The last part of a link's path, as a reader sees it; "" when it has none."""
    try:
        return cell(unquote(urlsplit(link).path.rpartition("/")[2]))
    except ValueError:
        return ""
