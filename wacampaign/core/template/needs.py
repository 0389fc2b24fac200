"""What a list must bring for a template, in a few words."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from wacampaign.core.template.kinds import CARDS_MAX
from wacampaign.core.template.slots import Shape
from wacampaign.core.template.values import variable_count
from wacampaign.core.words import counted

#: What slots of these roles are called; "": what stands before them includes them. All others are
#: variables.
_NOUNS: Final[Mapping[str, str]] = {
    "latitude": "location",
    "longitude": "",
    "product": "product",
    "catalog": "",
    "lead_product": "list of products",
    "products": "",
    "expires": "end of the offer",
}


def needs_of(shape: Shape) -> str:
    """`video + 2 variables`, `carousel of 3 cards: 3 images + 7 variables`, `no variables`."""
    nouns: Counter[str] = Counter()
    variables = 0
    for slot in shape.slots():
        noun = slot.type if slot.role == "media" else _NOUNS.get(slot.role)
        if noun is None:
            variables += 1
        elif noun:
            nouns[noun] += 1
    parts = [noun if n == 1 else counted(n, noun) for noun, n in nouns.items()]
    if variables or not parts:
        parts.append(variable_count(variables))
    cards = ""
    if shape.cards:
        needed = sum(card.is_needed for card in shape.cards)
        most = f" to {CARDS_MAX}" if needed < len(shape.cards) else ""
        cards = f"carousel of {needed}{most} cards: "
    return cards + " + ".join(parts)
