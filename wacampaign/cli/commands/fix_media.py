"""`fix-media`: another header media (or template) for the rows not sent, and back again."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer
from typer.core import TyperCommand

from wacampaign.cli.options import AsJson, CampaignsArgument, Code, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, say, tell
from wacampaign.cli.plan import ToldChange, agreed, change_told, show_next
from wacampaign.cli.screens import media_repair as screen
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_patience, with_store
from wacampaign.core.campaign.next_step import after_repair
from wacampaign.core.words import rows, short_id
from wacampaign.operations import repair, repair_undo
from wacampaign.operations.partly_done import PartlyDone
from wacampaign.operations.repair import PlannedRepair, RepairGoing
from wacampaign.operations.repair_choice import RepairKind, RepairOrder, UnfitMedium, upload_missing
from wacampaign.problems import Problem, Usage
from wacampaign.settings import Settings
from wacampaign.store.repairs import repair_name
from wacampaign.store.store import Store

#: What `--upload` without an argument becomes: the template's approved sample.
_SAMPLE: Final = "sample"
#: Seconds that somebody who pressed Ctrl-C waits for the database's count.
_LAST_LOOK_SECONDS: Final = 2.0
_REPAIR: Final = "Repair (one of them)"


class FixMediaCommand(TyperCommand):
    """Lets `--upload` stand without an argument, which Typer's options cannot."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A word after `--upload` is its argument if it is a URL, a path or a file's name."""
        words: list[str] = []
        for i, word in enumerate(args):
            words.append(word)
            following = args[i + 1] if i + 1 < len(args) else "-"
            if word == "--upload" and not _is_file_or_url(following):
                words.append(_SAMPLE)
        return super().parse_args(ctx, words)


def _is_file_or_url(word: str) -> bool:
    if word.startswith("-"):
        return False
    if word.lower().startswith(("http://", "https://")) or "/" in word or "\\" in word:
        return True
    return bool(Path(word).suffix) or Path(word).is_file()


COMMAND_CLASS: Final = FixMediaCommand


def fix_media(
    campaigns: CampaignsArgument = None,
    upload: Annotated[
        str | None,
        typer.Option(
            "--upload",
            metavar="[FILE_OR_URL]",
            help="Recommended: upload it to Meta and send its id; without an argument the"
            " template's approved sample.",
            rich_help_panel=_REPAIR,
            show_default=False,
        ),
    ] = None,
    from_template: Annotated[
        bool, typer.Option("--from-template", help="The address of the template's sample.")
    ] = False,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="This address, once validated.")
    ] = None,
    media_id: Annotated[
        str | None, typer.Option("--media-id", metavar="ID", help="This upload, once validated.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar="NEW",
            help="Keep the media, and move the rows to this template with the same variables.",
            rich_help_panel=_REPAIR,
            show_default=False,
        ),
    ] = None,
    undo_repair: Annotated[
        str | None,
        typer.Option("--undo", metavar="REPAIR", help="Give back what a repair changed."),
    ] = None,
    code: Code = None,
    number: Annotated[
        str | None,
        typer.Option(
            "--number",
            metavar="PHONE_NUMBER_ID",
            help="Move the rows to this number, which has the same template approved.",
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="TEMPLATE",
            help="With --template: only rows of this template move, where there are several.",
            show_default=False,
        ),
    ] = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="One medium for all, though each has its own.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Set a campaign that is over back to running.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Give ready and failed rows another header media (or template), and make them ready.

    The medium is validated first. What was sent, accepted once, is in doubt or in a worker's
    hands is never touched; all other variables stay as they are. Each row is recorded before it
    changes: --undo gives back what has not been sent since.

    Example: wacampaign fix-media Bajaj_market_2 --upload --dry-run

    Example: wacampaign fix-media 5a5c39a6 --upload header.mp4 --code 135000

    Example: wacampaign fix-media 5a5c39a6 --template promo_vid_2 --dry-run

    Example: wacampaign fix-media 5a5c39a6 --undo 3f2a91
    """
    if not campaigns:
        raise Usage("a campaign is missing", "wacampaign fix-media CAMPAIGN --upload --dry-run")
    given = {
        "upload": upload,
        "from_template": from_template,
        "url": url,
        "media_id": media_id,
        "template": template,
    }
    kinds = [kind for kind in get_args(RepairKind) if given[kind]]
    _refuse_with_template(campaigns[0], kinds, template, only, number, all_rows=all_rows)
    if number is not None and not kinds and not undo_repair:
        given["upload"], kinds = _SAMPLE, ["upload"]
    if len(kinds) + bool(undo_repair) != 1:
        raise Usage(
            "give one of --upload, --from-template, --url, --media-id, --template and --undo",
            f"wacampaign fix-media {shlex.quote(campaigns[0])} --upload --dry-run",
        )
    settings = read_settings(env_file, store)
    if undo_repair:
        others = (code is not None, number is not None, only is not None, restart, all_rows)
        if len(campaigns) > 1 or any(others):
            raise Usage("--undo takes one campaign and no other choice", "wacampaign fix-media -h")
        with change_told(as_json=as_json, dry_run=dry_run) as told:
            _undo(settings, campaigns[0], undo_repair, told, yes=yes, dry_run=dry_run)
        return
    (kind,) = kinds
    of_template = kind == "from_template" or (kind == "upload" and given[kind] == _SAMPLE)
    source = None if of_template else str(given[kind])
    rows_chosen = f" --number {number}" if number else ""
    rows_chosen += f" --code {code}" if code is not None else ""
    rows_chosen += f" --only {only}" if only else ""
    rows_chosen += " --all-rows" if all_rows else ""
    how = f"--{kind.replace('_', '-')}{f' {shlex.quote(source)}' if source else ''}{rows_chosen}"
    if kind == "upload" and source and "://" not in source:
        source = str(Path(source).resolve())
    order = RepairOrder(kind, source, number, code, all_rows, only)

    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.done(changed=False, repairs=[])
        # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
        try:
            planned = with_store(settings, repair.look, settings, campaigns, order)
        except UnfitMedium as unfit:
            again = f"{shlex.join(campaigns)} --upload FILE_OR_URL{rows_chosen} --dry-run"
            screen.show_unfit(unfit, f"wacampaign fix-media {again}")
            told.done(changed=False, unfit=unfit.in_words)
            raise typer.Exit(FINDING) from None
        work = []
        for campaign in planned:
            if campaign.changes or (restart and campaign.can_restart):
                work.append(campaign)
            else:
                _finish(settings, campaign)
        if work and agreed(
            screen.repair_plan(work, restart=restart, how=how), yes=yes, dry_run=dry_run
        ):
            told.done(repairs=_carry_out(settings, work, restart=restart, how=how))


