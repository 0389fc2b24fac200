"""A template's shape, as the simulated API reads it: what a message must bring for it.

This reader is another one than the sender's, on purpose: what one misreads, the other finds. The
kinds and limits are Meta's, and stand once, in `core/template/kinds.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
#: Meta's one-time passwords come back as URL buttons.
_OTP_URL = re.compile(r"https?://(?:www\.)?whatsapp\.com/otp/", re.IGNORECASE)

MEDIA_FORMATS = frozenset({"IMAGE", "VIDEO", "DOCUMENT", "GIF"})


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one text. `fixed` is its length in characters without them."""

    names: tuple[str, ...]
    fixed: int

    @classmethod
    def of(cls, text: str) -> Variables:
        """Read a template text."""
        names = tuple(dict.fromkeys(_VARIABLE.findall(text)))
        return cls(names, len(_VARIABLE.sub("", text)))


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a template."""

    #: `OTP` also where Meta shows it as a URL.
    kind: str
    url: Variables


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message brings for a template, or for one card of its carousel."""

    named: bool
    header_format: str | None
    header: Variables
    body: Variables
    buttons: tuple[Button, ...]

    @classmethod
    def of(cls, components: list[dict[str, Any]], named: bool) -> Parts:
        """Read `components` of a template or of a card."""
        header_format: str | None = None
        header = body = Variables((), 0)
        buttons: list[Button] = []
        for component in components:
            kind = str(component.get("type", "")).upper()
            if kind == "HEADER":
                header_format = str(component.get("format", "TEXT")).upper()
                header = Variables.of(str(component.get("text", "")))
            elif kind == "BODY":
                body = Variables.of(str(component.get("text", "")))
            elif kind == "BUTTONS":
                buttons = [_button(button) for button in component.get("buttons", [])]
        if any(button.kind == "OTP" for button in buttons) and not body.names:
            body = Variables(("1",), body.fixed)  # Meta writes the text, with the code in it
        return cls(named, header_format, header, body, tuple(buttons))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a message must bring to be hydrated from the template."""

    parts: Parts
    #: Whether it has a limited-time offer that ends at a moment; None: it has no offer.
    offer_ends: bool | None
    cards: tuple[Parts, ...]

    @classmethod
    def of(cls, template: dict[str, Any]) -> Shape:
        """Read Meta's template object (`components`, `parameter_format`)."""
        named = str(template.get("parameter_format", "POSITIONAL")).upper() == "NAMED"
        components = template.get("components", [])
        offer: bool | None = None
        cards: tuple[Parts, ...] = ()
        for component in components:
            kind = str(component.get("type", "")).upper()
            if kind == "LIMITED_TIME_OFFER":
                details = component.get("limited_time_offer")
                offer = isinstance(details, dict) and bool(details.get("has_expiration"))
            elif kind == "CAROUSEL":
                given = component.get("cards", [])
                cards = tuple(Parts.of(card.get("components", []), named) for card in given)
        return cls(Parts.of(components, named), offer, cards)


def _button(button: dict[str, Any]) -> Button:
    kind, url = str(button.get("type", "")).upper(), str(button.get("url", ""))
    if kind == "URL" and _OTP_URL.match(url):
        return Button("OTP", Variables((), 0))
    return Button(kind, Variables.of(url))
