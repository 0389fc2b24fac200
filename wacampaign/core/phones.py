"""Phone numbers as the Cloud API takes them: digits only, country code first.

What makes a number acceptable is its *length* for its country code, never its number range.
Ranges are opened by the regulators faster than any library learns of them, and a refusal by
range would drop real people; whether somebody answers there is for WhatsApp to say.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

#: Digits. E.164 allows 15 in all; below 8 there are no numbers with a country code that WhatsApp
#: has accounts for.
DIGITS_MIN: Final = 8
DIGITS_MAX: Final = 15

_PREFIX: Final = re.compile(r"^(?:tel|whatsapp|p):", re.IGNORECASE)  # p: is Meta's lead export
_SCIENTIFIC: Final = re.compile(r"^\+?(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})$")
_DECIMAL_TAIL: Final = re.compile(r"^(\+?\d+)\.0+$")
_SEPARATORS: Final = frozenset(" -.()/")


class BadPhone(ValueError):  # noqa: N818 - the reason is shown to people, beside the phone
    """The text is no phone number that can be sent to; `reason` says why, without the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """What the numbers of one country calling code look like."""

    #: Country calling code, digits.
    code: str
    #: Possible counts of digits without the code, of mobile and fixed lines. Other kinds (toll
    #: free, short, pagers) are left out: 91 with 8 digits is a toll-free length, and far more
    #: often a mobile number without its country code.
    lengths: frozenset[int]
    #: The same for mobile lines alone.
    mobile_lengths: frozenset[int]
    #: What is dialled only inside the country (0 in India), or None. Matches the number's start.
    trunk: re.Pattern[str] | None

    def fits(self, digits: str) -> bool:
        """Whether `digits`, which start with `code`, are complete as they are written."""
        start = len(self.code)
        if len(digits) - start not in self.lengths or len(digits) > DIGITS_MAX:
            return False
        trunk = self.trunk.match(digits, start) if self.trunk else None
        return trunk is None or trunk.end() == start


@cache  # at most one entry for each calling code
def _plan_of_code(code: int) -> NumberingPlan:
    mobile: set[int] = set()
    fixed: set[int] = set()
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    main = None
    for region in regions:
        found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if found is None:
            continue
        main = main or found
        mobile.update(found.mobile.possible_length if found.mobile else ())
        fixed.update(found.fixed_line.possible_length if found.fixed_line else ())
    mobile.discard(-1)  # the library's word for "has none"
    fixed.discard(-1)
    trunk = main.national_prefix_for_parsing if main else None
    return NumberingPlan(
        code=str(code),
        lengths=frozenset(mobile | fixed),
        mobile_lengths=frozenset(mobile),
        trunk=re.compile(trunk) if trunk else None,
    )


class _PlansByStart(dict[str, NumberingPlan | None]):
    """The plan by a number's first three digits; calling codes have one to three and no prefix."""

    def __missing__(self, start: str) -> NumberingPlan | None:
        plan = None
        if start.isascii() and start.isdigit():  # any other text is no key, and is not kept
            for size in (1, 2, 3):
                if int(start[:size]) in COUNTRY_CODE_TO_REGION_CODE and start[0] != "0":
                    plan = _plan_of_code(int(start[:size]))
                    break
            self[start] = plan
        return plan


_PLANS: Final = _PlansByStart()


def calling_code(digits: str) -> str | None:
    """The country calling code that `digits` (country code first) start with, or None."""
    plan = _PLANS[digits[:3]]
    return plan.code if plan else None


def is_region(region: str) -> bool:
    """Whether `region` is an ISO 3166 two-letter code that has phone numbers, such as IN."""
    return region in phonenumbers.SUPPORTED_REGIONS


def looks_like_phone(text: str) -> bool:
    """Whether `text` is meant as a phone number, good or damaged: tells a header from a row."""
    try:
        digits, _ = _digits(text)
    except _Damaged:
        return True
    except BadPhone:
        return False
    return len(digits) >= DIGITS_MIN - 1


class _Damaged(BadPhone):
    """It was a phone number before a spreadsheet rounded it."""


def _digits(written: str) -> tuple[str, bool]:
    """The ASCII digits of `written`, and whether it says itself that a country code is first."""
    text = "".join(c for c in written if unicodedata.category(c) != "Cf").strip()
    if text.startswith('="') and text.endswith('"'):  # how exports keep Excel from rounding
        text = text[2:-1].strip()
    text = _PREFIX.sub("", text.lstrip("'’‘`")).strip()
    if not text:
        raise BadPhone("no phone number")
    if match := _SCIENTIFIC.match(text):
        whole, fraction, exponent = match[1], match[2] or "", int(match[3])
        if len(fraction) != exponent:
            raise _Damaged(
                "rounded by a spreadsheet (such as 9.19E+11), the last digits are lost: format "
                "the column as text and export it again"
            )
        return whole + fraction, False
    if match := _DECIMAL_TAIL.match(text):
        text = match[1]
    plus = text[0] in "+＋"
    kept: list[str] = []
    for char in text[1:] if plus else text:
        if char.isdecimal():
            kept.append(str(unicodedata.decimal(char)))
        elif char not in _SEPARATORS and unicodedata.category(char) not in ("Zs", "Pd"):
            raise BadPhone(
                "letters in the phone number" if char.isalpha() else "not written as a phone number"
            )
    digits = "".join(kept)
    if not plus and digits.startswith("00"):
        digits, plus = digits[2:], True
    if not digits:
        raise BadPhone("no phone number")
    return digits, plus


