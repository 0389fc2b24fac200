"""`create`: a campaign from a list of contacts, checked whole before the first row is written."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from wacampaign.cli.commands.preflight import check_before_start
from wacampaign.cli.options import (
    SHOWN_MAX,
    AllowMarkup,
    AllowPlaceholders,
    AsJson,
    DryRun,
    EnvFile,
    SkipPreflight,
    StoreFlag,
    Yes,
)
from wacampaign.cli.output import say, tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.creation import creation_json
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_store
from wacampaign.cli.template_language import in_one_language
from wacampaign.core.campaign.name import checked_name, name_of_file
from wacampaign.core.cells import cell
from wacampaign.core.columns.mapping import Pair, UnknownName, read_map
from wacampaign.core.template.unmeant import Unmeant, allowed_kinds
from wacampaign.core.words import counted, short_id
from wacampaign.operations.campaigns import actor
from wacampaign.operations.create import (
    create_plan,
    draft,
    look,
    look_for_repeats,
    not_started,
    start_created,
)
from wacampaign.operations.create_columns import Wishes
from wacampaign.operations.enqueue import Filling, NewCampaign, unfinished
from wacampaign.operations.piped_list import regular_file, shown_path
from wacampaign.problems import Problem, Usage
from wacampaign.settings import Settings
from wacampaign.store.store import Store


class Interrupted(Problem):
    """Interrupted before the campaign was complete."""

    exit_code: ClassVar[int] = 130
    code: ClassVar[str] = "interrupted"


def create(
    csv: Annotated[
        Path,
        typer.Option("--csv", metavar="FILE", help="CSV, .xlsx, .ods or JSON lines; - is a pipe."),
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
            metavar="NAME[:LANGUAGE]",
            help="With a language where Meta has approved several. Several templates (repeated, or "
            "with commas): contacts are dealt out to them in turn.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="By itself the file's; at most 100 characters.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start it as soon as all contacts are in.")
    ] = False,
    skip_preflight: SkipPreflight = False,
    allow_repeats: Annotated[
        bool, typer.Option("--allow-repeats", help="Send to a recipient as often as he is listed.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Also when a campaign has this name, or had this list within a week.",
        ),
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="E",
            help="Of the text, where it is not certain: Windows-1251, UTF-8 …",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            "--sheet",
            metavar="S",
            help="Name or number of a spreadsheet's sheet; by itself the first that is shown.",
            show_default=False,
        ),
    ] = None,
    default_region: Annotated[
        str | None,
        typer.Option(
            "--default-region",
            metavar="IN",
            help="Country of phones without a country code: IN, India, UK, +91.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="VAR=COLUMN",
            help="Which column fills what: 'first_name=Vorname,phone=#3'. Beats the header.",
            show_default=False,
        ),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="VAR=TEXT",
            help="The same for all rows: 'image=https://…', 'products=Lamps: A1, A2'. Repeatable.",
            show_default=False,
        ),
    ] = None,
    filename: Annotated[
        str | None,
        typer.Option(
            "--filename",
            metavar="TEXT",
            help="What readers see as the document's name. By itself the URL's last part.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="When the offer ends: '2030-01-31 18:00', by this machine's clock unless it has a "
            "zone.",
            show_default=False,
        ),
    ] = None,
    allow_placeholders: AllowPlaceholders = False,
    allow_markup: AllowMarkup = False,
    show: Annotated[
        int,
        typer.Option(
            "--show",
            metavar="N",
            min=0,
            max=SHOWN_MAX,
            help="Messages that the plan shows as their recipients will see them.",
        ),
    ] = 1,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Create a campaign from a list of contacts: every row is checked before anything is written.

    A header that names the template's variables decides which column is which, in any order, and
    other columns are left out; else they fill the template in order, a medium (a URL or a media id)
    first. The plan shows it, and --map says otherwise. Rows that cannot be sent to are listed in
    FILE.rejected.csv. The campaign is paused until `start`; --start makes its preflight first. It
    keeps the language of its templates, whatever languages Meta approves later.

    Example: wacampaign create --csv offer.csv --number 200000000000001 --template demo_text
    """
    settings = read_settings(env_file, store)
    templates = [cell(part) for text in template for part in text.split(",") if cell(part)]
    allowed = allowed_kinds(placeholders=allow_placeholders, markup=allow_markup)
    constants = [*(constants or ())]
    for var, text in (("filename", filename), ("expires", expires)):
        if text is not None:
            constants.append(f"{var}={text}")
    wishes = _wishes(columns or (), constants, allowed)
    shown = shown_path(csv)
    named, again = _name(name, shown), again or dry_run
    writes = False
    try:
        with (
            change_told(as_json=as_json, dry_run=dry_run) as told,
            regular_file(csv, sys.stdin.buffer if sys.stdin else None) as path,
        ):
            source = in_one_language(
                lambda wanted: with_store(settings, look, number, wanted, named, again=again),
                templates,
                may_ask=not yes,
            )
            with progress_bar(f"checking {shown.name}") as advance:
                made = draft(
                    source,
                    path,
                    named,
                    encoding=encoding,
                    sheet=sheet,
                    rejected_beside=shown,
                    wishes=wishes,
                    default_region=default_region,
                    allow_repeats=allow_repeats,
                    write_rejected=not dry_run,
                    on_progress=advance,
                )
            made = with_store(settings, look_for_repeats, made, again=again or dry_run)
            # The notes of a plan are told behind two blanks.
            room = shutil.get_terminal_size().columns - 2
            plan = create_plan(made, start=start, show=show, columns=room)
            campaign = made.campaign
            goes_on = agreed(plan, yes=yes, dry_run=dry_run)
            live_workers = 0
            if goes_on:
                writes = True
                _fill(settings, campaign)
                if start:
                    live_workers = _start(
                        settings, campaign, wishes.allowed, unchecked=skip_preflight
                    )
            status = ("running" if start else "paused") if goes_on else None
            told.done(changed=goes_on, **creation_json(made, status, show))
            if goes_on:
                short = short_id(str(campaign.id))
                contacts = counted(campaign.surveyed.accepted, "contact")
                tell(f"created: {campaign.name} ({short}), {contacts}")
                if start and live_workers:
                    tell("started: workers send it from now on")
                    show_next(f"wacampaign monitor {short}")
                elif start:
                    tell("started, but no worker is alive: nothing is sent until one runs")
                    show_next("wacampaign run-worker")
                else:
                    show_next(f"wacampaign start {short}")
    except KeyboardInterrupt:
        if writes:
            raise
        raise Interrupted(
            "interrupted: nothing was created", "run the same command again; --dry-run only looks"
        ) from None


