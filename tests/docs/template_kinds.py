"""Prints what a list brings for each kind of template: `python -m tests.docs.template_kinds`.

`docs/reference/template-kinds.md` is this output; a test compares the two. The rows are those of
`tests/template_kinds.py`, which are sent end to end in the sandbox.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from tests.template_kinds import KINDS, Kind
from wacampaign.core.template.kinds import (
    BODY_LENGTH,
    BUTTON_KINDS,
    CARD_BODY_LENGTH,
    CARDS_MAX,
    CARDS_MIN,
    HEADER_LENGTH,
    OFFER_BODY_LENGTH,
    PRODUCTS_MAX,
    SECTION_TITLE_LENGTH,
    SECTIONS_MAX,
    SLOT_KINDS,
    UNFIT_COMPONENTS,
    URL_LENGTH,
)
from wacampaign.core.template.needs import needs_of
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.slots import Slot

_META: Final = "https://developers.facebook.com/documentation/business-messaging/whatsapp/"
#: Limits that are too large to be one.
_NO_LIMIT: Final = 10_000

_HEAD: Final = f"""\
# Kinds of templates

<!-- Made by `python -m tests.docs.template_kinds` from wacampaign/core/template/kinds.py and
     tests/template_kinds.py: edit those. -->

What a contact list brings for each kind of template that Meta's send endpoint takes: the columns,
a row, the limits. `wacampaign templates list` says what each of yours needs.

- A column is known by its name, in any letters and with any spaces or underscores. All of the names
  in a line mean the same; `--map NAME=COLUMN` names a column that is called otherwise. Without such
  names, the columns stand in the order of the tables: the phone, then all that must be there.
- What is the same in all rows needs no column: `create --set 'image=https://…'`, with any name of
  the tables; `--filename` and `--expires` are short for two of them.
- In the database, `send_queue.payload` holds what must be there as `var1`, `var2`, … in that order,
  and what may be left out under the name in the last column.
- Lengths are counted with the values in: at most {HEADER_LENGTH} characters in a text header,
  {BODY_LENGTH:,} in a body ({OFFER_BODY_LENGTH} beside a limited-time offer, {CARD_BODY_LENGTH} on
  a card), {URL_LENGTH:,} in a button's URL.
- A template with named variables has them as columns: `first_name` in the place of `body1`. On a
  card that is `card1.first_name`.
- What is too long, empty or no value of its kind is found by `create`, with its line, and by
  `preflight`; the sandbox refuses what Meta refuses.
