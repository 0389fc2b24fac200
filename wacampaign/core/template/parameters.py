"""Meta's form of a template message: which component holds a slot's value, and how it is written.

Source: Meta's pages on sending each kind of template (`core/template/kinds.py`).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from wacampaign.core.cells import cell
from wacampaign.core.template.kinds import (
    LATITUDE_MAX,
    LONGITUDE_MAX,
    PRODUCTS_MAX,
    SECTION_TITLE_LENGTH,
    SECTIONS_MAX,
    SLOT_KINDS,
)
from wacampaign.core.template.slots import Button, Card, Shape, Slot
from wacampaign.core.template.url_ending import encoded
from wacampaign.core.template.values import is_link

#: What stands for a slot's value in the form, or None where a row leaves it out.
Mark = Callable[[Slot], str | None]

#: A string as JSON has it.
encode_string: Final = json.encoder.encode_basestring_ascii
_MILLISECONDS: Final = re.compile(r"[0-9]{13}")
_DEGREES: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]+)?")


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
            if card.is_needed or is_given(card, mark)
        ]
        components.append({"type": "carousel", "cards": cards})
    template = {"name": name, "language": {"code": language}}
    return template | {"components": components} if components else template


def is_given(card: Card, mark: Mark) -> bool:
    """Whether a row brings anything for the card."""
    return any(mark(slot) is not None for slot in card.slots())


def _components(header: Sequence[Slot], body: Sequence[Slot], mark: Mark) -> list[dict[str, Any]]:
    components = []
    if header:
        components.append({"type": "header", "parameters": [_header(header, mark)]})
    if body:
        texts = [_text(slot, mark(slot)) for slot in body]
        components.append({"type": "body", "parameters": texts})
    return components


def _fields(slots: Sequence[Slot], mark: Mark) -> dict[str, str]:
    given = ((SLOT_KINDS[slot.role].field, mark(slot)) for slot in slots)
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
        parameter = _parameter(button, body, mark)
        if parameter is None and not button.is_needed:
            continue
        component: dict[str, Any] = {
            "type": "button",
            "sub_type": button.sub_type,
            "index": button.index,
        }
        # Meta: where the parameters are left out, it shows the catalog's first product, and calls
        # the flow's token "unused".
        if parameter is not None:
            component["parameters"] = [parameter]
        components.append(component)
    return components


def _parameter(button: Button, body: Sequence[Slot], mark: Mark) -> dict[str, Any] | None:
    kind = button.slots[0].type
    if kind == "action":
        fields = _fields(button.slots, mark)
        return {"type": kind, kind: fields} if fields else None
    value = mark(body[0] if button.repeats_code else button.slots[0]) or button.own_value
    return {"type": kind, kind: value} if value else None


# --- values ------------------------------------------------------------------------------------


def _medium(value: str) -> str:
    value = cell(value)
    return f'"{"link" if is_link(value) else "id"}":{encode_string(value)}'


def _degrees(most: int) -> Callable[[str], str]:
    def write(value: str) -> str:
        value = cell(value).replace(",", ".") if value.count(",") == 1 else cell(value)
        if not _DEGREES.fullmatch(value):
            raise ValueError("is no number of degrees, such as 51.5072")
        if abs(float(value)) > most:
            raise ValueError(f"is not between -{most} and {most} degrees")
        return encode_string(value)

    return write


def _ending(value: str) -> str:
    return encode_string(encoded(cell(value)))


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
        if len(cell(title)) > SECTION_TITLE_LENGTH:
            raise ValueError(
                f"has a section's title of more than {SECTION_TITLE_LENGTH} characters"
            )
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


def _no_number(name: str) -> None:
    raise ValueError(name)  # NaN and its like are no JSON, though Python reads them


def _object(value: str) -> str:
    """Data of a flow, as it is written in the row, on one line."""
    try:
        data = json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not data:
        raise ValueError('is no JSON object, such as {"name": "Asha"}')
    return json.dumps(data, separators=(",", ":"))


#: How a value is written, by its slot's role, where it is no plain text. Each raises `ValueError`,
#: whose text goes after the value's name.
WRITERS: Final[Mapping[str, Callable[[str], str]]] = {
    "suffix": _ending,
    "media": _medium,
    "latitude": _degrees(LATITUDE_MAX),
    "longitude": _degrees(LONGITUDE_MAX),
    "expires": _milliseconds,
    "products": _sections,
    "flow_data": _object,
}


def file_name(link: str) -> str:
    """The last part of a link's path, as a reader sees it; "" when it has none."""
    try:
        return cell(unquote(urlsplit(link).path.rpartition("/")[2]))
    except ValueError:
        return ""
