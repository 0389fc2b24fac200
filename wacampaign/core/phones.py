"""Phone numbers as the Cloud API takes them: digits only, country code first."""

from collections.abc import Callable
from typing import Final

import phonenumbers

from wacampaign.core.bad_phone import BadPhone, TwoNumbers
from wacampaign.core.national_forms import lacks_area, without_dialled
from wacampaign.core.numbering_plans import (
    DIGITS_MAX,
    DIGITS_MIN,
    LENGTHS,
    PLANS,
    NumberingPlan,
    is_region,
    plan_of_code,
)
from wacampaign.core.phone_census import PhoneCensus
from wacampaign.core.phone_forms import Written, written_phone

#: Digits at the end that are hardly ever written apart from the number that they belong to.
_FEW: Final = 2
#: In the reason of a `BadPhone` that has none.
MISSING_CODE: Final = "the country code is missing"


def _complete(digits: str) -> str:
    """`digits` read with a country code first, or `BadPhone`."""
    if len(digits) > DIGITS_MAX + 1:  # one more: a trunk 0 after the country code is taken out
        raise BadPhone(f"{len(digits)} digits, at most {DIGITS_MAX} are possible: two numbers?")
    plan = PLANS[digits[:3]]
    if plan is None:
        if digits[0] == "0":
            raise BadPhone(f"begins with 0: {MISSING_CODE}")
        raise BadPhone("begins with no country code that exists")
    if len(digits) >= DIGITS_MIN and plan.fits(digits):
        return digits
    if digits.startswith("549") and len(digits) == DIGITS_MAX:
        # Argentina's mobile numbers with both their marks, the 9 from abroad and the 15 at home.
        return _parsed("+54" + digits[3:], None, plan)
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
    if digits.startswith(home.code) and home.fits(digits):
        return digits
    as_it_stands = _fits(digits)
    rest = without_dialled(digits, region)
    # Russia's 8 495 1234567 is a whole number in Vietnam. The list's region decides, unless its own
    # plan has no such number.
    if rest is not None and (not as_it_stands or _is_valid(home.code + rest)):
        return home.code + rest
    if digits[0] == "0":
        return _parsed(digits, region, home)
    if lacks_area(digits, region):
        raise BadPhone(f"{len(digits)} digits: the area code is missing")
    if len(digits) not in home.mobile_lengths:
        # Argentina's 11 15 2345 6789, a fixed line without its trunk 0.
        if not as_it_stands and (national := _valid_at_home(digits, region, home)):
            return national
        return _complete(digits)
    national = home.code + digits
    # 65 1234 5678 is ten digits in India and a whole number in Singapore. The same rule.
    return national if not as_it_stands or _is_valid(national) else digits


def _fits(digits: str) -> bool:
    """Whether they are complete as they stand, by their length."""
    plan = PLANS[digits[:3]]
    return plan is not None and len(digits) >= DIGITS_MIN and plan.fits(digits)


def _is_valid(complete: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse("+" + complete, None))


def _valid_at_home(digits: str, region: str, home: NumberingPlan) -> str | None:
    """`digits` dialled inside `region`, complete, if they are a number in use there."""
    try:
        complete = _parsed(digits, region, home)
    except BadPhone:
        return None
    return complete if complete.startswith(home.code) and _is_valid(complete) else None


def _refuse_apart(phone: str, written: Written) -> str:
    """`phone`, unless it is a number without the digits that stand apart at its end, too."""
    left = phone[: -written.apart]
    plan = PLANS[left[:3]]
    if plan is None or len(left) < DIGITS_MIN or not plan.fits(left):
        return phone
    national = len(phone) - len(plan.code)
    left_is_mobile = national - written.apart in plan.mobile_lengths
    if written.apart <= _FEW:
        # German numbers have many lengths, and people put spaces where they like.
        doubtful = written.by_dash or left_is_mobile
    else:
        doubtful = left_is_mobile and national not in plan.mobile_lengths
    if doubtful:
        raise TwoNumbers("digits stand apart at the end: two numbers, or an extension?")
    return phone


def phone_reader(
    default_region: str | None = None, census: PhoneCensus | None = None
) -> Callable[[str], str]:
    """A function that turns a phone as people write it into 8 to 15 digits, country code first.

    It takes what `phone_forms` reads (spaces, brackets, `+`, `00`, digits of any script, labels,
    WhatsApp's own addresses and links, spreadsheets' forms); it raises `BadPhone` otherwise.
    Without `default_region` (an ISO code such as `IN`) the country code must be there. With it, a
    number without `+` or `00` that has the length of the region's mobile numbers, or begins with
    the region's trunk 0, is taken as a national one. `census` counts what is read, good or bad.

    Raises `ValueError` for a region that does not exist.
    """
    if default_region is not None and not is_region(default_region):
        raise ValueError(f"{default_region} is no two-letter country code")
    home_code = phonenumbers.country_code_for_region(default_region) if default_region else 0
    home = plan_of_code(home_code) if default_region else None
    ambiguous = home.mobile_lengths if home else frozenset[int]()
    plans = PLANS
    lengths = LENGTHS

    def read(written: str) -> str:
        # Most rows are plain digits already, told by a look-up.
        plus = written[:1] == "+"
        plain = written[1:] if plus else written
        if plain.isdigit() and plain.isascii():
            fits = len(plain) in lengths[plain[:5]]
            plan = plans[plain[:3]]
            if not fits and len(plain) >= DIGITS_MIN:
                fits = plan is not None and plan.fits(plain)
            if fits and (plus or plan is home or len(plain) not in ambiguous):
                if census is not None:
                    if plus:
                        census.add_coded(plain)
                    else:
                        census.add(plain)
                return plain
        found = written_phone(written)
        if census is not None:
            if found.has_code:
                census.add_coded(found.digits)
            elif len(found.digits) >= DIGITS_MIN - 1:
                census.add(found.digits)
        if found.has_code or home is None or default_region is None:
            phone = _complete(found.digits)
        else:
            phone = _with_region(found.digits, default_region, home)
        return _refuse_apart(phone, found) if found.apart else phone

    return read


def normalize_phone(written: str, default_region: str | None = None) -> str:
    """One phone by the rules of `phone_reader`; raises `BadPhone`."""
    return phone_reader(default_region)(written)


def recipient(written: str) -> str:
    """The phone of a queue row, which any program may have written; raises `BadPhone`.

    As `create` reads phones, so that a row means the same person whoever made it. Plain digits of
    a country code that nobody knows here are let through: it may be new, and Meta knows.
    """
    # Nearly all rows: a look-up, as the worker does it for each message.
    if len(written) in LENGTHS[written[:5]] and written.isdigit() and written.isascii():
        return written
    try:
        return _read(written)
    except BadPhone:
        digits = written.removeprefix("+")
        plain = digits.isdigit() and digits.isascii() and digits[0] != "0"
        if plain and DIGITS_MIN <= len(digits) <= DIGITS_MAX and PLANS[digits[:3]] is None:
            return digits
        raise


_read: Final = phone_reader()
