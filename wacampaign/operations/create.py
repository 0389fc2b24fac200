"""A campaign of a contact list: what would be created, and its start once all contacts are in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Final

from wacampaign.core.campaign.repeats import EarlierCampaign, told_again
from wacampaign.core.masking import mask_phone
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.phones import MISSING_CODE
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan, Progress
from wacampaign.core.regions import country, region_named
from wacampaign.core.template.preview import ShownMessage, message_lines, preview
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.core.words import counted, rows
from wacampaign.intake.contacts import Fault, Survey, contacts, survey
from wacampaign.operations.create_columns import Wishes, column_lines, reading_for
from wacampaign.operations.enqueue import NewCampaign, new_campaign
from wacampaign.operations.life_cycle import set_running
from wacampaign.operations.numbers import find_number
from wacampaign.operations.preflight import NotReady
from wacampaign.operations.templates import Choice, choose_templates
from wacampaign.problems import Problem, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates

#: Calling codes shown in a plan; a list of one country has one or two.
_CODES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Source:
    """What a campaign would be sent from and with."""

    number: KnownNumber
    choice: Choice
    #: Campaigns that have its name already.
    namesakes: tuple[EarlierCampaign, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign that can be created: its list was checked whole, nothing is written yet."""

    campaign: NewCampaign
    source: Source
    #: Campaigns that had the same list and a template of it within a week.
    earlier: tuple[EarlierCampaign, ...] = ()

    @property
    def estimated_seconds(self) -> float | None:
        """How long sending takes as fast as the number may now; None: it may not send at all."""
        number = self.source.number
        if not number.is_active or number.rate_now <= 0:
            return None
        return self.campaign.surveyed.accepted / number.rate_now


class CreatedBefore(Refused):
    """There is such a campaign already: the same messages would go to the same people again."""

    code = "created_before"


async def look(
    store: Store, number: str, templates: Sequence[str], name: str, *, again: bool
) -> Source:
    """The number and templates that are meant.

    Raises what finding and choosing them raises, and `CreatedBefore` for a name that a campaign
    has, unless `again`.
    """
    sender = await find_number(store, number)
    choice = choose_templates(await Templates(store).of(sender.id), sender, templates)
    namesakes = await Campaigns(store).repeated_by(name, choice.names)
    if namesakes and not again:
        raise CreatedBefore(
            told_again(namesakes),
            "if that is meant: the same command with --again, or another --name;"
            f" to look: wacampaign queue-stats {namesakes[0].short_id}",
        )
    return Source(sender, choice, tuple(namesakes))


async def look_for_repeats(store: Store, draft: Draft, *, again: bool) -> Draft:
    """The draft with the campaigns that had its list within a week.

    Raises `CreatedBefore` when there is one, unless `again`.
    """
    campaign = draft.campaign
    surveyed = campaign.surveyed
    found = await Campaigns(store).repeated_by(
        campaign.name, campaign.templates, surveyed.people, surveyed.sketch
    )
    earlier = tuple(one for one in found if one.same_list)
    if earlier and not again:
        raise CreatedBefore(
            told_again(earlier),
            "if that is meant: the same command with --again;"
            f" to look: wacampaign queue-stats {earlier[0].short_id}",
        )
    return replace(draft, earlier=earlier)


def draft(
    source: Source,
    path: Path,
    name: str | None,
    *,
    wishes: Wishes,
    encoding: str | None,
    sheet: str | None,
    rejected_beside: Path,
    default_region: str | None,
    allow_repeats: bool,
    write_rejected: bool,
    on_progress: Progress,
) -> Draft:
    """Checks the whole list at `path`; the arguments are those of `intake.survey`.

    Raises what `survey` and `reading_for` raise, and `Refused` when nobody in it can be sent to.
    """
    surveyed = survey(
        path,
        reading_for(source.choice, wishes),
        encoding=encoding,
        sheet=sheet,
        rejected_beside=rejected_beside,
        default_region=default_region,
        allow_repeats=allow_repeats,
        write_rejected=write_rejected,
        on_progress=on_progress,
    )
    if surveyed.accepted == 0:
        place = surveyed.layout.place
        reasons = [f"{place(row.line)}: {row.reason}" for row in surveyed.first_rejections]
        if (more := surveyed.rejected + surveyed.repeats - len(reasons)) > 0:
            reasons.append(f"and {counted(more, 'more line')}")
        where = f"look into {surveyed.rejected_file}, " if surveyed.rejected_file else ""
        raise Refused(
            f"nobody in {path.name} can be sent to: {'; '.join(reasons)}",
            f"{where}correct {path.name}, then run the same command again"
            + "".join(f", or add {flag}" for flag in _allowing(surveyed)),
        )
    return Draft(new_campaign(surveyed, source.number.id, source.choice.languages, name), source)


