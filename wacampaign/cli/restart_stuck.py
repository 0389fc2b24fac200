"""`restart-stuck`: what stopped though work is left, found, told with evidence, and set going."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wacampaign.cli.known_outcomes import has_journals, settle_what_is_known
from wacampaign.cli.options import Campaigns, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import ask, at_terminal, say, tell
from wacampaign.cli.plan import SAMPLES_SHOWN, agreed, show_next, show_plan
from wacampaign.cli.session import actor, read_settings, resolve_campaigns, with_store
from wacampaign.cli.stuck_shown import next_command, plan_of, print_campaign
from wacampaign.cli.wording import rows
from wacampaign.core.completion import describe_verdict
from wacampaign.core.masking import mask_phone
from wacampaign.core.standstill import InDoubt, StuckCampaign, by_all
from wacampaign.core.stuck import examine
from wacampaign.problems import Busy, ConfirmationRequired, Declined, Problem

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store
    from wacampaign.store.stuck import StuckCampaigns

#: What a person who has rows sent again is told.
_TWICE: Final = "Some of these people may get the message twice: nobody knows if it was sent."


@dataclass(frozen=True, slots=True)
class _Found:
    """What is stuck, with rows as samples and whether a worker lives."""

    stuck: Sequence[StuckCampaign]
    samples: Sequence[str]
    live_workers: int
    #: Whether journals or messages settled rows before anybody was asked.
    settled: bool = False


@dataclass(slots=True)
class _Done:
    """What was carried out."""

    changed: bool = False
    #: Campaigns that somebody else was quicker with.
    missed: list[StuckCampaign] | None = None


def restart_stuck(
    campaigns: Campaigns = None,
    in_doubt: Annotated[
        InDoubt,
        typer.Option(
            "--in-doubt",
            help="What becomes of rows that may or may not have been sent.",
        ),
    ] = "hold",
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Find campaigns that stopped though work is left, and restart them.

    Without a campaign all are looked at. Rows never sent are ready again; what was accepted is
    never touched. Journals of lost workers on this machine are read first. Rows in doubt stay as
    they are (hold), are sent once more, perhaps for the second time (resend), or count as sent
    (assume-sent).

    Example: wacampaign restart-stuck --dry-run

    Example: wacampaign restart-stuck 5a5c39a6 --in-doubt hold
    """
    settings = read_settings(env_file, store)
    # Evidence changes rows, too: only where the plan may be carried out.
    settle = not dry_run and (yes or at_terminal())

    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    found = with_store(
        settings, lambda opened: _look(opened, settings, campaigns, in_doubt, settle=settle)
    )
    if not found.stuck:
        tell("nothing is stuck: nothing was changed")
        show_next("wacampaign queue-stats")
        return
    for one in found.stuck:
        print_campaign(one)
    accepted, doubtful = by_all(found.stuck)
    if not any(one.changes for one in found.stuck):
        tell(f"nothing was changed; {accepted:,} accepted are never touched")
        show_next(next_command(found.stuck, found.live_workers))
        return
    try:
        if not _agreed(found, accepted, doubtful, in_doubt, yes=yes, dry_run=dry_run):
            return
    except Declined as declined:
        if found.settled:
            declined.changed = True
            declined.message = "not restarted; what journals and messages proved stays settled"
        raise
    done = with_store(settings, lambda opened: _carry_out(opened, found.stuck))
    tell(f"{accepted:,} accepted before were not touched")
    if done.missed:
        busy = Busy(
            "somebody else restarted " + ", ".join(f"{m.name} ({m.short_id})" for m in done.missed),
            "wacampaign queue-stats",
        )
        busy.changed = done.changed
        raise busy
    show_next(next_command(found.stuck, found.live_workers))