"""

#: Kind → title, what Meta's page says besides, the page.
_SECTIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    "text": ("Text", "", "templates/components"),
    "text_header": ("Text header with a variable", "", "templates/components"),
    "image": ("Image", "JPEG or PNG, at most 5 MB.", "templates/template-media"),
    "video": ("Video", "MP4 or 3GPP, at most 16 MB.", "templates/template-media"),
    "gif": (
        "GIF",
        "An MP4 of at most 3.5 MB that plays by itself. Only the [marketing endpoint]"
        "(../how-to/send-through-the-marketing-endpoint.md) takes it.",
        "templates/template-media",
    ),
    "document_with_name": (
        "Document",
        "At most 100 MB. Without a `filename` the reader sees the last part of the URL; a media id "
        "without one is shown as “Untitled”.",
        "templates/template-media",
    ),
    "location": (
        "Location",
        "Degrees with a point; a comma is understood. Meta's page shows all four parts.",
        "templates/utility-templates/location-templates",
    ),
    "url_button": (
        "URL button with a variable",
        "The list brings the ending only.",
        "templates/components",
    ),
    "copy_code": ("Code to copy", "Letters and digits.", "templates/components"),
    "quick_reply": (
        "Quick replies",
        "`payload1` is of the template's first button. It comes back with the tap; without one, "
        "the button's text does.",
        "templates/components",
    ),
    "otp": (
        "One-time password",
        "Copy code, one tap and zero tap alike: the code goes into the text and into the button.",
        "templates/authentication-templates/authentication-templates",
    ),
    "flow_with_data": ("Flow", "", "flows/guides/sendingaflow"),
    "catalog_with_thumbnail": (
        "Catalog",
        "Without a thumbnail Meta shows the catalog's first product.",
        "catalogs/catalog-template-messages",
    ),
    "multi_product": (
        "Multi-product",
        f"At most {SECTIONS_MAX} sections, with titles of at most {SECTION_TITLE_LENGTH} "
        f"characters, and {PRODUCTS_MAX} products in all.",
        "templates/marketing-templates/mpm-templates",
    ),
    "single_product": ("Single product", "", "catalogs/spm-template-messages"),
    "media_carousel": (
        "Carousel of media cards",
        f"{CARDS_MIN} to {CARDS_MAX} cards; a message has all that its template has. Each card has "
        "an image or a video.",
        "templates/marketing-templates/media-card-carousel-templates",
    ),
    "product_carousel": (
        "Carousel of products",
        f"A row may bring more cards than the template has, up to {CARDS_MAX}: `card3.product` and "
        "`card3.catalog`, and so on without a gap.",
        "catalogs/product-card-carousel-template-messages",
    ),
    "offer": (
        "Limited-time offer",
        "The end with its time, in this machine's zone unless it has one: `2030-01-31 18:00`, "
        "`2030-01-31T18:00+05:30`, `31.1.2030 18:00`, or (milli)seconds since 1970. The code has "
        "at most 15 characters.",
        "templates/marketing-templates/limited-time-offer-templates",
    ),
}


def markdown() -> str:
    """The whole page."""
    kinds = {kind.name: kind for kind in KINDS}
    sections = ["\n".join(_section(kinds[name], *what)) for name, what in _SECTIONS.items()]
    return "\n".join((_HEAD, *sections, *_unfit()))


def _section(kind: Kind, title: str, more: str, page: str) -> Iterator[str]:
    shape = shape_of(kind.components, "POSITIONAL")
    yield f"## {title}"
    yield ""
    if more:
        yield more
        yield ""
    yield f"Needs: {needs_of(shape)}. Source: [Meta]({_META}{page})."
    yield ""
    yield "| column | brings | at most | |"
    yield "|---|---|---|---|"
    for n, slot in enumerate(shape.slots(), start=1):
        yield _line(slot, f"`var{n}`")
    for slot in shape.optional():
        # Of cards that may be added, the first stands for all.
        if not slot.label.startswith(tuple(f"card {n} " for n in range(4, CARDS_MAX + 1))):
            yield _line(slot, f"may be left out: `{slot.key}`")
    yield ""
    yield "```csv"
    yield from _csv(kind)
    yield "```"
    yield ""


def _line(slot: Slot, where: str) -> str:
    names = ", ".join(f"`{name}`" for name in slot.column_names)
    most = f"{slot.limit:,}" if slot.limit < _NO_LIMIT else ""
    if slot.role in ("header", "body", "suffix", "expires"):  # the limit is the whole text's
        most = ""
    return f"| {names} | {slot.label}: {SLOT_KINDS[slot.role].expects} | {most} | {where} |"


def _csv(kind: Kind) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["phone", *kind.row])
    writer.writerow(["+447700900123", *kind.row.values()])
    yield from out.getvalue().splitlines()


def _unfit() -> Iterator[str]:
    yield "## What no list can fill"
    yield ""
    yield "| button or component | why, and what to do |"
    yield "|---|---|"
    for name, kind in BUTTON_KINDS.items():
        if kind.unfit:
            yield f"| `{name}` | {kind.unfit} |"
    for name, why in UNFIT_COMPONENTS.items():
        yield f"| `{name}` | {why} |"
    yield ""


if __name__ == "__main__":
    print(markdown(), end="")
