"""`create`: a campaign from a CSV, checked whole before the first row is written."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import SAMPLES_SHOWN, Plan, Step, agreed, show_next
from wacampaign.cli.preflight import NotReady, SkipPreflight, check_before_start, set_running
from wacampaign.cli.progress import progress_bar
from wacampaign.cli.session import actor, read_settings, with_store
from wacampaign.cli.wording import contact_count
from wacampaign.core.cells import cell
from wacampaign.problems import Problem, Refused, Unreachable

if TYPE_CHECKING:
    from wacampaign.intake import Survey
    from wacampaign.intake.enqueue import Filling, NewCampaign
    from wacampaign.senders.numbers import KnownNumber
    from wacampaign.senders.templates import Choice
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Calling codes shown in a plan; a list of one country has one or two.
_CODES_SHOWN: Final = 5
#: Characters of a variable shown in a plan.
_VALUE_SHOWN: Final = 24


class Interrupted(Problem):
    """Interrupted before the campaign was complete."""

    exit_code: ClassVar[int] = 130
    code: ClassVar[str] = "interrupted"


def create(
    csv: Annotated[
        Path, typer.Option("--csv", metavar="FILE", help="First column the phone, then variables.")
    ],
    number: Annotated[
        str,
        typer.Option(
            "--number", metavar="PHONE_NUMBER_ID", help="What to send from (or its digits)."
        ),
    ],
    template: Annotated[
        list[str],
        typer.Option(
            "--template",
            metavar="NAME",
            help="Several (repeated, or with commas): contacts are dealt out to them in turn.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="By itself the file's.", show_default=False),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start it as soon as all contacts are in.")
    ] = False,
    skip_preflight: SkipPreflight = False,
    allow_repeats: Annotated[
        bool, typer.Option("--allow-repeats", help="Send to a recipient as often as he is listed.")
    ] = False,
    default_region: Annotated[
        str | None,
        typer.Option(
            "--default-region",
            metavar="IN",
            help="Country of the phones that are written without a country code.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Create a campaign from a CSV: every row is checked before anything is written.

    The variables fill the template in order; of a template with a video, image or document, the
    first one is the medium (a URL or a media id). Rows that cannot be sent to are listed in
    FILE.rejected.csv. The campaign is paused until `start`; --start makes its preflight first.

    Example: wacampaign create --csv offer.csv --number 200000000000001 --template demo_text
    """
    settings = read_settings(env_file, store)
    templates = [one for text in template for one in map(cell, text.split(",")) if one]
    sender, choice, namesakes = _look(settings, number, templates, name or csv.stem)
    surveyed = _survey(csv, choice.columns, default_region, allow_repeats, write=not dry_run)
    if surveyed.accepted == 0:
        where = f"look into {surveyed.rejected_file}, " if surveyed.rejected_file else ""
        raise Refused(
            f"nobody in {csv.name} can be sent to: {_first_reasons(surveyed)}",
            f"{where}correct {csv.name}, then run the same command again",
        )
    from wacampaign.intake.enqueue import new_campaign

    campaign = new_campaign(surveyed, sender.id, choice.names, name)
    plan = _plan(campaign, sender, choice, namesakes=namesakes, start=start)
    # With --json, stdout is for the one object.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        goes_on = agreed(plan, yes=yes, dry_run=dry_run)
    live_workers = 0
    if goes_on:
        _fill(settings, campaign)
        if start:
            live_workers = _start(settings, campaign, unchecked=skip_preflight)
    if as_json:
        status = ("running" if start else "paused") if goes_on else None
        print_json(_as_json(campaign, sender, status))
    elif goes_on:
        short_id = str(campaign.id)[:8]
        tell(f"created: {campaign.name} ({short_id}), {contact_count(surveyed.accepted)}")
        if start and live_workers:
            tell("started: workers send it from now on")
            show_next(f"wacampaign monitor {short_id}")
        elif start:
            tell("started, but no worker is alive: nothing is sent until one runs")
            show_next("wacampaign run-worker")
        else:
            show_next(f"wacampaign start {short_id}")


