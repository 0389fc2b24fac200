"""The phones of the rows: whether each can be sent to, and whom it means."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.masking import mask_phone
from wacampaign.core.national_spellings import spelling
from wacampaign.core.phone_census import PhoneCensus
from wacampaign.core.phones import phone_reader, recipient
from wacampaign.core.preflight.facts import People, Readiness
from wacampaign.core.preflight.model import Line, fail, ok, warn
from wacampaign.core.words import rows, were

#: Reasons that are shown; a list has one or two.
_REASONS_SHOWN: Final = 4
#: Phones named for each.
_SAMPLES: Final = 3


def phone_lines(facts: Readiness, people: People) -> Iterator[Line]:
    """What the worker will make of the phones; it reads them as `create` does."""
    anew = f"correct the list, wacampaign cancel {facts.short_id}, and create it again"
    bad: dict[str, list[tuple[str, int]]] = {}
    otherwise: list[tuple[str, int]] = []
    for phone, n in people.written:
        try:
            read = recipient(phone)
        except BadPhone as refused:
            bad.setdefault(refused.reason, []).append((phone, n))
            continue
        if phone.removeprefix("+") != read:
            otherwise.append((phone, n))
    worst = sorted(bad.items(), key=lambda item: (-_rows(item[1]), item[0]))
    for reason, phones in worst[:_REASONS_SHOWN]:
        yield fail(
            "phones", f"{rows(_rows(phones))} cannot be sent to: {reason}{_such(phones)}", anew
        )
    if len(worst) > _REASONS_SHOWN:
        left = sum(_rows(phones) for _, phones in worst[_REASONS_SHOWN:])
        yield fail("phones", f"{rows(left)} more cannot be sent to, for other reasons", anew)
    if otherwise:
        what = "written in another form, and read as numbers before they are sent"
        yield ok("phones", f"{rows(_rows(otherwise))} {what}{_such(otherwise)}")
    if people.not_looked_at:
        n = people.not_looked_at
        text = f"{rows(n)} {were(n)} not looked at: phones of too many kinds"
        yield warn("phones", text, anew)
    yield from _national(people, facts.short_id)
    if people.perhaps:
        samples = ", ".join(
            f"{mask_phone(spellings[0])} with and without {spelling(spellings[0])}"
            for spellings in people.perhaps_samples
        )
        persons = "person" if people.perhaps == 1 else "people"
        yield warn(
            "phones",
            f"{people.perhaps:,} {persons} may be written to twice, in two national spellings "
            f"of one number ({samples})",
            f"if that is not meant: wacampaign cancel {facts.short_id}, and create it without",
        )


def _national(people: People, short: str) -> Iterator[Line]:
    """Numbers of one country without its code, which may be read as another country's."""
    census = PhoneCensus()
    read = phone_reader(None, census)
    for phone, _ in people.written:
        try:
            read(phone)
        except BadPhone:
            continue
    national = census.national()
    if national is None:
        return
    yield warn(
        "phones",
        "the country code seems to be missing: most numbers are written as inside one country, "
        f"such as {national.country}, and what can be read is read as another country's",
        f"wacampaign cancel {short}, and create it with --default-region {national.regions[0]}",
    )


def _rows(phones: list[tuple[str, int]]) -> int:
    return sum(n for _, n in phones)


def _such(phones: list[tuple[str, int]]) -> str:
    samples = dict.fromkeys(mask_phone(phone) for phone, _ in phones[:_SAMPLES])
    return f" (such as {', '.join(samples)})"