async def _look(
    store: Store,
    settings: Settings,
    texts: Sequence[str] | None,
    in_doubt: InDoubt,
    *,
    settle: bool,
) -> _Found:
    from wacampaign.store.stuck import StuckCampaigns

    database = StuckCampaigns(store)
    ids = await resolve_campaigns(store, texts)
    facts = await database.look(ids)
    settled = False
    if settle:
        unsure = [
            one["id"]
            for one in facts["campaigns"]
            if any(one["counts"][name] for name in ("in_doubt", "ready", "retry_later", "pending"))
        ]
        settled = await settle_what_is_known(store, settings.home, unsure)
        if settled:
            facts = await database.look(ids)
    stuck = examine(facts, in_doubt, named=bool(texts), in_doubt_minutes=settings.in_doubt_minutes)
    if not settle and any(one.in_doubt for one in stuck) and has_journals(settings.home):
        say("journals on this machine may know more; they are read with --yes, or after a question")
    samples: list[str] = []
    for one in stuck:
        if len(samples) >= SAMPLES_SHOWN:
            break
        if one.restart:
            samples += await _samples(database, one, "ready", "never sent")
        if one.resolve:
            samples += await _samples(database, one, "in_doubt", "in doubt")
    return _Found(stuck, samples, facts["live_workers"], settled)


async def _samples(database: Any, one: StuckCampaign, what: str, word: str) -> list[str]:
    page = await database.sample(one.id, what, SAMPLES_SHOWN)
    return [
        f"{mask_phone(row['phone'] or '')}  {row['template']}  {word}  {one.short_id}"
        for row in page
    ]


def _agreed(
    found: _Found, accepted: int, doubtful: int, in_doubt: InDoubt, *, yes: bool, dry_run: bool
) -> bool:
    plan = plan_of(
        found.stuck,
        found.samples,
        accepted=accepted,
        live_workers=found.live_workers,
        note=_TWICE if in_doubt == "resend" and doubtful else None,
    )
    resent = sum(one.in_doubt for one in found.stuck if one.resolve == "resend")
    if not resent or yes or dry_run:
        return agreed(plan, yes=yes, dry_run=dry_run)
    show_plan(plan)
    if not at_terminal():
        raise ConfirmationRequired()
    if ask(f"Type the number of rows to resend ({resent}): ").replace(",", "") == str(resent):
        return True
    raise Declined("the number was not typed: nothing was changed")


async def _carry_out(store: Store, stuck: Sequence[StuckCampaign]) -> _Done:
    """Campaign by campaign; each step may be repeated, so the same command goes on."""
    from wacampaign.store.stuck import StuckCampaigns

    done = _Done(missed=[])
    assert done.missed is not None
    database = StuckCampaigns(store)
    try:
        if any(one.reap for one in stuck):
            given_up = await store.reap([])
            done.changed = done.changed or any(given_up.values())
        for one in stuck:
            if not await _carry_out_one(store, database, one, done):
                done.missed.append(one)
    except Problem as problem:
        problem.changed = done.changed
        if done.changed:
            problem.message += ". Part of it is done; the same command goes on"
        raise
    return done


async def _carry_out_one(
    store: Store, database: StuckCampaigns, one: StuckCampaign, done: _Done
) -> bool:
    """False when somebody else was quicker."""
    who, quick = actor(), True
    label = f"{one.name} ({one.short_id})"
    if one.mend:
        mended = await database.mend_rows(one.id, who)
        done.changed = done.changed or any(mended.values())
    if one.restart:
        reason = "; ".join(str(kind) for kind in one.kinds)
        answer = await database.restart(one.id, one.token, who, reason)
        if answer["changed"]:
            done.changed = True
            # What was pending is made ready only in a campaign that runs.
            await database.mend_rows(one.id, who)
            tell(f"restarted: {label}, {rows(int(answer['left']))} ready")
        else:
            quick = False
    if one.resolve and quick:
        answer = await database.resolve_doubt(
            one.id,
            one.resolve,
            one.in_doubt,
            who,
            seen_at=one.seen_at,
            seen_claims=one.seen_claims,
        )
        if answer["rows"]:
            done.changed = True
            word = "ready again" if one.resolve == "resend" else "counted as sent"
            tell(f"{label}: {rows(answer['rows'])} in doubt {word}")
        if answer["left"] or not answer["rows"]:
            quick = False
    elif not one.restart and one.changes and quick and not one.complete:
        tell(f"mended: {label}")
    if one.complete and quick:
        verdict = await store.complete(one.id, who)
        done.changed = done.changed or verdict.completed
        tell(f"{label}: {describe_verdict(verdict)}")
    return quick