def _look(
    settings: Settings, number: str, templates: list[str], name: str
) -> tuple[KnownNumber, Choice, int]:
    """The number, its templates, and how many campaigns have the name already."""
    from wacampaign.senders.numbers import find_number
    from wacampaign.senders.templates import choose_templates, known_templates

    async def work(store: Store) -> tuple[KnownNumber, Choice, int]:
        sender = await find_number(store, number)
        choice = choose_templates(await known_templates(store, sender), sender, templates)
        namesakes = sum(one["name"] == name for one in await store.find(name))
        return sender, choice, namesakes

    return with_store(settings, work)


def _survey(
    path: Path, columns: int, default_region: str | None, allow_repeats: bool, *, write: bool
) -> Survey:
    from wacampaign.intake import survey

    with progress_bar(f"checking {path.name}") as advance:
        return survey(
            path,
            columns,
            default_region=default_region,
            allow_repeats=allow_repeats,
            write_rejected=write,
            on_progress=advance,
        )


def _plan(
    campaign: NewCampaign, sender: KnownNumber, choice: Choice, *, namesakes: int, start: bool
) -> Plan:
    surveyed = campaign.surveyed
    becomes = "running" if start else "paused"
    return Plan(
        title=f"create {campaign.name} from {surveyed.path.name}",
        steps=(
            Step(1, "campaign", "none", becomes),
            Step(surveyed.accepted, "contact", "the list", "the queue, ready"),
        ),
        samples=_samples(campaign),
        notes=tuple(_notes(campaign, sender, choice, namesakes)),
        next_command="wacampaign run-worker" if start else "wacampaign start CAMPAIGN",
    )


def _notes(campaign: NewCampaign, sender: KnownNumber, choice: Choice, namesakes: int) -> list[str]:
    surveyed = campaign.surveyed
    notes = [f"from {sender.label}, phone number id {sender.phone_number_id}"]
    shares = campaign.shares
    notes += [
        f"template {one.name} ({one.language}, {one.needs_in_words}): {shares[one.name]:,}"
        for one in choice.templates
    ]
    codes = [f"+{code} {n:,}" for code, n in surveyed.calling_codes.items()]
    more = f", {len(codes) - _CODES_SHOWN} more" if len(codes) > _CODES_SHOWN else ""
    notes.append(f"countries: {', '.join(codes[:_CODES_SHOWN])}{more}")
    if surveyed.repeats:
        notes.append(f"left out: {surveyed.repeats:,} listed before (--allow-repeats takes them)")
    if surveyed.rejected:
        notes.append(f"left out: {surveyed.rejected:,} that cannot be sent to")
    notes += [
        f"  line {one.line}: {_masked(one.phone)}{one.reason}" for one in surveyed.first_rejections
    ]
    if surveyed.rejected_file:
        notes.append(f"all that are left out: {surveyed.rejected_file}")
    if sender.is_active and sender.rate_now > 0:
        seconds = surveyed.accepted / sender.rate_now
        notes.append(f"takes about {_duration(seconds)} at {sender.rate_now:,.0f} a second")
    else:
        notes.append("NOTE: the number is not active: nothing is sent from it until it is")
    if namesakes:
        are = "campaigns are" if namesakes > 1 else "campaign is"
        notes.append(f"NOTE: {namesakes} {are} named {campaign.name!r} already; use ids then")
    return notes


def _samples(campaign: NewCampaign) -> list[str]:
    """The first contacts with their templates, phones masked."""
    from wacampaign.core.masking import mask_phone
    from wacampaign.intake import contacts

    first = list(islice(contacts(campaign.surveyed), SAMPLES_SHOWN))
    names = campaign.templates
    return [
        f"line {one.line}: {mask_phone(one.phone)} {names[i % len(names)]}"
        + "".join(f" | {_cut(value)}" for value in one.variables)
        for i, one in enumerate(first)
    ]


