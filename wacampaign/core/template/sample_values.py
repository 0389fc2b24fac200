"""A message to show to others than its recipient: samples in place of a person's values.

A value that many rows share is the campaign's own, such as its video or a month. Where a person's
name, amount or address would stand is what the template was approved with (Meta's `example`), or
the place itself, `{{1}}`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.template.filled import card_parts, parts_by_type
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.slots import Slot
from wacampaign.core.template.values import as_text, is_blank

#: Rows that tell a campaign's value from a person's: fewer may share a name or a city.
_ROWS_MIN: Final = 5
#: Stands for a person's value that has neither a sample nor a name.
UNSHOWN: Final = "…"
_PLACE: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def sample_payload(
    components: Sequence[Mapping[str, Any]],
    parameter_format: str | None,
    payloads: Sequence[object],
) -> dict[str, Any]:
    """One payload out of those of some rows, with nothing in it that is one recipient's alone.

    Raises `UnusableTemplate`.
    """
    shape = shape_of(components, parameter_format)
    parts = parts_by_type(components)
    samples = {0: _samples_of(parts)}
    samples |= {n: _samples_of(card_parts(parts, n)) for n, _ in enumerate(shape.cards, start=1)}
    rows = [payload for payload in payloads if isinstance(payload, Mapping)]
    shown: dict[str, Any] = {}
    slots = [(f"var{n}", slot) for n, slot in enumerate(shape.slots(), start=1)]
    slots += [(slot.key or "", slot) for slot in shape.optional()]
    for key, slot in slots:
        values = [as_text(row.get(key)) for row in rows if not is_blank(row.get(key))]
        if len(rows) >= _ROWS_MIN and len(values) == len(rows) and len(set(values)) == 1:
            shown[key] = values[0]
        elif slot.key is None or values:
            place = _PLACE.search(slot.label)
            shown[key] = samples[slot.card].get(_name(slot)) or (place[0] if place else UNSHOWN)
    return shown


def _name(slot: Slot) -> str:
    """`body 1`, `header name`: the place by its part and its variable's name."""
    if slot.parameter_name is not None:
        return f"{slot.role} {slot.parameter_name}"
    place = _PLACE.search(slot.label)
    return f"{slot.role} {place[1] if place else ''}"


def _samples_of(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        f"{part} {name}": sample
        for part in ("header", "body")
        for name, sample in _examples(parts.get(part.upper(), {}), part)
    }


def _examples(part: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Variable and sample, of either form of Meta's `example`; what has another form is none."""
    example = part.get("example")
    if not isinstance(example, Mapping):
        return
    named = example.get(f"{where}_text_named_params")
    if isinstance(named, list):
        for one in named:
            if isinstance(one, Mapping) and isinstance(one.get("example"), str):
                yield str(one.get("param_name")), one["example"]
        return
    texts = example.get(f"{where}_text")
    if isinstance(texts, list) and texts and isinstance(texts[0], list):
        texts = texts[0]
    if isinstance(texts, list):
        for n, text in enumerate(texts, start=1):
            if isinstance(text, str):
                yield str(n), text