def _name(given: str | None, file: Path) -> str:
    if given is None:
        return name_of_file(file.stem)
    try:
        return checked_name(given)
    except ValueError as why:
        raise Usage(f"the name in --name {why}", "give another --name, or leave it out") from None


def _wishes(
    columns: Sequence[str], constants: Sequence[str], allowed: frozenset[Unmeant]
) -> Wishes:
    try:
        pairs = read_map(columns)
    except UnknownName as wrong:
        raise Usage(str(wrong), "such as: --map 'first_name=Vorname,phone=#3'") from None
    said = []
    for text in constants:
        var, equals, value = text.partition("=")
        if not equals or not cell(var) or not cell(value):
            raise Usage(f"--set takes VAR=TEXT, not “{text}”", "such as: --set 'thumbnail=SKU1'")
        said.append(Pair(cell(var), cell(value)))
    return Wishes(pairs, tuple(said), allowed)


def _fill(settings: Settings, campaign: NewCampaign) -> None:
    """Write the rows; however it ends early, the person learns what is there and what to do."""
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
        raise unfinished(Interrupted("interrupted"), filling) from None
    except Problem as problem:
        if interrupted:
            problem = Interrupted(f"interrupted ({problem.message})")
        raise unfinished(problem, filling) from None


def _start(
    settings: Settings, campaign: NewCampaign, allowed: frozenset[Unmeant], *, unchecked: bool
) -> int:
    """Starts it; how many workers are alive to send it."""
    try:
        if not unchecked:
            check_before_start(
                settings, str(campaign.id), campaign.name, allowed=allowed, stream=sys.stderr
            )
        return with_store(settings, start_created, campaign, unchecked=unchecked)
    except Problem as problem:
        raise not_started(problem, campaign) from None
