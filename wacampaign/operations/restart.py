"""Campaigns that stopped though work is left: found, and set going again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.campaign.completion import describe_verdict
from wacampaign.core.campaign.next_step import after_restart
from wacampaign.core.campaign.stuck import InDoubt, StuckCampaign, examine
from wacampaign.core.campaign.stuck_facts import CampaignAtRest
from wacampaign.core.masking import mask_phone
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import are, counted, rows, were
from wacampaign.operations.campaigns import actor, refuse_blind, resolve_campaigns
from wacampaign.operations.known_outcomes import has_journals, settle_what_is_known
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

#: What a person who has rows sent again is told.
_TWICE: Final = "Some of these people may get the message twice: nobody knows if it was sent."


@dataclass(frozen=True, slots=True)
class Standstill:
    """What is stuck, with rows as samples and whether a worker lives."""

    stuck: Sequence[StuckCampaign]
    samples: Sequence[str]
    live_workers: int
    #: Whether journals or messages settled rows before anybody was asked.
    settled: bool
    #: Campaigns that wait for their time, their hours or places of a budget.
    waiting: Sequence[CampaignAtRest] = ()

    @property
    def accepted(self) -> int:
        """Rows that are never touched."""
        return sum(case.campaign.accepted for case in self.stuck)

    @property
    def resent(self) -> int:
        """Rows in doubt that would be sent once more."""
        return sum(case.campaign.in_doubt for case in self.stuck if case.resolve == "resend")

    @property
    def next_command(self) -> str:
        """What to run afterwards."""
        return after_restart(self.stuck, self.live_workers)


@dataclass(slots=True)
class Restarted:
    """What was carried out."""

    changed: bool = False
    #: Campaigns that somebody else was quicker with.
    missed: list[CampaignAtRest] = field(default_factory=list)


async def look(
    store: Store,
    settings: Settings,
    names: Sequence[str] | None,
    in_doubt: InDoubt,
    tell: Callable[[str], None],
    *,
    settle: bool,
) -> Standstill:
    """The campaigns named (all without names) that are stuck.

    `settle`: journals and messages are asked first, which changes rows; `tell` hears a sentence
    for what they settle. Raises `NoSuchCampaign`, `Usage` for a name that several have.
    """
    database = StuckCampaigns(store)
    ids = await resolve_campaigns(store, names)
    facts = await database.look(ids)
    if not facts.campaigns:
        await refuse_blind(store)
    settled = False
    if settle:
        unsure = [
            campaign.id
            for campaign in facts.campaigns
            if campaign.counts.unsent or campaign.counts.in_doubt
        ]
        settled = await settle_what_is_known(store, settings.home, unsure, tell)
        if settled:
            facts = await database.look(ids)
    stuck = examine(facts, in_doubt, named=bool(names), in_doubt_minutes=settings.in_doubt_minutes)
    if not settle and any(case.campaign.in_doubt for case in stuck) and has_journals(settings.home):
        tell(
            "journals on this machine may know more; they are read with --yes, or after a question"
        )
    samples: list[str] = []
    for case in stuck:
        if len(samples) >= SAMPLES_SHOWN:
            break
        if case.restart:
            samples += await _samples(database, case.campaign, "ready", "never sent")
        if case.resolve:
            samples += await _samples(database, case.campaign, "in_doubt", "in doubt")
    cases = {case.campaign.id for case in stuck}
    waiting = [one for one in facts.campaigns if one.waits_for and one.id not in cases]
    return Standstill(stuck, samples, facts.live_workers, settled, waiting)


def restart_plan(standstill: Standstill, in_doubt: InDoubt) -> Plan:
    """All campaigns' changes added up, like with like."""
    stuck = standstill.stuck
    notes = [f"{standstill.accepted:,} accepted {are(standstill.accepted)} never touched"]
    if left := sum(case.campaign.left for case in stuck if case.restart):
        notes.insert(0, f"{rows(left)} that {were(left)} never sent will be sent")
    if in_doubt == "resend" and any(case.campaign.in_doubt for case in stuck):
        notes.append(_TWICE)
    n = sum(1 for case in stuck if case.changes)
    return Plan(
        title=f"restart {counted(n, 'campaign')}",
        steps=_added_up(change for case in stuck for change in case.changes),
        notes=notes,
        samples=standstill.samples,
        next_command=standstill.next_command,
    )


async def carry_out(
    store: Store,
    stuck: Sequence[StuckCampaign],
    in_doubt_minutes: float,
    tell: Callable[[str], None],
) -> Restarted:
    """Campaign by campaign; each step may be repeated, so the same command goes on.

    `in_doubt_minutes` as in the settings; `tell` hears a sentence for each campaign.
    """
    done = Restarted()
    database, queue = StuckCampaigns(store), WorkQueue(store, in_doubt_minutes=in_doubt_minutes)
    try:
        if any(case.reap for case in stuck):
            given_up = await Workers(store).reap([])
            done.changed = done.changed or any(given_up.values())
        for case in stuck:
            if not await _carry_out_one(database, queue, case, done, tell):
                done.missed.append(case.campaign)
    except Problem as problem:
        problem.changed = done.changed
        if done.changed:
            problem.message += ". Part of it is done; the same command goes on"
        raise
    return done


async def _carry_out_one(
    database: StuckCampaigns,
    queue: WorkQueue,
    case: StuckCampaign,
    done: Restarted,
    tell: Callable[[str], None],
) -> bool:
    """False when somebody else was quicker."""
    who, quick = actor(), True
    if case.mend:
        mended = await database.mend_rows(case.campaign.id, who)
        done.changed = done.changed or any(mended.values())
    if case.restart:
        reason = "; ".join(case.kinds)
        answer = await database.restart(case.campaign.id, case.campaign.token, who, reason)
        quick = answer["changed"]
        if quick:
            done.changed = True
            # What was pending is made ready only in a campaign that runs.
            await database.mend_rows(case.campaign.id, who)
            tell(f"restarted: {case.campaign}, {rows(int(answer['left']))} ready")
    if case.resolve and quick:
        answer = await database.resolve_doubt(
            case.campaign.id,
            case.resolve,
            case.campaign.in_doubt,
            who,
            seen_at=case.seen_at,
            seen_claims=case.campaign.nobodys.claims,
        )
        if answer["rows"]:
            done.changed = True
            word = "ready again" if case.resolve == "resend" else "counted as sent"
            tell(f"{case.campaign}: {rows(answer['rows'])} in doubt {word}")
        quick = answer["rows"] > 0 and not answer["left"]
    elif quick and case.changes and not (case.restart or case.complete):
        tell(f"mended: {case.campaign}")
    if case.complete and quick:
        verdict = await queue.complete(case.campaign.id, who)
        done.changed = done.changed or verdict.completed
        tell(f"{case.campaign}: {describe_verdict(verdict)}")
    return quick


async def _samples(
    database: StuckCampaigns, campaign: CampaignAtRest, what: str, word: str
) -> list[str]:
    page = await database.sample(campaign.id, what, SAMPLES_SHOWN)
    return [
        f"{mask_phone(row['phone'] or '')}  {row['template']}  {word}  {campaign.short_id}"
        for row in page
    ]


def _added_up(changes: Iterable[Change]) -> list[Change]:
    totals: dict[tuple[str, str, str], int] = {}
    for change in changes:
        key = change.what, change.was, change.becomes
        totals[key] = totals.get(key, 0) + change.n
    return [Change(n, *key) for key, n in totals.items()]
