"""`retry-failed`: failed rows that were never accepted become ready again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wacampaign.cli.failures import NO_CODE, Code, Failure, masked_row, read_failures
from wacampaign.cli.options import Campaign, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import tell
from wacampaign.cli.plan import SAMPLES_SHOWN, Plan, Step, agreed, show_next
from wacampaign.cli.session import (
    CampaignName,
    actor,
    campaign_state,
    read_settings,
    resolve_campaign,
    with_store,
)
from wacampaign.cli.wording import rows
from wacampaign.problems import Problem, Refused

if TYPE_CHECKING:
    from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class _Found:
    """A campaign, its failed rows by code, and some of those that would be tried again."""

    campaign: CampaignName
    failed: Sequence[Failure]
    chosen: Sequence[Failure]
    samples: Sequence[str]
    state: Mapping[str, Any]


def retry_failed(
    campaign: Campaign,
    code: Code = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Make failed rows ready again, once their cause is gone.

    By itself those whose error may pass (see `failures`); with --code those of that code,
    whatever it is. Rows that were sent, were ever accepted or are in doubt are never touched. A
    completed campaign runs again; a paused one stays paused until `resume`.

    Example: wacampaign retry-failed Bajaj_market_2 --dry-run

    Example: wacampaign retry-failed Bajaj_market_2 --code 135000
    """
    settings = read_settings(env_file, store)

    async def look(opened: Store) -> _Found:
        return await _look(opened, await resolve_campaign(opened, campaign), code)

    # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
    found = with_store(settings, look)
    named = found.campaign
    if named.status == "failed":
        raise Refused(
            f"{named} was cancelled, so none of its rows is sent again",
            f"wacampaign failures {named.short_id}",
        )
    if not found.chosen:
        _say_unchanged(found, code)
        return
    if not agreed(_plan(found), yes=yes, dry_run=dry_run):
        return

    async def act(opened: Store) -> None:
        done, reopened = await _retry(opened, named.id, found.chosen)
        if not done:  # somebody else was quicker
            _say_unchanged(found, code)
            return
        after = await campaign_state(opened, named)
        tell(f"made ready again: {rows(done)} of {named}")
        if reopened:
            tell("the campaign was completed, and runs again")
        show_next(_next_command(named, after))

    with_store(settings, act)


async def _look(store: Store, campaign: CampaignName, code: int | None) -> _Found:
    failed = read_failures(await store.failures(campaign.id), campaign.short_id)
    chosen = [
        one
        for one in failed
        if one.never_accepted and (one.retryable if code is None else one.code == code)
    ]
    samples: list[str] = []
    for one in chosen:
        for row in await store.failed_rows(campaign.id, one.code, limit=SAMPLES_SHOWN):
            if not row["accepted"]:
                shown = masked_row(row, show_numbers=False)
                samples.append(f"{shown['phone']}  {shown['template']}  {shown['text'] or '-'}")
        if len(samples) >= SAMPLES_SHOWN:
            break
    return _Found(campaign, failed, chosen, samples, await campaign_state(store, campaign))


async def _retry(store: Store, campaign_id: str, chosen: Sequence[Failure]) -> tuple[int, bool]:
    """Rows made ready, and whether the campaign was reopened; step by step, code by code."""
    done, reopened, who = 0, False, actor()
    try:
        for one in chosen:
            after: str | None = None
            while True:
                # Over id: a row that fails once more meanwhile is not taken a second time.
                answer = await store.retry_failed(campaign_id, one.code, who, after=after)
                done += answer["rows"]
                reopened = reopened or answer["reopened"]
                after = answer["last"]
                if after is None:
                    break
    except Problem as problem:
        if done:
            problem.changed = True
            problem.message += f". {rows(done)} are ready again; the same command goes on"
        raise
    return done, reopened


def _plan(found: _Found) -> Plan:
    campaign, counts = found.campaign, found.state["counts"]
    steps = [
        Step(one.never_accepted, "row", f"failed ({_label(one)})", "ready") for one in found.chosen
    ]
    notes = [
        f"{counts['sent']:,} already accepted and {counts['in_doubt']:,} in doubt will not be"
        " touched"
    ]
    if left := counts["failed"] - sum(one.never_accepted for one in found.chosen):
        notes.append(f"{left:,} failed stay failed")
    if any(one.code == NO_CODE for one in found.chosen):
        notes.append("rows without a code may have been sent by whoever failed them: read their")
        notes.append(f"texts first, with wacampaign failures {campaign.short_id} --code 0")
    if campaign.status == "completed":
        steps.append(Step(1, "campaign", "completed", "running"))
        if other := counts["pending"] + counts["ready"] + counts["retry_later"]:
            notes.append(f"{rows(other)} that it had left undone will be sent, too")
    elif campaign.status == "paused":
        notes.append("the campaign stays paused until it is resumed")
    return Plan(
        title=f"retry failed rows of {campaign}",
        steps=steps,
        notes=notes,
        samples=found.samples,
        next_command=_next_command(campaign, found.state),
    )


def _label(one: Failure) -> str:
    return "without a code" if one.code == NO_CODE else f"{one.code} {one.title}"


def _next_command(campaign: CampaignName, state: Mapping[str, Any]) -> str:
    """What gets the rows sent; `state` as before (a completed campaign will run) or after."""
    if state["scheduled_start_time"]:
        return f"wacampaign queue-stats {campaign.short_id}"
    if state["status"] == "paused" or any(hold["until"] is None for hold in state["holds"]):
        return f"wacampaign resume {campaign.short_id}"
    if state["live_workers"] == 0:
        return "wacampaign run-worker    (no worker is alive)"
    return f"wacampaign monitor {campaign.short_id}"


def _say_unchanged(found: _Found, code: int | None) -> None:
    campaign = found.campaign
    failed = sum(one.count for one in found.failed)
    if code is not None:
        tell(f"{campaign} has no failed row with code {code} to try again: nothing was changed")
    elif failed:
        tell(
            f"{campaign}: none of its {failed:,} failed rows may be tried again by itself:"
            " nothing was changed"
        )
    else:
        tell(f"{campaign} has no failed row: nothing was changed")
    command = "failures" if failed else "queue-stats"
    show_next(f"wacampaign {command} {campaign.short_id}")
