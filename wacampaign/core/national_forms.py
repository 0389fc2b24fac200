"""Numbers as people write them inside a country, where the library reads them as something else."""

import re
from functools import cache
from typing import Final

from phonenumbers import PhoneMetadata

#: What is dialled first inside the country, where it is not a 0 that the library takes off: 8 in
#: countries of the former Soviet Union (+8 is no code, but 84 and 86 are), Mexico's way to mobile
#: phones until 2019. Sources: ITU, national numbering plans.
_DIALLED: Final = {
    "RU": "8",
    "KZ": "8",
    "BY": "80?",
    "TM": "8",
    "LT": "8",
    "UA": "80",
    "MX": "01|04[45]",
}
#: Where a 0 is part of the number itself.
_ZERO_BELONGS: Final = frozenset({"IT", "SM", "VA", "CI", "BJ", "GA", "CG"})
#: Argentina's mark of mobile numbers at home stands behind the area code; where it is first, the
#: area code is missing.
_NO_AREA: Final = {"AR": re.compile(r"15\d{6,8}")}


def without_dialled(digits: str, region: str) -> str | None:
    """The national number in `digits` that begin with what is dialled inside `region` before a
    mobile number's length; None where nothing of the kind stands there."""
    pattern = _dialled(region)
    match = pattern.fullmatch(digits) if pattern is not None else None
    return match[1] if match else None


@cache
def _dialled(region: str) -> re.Pattern[str] | None:
    found = PhoneMetadata.metadata_for_region(region)
    first = _DIALLED.get(region)
    if found is None or not found.mobile:
        return None
    if first is None and not found.national_prefix and region not in _ZERO_BELONGS:
        first = "0"  # by habit, or from an older plan: Poland's, Chile's 09
    lengths = "|".join(rf"\d{{{n}}}" for n in found.mobile.possible_length if n > 0)
    return re.compile(rf"(?:{first})({lengths})") if first and lengths else None


def lacks_area(digits: str, region: str) -> bool:
    """Whether `digits` are a local number of `region`: in Brazil 98765-4321, which begins like a
    number of Iran."""
    if (without := _NO_AREA.get(region)) is not None and without.fullmatch(digits):
        return True
    return len(digits) in _local_lengths(region)


@cache
def _local_lengths(region: str) -> frozenset[int]:
    """Counts of digits that only local numbers of `region` have, of its mobile and fixed lines."""
    found = PhoneMetadata.metadata_for_region(region)
    if found is None:
        return frozenset()
    lines = [kind for kind in (found.mobile, found.fixed_line) if kind]
    local = {n for kind in lines for n in kind.possible_length_local_only}
    if found.general_desc:
        local.update(found.general_desc.possible_length_local_only)
    return frozenset(local.difference(*(kind.possible_length for kind in lines)))
