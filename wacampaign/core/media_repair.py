"""Rules of a header media's repair: what may be replaced, by what, and on which number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wacampaign.core.cells import cell
from wacampaign.core.template_shape import Shape, SlotKind, UnusableTemplate, shape_of

#: Different media of one template from which each recipient (or group of them) is taken to have its
#: own: two or three are variants of one campaign, and the plan names them.
OWN_MEDIA_FROM: Final = 4


def has_own_media(media: int, rows: int) -> bool:
    """Whether so many different media in so many rows are the recipients' own."""
    return media >= OWN_MEDIA_FROM or (media >= 2 and media * 2 > rows)


def header_media(components: object, parameter_format: str | None) -> str | None:
    """`image`, `video` or `document`; None when the header takes no media or cannot be read."""
    try:
        header = _shape(components, parameter_format).header
    except UnusableTemplate:
        return None
    return header.type if header is not None and header.kind is SlotKind.MEDIA else None


def sample_url(components: Sequence[Mapping[str, Any]]) -> str | None:
    """The sample that Meta approved with the template (`example.header_handle`)."""
    for component in components:
        if str(component.get("type", "")).upper() != "HEADER":
            continue
        example = component.get("example")
        handles = example.get("header_handle") if isinstance(example, Mapping) else None
        if isinstance(handles, Sequence) and not isinstance(handles, str) and handles:
            url = cell(str(handles[0]))
            if url.lower().startswith(("http://", "https://")):
                return url
    return None


def same_shape(
    one: object, one_format: str | None, other: object, other_format: str | None
) -> bool:
    """Whether a row that fills one template fills the other, too."""
    try:
        return _places(_shape(one, one_format)) == _places(_shape(other, other_format))
    except UnusableTemplate:
        return False


def _shape(components: object, parameter_format: str | None) -> Shape:
    if not isinstance(components, Sequence) or isinstance(components, str):
        raise UnusableTemplate("the template's components are no list; sync the templates")
    return shape_of(components, parameter_format)


def _places(shape: Shape) -> object:
    return (
        [(slot.kind, slot.type, slot.parameter_name) for slot in shape.slots()],
        len(shape.body),
        [(button.index, button.sub_type, button.repeats_code) for button in shape.buttons],
    )
