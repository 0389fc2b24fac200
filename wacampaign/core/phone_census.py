"""Whether a list's phones are national numbers: written as inside one country, without its code.

9876543210 is ten digits in India, and begins like a number of Iran. One row cannot tell; a whole
list can: complete numbers without a plus are nearly all valid as they stand, national ones are not,
and are valid in their own country.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberType

from wacampaign.core.numbering_plans import PLANS, NumberingPlan, plan_of_code
from wacampaign.core.regions import country
from wacampaign.core.words import are, counted, have

#: Numbers looked at, spread evenly over the list.
_SAMPLE: Final = 256
#: Of these so many must fit a country before all are compared with it.
_FIRST: Final = 12
#: Share of valid numbers from which a list is taken as it stands. Real lists have old numbers, and
#: regulators open ranges before the library knows.
_COMPLETE: Final = 0.7
#: Share from which a country explains the list.
_EXPLAINED: Final = 0.9
#: The same where less than so many are complete as they stand.
_MOSTLY: Final = 0.6
_HARDLY_ANY: Final = 0.3
#: Share of a length and the next one.
_ONE_LENGTH: Final = 0.8
#: 07700 900xxx is kept for drama (Ofcom), so no range in use, and people rehearse with it.
_DRAMA: Final = "7700900"
#: Where mobile numbers are hardly ever written with the trunk 0 that they may have.
_WITHOUT_ZERO: Final = frozenset({"IN", "BR", "CO"})
_NOT_MOBILE: Final = frozenset({PhoneNumberType.FIXED_LINE})
#: Countries named, the likeliest first.
_NAMED: Final = 3
#: Where most people with WhatsApp are, first among countries that fit equally well (population of
#: those where it is the usual messenger, and calling codes' main countries).
_LIKELY: Final = (
    *("IN", "BR", "US", "ID", "MX", "GB", "DE", "PK", "NG", "TR", "ZA", "ES", "IT", "FR", "EG"),
    *("CO", "AR", "MY", "SA", "AE", "PE", "CL", "KE", "BD", "PH", "RU", "CA", "AU", "SG", "HK"),
)


@dataclass(frozen=True, slots=True)
class NationalList:
    """A list that is written without country codes."""

    #: Phones, those of them without a country code, and the digits that most of these have.
    phones: int
    without_code: int
    digits: int
    #: ISO codes of countries whose numbers look so, the likeliest first.
    regions: tuple[str, ...]

    @property
    def country(self) -> str:
        """The likeliest one's name."""
        return country(self.regions[0])

    @property
    def reason(self) -> str:
        """What is wrong, as the end of a sentence."""
        return (
            f"the country code is missing: {self.without_code:,} of"
            f" {counted(self.phones, 'phone')} {have(self.without_code)} no “+”"
            f" and {are(self.without_code)} written as inside one country,"
            f" mostly with {self.digits} digits, as in {self.country}"
        )

    @property
    def suggestion(self) -> str:
        """What to do."""
        first, *others = self.regions
        more = " or ".join(f"{region} ({country(region)})" for region in others)
        return (
            f"add --default-region {first} if they are numbers of {self.country}"
            + (f"; it may be {more}, too" if more else "")
            + "; numbers that are complete as they are need a “+” in front"
        )


class PhoneCensus:
    """Counts the phones of a list as they are read, and keeps an even sample of them."""

    __slots__ = ("_codes", "_sample", "_stride", "_wait", "coded", "without_code")

    def __init__(self) -> None:
        self._sample: list[str] = []
        #: Country codes of the first phones that have one.
        self._codes: Counter[str] = Counter()
        self._stride = self._wait = 1
        #: Phones that say themselves that a country code is first.
        self.coded = 0
        self.without_code = 0

    def add_coded(self, digits: str) -> None:
        """Counts a phone that says itself that a country code is first."""
        self.coded += 1
        if self.coded <= _SAMPLE and (plan := PLANS[digits[:3]]) is not None:
            self._codes[plan.code] += 1

    def add(self, digits: str) -> None:
        """Counts a phone without plus."""
        self.without_code += 1
        self._wait -= 1
        if self._wait:
            return
        self._sample.append(digits)
        if len(self._sample) >= 2 * _SAMPLE:
            del self._sample[1::2]
            self._stride *= 2
        self._wait = self._stride

    def national(self) -> NationalList | None:
        """What it says when the list looks national; None when it may be taken as it stands."""
        sample = self._sample
        if not sample or self.without_code < self.coded:
            return None
        as_it_stands = _share(map(_is_valid, sample))
        complete = as_it_stands >= _COMPLETE
        if complete and _share(map(_may_be_mobile, sample)) > 1 - _COMPLETE:
            return None
        # Lists have numbers without an area code, too, and other countries'.
        least = _EXPLAINED if as_it_stands >= _HARDLY_ANY else _MOSTLY
        valid = _regions(sample, _is_mobile_in, self._codes, least)
        one_length = _of_one_length(sample)
        if not one_length:
            valid = [r for r in valid if _share(_is_mobile_in(r, d) for d in sample) >= least]
        # Fixed lines of one country that are mobile numbers in another, as in the Caribbean: 664
        # with seven digits more is a whole number in Thailand.
        if not valid and (complete or not one_length or _looks_complete(sample)):
            return None
        regions = valid
        for fits in (_is_in_use_in, _is_shaped_as_in):
            regions = regions or _regions(sample, fits, self._codes)
        if not regions:
            return None
        digits = Counter(map(len, sample)).most_common(1)[0][0]
        phones = self.coded + self.without_code
        return NationalList(phones, self.without_code, digits, tuple(regions[:_NAMED]))


