"""What Meta refuses of a new template's components.

Sources: Meta's reference of template components (2025 and 2026), whatsapp-cloud-api 1.3 (subcodes)
and 3.1 (limits). Where no subcode is known, the answer is a plain 100 with the field's name.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from wacampaign.core.template.creation_fields import BUTTON_FIELDS, COMPONENT_FIELDS
from wacampaign.core.template.kinds import (
    BODY_LENGTH,
    CARD_BODY_LENGTH,
    CARDS_MAX,
    CARDS_MIN,
    HEADER_LENGTH,
    OFFER_BODY_LENGTH,
    OFFER_COUPON_LENGTH,
    URL_LENGTH,
)
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.uploads import Sample

_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
#: Characters of what no message fills; of all else the table of kinds tells.
_FOOTER_TEXT, _LABEL, _OFFER = 60, 25, 16
_CARDS: Final = range(CARDS_MIN, CARDS_MAX + 1)
_BUTTONS_MOST: Final = 10
#: Buttons of a kind that one template may have; all others as many as there is room.
_MOST_OF_KIND: Final = {
    "URL": 2,
    "PHONE_NUMBER": 1,
    "COPY_CODE": 1,
    "OTP": 1,
    "CATALOG": 1,
    "MPM": 1,
}
#: Header formats with a sample, and the MIME types that these take.
_SAMPLES: Final = {
    "IMAGE": ("image/jpeg", "image/jpg", "image/png"),
    "VIDEO": ("video/mp4",),
    "GIF": ("video/mp4",),
    "DOCUMENT": ("application/pdf",),
}


class _Refused(Exception):  # noqa: N818 - carries an answer
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def check_creation(given: Mapping[str, Any], samples: Mapping[str, Sample]) -> Refusal | None:
    """The refusal of `components` (with `category` and `parameter_format`), or None.

    `samples`: what was uploaded, by handle.
    """
    try:
        named = str(given.get("parameter_format", "POSITIONAL")).upper() == "NAMED"
        authentication = str(given["category"]).upper() == "AUTHENTICATION"
        _components(given["components"], named, authentication, samples, "components")
    except _Refused as refused:
        return refused.refusal
    return None


def _wrong(text: str) -> _Refused:
    return _Refused(Refusal(100, message=f"(#100) {text}"))


def _format(subcode: int, title: str, text: str) -> _Refused:
    return _Refused(
        Refusal(
            100,
            subcode=subcode,
            message="(#100) Invalid parameter",
            user_title=title,
            user_msg=text,
        )
    )


def _missing(where: str) -> _Refused:
    return _format(
        2388043,
        "Message template is missing expected field(s)",
        f"{where} is missing expected field(s) (example)",
    )


def _components(
    parts: Any, named: bool, authentication: bool, samples: Mapping[str, Sample], at: str
) -> None:
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise _wrong(f"Param {at} must be an array of objects")
    kinds = [str(part.get("type", "")).upper() for part in parts]
    for i, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
        where = f"{at}[{i}]"
        if kind not in COMPONENT_FIELDS or kinds.count(kind) > 1:
            raise _wrong(f"Param {where}['type'] {kind!r} is unknown or there twice")
        if unknown := sorted(part.keys() - COMPONENT_FIELDS[kind] - {"type"}):
            raise _wrong(f"Unexpected key {unknown[0]!r} on param {where!r}")
        if kind == "HEADER":
            _header(part, named, samples, where)
        elif kind == "BODY" and not authentication:
            most = CARD_BODY_LENGTH if "cards" in at else BODY_LENGTH
            if "LIMITED_TIME_OFFER" in kinds:
                most = OFFER_BODY_LENGTH
            _body(part, named, most, where)
        elif kind == "FOOTER" and not authentication:
            _text(part, _FOOTER_TEXT, 2388073, "footer", where)
            if _VARIABLE.search(part["text"]):
                raise _format(
                    2388073, "Footer format is incorrect", "The footer can't have variables."
                )
        elif kind == "BUTTONS":
            _buttons(part.get("buttons"), where)
        elif kind == "CAROUSEL":
            cards = part.get("cards")
            if not isinstance(cards, list) or len(cards) not in _CARDS:
                raise _wrong(f"Param {where}['cards'] must be 2 to 10 cards")
            for j, card in enumerate(cards):
                if set(card) != {"components"}:
                    raise _wrong(
                        f"Param {where}['cards'][{j}] must have components and nothing else"
                    )
                _components(card["components"], named, False, samples, f"{where}['cards'][{j}]")
        elif kind == "LIMITED_TIME_OFFER":
            offer = part.get("limited_time_offer")
            if not isinstance(offer, dict) or len(str(offer.get("text", ""))) > _OFFER:
                raise _wrong(
                    f"Param {where}['limited_time_offer'] needs a text of at most {_OFFER}"
                )
    if "BODY" not in kinds and "cards" not in at:
        raise _wrong("Param components needs a component of type BODY")


def _text(part: Mapping[str, Any], most: int, subcode: int, what: str, where: str) -> str:
    text = part.get("text")
    if not isinstance(text, str) or not text.strip():
        raise _wrong(f"Param {where}['text'] must be a non-empty string")
    if len(text) > most:
        raise _format(2388040, f"The {what} is too long", f"The {what} may have {most} characters.")
    if what != "body" and re.search(r"[\n\r]", text):
        raise _format(subcode, f"The {what} format is incorrect", "It can't have line breaks.")
    return text


def _header(
    part: Mapping[str, Any], named: bool, samples: Mapping[str, Sample], where: str
) -> None:
    form = str(part.get("format", "")).upper()
    if form == "TEXT":
        text = _text(part, HEADER_LENGTH, 2388047, "header", where)
        if names := set(_VARIABLE.findall(text)):
            if len(names) > 1:
                raise _format(2388047, "Header format is incorrect", "It can have one variable.")
            _examples(part, "header", named, 1, where)
        return
    if form in ("LOCATION", "PRODUCT"):
        return
    if form not in _SAMPLES:
        raise _wrong(
            f"Param {where}['format'] must be one of TEXT, LOCATION, PRODUCT, {', '.join(_SAMPLES)}"
        )
    example = part.get("example")
    handles = example.get("header_handle") if isinstance(example, Mapping) else None
    if not isinstance(handles, list) or not handles:
        raise _missing(where)
    sample = samples.get(str(handles[0]))
    if sample is None or sample.mime_type not in _SAMPLES[form]:
        raise _Refused(
            Refusal(
                131009,
                subcode=2494102,
                user_title="The media handle is invalid",
                user_msg="The uploaded media handle is not valid. Upload the media again.",
            )
        )


def _body(part: Mapping[str, Any], named: bool, most: int, where: str) -> None:
    text = _text(part, most, 2388072, "body", where)
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    if not names:
        return
    if named == all(name.isdecimal() for name in names):
        raise _format(
            2388072, "Body format is incorrect", "Its variables don't match parameter_format."
        )
    if _VARIABLE.match(text.strip()) or re.search(_VARIABLE.pattern + r"$", text.strip()):
        raise _format(
            2388299,
            "Variables can't be at the start or end of the template",
            "This template's body has a variable at its start or end.",
        )
    _examples(part, "body", named, len(names), where)


def _examples(part: Mapping[str, Any], what: str, named: bool, n: int, where: str) -> None:
    example = part.get("example")
    key = f"{what}_text_named_params" if named else f"{what}_text"
    given = example.get(key) if isinstance(example, Mapping) else None
    if what == "body" and not named and isinstance(given, list) and given:
        given = given[0]
    if not isinstance(given, list) or len(given) != n:
        raise _missing(where)


def _buttons(buttons: Any, where: str) -> None:
    if not isinstance(buttons, list) or not 0 < len(buttons) <= _BUTTONS_MOST:
        raise _wrong(f"Param {where}['buttons'] must be 1 to {_BUTTONS_MOST} buttons")
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    for i, (button, kind) in enumerate(zip(buttons, kinds, strict=True)):
        at = f"{where}['buttons'][{i}]"
        if kind not in BUTTON_FIELDS:
            raise _wrong(f"Param {at}['type'] {kind!r} is no type of button")
        if unknown := sorted(button.keys() - BUTTON_FIELDS[kind] - {"type", "text"}):
            raise _wrong(f"Unexpected key {unknown[0]!r} on param {at!r}")
        if len(str(button.get("text", ""))) > _LABEL:
            raise _wrong(f"Param {at}['text'] may have {_LABEL} characters")
        if kinds.count(kind) > _MOST_OF_KIND.get(kind, _BUTTONS_MOST):
            raise _wrong(f"There may be {_MOST_OF_KIND[kind]} buttons of type {kind}")
        if kind == "URL":
            url = str(button.get("url", ""))
            if len(url) > URL_LENGTH or not re.match(r"https?://[^\s/]+", url):
                raise _wrong(f"Param {at}['url'] is not a valid URL")
            if _VARIABLE.search(url) and not button.get("example"):
                raise _missing(at)
        if kind == "COPY_CODE":
            code = button.get("example")
            if not isinstance(code, str) or not 0 < len(code) <= OFFER_COUPON_LENGTH:
                raise _missing(at)
    quick = [i for i, kind in enumerate(kinds) if kind == "QUICK_REPLY"]
    if quick and quick[-1] - quick[0] + 1 != len(quick):
        raise _wrong("Quick reply buttons must be grouped together")