def create_plan(draft: Draft, *, start: bool, show: int, columns: int) -> Plan:
    """What creating it changes; `start`: it is started at once; `show`: messages to show whole."""
    campaign = draft.campaign
    surveyed = campaign.surveyed
    return Plan(
        title=f"create {campaign.name} from {surveyed.path.name}",
        steps=(
            Change(1, "campaign", "none", "running" if start else "paused"),
            Change(surveyed.accepted, "contact", "the list", "the queue, ready"),
        ),
        notes=tuple(_notes(draft, show, columns)),
        # By its name: after a dry run there is none with this id.
        next_command="wacampaign run-worker"
        if start
        else f"wacampaign start {quote(campaign.name)}",
    )


def _notes(draft: Draft, show: int, columns: int) -> Iterator[str]:
    campaign, source = draft.campaign, draft.source
    number, surveyed = source.number, campaign.surveyed
    yield f"from {number.label}, phone number id {number.phone_number_id}"
    for template in source.choice.templates:
        share = campaign.shares[template.name]
        needs = template.needs_in_words
        yield f"template {template.name} ({template.language}, {needs}): {share:,}"
    yield from surveyed.notes
    first = list(islice(contacts(surveyed), SAMPLES_SHOWN))
    yield from column_lines(surveyed, first, *source.choice.names)
    for message in shown_messages(draft, show):
        yield f"message to {message.phone}, {message.where}, as its recipient sees it:"
        yield from (f"  {line}" for line in message_lines(message.preview, columns - 2))
    codes = [f"+{code} {n:,}" for code, n in surveyed.calling_codes.items()]
    more = f", {len(codes) - _CODES_SHOWN} more" if len(codes) > _CODES_SHOWN else ""
    yield f"countries: {', '.join(codes[:_CODES_SHOWN])}{more}"
    if surveyed.repeats:
        perhaps = f", {surveyed.perhaps:,} of them perhaps" if surveyed.perhaps else ""
        yield f"left out: {surveyed.repeats:,} listed before{perhaps} (--allow-repeats takes them)"
    elif surveyed.perhaps:
        yield f"NOTE: {surveyed.perhaps:,} may be people listed before, in another spelling"
    if surveyed.rejected:
        yield f"left out: {surveyed.rejected:,} that cannot be sent to"
    for row in surveyed.first_rejections:
        # What stood in the phone column, as far as it may be shown.
        phone = f"{mask_phone(row.phone)} " if any(c.isdecimal() for c in row.phone) else ""
        yield f"  {surveyed.layout.row_word} {row.line}: {phone}{row.reason}"
    if (region := _region_that_reads(surveyed)) is not None:
        are = f"if they are of {country(region)}"
        yield f"  without a country code: --default-region {region}, {are}"
    for flag, n in _allowing(surveyed).items():
        yield f"  {rows(n)} of them would be sent with {flag}"
    if surveyed.rejected_file:
        yield f"all that are left out: {surveyed.rejected_file}"
    seconds = draft.estimated_seconds
    if seconds is not None:
        yield f"takes about {_duration(seconds)} at {number.rate_now:,.0f} a second"
    else:
        yield "NOTE: the number is not active: nothing is sent from it until it is"
    if draft.earlier:
        yield f"NOTE: {told_again(draft.earlier)}; it takes --again"
    if source.namesakes:
        n = len(source.namesakes)
        are = "campaigns are" if n > 1 else "campaign is"
        yield f"NOTE: {n} {are} named {campaign.name!r} already; it takes --again, and then ids"


def _region_that_reads(surveyed: Survey) -> str | None:
    """The country of most phones, where others are written as inside one."""
    missing = any(MISSING_CODE in row.reason for row in surveyed.first_rejections)
    if not missing or surveyed.default_region is not None:
        return None
    code = next(iter(surveyed.calling_codes), "")
    return region_named(code) if code.isdecimal() else None


def shown_messages(draft: Draft, show: int) -> Iterator[ShownMessage]:
    """The first messages, whole."""
    surveyed, templates = draft.campaign.surveyed, draft.source.choice.templates
    for nth, contact in enumerate(islice(contacts(surveyed), show)):
        template = templates[nth % len(templates)]
        payload = surveyed.reading.of(nth).payload(contact.variables)
        where = surveyed.layout.place(contact.line)
        if len(templates) > 1:
            where += f", {template.name}"
        seen = preview(template.components, template.parameter_format, payload)
        yield ShownMessage(mask_phone(contact.phone), where, seen)


def _allowing(surveyed: Survey) -> dict[str, int]:
    """Flags that would take more rows, and how many."""
    faults = surveyed.faults
    return {kind.flag: faults[Fault(kind)] for kind in Unmeant if Fault(kind) in faults}


async def start_created(store: Store, campaign: NewCampaign, *, unchecked: bool) -> int:
    """Starts a campaign that is complete; how many workers are alive to send it."""
    await set_running(store, str(campaign.id), unchecked=unchecked)
    return (await Campaigns(store).stats([])).live_workers


def not_started(problem: Problem, campaign: NewCampaign) -> Problem:
    """The same problem, saying that the campaign is there all the same."""
    problem.changed = True
    if isinstance(problem, NotReady):
        problem.message += f"; it is created ({campaign.id}), complete and paused"
    else:
        problem.message += f". {campaign.name} ({campaign.id}) is complete; it was not started"
        problem.suggestion = f"wacampaign start {campaign.id}"
    return problem


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
