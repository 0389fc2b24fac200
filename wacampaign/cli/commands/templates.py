"""`templates sync`, `templates list`, `templates copy`: what campaigns are sent with."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, print_json, say, tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.media_repair import show_unfit
from wacampaign.cli.screens.tables import print_table
from wacampaign.cli.screens.template_copy import copy_json, copy_plan, show_verdict
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.template.review import UNDECIDED
from wacampaign.core.templates import KnownTemplate
from wacampaign.operations import template_copy, template_sync
from wacampaign.operations.campaigns import actor, refuse_blind
from wacampaign.operations.numbers import find_number
from wacampaign.operations.repair_choice import UnfitMedium
from wacampaign.operations.template_copy import CopyOrder
from wacampaign.operations.template_sync import NumberSync
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates

app = typer.Typer(no_args_is_help=True, help="Templates: sync with Meta, list, copy.")

_Number: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--number",
        metavar="PHONE_NUMBER_ID",
        help="Of this number alone (or its digits).",
        show_default=False,
    ),
]


@app.command()
def sync(
    number: _Number = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Take over the templates that Meta has: every page and language, for all active numbers.

    Asks only when templates go out of use because Meta no longer has them. A number that cannot
    be read does not keep the others from being synced. No campaign changes its language by it: one
    whose template is no longer as it was planned is held, and named here.

    Example: wacampaign templates sync --number 200000000000001
    """
    settings = read_settings(env_file, store)
    syncs = with_store(settings, template_sync.look, settings, number)
    plans = [sync.plan for sync in syncs if sync.plan is not None]
    asks = dry_run or any(plan.gone for plan in plans)
    plan = template_sync.plan_of(syncs)
    problem = next((sync.problem for sync in syncs if sync.problem is not None), None)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.plan = plan
        goes_on = not asks or agreed(plan, yes=yes, dry_run=dry_run)
        if goes_on and plans:
            with_store(settings, template_sync.carry_out, syncs, actor())
        changed = goes_on and bool(plan.steps)
        told.done(changed=changed, numbers=[_sync_json(sync) for sync in syncs])
        if goes_on:
            for sync in syncs:
                _show_sync(sync)
            if problem is None:
                show_next("wacampaign templates list")
    if problem is not None:
        problem.changed = changed
        raise problem