def _refuse_with_template(
    campaign: str,
    kinds: Sequence[str],
    template: str | None,
    only: str | None,
    number: str | None,
    *,
    all_rows: bool,
) -> None:
    """Raises `Usage` for what makes no sense together with `--template`, or without it."""
    if template is None:
        if only is not None:
            raise Usage(
                "--only goes with --template", f"wacampaign fix-media {shlex.quote(campaign)} -h"
            )
        return
    move = f"wacampaign fix-media {shlex.quote(campaign)} --template {template}"
    if len(kinds) > 1:
        raise Usage(
            "--template keeps each row's media: another medium is a repair of its own",
            f"{move}, and then the same with --upload",
        )
    if number is not None:
        raise Usage(
            "--template keeps each row's number, as media ids belong to one: another number is a "
            "repair of its own",
            f"{move}, and then the same with --number",
        )
    if all_rows:
        raise Usage("--all-rows is for media, and --template keeps them", move)


def _finish(settings: Settings, planned: PlannedRepair) -> None:
    """A repair that was interrupted after its last row is at its end."""
    finished = with_store(settings, repair.finish_interrupted, planned)
    for known, n in finished:
        name = repair_name(known.id)
        tell(f"repair {name}, which was interrupted, is complete: {rows(n)}")
    screen.show_unchanged(planned)


def _carry_out(
    settings: Settings, work: list[PlannedRepair], *, restart: bool, how: str
) -> list[dict[str, Any]]:
    """Uploads what is missing, then repairs each campaign. Raises what ended it early."""
    going: list[RepairGoing] = []  # one for each campaign that was begun
    done: list[dict[str, Any]] = []

    async def act(opened: Store) -> None:
        media = [choice for planned in work if planned.changes for choice in planned.media]
        if uploaded := await upload_missing(opened, settings, media):
            tell(f"uploaded: {uploaded} to Meta")
        for planned in work:
            going.append(RepairGoing())
            if planned.changes:
                with progress_bar(f"repair {planned.campaign.name}") as advance:
                    in_all = await repair.repair_rows(opened, planned, going[-1], advance)
                screen.show_repaired(planned, going[-1], in_all)
            restarted = restart and await repair.restart_repaired(opened, planned)
            if restarted:
                tell(f"the campaign was {planned.campaign.status}, and runs again")
            done.append(screen.repaired_json(planned, going[-1], restarted=restarted))
            command = screen.fix_command(planned, how)
            show_next(after_repair(planned.campaign, command, restart=restarted))

    try:
        with_store(settings, act)
    except Problem as problem:
        problem.changed = problem.changed or len(going) > 1
        raise
    except KeyboardInterrupt:
        if going:
            planned, last = work[len(going) - 1], going[-1]
            try:
                changed = with_patience(
                    _LAST_LOOK_SECONDS, settings, repair.rows_repaired, planned, last
                )
            except Problem:
                changed = last.rows
            screen.say_interrupted(planned, last, changed, how)
        else:
            say("interrupted: no row was changed")
        raise
    return done


def _undo(
    settings: Settings, name: str, repair_id: str, told: ToldChange, *, yes: bool, dry_run: bool
) -> None:
    planned = with_store(settings, repair_undo.look, name, repair_id)
    campaign, short = planned.campaign, repair_name(planned.repair.id)
    told.done(changed=False, undone=str(planned.repair.id), rows=0)
    queue_stats = f"wacampaign queue-stats {campaign.short_id}"
    if not planned.restorable:
        tell(f"nothing was changed: repair {short} of {campaign} has no row to give back")
        for line in screen.kept_by_undo(planned.survey):
            tell(f"  {line}")
        with_store(settings, repair_undo.finish_interrupted, planned)
        show_next(queue_stats)
        return
    if not agreed(screen.undo_plan(planned), yes=yes, dry_run=dry_run):
        return
    done = PartlyDone()

    async def act(opened: Store) -> None:
        with progress_bar(f"undo {short}") as advance:
            after = await repair_undo.give_back(opened, planned, done, advance)
        told.done(changed=done.rows > 0, rows=done.rows)
        tell(f"undone: {rows(done.rows)} of {campaign} are as before repair {short}")
        for line in screen.kept_by_undo(after, 0 if after is planned.survey else done.rows):
            tell(line)
        show_next(queue_stats)

    try:
        with_store(settings, act)
    except KeyboardInterrupt:
        say(f"interrupted: at least {rows(done.rows)} of {campaign} are given back")
        say("the same command goes on with it")
        again = f"wacampaign fix-media {campaign.short_id} --undo {short_id(planned.repair.id)}"
        show_next(again, sys.stderr)
        raise
