"""Who gets no marketing any more: listed, entered, taken out, imported, exported."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.masking import mask_phone
from wacampaign.core.optouts import OptOut
from wacampaign.core.phones import recipient
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import are, counted
from wacampaign.intake.optout_list import USER_ID, Entry, Unreadable, open_optouts
from wacampaign.intake.optout_list import OptOutList as OptOutList
from wacampaign.operations.campaigns import actor, refuse_blind
from wacampaign.operations.new_file import new_csv
from wacampaign.operations.partly_done import PartlyDone
from wacampaign.problems import Usage
from wacampaign.spreadsheet import harmless
from wacampaign.store.optouts import CHANGE_STEP, PAGE, OptOuts
from wacampaign.store.store import Store

#: The first line of the file of `optouts export`.
HEADINGS: Final = ("phone", "user_id", "since", "cause", "evidence")
_IS_OUT: Final = "opted out"
_GETS: Final = "gets marketing"
Item = TypeVar("Item")
#: How a list is to be read.
open_list: Final = open_optouts


@dataclass(frozen=True, slots=True)
class OptOutPage:
    """Opt-outs, newest first."""

    optouts: tuple[OptOut, ...]
    #: All that stand.
    total: int
    #: People who rest from marketing for a while, as Meta asked.
    resting: int


async def look(store: Store, limit: int, *, show_numbers: bool = False) -> OptOutPage:
    """The newest `limit` opt-outs."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        page = await OptOuts(store).newest(
            before=found[-1] if found else None, limit=min(PAGE, limit - len(found))
        )
        found += page
        if not page:
            break
    if not found:
        await refuse_blind(store)
    counts = await OptOuts(store).counts()
    return OptOutPage(
        tuple(OptOut.of(one, show_numbers=show_numbers) for one in found),
        counts["out"],
        counts["resting"],
    )


@dataclass(frozen=True, slots=True)
class OptOutChange:
    """People to be entered (`stop`) or taken out (`start`)."""

    wish: str
    #: Digits or business-scoped ids of those who change, each once.
    people: Sequence[str]
    #: How many are so already.
    already: int
    #: Why, as the end of a sentence.
    evidence: str
    samples: Sequence[str] = ()


async def look_at(
    store: Store,
    wish: str,
    written: Sequence[str],
    reason: str | None,
    *,
    show_numbers: bool = False,
) -> OptOutChange:
    """What entering these people (phones as they are written, or business-scoped ids) changes.

    Raises `Usage` naming the first that is neither.
    """
    people = list(dict.fromkeys(map(_person, written)))
    known = await _known(store, people)
    if not known:
        await refuse_blind(store)
    out = {person: one for person, one in known.items() if one.ended_at is None}
    changing = [one for one in people if (one in out) is (wish == "start")]
    by = f"by {actor()}" + (f": {reason}" if reason else "")
    samples = []
    for one in changing[:SAMPLES_SHOWN]:
        shown = one if show_numbers or USER_ID.fullmatch(one) else mask_phone(one)
        stands = out.get(one)
        since = f"  out since {stands.since}, {stands.evidence or '-'}" if stands else ""
        samples.append(shown + since)
    return OptOutChange(wish, changing, len(people) - len(changing), by, samples)


def change_plan(change: OptOutChange) -> Plan:
    """What `carry_out` would change."""
    n = len(change.people)
    if change.wish == "stop":
        steps = [Change(n, "recipient", _GETS, _IS_OUT)]
        notes = ["rows of marketing for them fail when they are claimed, whatever put them there"]
        title, state = "enter opt-outs", f"{are(change.already)} out already"
    else:
        steps = [Change(n, "recipient", _IS_OUT, _GETS)]
        notes = ["rows that failed for it stay failed until they are retried"]
        title, state = "take opt-outs out", f"{are(change.already)} not out"
    if change.already:
        notes.append(f"{change.already:,} {state}")
    return Plan(title=title, steps=steps, notes=notes, samples=change.samples)


async def carry_out(store: Store, change: OptOutChange) -> int:
    """Enters them or takes them out; how many changed."""
    changed = 0
    for step in _in_steps(change.people, CHANGE_STEP):
        answer = await OptOuts(store).enter(
            change.wish, step, [change.evidence] * len(step), cause="person", actor=actor()
        )
        changed += answer["changed"]
    return changed


@dataclass(slots=True)
class ImportSurvey:
    """What a list holds, and what of it is new."""

    path: Path
    row_word: str
    people: int = 0
    #: Out already, or named before in the list.
    already: int = 0
    #: Who said START after the time that the list gives.
    back: int = 0
    #: Rows that are left out, and those of them that name somebody, with a date nobody can read.
    unreadable: int = 0
    undated: int = 0
    #: The first rows that are left out, as they may be shown.
    first_unreadable: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)

    @property
    def new(self) -> int:
        return self.people - self.already - self.back

    def left_out(self) -> Iterator[str]:
        """Sentences on the rows that are left out."""
        if nobody := self.unreadable - self.undated:
            yield f"left out: {counted(nobody, self.row_word)} naming nobody"
        if self.undated:
            yield (
                f"left out: {counted(self.undated, self.row_word)} with a date that cannot be"
                " read: THESE PEOPLE STILL GET MARKETING. Write dates as 2026-11-26, or leave"
                " their column out: then they are out from now on"
            )