@app.command("list")
def list_(
    number: _Number = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that Meta no longer has.")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """List the templates, a line a language, with what each needs from a CSV.

    Example: wacampaign templates list --number 200000000000001
    """

    async def work(opened: Store) -> list[KnownTemplate]:
        sender = None if number is None else await find_number(opened, number)
        found = await Templates(opened).of(sender.id if sender else None)
        if not found:
            await refuse_blind(opened)
        return found

    known = with_store(read_settings(env_file, store), work)
    templates = [template for template in known if template.is_active or everything]
    if as_json:
        print_json({"templates": [_template_json(template) for template in templates]})
        return
    if not templates:
        say("no templates yet")
        show_next("wacampaign templates sync", sys.stderr)
        return
    print_table(
        ("name", "language", "status", "needs", "phone_number_id", "category", "quality"),
        [
            (
                template.name,
                template.language,
                template.state,
                template.needs_in_words,
                template.phone_number_id,
                template.category,
                template.quality,
            )
            for template in templates
        ],
    )


@app.command()
def copy(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The template to copy.", show_default=False)
    ],
    new: Annotated[
        str,
        typer.Argument(
            metavar="NEW",
            help="Its copy's name: lowercase letters, digits, underscores.",
            show_default=False,
        ),
    ],
    number: Annotated[
        str | None,
        typer.Option(
            "--number",
            metavar="PHONE_NUMBER_ID",
            help="A number of the account that has it, where several accounts may be meant.",
            show_default=False,
        ),
    ] = None,
    media: Annotated[
        str | None,
        typer.Option(
            "--media",
            metavar="FILE_OR_URL",
            help="Another sample for the header than NAME was approved with.",
            show_default=False,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="L",
            help="Which language of NAME, where it has several.",
            show_default=False,
        ),
    ] = None,
    allow_category_change: Annotated[
        bool,
        typer.Option(
            "--allow-category-change", help="Meta may choose another category than NAME's."
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for Meta's verdict, and say its reason.")
    ] = False,
    wait_minutes: Annotated[
        int,
        typer.Option("--wait-minutes", metavar="M", min=1, max=24 * 60, help="How long at most."),
    ] = 60,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Create a template again under a new name, with its sample uploaded anew.

    Components, samples of variables, buttons, category and language are NAME's, as Meta has it now.
    Meta reviews the copy like any new template. Exit code 3: it was not approved.

    Example: wacampaign templates copy promo_vid promo_vid_2 --wait

    Example: wacampaign templates copy promo_vid promo_vid_2 --media header.mp4 --dry-run
    """
    settings = read_settings(env_file, store)
    again = f"wacampaign templates copy {shlex.quote(name)} {shlex.quote(new)} --media FILE_OR_URL"
    if media is not None and "://" not in media:
        media = str(Path(media).resolve())
    order = CopyOrder(name, new, number, media, language, allow_category_change)
    try:
        planned = with_store(settings, template_copy.look, settings, order)
    except UnfitMedium as unfit:
        if as_json:
            raise template_copy.UnfitSample(unfit.in_words, again) from None
        show_unfit(unfit, again)
        raise typer.Exit(FINDING) from None
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        template = planned.existing
        if template is None:
            told.done(changed=False, **copy_json(planned, None))
            if not agreed(copy_plan(planned), yes=yes, dry_run=dry_run):
                return
            template = with_store(settings, template_copy.create, settings, planned)
            told.changed = True
            tell(f"created: {new} ({template.language}) at Meta")
        else:
            tell(f"nothing was changed: {new} is there already, {template.status} at Meta")
        if wait and not dry_run:
            try:
                template = with_store(
                    settings,
                    template_copy.verdict,
                    settings,
                    planned,
                    template,
                    60.0 * wait_minutes,
                    say,
                )
            except KeyboardInterrupt:
                say(f"interrupted: {new} stays at Meta, and its review goes on there")
                show_next(template_copy.look_again(planned), sys.stderr)
                raise
        told.done(changed=told.changed, **copy_json(planned, template))
        show_verdict(planned, template)
        if template.status != "APPROVED" and template.status not in UNDECIDED:
            raise typer.Exit(FINDING)


def _show_sync(sync: NumberSync) -> None:
    if sync.plan is None:
        return
    plan = sync.plan
    tell(
        f"{sync.number.label}: {len(plan.new)} new, {len(plan.changed)} changed, "
        f"{len(plan.gone)} gone, {plan.unchanged} as before"
    )
    changed = [f"{one.now.label} ({one.in_words})" for one in plan.changed]
    new, gone = ([template.label for template in found] for found in (plan.new, plan.gone))
    for what, labels in (("new", new), ("changed", changed), ("gone", gone)):
        if labels:
            tell(f"  {what}: {', '.join(labels)}")
    for template in plan.not_approved:
        reason = f" ({template.rejected_reason})" if template.rejected_reason else ""
        tell(f"  not approved: {template.label} is {template.status}{reason}")
    for name, found in plan.languages.items():
        tell(f"  {name} is there in {', '.join(f'{t.language} ({t.status})' for t in found)}")
    for line in (*plan.told_switches, *plan.told_uses):
        tell(f"  {line}")


def _sync_json(sync: NumberSync) -> dict[str, Any]:
    plan = sync.plan
    changes = None
    if plan is not None:
        changes = {
            "new": [t.name for t in plan.kept if t.name not in plan.known_names],
            "changed": list(dict.fromkeys(one.now.name for one in plan.changed)),
            "gone": sorted(plan.known_names - {t.name for t in plan.kept}),
            "not_approved": {t.name: t.status for t in plan.kept if not t.may_be_sent},
            "templates": len(plan.kept),
            "translations": {
                "new": [template.label for template in plan.new],
                "changed": {one.now.label: one.in_words for one in plan.changed},
                "gone": [template.label for template in plan.gone],
                "not_approved": {t.label: t.status for t in plan.not_approved},
            },
            "languages": {
                name: {t.language: t.status for t in found}
                for name, found in plan.languages.items()
            },
            "used_by": [
                {
                    "campaign": {
                        "id": use.campaign.id,
                        "name": use.campaign.name,
                        "status": use.campaign.status,
                    },
                    "template": use.template,
                    "language": use.language,
                    "changed": list(use.changed),
                    "reason": use.reason,
                }
                for use in plan.uses
            ],
        }
    return {
        "phone_number_id": sync.number.phone_number_id,
        "name": sync.number.label,
        "error": sync.problem.code if sync.problem else None,
        "sync": changes,
    }


def _template_json(template: KnownTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "quality": template.quality,
        "needs": template.needs_in_words,
        "active": template.is_active,
        "last_synced": template.last_synced,
        "phone_number_id": template.phone_number_id,
        "rejected_reason": template.rejected_reason,
    }
