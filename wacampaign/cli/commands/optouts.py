"""`optouts list|add|remove|import|export`: who gets no marketing any more, since when and why."""

import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from wacampaign.cli.options import (
    SHOWN_MAX,
    AsJson,
    DryRun,
    EnvFile,
    ShowNumbers,
    StoreFlag,
    Yes,
)
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import ToldChange, agreed, change_told, show_next
from wacampaign.cli.screens.optouts import optouts_json, show_optouts
from wacampaign.cli.session import read_settings, with_arrivals, with_store
from wacampaign.core.words import counted
from wacampaign.operations import optouts as operation
from wacampaign.operations.piped_list import regular_file
from wacampaign.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Who gets no marketing any more, since when and why: list, add, remove, import, export.",
)

_Phones: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="PHONE…",
        help="Phones with country code, in any form, or business-scoped ids (IN.abc…).",
        show_default=False,
    ),
]
_Reason: TypeAlias = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why, to be shown.", show_default=False),
]


@app.command("list")
def list_optouts(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")
    ] = SHOWN_MAX,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show who opted out of marketing, newest first, since when and why.

    By a word (STOP and the like in some thirty languages), a button, WhatsApp's own switch, Meta's
    code 131050 told twice, by hand or from a list.

    Example: wacampaign optouts list --limit 200
    """
    settings = read_settings(env_file, store)
    page = with_arrivals(settings, operation.look, limit, show_numbers=show_numbers)
    if as_json:
        print_json(optouts_json(page))
    else:
        show_optouts(page)


@app.command()
def add(
    phones: _Phones,
    reason: _Reason = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Enter people who want no marketing any more.

    Their rows of marketing fail when they are claimed, also in campaigns that are in the queue.

    Example: wacampaign optouts add +447700900123 --reason 'asked by phone'
    """
    _change("stop", phones, reason, yes, dry_run, as_json, show_numbers, env_file, store)


@app.command()
def remove(
    phones: _Phones,
    reason: _Reason = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Take people out who want marketing again. What was kept of them stays, as ended.

    A person does it by the word START. Whoever switched marketing off in WhatsApp does not get it
    all the same: Meta refuses it with 131050.

    Example: wacampaign optouts remove +447700900123 --reason 'signed up again in the shop'
    """
    _change("start", phones, reason, yes, dry_run, as_json, show_numbers, env_file, store)


def _change(
    wish: str,
    phones: list[str],
    reason: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    show_numbers: bool,
    env_file: Path | None,
    store: str | None,
) -> None:
    settings = read_settings(env_file, store)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        change = with_arrivals(
            settings, operation.look_at, wish, phones, reason, show_numbers=show_numbers
        )
        told.done(changed=False, numbers=0, already=change.already)
        if not change.people:
            state = "out already" if wish == "stop" else "not out"
            tell(f"{counted(change.already, 'number')} {state}: nothing was changed")
            return
        if not agreed(operation.change_plan(change), yes=yes, dry_run=dry_run):
            return
        changed = with_store(settings, operation.carry_out, change)
        told.done(changed=changed > 0, numbers=changed)
        tell(f"{'entered' if wish == 'stop' else 'taken out'}: {counted(changed, 'number')}")
        show_next("wacampaign optouts list")


@app.command("import")
def import_optouts(
    csv: Annotated[
        Path,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="The list: CSV, .xlsx, .ods or JSON lines, or - for standard input. Columns: the"
            " phone (in any form), and `since` and `reason` if there are such.",
            show_default=False,
        ),
    ],
    default_region: Annotated[
        str | None,
        typer.Option(
            "--default-region",
            metavar="IN",
            help="Country of phones without a country code: IN, India, UK, +91.",
            show_default=False,
        ),
    ] = None,
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
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Enter the people of a list, such as another program's or one of `optouts export`.

    Who is out already stays as he is. Somebody who said START after the list's `since` gets
    marketing all the same. Rows that name nobody are told with their line.

    Example: wacampaign optouts import --csv unsubscribed.csv --default-region IN
    """
    settings = read_settings(env_file, store)
    with regular_file(csv, sys.stdin.buffer if sys.stdin else None) as path:
        given = operation.open_list(
            path, default_region=default_region, encoding=encoding, sheet=sheet
        )
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _import(settings, given, told, yes=yes, dry_run=dry_run, show_numbers=show_numbers)


def _import(
    settings: Settings,
    given: operation.OptOutList,
    told: ToldChange,
    *,
    yes: bool,
    dry_run: bool,
    show_numbers: bool,
) -> None:
    name = given.path.name
    survey = with_arrivals(settings, operation.survey_list, given, show_numbers=show_numbers)
    told.done(
        changed=False,
        numbers=0,
        already=survey.already,
        said_start_since=survey.back,
        unreadable=survey.unreadable,
        undated=survey.undated,
        first_unreadable=survey.first_unreadable,
    )
    if not survey.new:
        for line in survey.first_unreadable:
            say(line)
        known = counted(survey.already + survey.back, "number")
        tell(f"{name}: {known} out already, or said START since: nothing was changed")
        for sentence in survey.left_out():
            tell(sentence)
        return
    if not agreed(operation.import_plan(survey), yes=yes, dry_run=dry_run):
        return
    done = with_store(settings, operation.import_list, given)
    told.done(changed=done.rows > 0, numbers=done.rows, said_start_since=done.back)
    tell(f"entered: {counted(done.rows, 'number')} of {name}")
    if done.back:
        tell(f"{done.back:,} of them said START since, and get marketing")
    for sentence in survey.left_out():
        tell(sentence)
    show_next("wacampaign optouts list")


@app.command()
def export(
    csv: Annotated[
        Path,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="The new file: phone, user_id, since, cause, evidence.",
            show_default=False,
        ),
    ],
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Write all opt-outs into a new CSV file, which `optouts import` reads.

    Phones are masked in it unless --show-numbers is given; only whole ones can be imported.

    Example: wacampaign optouts export --csv optouts.csv --show-numbers
    """
    settings = read_settings(env_file, store)
    written = with_arrivals(settings, operation.export, csv, show_numbers=show_numbers)
    masked = "" if show_numbers else "; phones are masked, --show-numbers writes them whole"
    say(f"written: {csv}, {counted(written, 'number')}{masked}")
