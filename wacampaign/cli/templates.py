"""`templates sync`, `templates list`: what campaigns are sent with."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import arrow, print_json, say, tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.session import actor, read_settings, with_store
from wacampaign.cli.tables import print_table
from wacampaign.problems import Problem, Refused

if TYPE_CHECKING:
    from wacampaign.senders.numbers import KnownNumber
    from wacampaign.senders.templates import KnownTemplate, SyncPlan
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Templates: sync with Meta, list.")

_Number: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--number",
        metavar="PHONE_NUMBER_ID",
        help="Of this number alone (or its digits).",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class _Sync:
    number: KnownNumber
    plan: SyncPlan | None
    #: Why the number's templates could not be read.
    problem: Problem | None = None


@app.command()
def sync(
    number: _Number = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Take over the templates that Meta has: every page, for all active numbers.

    Asks only when templates go out of use because Meta no longer has them. A number that cannot
    be read does not keep the others from being synced.

    Example: wacampaign templates sync --number 200000000000001
    """
    settings = read_settings(env_file, store)
    syncs = _read_all(settings, number)
    plans = [(one.number, one.plan) for one in syncs if one.plan is not None]
    # With --json, stdout is for the one object.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        asks = dry_run or any(plan.gone for _, plan in plans)
        goes_on = not asks or agreed(_plan(plans), yes=yes, dry_run=dry_run)

    async def apply(opened: Store) -> None:
        from wacampaign.senders.templates import apply_sync

        for one, plan in plans:
            await apply_sync(opened, one.id, plan, actor())

    if goes_on and plans:
        with_store(settings, apply)
    changed = goes_on and any(plan.changes for _, plan in plans)
    if as_json:
        print_json({"changed": changed, "numbers": [_sync_json(one) for one in syncs]})
    elif goes_on:
        for one in syncs:
            _show_sync(one)
    problems = [one.problem for one in syncs if one.problem is not None]
    if problems:
        problems[0].changed = changed
        raise problems[0]
    if goes_on and not as_json:
        show_next("wacampaign templates list")


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
    """List the templates, with what each needs from a CSV.

    Example: wacampaign templates list --number 200000000000001
    """
    from wacampaign.senders.numbers import find_number
    from wacampaign.senders.templates import known_templates

    async def work(opened: Store) -> list[KnownTemplate]:
        sender = None if number is None else await find_number(opened, number)
        return await known_templates(opened, sender)

    found = with_store(read_settings(env_file, store), work)
    shown = [one for one in found if one.is_active or everything]
    if as_json:
        print_json({"templates": [_template_json(one) for one in shown]})
        return
    if not shown:
        say("no templates yet")
        say(f"{arrow(sys.stderr)} wacampaign templates sync")
        return
    print_table(
        ("name", "language", "status", "needs", "phone_number_id", "category"),
        [
            (
                one.name,
                one.language,
                one.status if one.is_active else "GONE",
                one.needs_in_words,
                one.phone_number_id,
                one.category,
            )
            for one in shown
        ],
    )


def _read_all(settings: Settings, text: str | None) -> list[_Sync]:
    """Reads the pages of the number meant, or of all; one that fails says why."""

    async def work(opened: Store) -> list[_Sync]:
        from wacampaign.senders.numbers import find_number, known_numbers

        if text is not None:
            return [await _read(settings, opened, await find_number(opened, text))]
        numbers = [one for one in await known_numbers(opened) if one.is_active]
        if not numbers:
            raise Refused(
                "there is no active sending number",
                "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
            )
        return [await _read(settings, opened, one) for one in numbers]

    return with_store(settings, work)


async def _read(settings: Settings, store: Store, number: KnownNumber) -> _Sync:
    from wacampaign.meta.client import CloudApi
    from wacampaign.senders.numbers import token_of
    from wacampaign.senders.templates import plan_sync

    try:
        if number.waba_id is None:
            raise Refused(
                f"{number.label} has no WABA id",
                f"wacampaign number add {number.phone_number_id or 'PHONE_NUMBER_ID'} --waba ID",
            )
        token = await token_of(store, number, settings)
        async with CloudApi(settings.api_url, settings.api_version, token) as api:
            return _Sync(number, await plan_sync(store, api, number.waba_id, number.id))
    except Problem as problem:
        problem.message = f"{number.label}: {problem.message}"
        return _Sync(number, None, problem)


def _plan(plans: list[tuple[KnownNumber, SyncPlan]]) -> Plan:
    counts = (
        (sum(len(plan.new) for _, plan in plans), "unknown", "as at Meta"),
        (sum(len(plan.changed) for _, plan in plans), "as synced last", "as at Meta now"),
        (sum(len(plan.gone) for _, plan in plans), "in use", "out of use: Meta has it no more"),
    )
    gone = [f"gone: {name} of {number.label}" for number, plan in plans for name in plan.gone]
    return Plan(
        title=f"sync the templates of {len(plans)} number{'' if len(plans) == 1 else 's'}",
        steps=tuple(Step(n, "template", was, becomes) for n, was, becomes in counts if n),
        samples=gone,
        notes=() if any(n for n, _, _ in counts) else ("nothing differs",),
        next_command="wacampaign templates list",
    )


def _show_sync(one: _Sync) -> None:
    if one.plan is None:
        return
    plan = one.plan
    same = len(plan.kept) - len(plan.new) - len(plan.changed)
    tell(
        f"{one.number.label}: {len(plan.new)} new, {len(plan.changed)} changed, "
        f"{len(plan.gone)} gone, {same} as before"
    )
    for what, names in (("new", plan.new), ("changed", plan.changed), ("gone", plan.gone)):
        if names:
            tell(f"  {what}: {', '.join(names)}")
    for template in plan.not_approved:
        reason = f" ({template.rejected_reason})" if template.rejected_reason else ""
        tell(f"  not approved: {template.name} is {template.status}{reason}")


def _sync_json(one: _Sync) -> dict[str, Any]:
    plan = one.plan
    found = None
    if plan is not None:
        found = {
            "new": list(plan.new),
            "changed": list(plan.changed),
            "gone": list(plan.gone),
            "not_approved": {t.name: t.status for t in plan.not_approved},
            "templates": len(plan.kept),
        }
    return {
        "phone_number_id": one.number.phone_number_id,
        "name": one.number.label,
        "error": one.problem.code if one.problem else None,
        "sync": found,
    }


def _template_json(one: KnownTemplate) -> dict[str, Any]:
    return {
        "name": one.name,
        "language": one.language,
        "status": one.status,
        "category": one.category,
        "quality": one.quality,
        "needs": one.needs_in_words,
        "active": one.is_active,
        "last_synced": one.last_synced,
        "phone_number_id": one.phone_number_id,
    }