def _complete(digits: str) -> str:
    """`digits` read with a country code first, or `BadPhone`."""
    if len(digits) > DIGITS_MAX + 1:  # one more: a trunk 0 after the country code is taken out
        raise BadPhone(f"{len(digits)} digits, at most {DIGITS_MAX} are possible: two numbers?")
    plan = _PLANS[digits[:3]]
    if plan is None:
        if digits[0] == "0":
            raise BadPhone("begins with 0: the country code is missing")
        raise BadPhone("begins with no country code that exists")
    if len(digits) >= DIGITS_MIN and plan.fits(digits):
        return digits
    return _parsed("+" + digits, None, plan)


def _parsed(text: str, region: str | None, plan: NumberingPlan) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise BadPhone("not written as a phone number") from None
    national = phonenumbers.national_significant_number(number)
    complete = f"{number.country_code}{national}"
    if len(national) in plan.lengths and DIGITS_MIN <= len(complete) <= DIGITS_MAX:
        return complete
    if not plan.lengths:
        raise BadPhone(f"country code {plan.code} is no country's, nobody has WhatsApp there")
    wanted = [n + len(plan.code) for n in sorted(plan.lengths) if n + len(plan.code) <= DIGITS_MAX]
    size = str(wanted[0]) if len(wanted) == 1 else f"{wanted[0]} to {wanted[-1]}"
    hint = ": is the country code missing?" if len(complete) < wanted[0] else ""
    size_written = len(complete) if region else len(text) - 1  # without its plus
    raise BadPhone(
        f"{size_written} digits, a number with country code {plan.code} has {size}{hint}"
    )


def _with_region(digits: str, region: str, home: NumberingPlan) -> str:
    """`digits` without a plus sign, in a list whose national numbers are of `region`."""
    if digits[0] == "0":
        return _parsed(digits, region, home)
    if digits.startswith(home.code) and home.fits(digits):
        return digits
    if len(digits) not in home.mobile_lengths:
        return _complete(digits)
    national = home.code + digits
    # 65 1234 5678 is ten digits in India and a whole number in Singapore. The list's region
    # decides, unless its own plan has no such number.
    foreign = _PLANS[digits[:3]]
    if foreign is None or len(digits) < DIGITS_MIN or not foreign.fits(digits):
        return national
    if phonenumbers.is_valid_number(phonenumbers.parse("+" + national, None)):
        return national
    return digits


def phone_reader(default_region: str | None = None) -> Callable[[str], str]:
    """A function that turns a phone as people write it into 8 to 15 digits, country code first.

    It takes spaces, dashes, brackets, `+`, `00`, a leading apostrophe, `tel:`, a trailing `.0`,
    digits of any script, and a spreadsheet's `9.19000000001E+11` when no digit is lost; it raises
    `BadPhone` otherwise. Without `default_region` (an ISO code such as `IN`) the country code must
    be there. With it, a number without `+` or `00` that has the length of the region's mobile
    numbers, or begins with the region's trunk 0, is taken as a national one.

    Raises `ValueError` for a region that does not exist.
    """
    if default_region is not None and not is_region(default_region):
        raise ValueError(f"{default_region} is no two-letter country code")
    home_code = phonenumbers.country_code_for_region(default_region) if default_region else 0
    home = _plan_of_code(home_code) if default_region else None
    ambiguous = home.mobile_lengths if home else frozenset[int]()
    plans = _PLANS

    def read(written: str) -> str:
        # Most rows are plain digits already: 20 times as fast as asking the library.
        if written.isdigit() and written.isascii() and len(written) >= DIGITS_MIN:
            plan = plans[written[:3]]
            if (
                plan is not None
                and plan.fits(written)
                and (plan is home or len(written) not in ambiguous)
            ):
                return written
        digits, plus = _digits(written)
        if plus or home is None or default_region is None:
            return _complete(digits)
        return _with_region(digits, default_region, home)

    return read


def normalize_phone(written: str, default_region: str | None = None) -> str:
    """One phone by the rules of `phone_reader`; raises `BadPhone`."""
    return phone_reader(default_region)(written)
