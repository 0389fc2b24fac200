"""The differ: a payload against its template's components, parameter by parameter.

It takes a queue row's payload (`{"var1": …}`) or what was sent: a message, its `template`, or an
object with `components`. Nothing is asked of anybody; sources: Meta's reference of templates and
public reports (counts 132000, kinds 132012, characters 132018, lengths 132005).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.media.rules import EXTENSIONS
from wacampaign.core.template.difference import (
    Difference,
    length_differences,
    media_difference,
    shown,
    value_differences,
)
from wacampaign.core.template.filled import addresses_before, filled_texts
from wacampaign.core.template.header_kinds import kind_taking
from wacampaign.core.template.more_cards import MoreCards
from wacampaign.core.template.sent_differ import sent_differences, sent_language, sent_template
from wacampaign.core.template.shape import Shape, Slot, UnusableTemplate, shape_of
from wacampaign.core.template.values import (
    as_text,
    header_samples,
    is_blank,
    is_media,
    is_url,
    variable_count,
)

#: An address of a file that a header takes.
_MEDIA_FILE: Final = re.compile(
    r"^https?://[^\s?#]+(?:{})(?:[?#]|$)".format(
        "|".join(re.escape(end) for end, mime_type in EXTENSIONS.items() if kind_taking(mime_type))
    ),
    re.IGNORECASE,
)


#: Roles whose values may be addresses.
_ADDRESSES: Final = frozenset({"suffix", "media"})


def differ(
    payload: Any,
    components: Sequence[Mapping[str, Any]],
    parameter_format: str | None,
    *,
    language: str | None = None,
    approved_languages: Sequence[str] = (),
) -> list[Difference]:
    """All differences, the most telling first; empty: the payload fits.

    `language` is the code that is sent, `approved_languages` those that Meta approved (empty: not
    known).
    """
    sent = sent_template(payload)
    differences = list(_language(sent_language(sent) or language, language, approved_languages))
    try:
        shape = shape_of(components, parameter_format)
    except UnusableTemplate as why:
        code = "named_positional" if "named variables" in str(why) else "unusable"
        return [*differences, Difference(code, "template", str(why), "", "")]
    if sent is not None:
        differences += sent_differences(sent, shape, components)
    else:
        differences += _row(payload, shape, components)
    return differences


def _language(
    sent: str | None, expected: str | None, approved: Sequence[str]
) -> Iterator[Difference]:
    known = approved or ([expected] if expected else [])
    if sent and known and sent not in known:
        told = ", ".join(sorted(known))
        where = "approved in" if approved else "the template is in"
        text = f"it is sent in {sent}, and {where} {told}"
        yield Difference("wrong_language", "template", text, told, sent)


# --- a queue row's payload -------------------------------------------------------------------


def _row(
    payload: Any,
    shape: Shape,
    components: Sequence[Mapping[str, Any]],
) -> Iterator[Difference]:
    if payload is None:
        payload = {}
    if not isinstance(payload, Mapping):
        yield Difference(
            "no_object",
            "payload",
            "the payload is no object of variables",
            "var1, var2, …",
            type(payload).__name__,
        )
        return
    slots = tuple(shape.slots())
    keys = [k for k in payload if isinstance(k, str) and k[:3] == "var" and k[3:].isdecimal()]
    named = _names(payload, keys, shape)
    if named is not None:
        yield named
        return
    last = max((int(k[3:]) for k in keys if not is_blank(payload[k])), default=0)
    values = [payload.get(f"var{n}") for n in range(1, max(last, len(slots)) + 1)]
    shift = _shift(values, last, slots, frozenset(header_samples(components)))
    if shift is not None:
        yield shift
    if last != len(slots) or any(v is None for v in values[: len(slots)]):
        yield from _count(values, last, slots, header_told=shift is not None)
    if shift is not None:
        return  # each value stands in a wrong place: what it holds there says nothing
    filled = filled_texts(components, shape)
    addresses = addresses_before(filled)
    texts: dict[int, str] = {}
    for at, (slot, value) in enumerate(zip(slots, values, strict=False)):
        if value is None:
            continue  # told by the count
        text = as_text(value)
        texts[at] = text or ""
        if slot.role == "media":
            form = "link" if text is not None and is_url(text) else "id"
            difference = media_difference(slot, text or "", form)
            if difference is not None:
                yield difference
            continue
        yield from value_differences(slot, value, addresses.get(at))
    for at, slot in enumerate(shape.optional(), start=len(slots)):
        value = payload.get(slot.key or "")
        if not is_blank(value):
            texts[at] = as_text(value) or ""
            yield from value_differences(slot, value, addresses.get(at))
    every = (*slots, *shape.optional())
    given = [payload.get(slot.key or f"var{n}") for n, slot in enumerate(every, start=1)]
    fault = MoreCards(shape, every).fault(["" if is_blank(value) else "x" for value in given])
    if fault is not None:
        yield Difference("too_few", "carousel", fault, "whole cards, without a gap", "")
    yield from length_differences(filled, texts)


def _names(payload: Mapping[str, Any], keys: Sequence[str], shape: Shape) -> Difference | None:
    """Variables by their names where their order counts, or names that nobody has."""
    slots = tuple(shape.slots())
    known = {*keys, *(slot.key for slot in shape.optional())}
    others = [str(k) for k in payload if k not in known]
    wanted = {slot.parameter_name for slot in slots if slot.parameter_name}
    if keys or not others or not slots:
        return None
    if wanted:
        text = "the variables are given by name; a row gives them in order, as var1, var2, …"
    else:
        text = "the variables are given by name, and the template counts its variables"
    return Difference(
        "named_positional",
        "payload",
        text,
        ", ".join(f"var{n}" for n in range(1, len(slots) + 1)),
        shown(", ".join(others)),
    )


def _shift(
    values: Sequence[Any], last: int, slots: Sequence[Slot], samples: frozenset[str]
) -> Difference | None:
    """Values that stand one place beside their own: a medium where text goes, or the reverse."""
    texts = [as_text(value) or "" for value in values]
    if not slots or not texts or not last:
        return None
    takes_media = slots[0].role == "media"
    first = texts[0]
    if takes_media and not is_media(first) and last < len(slots):
        # Not one text too few at the end: the medium before all of them.
        return Difference(
            "header_missing",
            slots[0].label,
            f"the {slots[0].label} is missing: var1 is a text, and all that follow stand one "
            "place too early",
            "a URL or media id",
            shown(first),
        )
    if takes_media and last <= len(slots):
        for n, text in enumerate(texts[1:last], start=2):
            if is_url(text) and not is_media(first) and slots[n - 1].role not in _ADDRESSES:
                return _shifted(f"var{n} holds the media that belongs to {slots[0].label}", text)
            if is_url(text) and (text == first or text in samples):
                return _shifted(f"var{n} holds the header's own media once more", text)
        # As many as the template takes, since the last column was cut off.
        if first in samples and len(texts) > 1 and _MEDIA_FILE.search(texts[1]):
            return _shifted("the template's sample stands before the row's own media", first)
        return None
    if last != len(slots) + 1 or not (is_url(first) or first in samples):
        return None
    if not takes_media:
        return _shifted(f"a media address stands before {slots[0].label}, where none goes", first)
    if len(texts) > 1 and is_media(texts[1]):
        origin = "the template's sample" if first in samples else "a second medium"
        return _shifted(f"{origin} stands before the row's own media", first)
    if first in samples and slots[-1].role != "suffix":
        return _shifted("the template's sample stands before the row's variables", first)
    return None


def _shifted(why: str, found: str) -> Difference:
    return Difference(
        "shifted",
        "payload",
        f"the variables are shifted by one: {why}",
        "each variable in its own place",
        shown(found),
    )


def _count(
    values: Sequence[Any], last: int, slots: Sequence[Slot], *, header_told: bool
) -> Iterator[Difference]:
    expected = variable_count(len(slots))
    if last > len(slots):
        surplus = ", ".join(f"var{n}" for n in range(len(slots) + 1, last + 1))
        text = f"{last - len(slots)} too many: the template takes {expected}, the row has {last}"
        yield Difference(
            "too_many", "payload", f"{text} ({surplus} left over)", expected, str(last)
        )
    missing = [n for n in range(len(slots)) if n >= len(values) or values[n] is None]
    if not missing and last >= len(slots):
        return
    suffixes = [n for n in missing if slots[n].role == "suffix"]
    for n in suffixes:
        where = slots[n].label
        text = f"{where} is missing (var{n + 1})"
        yield Difference("button_suffix_missing", where, text, "the URL's ending", "")
    if 0 in missing and slots[0].role == "media" and not header_told:
        where = slots[0].label
        yield Difference("header_missing", where, f"the {where} is missing", "a medium", "")
    rest = [n for n in missing if n not in suffixes]
    if rest and last < len(slots):
        gaps = ", ".join(f"var{n + 1} for {slots[n].label}" for n in rest)
        text = f"{len(missing)} too few: the template takes {expected}, the row has {last}"
        yield Difference("too_few", "payload", f"{text} (missing: {gaps})", expected, str(last))
    elif rest:
        gaps = ", ".join(f"var{n + 1} for {slots[n].label}" for n in rest)
        yield Difference("too_few", "payload", f"missing: {gaps}", expected, str(last))
