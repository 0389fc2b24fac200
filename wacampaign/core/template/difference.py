"""One difference between a payload and its template, and those that a single value can have."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wacampaign.core.cells import cell
from wacampaign.core.masking import mask_secrets
from wacampaign.core.template.filled import FilledText
from wacampaign.core.template.kinds import SLOT_KINDS
from wacampaign.core.template.parameters import WRITERS
from wacampaign.core.template.slots import Slot
from wacampaign.core.template.url_ending import WholeAddress, encoded, ending_of
from wacampaign.core.template.values import (
    as_text,
    faults_of_value,
    is_media_id,
    is_url,
)

#: Characters of a value that are shown.
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where payload and template do not fit."""

    #: `too_few`, `too_many`, `shifted`, `media_missing`, `header_missing`, `header_surplus`,
    #: `id_where_url`, `url_where_id`, `media_unclear`, `wrong_kind`, `named_positional`,
    #: `newline`, `tab`, `control`, `spaces`, `empty`, `zero_width`, `too_long`, `not_alphanumeric`,
    #: `url_where_suffix`, `button_suffix_missing`, `button_surplus`, `wrong_language`,
    #: `no_object`, `unusable`, `malformed`.
    code: str
    #: Such as `header video`, `body {{2}}`, `button 1 "Track" URL ending`, `payload`, `template`.
    where: str
    #: One sentence for people, masked.
    text: str
    expected: str
    #: Shortened and masked.
    found: str


#: Codes that say something of one value's characters; the others of the payload's make-up.
VALUE_CODES: Final = frozenset(
    (
        *("newline", "tab", "control", "spaces", "empty", "zero_width"),
        *("too_long", "not_alphanumeric", "malformed"),
    )
)


def shown(value: object) -> str:
    """A value as a difference shows it."""
    text = mask_secrets(" ".join(str(value).split()))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def media_difference(slot: Slot, value: str, form: str) -> Difference | None:
    """What is wrong with a header media that is given as `form` (`link` or `id`), if anything."""
    where, seen = slot.label, shown(value)
    if not cell(value):
        return Difference("media_missing", where, f"the {where} is empty", "a URL or media id", "")
    if form == "link" and not is_url(value):
        text = f"the {where} is sent as a link, but {seen} is no URL"
        code = "id_where_url" if is_media_id(value) else "media_unclear"
        return Difference(code, where, text, "a URL (http or https)", seen)
    if form == "id" and not is_media_id(value):
        if is_url(value) or any(c in value for c in "/."):
            text = f"the {where} is sent as a media id, but {seen} is an address"
            return Difference("url_where_id", where, text, "a media id (digits)", seen)
        text = f"the {where} is neither a URL nor a media id: {seen}"
        return Difference("media_unclear", where, text, "a URL or media id", seen)
    return None


def value_differences(
    slot: Slot, value: object, address: str | None = None
) -> Iterator[Difference]:
    """What is wrong with the characters of a text, a coupon code or a URL's ending.

    `address`: what stands before the ending in the template, where that is known.
    """
    where = slot.label
    text = as_text(value)
    if text is None:
        yield Difference(
            "wrong_kind",
            where,
            f"{where} is neither text nor a number",
            "text",
            type(value).__name__,
        )
        return
    is_suffix = slot.role == "suffix"
    if slot.role == "payload":  # never read: any text comes back as it was sent
        return
    faults = faults_of_value(text, slot.limit, coupon=slot.role == "coupon")
    for code, what, expected in faults:
        if code in ("empty", "zero_width") and is_suffix:
            code, what = "button_suffix_missing", "is missing"
        yield Difference(code, where, f"{where} {what}", expected, shown(text))
    write = WRITERS.get(slot.role)
    if write is not None and cell(text):
        try:
            write(text)
        except ValueError as why:
            expected = SLOT_KINDS[slot.role].expects
            yield Difference("malformed", where, f"{where} {why}", expected, shown(text))
    if is_suffix and _is_whole_url(cell(text), address):
        yield Difference(
            "url_where_suffix",
            where,
            f"{where} is a whole URL; the template's own address goes before it",
            "the ending only",
            shown(text),
        )


def _is_whole_url(ending: str, address: str | None) -> bool:
    if address is None:
        return is_url(ending)
    try:
        return ending_of(ending, address) != encoded(ending)
    except WholeAddress:
        return True


def length_differences(
    texts: Iterable[FilledText], values: Mapping[int, str]
) -> Iterator[Difference]:
    """Texts that are too long with their values in; `values` by the position of their slots. A text
    with a value that is not there is not measured."""
    for text in texts:
        if not all(at in values for at in text.slots):
            continue
        length = text.length(values)
        if length > text.limit:
            yield Difference(
                "too_long",
                text.label,
                f"{text.label} has {length:,} characters with what is filled in",
                f"at most {text.limit:,}",
                f"{length:,}",
            )