async def survey_list(
    store: Store, given: OptOutList, *, show_numbers: bool = False
) -> ImportSurvey:
    """Reads the list to its end; changes nothing. Raises as `OptOutList.rows`."""
    survey = ImportSurvey(given.path, given.layout.row_word)
    seen: set[str] = set()

    def entries() -> Iterator[Entry]:
        for row in given.rows():
            if isinstance(row, Entry):
                yield row
                continue
            survey.unreadable += 1
            survey.undated += row.is_undated
            if len(survey.first_unreadable) < SAMPLES_SHOWN:
                survey.first_unreadable.append(_unreadable(row, survey.row_word, show_numbers))

    for step in _in_steps(entries(), PAGE):
        known = await _known(store, [entry.person for entry in step])
        for entry in step:
            survey.people += 1
            ended = None
            if (one := known.get(entry.person)) is not None:
                ended = one.ended_at
            if entry.person in seen or (one is not None and ended is None):
                survey.already += 1
                continue
            if ended is not None and entry.since is not None and entry.since < ended:
                survey.back += 1
                continue
            seen.add(entry.person)
            if len(survey.samples) < SAMPLES_SHOWN:
                hidden = not show_numbers and not USER_ID.fullmatch(entry.person)
                who = mask_phone(entry.person) if hidden else entry.person
                survey.samples.append(f"{who}  since {entry.since or 'now'}  {entry.why or '-'}")
    return survey


def import_plan(survey: ImportSurvey) -> Plan:
    """What `import_list` would change."""
    notes = []
    if survey.already:
        notes.append(f"{survey.already:,} {are(survey.already)} out already, or in the list before")
    if survey.back:
        notes.append(f"{survey.back:,} said START since, and get marketing")
    notes += survey.left_out()
    notes += [f"  {one}" for one in survey.first_unreadable]
    return Plan(
        title=f"import opt-outs from {survey.path.name}",
        steps=[Change(survey.new, "recipient", _GETS, _IS_OUT)],
        notes=notes,
        samples=survey.samples,
        next_command="wacampaign optouts list",
    )


@dataclass(slots=True)
class Imported(PartlyDone):
    """People entered from a list."""

    #: Of them, those who said START since: they get marketing.
    back: int = 0


async def import_list(store: Store, given: OptOutList) -> Imported:
    """Enters the list's people, in steps. What a `Problem` leaves half done is in its message."""
    done, who = Imported(), actor()
    entries = (row for row in given.rows() if isinstance(row, Entry))
    with done.said_by_problems("of the list are entered"):
        for step in _in_steps(entries, CHANGE_STEP):
            answer = await OptOuts(store).enter(
                "stop",
                [entry.person for entry in step],
                [entry.why or f"from {given.path.name}, by {who}" for entry in step],
                cause="import",
                actor=who,
                since=[entry.since for entry in step],
            )
            done.rows += answer["changed"]
            done.back += answer["changed"] - answer["out"]
    return done


async def export(store: Store, file: Path, *, show_numbers: bool) -> int:
    """Writes all opt-outs that stand into the new `file`; how many.

    Raises for the file what `new_csv` raises.
    """
    written, after = 0, None
    with new_csv(file) as opened:
        lines = csv.writer(opened)
        lines.writerow(HEADINGS)
        while page := await OptOuts(store).page(after=after):
            for given in page:
                one = OptOut.of(given, show_numbers=show_numbers)
                cells = (one.phone, one.user_id, one.since, one.cause, one.evidence)
                lines.writerow([harmless(cell or "") for cell in cells])
            written += len(page)
            after = page[-1]["person"]
        if not written:
            await refuse_blind(store)
    return written


async def _known(store: Store, people: Sequence[str]) -> dict[str, OptOut]:
    """What is known of these people, ended opt-outs too, by what they were asked for."""
    return {
        one["asked"]: OptOut.of(one)
        for step in _in_steps(people, PAGE)
        for one in await OptOuts(store).of(step)
    }


def _person(written: str) -> str:
    if USER_ID.fullmatch(written.strip()):
        return written.strip()
    try:
        return recipient(written)
    except BadPhone as bad:
        raise Usage(
            f"{mask_phone(written)} is no phone number with country code: {bad.reason}",
            "give it as +447700900123",
        ) from None


def _unreadable(row: Unreadable, word: str, show_numbers: bool) -> str:
    phone = row.phone if show_numbers else mask_phone(row.phone)
    return f"{word} {row.line:,}: {phone}: {row.reason}"


def _in_steps(items: Iterable[Item], n: int) -> Iterator[list[Item]]:
    """The items in lists of at most `n`."""
    rest = iter(items)
    while step := list(islice(rest, n)):
        yield step
