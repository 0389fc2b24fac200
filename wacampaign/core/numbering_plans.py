"""What the numbers of each country calling code look like: lengths, never ranges.

Ranges are opened by the regulators faster than any library learns of them, and a refusal by
range would drop real people; whether somebody answers there is for WhatsApp to say.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata

#: Digits. E.164 allows 15 in all; below 8 there are no numbers with a country code that WhatsApp
#: has accounts for.
DIGITS_MIN: Final = 8
DIGITS_MAX: Final = 15

#: Digits after the country code that are dialled no longer and that WhatsApp still writes, with
#: the digits behind them. Mexico's 521: its plan dropped the 1 in 2019, and accounts made before
#: keep it (support.gupshup.io, article 4407840924953).
_KEPT_BY_WHATSAPP: Final = {52: ("1", 10)}


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
    #: A number with a digit more than `lengths`, as WhatsApp itself writes it, or None.
    kept: re.Pattern[str] | None = None

    def fits(self, digits: str) -> bool:
        """Whether `digits`, which start with `code`, are complete as they are written."""
        start = len(self.code)
        if len(digits) - start not in self.lengths or len(digits) > DIGITS_MAX:
            return self.kept is not None and self.kept.fullmatch(digits) is not None
        trunk = self.trunk.match(digits, start) if self.trunk else None
        return trunk is None or trunk.end() == start


@cache  # at most one entry for each calling code
def plan_of_code(code: int) -> NumberingPlan:
    """The plan of a calling code that exists."""
    mobile: set[int] = set()
    fixed: set[int] = set()
    main = None
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if found is None:
            continue
        main = main or found
        mobile.update(found.mobile.possible_length if found.mobile else ())
        fixed.update(found.fixed_line.possible_length if found.fixed_line else ())
    mobile.discard(-1)  # the library's word for "has none"
    fixed.discard(-1)
    trunk = main.national_prefix_for_parsing if main else None
    kept = _KEPT_BY_WHATSAPP.get(code)
    return NumberingPlan(
        code=str(code),
        lengths=frozenset(mobile | fixed),
        mobile_lengths=frozenset(mobile),
        trunk=re.compile(trunk) if trunk else None,
        kept=re.compile(rf"{code}{kept[0]}\d{{{kept[1]}}}") if kept else None,
    )


class _PlansByStart(dict[str, NumberingPlan | None]):
    """The plan by a number's first three digits; calling codes have one to three and no prefix."""

    def __missing__(self, start: str) -> NumberingPlan | None:
        plan = None
        if start.isascii() and start.isdigit():  # any other text is no key, and is not kept
            for size in (1, 2, 3):
                if int(start[:size]) in COUNTRY_CODE_TO_REGION_CODE and start[0] != "0":
                    plan = plan_of_code(int(start[:size]))
                    break
            self[start] = plan
        return plan


#: By the first three digits, None where no calling code begins so.
PLANS: Final[dict[str, NumberingPlan | None]] = _PlansByStart()


#: What a trunk's pattern may begin with, where that can be told: 0, 0|180020, (183[12])|0, [08].
_BEGINNINGS: Final = re.compile(
    r"\(?(?:(\d)(?![?*])|\[(\d+)\](?![?*]))(?:\d|\[\d+\]|\(.*\)\??|\))*$"
)


@cache
def _trunk_beginnings(code: str) -> str | None:
    """The digits that a number's trunk may begin with; None where that cannot be told simply."""
    trunk = plan_of_code(int(code)).trunk
    begin = ""
    for choice in trunk.pattern.split("|") if trunk else ():
        match = _BEGINNINGS.match(choice)
        if match is None:
            return None
        begin += match[1] or match[2]
    return begin


class _LengthsByStart(dict[str, frozenset[int]]):
    """Counts of digits of complete numbers, by their first five.

    Empty where a trunk may follow the country code, and where no number begins so.
    """

    def __missing__(self, start: str) -> frozenset[int]:
        lengths = frozenset[int]()
        if len(start) == 5 and start.isascii() and start.isdigit():
            plan = PLANS[start[:3]]
            begin = _trunk_beginnings(plan.code) if plan is not None else None
            if plan is not None and begin is not None and start[len(plan.code)] not in begin:
                whole = {len(plan.code) + length for length in plan.lengths}
                lengths = frozenset(n for n in whole if DIGITS_MIN <= n <= DIGITS_MAX)
            self[start] = lengths
        return lengths


#: By the first five digits: a look-up instead of a judgement, for rows by the million.
LENGTHS: Final[dict[str, frozenset[int]]] = _LengthsByStart()


def calling_code(digits: str) -> str | None:
    """The country calling code that `digits` (country code first) start with, or None."""
    plan = PLANS[digits[:3]]
    return plan.code if plan else None


def is_region(region: str) -> bool:
    """Whether `region` is an ISO 3166 two-letter code that has phone numbers, such as IN."""
    return region in SUPPORTED_REGIONS
