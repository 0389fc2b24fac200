"""The time zones of phones, as the library `phonenumbers` knows them: by how a phone begins.

Its table tells a landline's zone by the area code. A mobile phone of a country whose mobiles are
not bound to an area (Russia, Australia) may be anywhere in it, though the table has a zone for its
beginning as well; there the country's zones count, all of them. In North America each phone has an
area code, and each island its own.
"""

from collections import defaultdict
from typing import Final, TypeAlias

import phonenumbers
from phonenumbers.tzdata import TIMEZONE_DATA

#: Which table this is: the library's version, and that of what is made of it here.
ZONES_VERSION: Final = f"phonenumbers {phonenumbers.__version__}, 1"
#: Digits of a phone at most (E.164).
_LONGEST: Final = 15
_NORTH_AMERICA: Final = "1"
#: Names in the library's table that the world has given up.
_RENAMED: Final = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Choibalsan": "Asia/Ulaanbaatar",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Atlantic/Faeroe": "Atlantic/Faroe",
}
_Zones: TypeAlias = tuple[str, ...]


def zone_sets() -> dict[_Zones, list[str]]:
    """Each set of zones with the beginnings of phones that stand for it; the longest one counts.

    The empty beginning is that of every phone, and has no zones.
    """
    zones: dict[str, _Zones] = {"": ()}
    for prefix in sorted(TIMEZONE_DATA):
        found = tuple(sorted({_RENAMED.get(zone, zone) for zone in TIMEZONE_DATA[prefix]}))
        above = _longest(zones, prefix)
        if found != above and not _is_anywhere(prefix, zones):
            zones[prefix] = found
    sets: defaultdict[_Zones, list[str]] = defaultdict(list)
    for prefix, found in zones.items():
        sets[found].append(prefix)
    return dict(sets)


def _longest(zones: dict[str, _Zones], prefix: str) -> _Zones:
    """What a shorter beginning says."""
    for end in range(len(prefix) - 1, -1, -1):
        if (found := zones.get(prefix[:end])) is not None:
            return found
    raise AssertionError("the empty beginning is there")


def _is_anywhere(prefix: str, zones: dict[str, _Zones]) -> bool:
    """Whether phones that begin so are mobiles of a country in which they are not bound to a place.

    A country with one zone is not asked: there it makes no difference.
    """
    code = next((prefix[:n] for n in (1, 2, 3) if _is_code(prefix[:n])), "")
    if code in ("", _NORTH_AMERICA, prefix) or len(zones.get(code, ())) < 2:
        return False
    for length in range(len(prefix), _LONGEST + 1):
        for digit in "15":  # a digit that the rest may well consist of
            number = phonenumbers.PhoneNumber(
                int(code), int(prefix[len(code) :] + digit * (length - len(prefix)))
            )
            kind = phonenumbers.number_type(number)
            if kind == phonenumbers.PhoneNumberType.MOBILE:
                return not phonenumbers.is_number_geographical(number)
    return False


def _is_code(digits: str) -> bool:
    return int(digits) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
