"""`fix-media`: another header media for the rows that are not sent, and back again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from wacampaign.cli.failures import Code
from wacampaign.cli.fix_media_choice import Wish
from wacampaign.cli.fix_media_plan import Found, look, plan_of
from wacampaign.cli.fix_media_undo import undo
from wacampaign.cli.fix_media_work import carry_out, finish_interrupted, say_unchanged
from wacampaign.cli.options import Campaigns, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.plan import Plan, agreed
from wacampaign.cli.session import read_settings, resolve_campaign, with_store
from wacampaign.problems import Usage

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: What `--upload` without an argument becomes: the template's approved sample.
_SAMPLE: Final = "sample"
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
    return Path(word).is_file() or bool(Path(word).suffix)


def fix_media(
    campaigns: Campaigns = None,
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
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="One medium for all, though each has its own.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Set a campaign that is over back to running.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Give ready and failed rows another header media, and make them ready.

    The medium is validated first. What was sent, accepted once, is in doubt or in a worker's
    hands is never touched; all other variables stay as they are. Each row is recorded before it
    changes: --undo gives back what has not been sent since.

    Example: wacampaign fix-media Bajaj_market_2 --upload --dry-run

    Example: wacampaign fix-media 5a5c39a6 --upload header.mp4 --code 135000

    Example: wacampaign fix-media 5a5c39a6 --undo 3f2a91
    """
    if not campaigns:
        raise Usage("a campaign is missing", "wacampaign fix-media CAMPAIGN --upload --dry-run")
    if number is not None and not (upload or from_template or url or media_id or undo_repair):
        upload = _SAMPLE
    if sum(bool(x) for x in (upload, from_template, url, media_id, undo_repair)) != 1:
        raise Usage(
            "give one of --upload, --from-template, --url, --media-id and --undo",
            f"wacampaign fix-media {campaigns[0]} --upload --dry-run",
        )
    settings = read_settings(env_file, store)
    if undo_repair is not None:
        if len(campaigns) > 1 or code is not None or number is not None or restart or all_rows:
            raise Usage("--undo takes one campaign and no other choice", "wacampaign fix-media -h")
        undo(settings, campaigns[0], undo_repair, yes=yes, dry_run=dry_run)
        return
    if upload is not None:
        file = upload if upload == _SAMPLE or "://" in upload else str(Path(upload).resolve())
        wish = Wish("upload", None if file == _SAMPLE else file, number, code, all_rows)
        how = "--upload" if upload == _SAMPLE else f"--upload {shlex.quote(upload)}"
    elif from_template:
        wish = Wish("from_template", None, number, code, all_rows)
        how = "--from-template"
    else:
        wish = Wish("url" if url else "media_id", url or media_id, number, code, all_rows)
        how = f"--url {shlex.quote(str(url))}" if url else f"--media-id {media_id}"
    how += f" --number {number}" if number else ""
    how += f" --code {code}" if code is not None else ""
    how += " --all-rows" if all_rows else ""

    async def look_at_all(opened: Store) -> list[Found]:
        named = {(one := await resolve_campaign(opened, text)).id: one for text in campaigns}
        return [await look(opened, settings, one, wish) for one in named.values()]

    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    found = with_store(settings, look_at_all)
    work = []
    for one in found:
        if one.changes or (restart and one.is_over and one.state["counts"]["ready"]):
            work.append(one)
        else:
            finish_interrupted(settings, one, wish)
            say_unchanged(one)
    if not work:
        return

    def command(one: Found) -> str:
        return f"wacampaign fix-media {one.campaign.short_id} {how}"

    plans = [plan_of(one, wish, restart=restart, command=command(one)) for one in work]
    if not agreed(_together(plans), yes=yes, dry_run=dry_run):
        return
    carry_out(settings, work, wish, restart=restart, command=command)


def _together(plans: list[Plan]) -> Plan:
    if len(plans) == 1:
        return plans[0]
    return Plan(
        title=f"repair the header media of {len(plans)} campaigns",
        steps=[step for plan in plans for step in plan.steps],
        samples=[sample for plan in plans for sample in plan.samples[:2]],
        notes=[
            line
            for plan in plans
            for line in (
                plan.title.removeprefix("repair the header media of "),
                *(f"  {note}" for note in plan.notes),
            )
        ],
        next_command=plans[0].next_command,
    )