def _of_one_length(sample: list[str]) -> bool:
    """Whether nearly all have one length, or that and a digit more: mobile numbers of one country.

    National and complete numbers mixed have two, further apart; each row says so for itself then.
    Some countries have more lengths (Indonesia): they are known by their ranges alone.
    """
    lengths = Counter(len(digits.lstrip("0")) for digits in sample)
    most = max(lengths[n] + lengths[n + 1] for n in lengths)
    return most >= _ONE_LENGTH * len(sample)


def _share(judgements: Iterable[bool]) -> float:
    judged = list(judgements)
    return sum(judged) / len(judged)


def _regions(
    sample: list[str],
    fits: Callable[[str, str], bool],
    codes: Counter[str],
    least: float = _EXPLAINED,
) -> list[str]:
    """The countries that explain `least` of the sample or more, the likeliest first: those of
    `codes`, which other phones of the list have.

    Phones that are complete already, among national ones of the same country, are no reason against
    it: people add what they are given.
    """
    shares: dict[str, float] = {}
    for region in SUPPORTED_REGIONS:
        plan = plan_of_code(phonenumbers.country_code_for_region(region))
        bare = [digits for digits in sample if not _is_mobile_of(plan, digits)]
        if len(bare) < (1 - _COMPLETE) * len(sample):
            continue
        few = bare[:: max(1, len(bare) // _FIRST)]
        if _share(fits(region, digits) for digits in few) < least - 2 / _FIRST:
            continue
        share = _share(fits(region, digits) for digits in bare)
        if share >= least:
            shares[region] = round(share, 1)
    place = {region: i for i, region in enumerate(_LIKELY)}
    zeros = _share(digits.startswith("0") for digits in sample) > 0.5

    def order(region: str) -> tuple[int, float, bool, int, str]:
        unusual = zeros and region in _WITHOUT_ZERO
        with_its_code = codes[str(phonenumbers.country_code_for_region(region))]
        return -with_its_code, -shares[region], unusual, place.get(region, len(place)), region

    return sorted(shares, key=order)


def _is_valid(digits: str) -> bool:
    """Whether they are a number with its country code first, in a range that is in use."""
    plan = PLANS[digits[:3]]
    if plan is None or not plan.fits(digits):
        return False
    if digits.startswith("44" + _DRAMA):
        return True
    if plan.kept is not None and plan.kept.fullmatch(digits):  # Mexico's 521
        digits = plan.code + digits[len(plan.code) + 1 :]
    return phonenumbers.is_valid_number(phonenumbers.parse("+" + digits, None))


def _may_be_mobile(digits: str) -> bool:
    """The same, and no fixed line's."""
    if not _is_valid(digits):
        return False
    kind = phonenumbers.number_type(phonenumbers.parse("+" + digits, None))
    return kind not in _NOT_MOBILE


def _looks_complete(sample: list[str]) -> bool:
    """Whether nearly all begin with one country's code and have its mobile numbers' length."""
    codes = Counter(
        plan.code
        for digits in sample
        if (plan := PLANS[digits[:3]]) is not None and _is_mobile_of(plan, digits)
    )
    return bool(codes) and codes.most_common(1)[0][1] >= _EXPLAINED * len(sample)


def _is_mobile_of(plan: NumberingPlan, digits: str) -> bool:
    """Whether they are the plan's code and as many digits as its mobile numbers have."""
    if plan.kept is not None and plan.kept.fullmatch(digits):
        return True
    return (
        digits.startswith(plan.code)
        and len(digits) - len(plan.code) in plan.mobile_lengths
        and plan.fits(digits)
    )


def _national(region: str, digits: str) -> tuple[str, PhoneMetadata] | None:
    """`digits` without what is dialled in front inside the region; None when they are complete."""
    found = PhoneMetadata.metadata_for_region(region)
    code = phonenumbers.country_code_for_region(region)
    if found is None or (digits.startswith(str(code)) and plan_of_code(code).fits(digits)):
        return None
    trunk = found.national_prefix or ""
    if digits.startswith("0") and not trunk.startswith("0"):
        return None
    return digits.removeprefix(trunk), found


def _is_mobile_in(region: str, digits: str) -> bool:
    """Whether it is a mobile number of the region, in a range that is in use."""
    if (split := _national(region, digits)) is None:
        return False
    mobile = split[1].mobile
    pattern = mobile.national_number_pattern if mobile else None
    if region == "GB" and split[0].startswith(_DRAMA):
        return True
    return pattern is not None and re.fullmatch(pattern, split[0]) is not None


def _is_in_use_in(region: str, digits: str) -> bool:
    """The same of fixed lines, too."""
    if _national(region, digits) is None:
        return False
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number_for_region(number, region)


def _is_shaped_as_in(region: str, digits: str) -> bool:
    """Whether length and first digits are those of the region's mobile numbers, in use or not."""
    if (split := _national(region, digits)) is None:
        return False
    national, found = split
    mobile, general = found.mobile, found.general_desc
    pattern = general.national_number_pattern if general else None
    if not mobile or pattern is None or len(national) not in mobile.possible_length:
        return False
    return re.fullmatch(pattern, national) is not None