def _fill(settings: Settings, campaign: NewCampaign) -> None:
    """Write the rows; however it ends early, the person learns what is there and what to do."""
    import asyncio
    import signal

    from wacampaign.intake.enqueue import Filling

    filling: Filling | None = None
    interrupted = False

    async def work(store: Store) -> None:
        nonlocal filling
        filling = Filling(store, campaign, actor())
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def on_interrupt() -> None:
            nonlocal interrupted
            if interrupted:
                raise KeyboardInterrupt
            interrupted = True
            say("")
            say("stopping after the rows on their way; Ctrl-C again stops at once")
            if task is not None:
                task.cancel()

        loop.add_signal_handler(signal.SIGINT, on_interrupt)
        try:
            with progress_bar("writing contacts") as advance:
                await filling.run(advance)
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    try:
        with_store(settings, work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise _unfinished(Interrupted("interrupted"), filling) from None
    except Problem as problem:
        if interrupted:
            problem = Interrupted(f"interrupted ({problem.message})")
        raise _unfinished(problem, filling) from None


def _unfinished(problem: Problem, filling: Filling | None) -> Problem:
    """The same problem, saying what is in the database and how to get rid of it."""
    if filling is None or not filling.begun:
        problem.message += ". Nothing was created"
        problem.suggestion = "run the same command again"
        return problem
    campaign = filling.campaign
    problem.changed = True
    total = campaign.surveyed.accepted
    if filling.complete:
        problem.message += f". {campaign.name} ({campaign.id}) is complete and paused"
        problem.suggestion = f"wacampaign start {campaign.id}"
        return problem
    if filling.written == 0 and isinstance(problem, Unreachable):
        what = "may have been created; if so, it is paused and incomplete"
    else:
        what = f"is paused and incomplete ({filling.written:,} of {contact_count(total)} written)"
    problem.message += f". {campaign.name} ({campaign.id}) {what}; nothing was sent"
    problem.suggestion = f"wacampaign cancel {campaign.id}, then create it again"
    return problem


def _start(settings: Settings, campaign: NewCampaign, *, unchecked: bool) -> int:
    """Starts it; how many workers are alive to send it."""

    async def work(store: Store) -> int:
        await set_running(store, str(campaign.id), unchecked=unchecked)
        return sum(1 for worker in (await store.stats([]))["workers"] if worker["alive"])

    try:
        if not unchecked:
            check_before_start(settings, str(campaign.id), campaign.name, sys.stderr)
        return with_store(settings, work)
    except NotReady as problem:
        problem.changed = True
        problem.message += f"; it is created ({campaign.id}), complete and paused"
        raise
    except Problem as problem:
        problem.changed = True
        problem.message += f". {campaign.name} ({campaign.id}) is complete; it was not started"
        problem.suggestion = f"wacampaign start {campaign.id}"
        raise


def _as_json(campaign: NewCampaign, sender: KnownNumber, status: str | None) -> dict[str, Any]:
    surveyed = campaign.surveyed
    rate = sender.rate_now if sender.is_active else 0
    return {
        "created": status is not None,
        "campaign": {
            "id": None if status is None else str(campaign.id),
            "name": campaign.name,
            "status": status,
        },
        "phone_number_id": sender.phone_number_id,
        "templates": campaign.shares,
        "accepted": surveyed.accepted,
        "rejected": surveyed.rejected,
        "repeats": surveyed.repeats,
        "rejected_file": str(surveyed.rejected_file) if surveyed.rejected_file else None,
        "calling_codes": dict(surveyed.calling_codes),
        "estimated_seconds": round(surveyed.accepted / rate) if rate > 0 else None,
    }


def _first_reasons(surveyed: Survey) -> str:
    return "; ".join(f"line {one.line}: {one.reason}" for one in surveyed.first_rejections[:3])


def _masked(phone: str) -> str:
    """What stood in the phone column, as far as it may be shown."""
    from wacampaign.core.masking import mask_phone

    return f"{mask_phone(phone)} " if any(c.isdecimal() for c in phone) else ""


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_SHOWN else value[: _VALUE_SHOWN - 1] + "…"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
