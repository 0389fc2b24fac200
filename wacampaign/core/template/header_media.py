"""Rules of a header media's repair: what may be replaced, by what, and on which number."""

from collections.abc import Sequence
from typing import Any, Final

from wacampaign.core.template.shape import UnusableTemplate, shape_of
from wacampaign.core.template.slots import Button, Shape

#: Different media of one template from which each recipient (or group of them) is taken to have its
#: own: two or three are variants of one campaign, and the plan names them.
OWN_MEDIA_FROM: Final = 4


def has_own_media(media: int, rows: int) -> bool:
    """Whether so many different media in so many rows are the recipients' own."""
    return media >= OWN_MEDIA_FROM or (media >= 2 and media * 2 > rows)


def header_media(components: Any, parameter_format: str | None) -> str | None:
    """`image`, `video` or `document`; None when the header takes no media or cannot be read."""
    try:
        return shape_of(components, parameter_format).header_media
    except UnusableTemplate:
        return None


def same_shape(one: Any, one_format: str | None, other: Any, other_format: str | None) -> bool:
    """Whether a row that fills one template fills the other, too."""
    try:
        return _places(shape_of(one, one_format)) == _places(shape_of(other, other_format))
    except UnusableTemplate:
        return False


def _places(shape: Shape) -> object:
    return (
        [(slot.role, slot.type, slot.parameter_name) for slot in shape.slots()],
        len(shape.body),
        _needed(shape.buttons),
        [(len(card.body), _needed(card.buttons)) for card in shape.cards if card.is_needed],
    )


def _needed(buttons: Sequence[Button]) -> list[object]:
    return [(b.index, b.sub_type, b.repeats_code) for b in buttons if b.is_needed]
