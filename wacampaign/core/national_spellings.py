"""One person in two national spellings: mobile numbers that were lengthened, and both are in use.

WhatsApp keeps the spelling that an account was made with, and Meta's API finds the account by
either ("the extra added prefix of the phone number may be modified by the Cloud API", Meta on
Brazil and Mexico; support.gupshup.io 4407840924953, help.zoho.com "inconsistencies in mobile
numbers and their WhatsApp IDs"). Which account a given number has is nowhere written, so what is
sent is the number as it is in the list.
"""

import re
from typing import Final

#: What a number looks like with the digit, and what it is without.
#: Brazil: mobile numbers alone have it, and those began with 6 to 9 before (ANATEL, resolution
#: 553/2010). Argentina: 9 from abroad, 15 behind the area at home. Mexico: see `numbering_plans`.
_SPELLINGS: Final = tuple(
    (re.compile(pattern, re.ASCII), without)
    for pattern, without in (
        (r"55([1-9]\d)9([6-9]\d{7})", r"55\1\2"),
        (r"549(\d{10})", r"54\1"),
        (r"549?(11)15(\d{8})", r"54\1\2"),
        (r"549?([23]\d\d)15(\d{7})", r"54\1\2"),
        (r"549?([23]\d{3})15(\d{6})", r"54\1\2"),
        (r"521(\d{10})", r"52\1"),
    )
)
_BY_CODE: Final = {"55": "Brazil's ninth digit", "54": "Argentina's 9", "52": "Mexico's 1"}


def has_spellings(digits: str) -> bool:
    """Whether numbers of this country code have two spellings."""
    return digits[:2] in _BY_CODE


def spelling(digits: str) -> str:
    """What the two spellings of such a number differ in: `Brazil's ninth digit`."""
    return _BY_CODE[digits[:2]]


def person_of(digits: str) -> str:
    """The key of the person with this number (country code first): the shorter spelling.

    The same as `wacampaign_person` in the database; a test compares them.
    """
    if digits[:2] in _BY_CODE:
        for pattern, without in _SPELLINGS:
            if (match := pattern.fullmatch(digits)) is not None:
                return match.expand(without)
    return digits
