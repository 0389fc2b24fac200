"""A campaign that stands still: in which ways, by what evidence, and what would be done about it.

Judges the facts of the database (`wacampaign_stuck`); asks nobody and changes nothing.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from wacampaign.core.campaign.doubts import CAUSES
from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES, note
from wacampaign.core.campaign.name import for_campaign
from wacampaign.core.campaign.state import BEING_WRITTEN
from wacampaign.core.campaign.stuck_facts import CampaignAtRest, StuckFacts
from wacampaign.core.plan import Change
from wacampaign.core.words import (
    are,
    counted,
    have,
    local_time,
    rough_duration,
    rows,
    seconds_between,
    verb,
)

#: What a person decides about rows in doubt.
InDoubt = Literal["hold", "resend", "assume-sent"]


class Kind(StrEnum):
    """The ways in which a campaign stops though work is left."""

    COMPLETED_WITH_ROWS_LEFT = "completed with rows left"
    COMPLETED_WITH_FEWER_ROWS = "completed with fewer rows than contacts"
    FEWER_ROWS = "running with fewer rows than contacts"
    NO_LIVE_WORKER = "running with no live worker"
    HELD_BY_NOBODY = "rows in processing that nobody holds"
    PENDING = "rows that are pending, which no worker takes"
    FAR_AWAY = "rows that wait for a time far away"
    ACCEPTED_WAITING = "rows that wait to be sent, but were accepted"
    IN_DOUBT = "rows in doubt"
    DOUBT_WAITING = "rows that wait to be sent, but are in doubt"
    NOBODY_SAYS_SO = "nothing left to do, but nobody says that it is over"
    CAUSE_GONE = "paused, and the cause is gone"
    HOLD_CAUSE_GONE = "part of it held, and the cause is gone"
    LEFT_UNWRITTEN = "paused, and its contacts were never all written"


@dataclass(slots=True)
class StuckCampaign:
    """One campaign with its kinds of standstill, the evidence, and what would be changed."""

    campaign: CampaignAtRest
    #: When this was seen, by the database's clock.
    seen_at: str
    kinds: list[Kind] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    #: What stays as it is, and why.
    keeps: list[str] = field(default_factory=list)
    #: Which calls are needed.
    restart: bool = False
    mend: bool = False
    reap: bool = False
    complete: bool = False
    #: What is to be done with the rows in doubt: None if nothing.
    resolve: Literal["resend", "assume_sent"] | None = None


#: Seconds from which a campaign whose contacts are still being written was left by its `create`.
WRITING_TAKES_SECONDS: Final = 3600


def examine(
    facts: StuckFacts,
    in_doubt: InDoubt,
    *,
    named: bool = False,
    in_doubt_minutes: float = IN_DOUBT_MINUTES,
) -> list[StuckCampaign]:
    """The campaigns that are stuck. `named`: wrong totals alone are worth a change, too.

    `in_doubt_minutes`: how long rows in doubt are alone before their campaign completes.
    """
    wait_seconds = in_doubt_minutes * 60
    judged = [
        _Case(campaign, facts, in_doubt, wait_seconds).judged() for campaign in facts.campaigns
    ]
    return [stuck for stuck in judged if stuck.kinds or (named and stuck.mend)]


class _Case:
    """One campaign's facts on their way to a judgement."""

    def __init__(
        self, campaign: CampaignAtRest, facts: StuckFacts, in_doubt: InDoubt, wait_seconds: float
    ) -> None:
        self._wait_seconds = wait_seconds
        self._campaign = campaign
        self._facts = facts
        self._choice = in_doubt
        self._counts = campaign.counts
        self._nobodys = campaign.nobodys
        self._stuck = StuckCampaign(campaign, facts.at)

    def judged(self) -> StuckCampaign:
        """Kinds, evidence and changes, in the order in which they are told."""
        status = self._campaign.status
        if status == "completed":
            self._completed()
        if status == "running":
            self._running()
        if status == "paused":
            self._paused()
        self._missing()
        self._held_by_nobody()
        self._waiting_rows()
        self._doubt()
        self._totals()
        if self._counts.failed:
            self._keep(f"{self._counts.failed:,} failed stay failed (retry-failed decides)")
        return self._stuck

    def _add(self, kind: Kind, *evidence: str) -> None:
        self._stuck.kinds.append(kind)
        self._stuck.evidence.extend(evidence)

    def _change(self, n: int, what: str, was: str, becomes: str) -> None:
        self._stuck.changes.append(Change(n, what, was, becomes))

    def _mend(self, n: int, was: str, becomes: str) -> None:
        self._change(n, "row", was, becomes)
        self._stuck.mend = True

    def _runs_again(self, was: str) -> None:
        self._change(1, "campaign", was, "running")
        self._stuck.restart = True

    def _keep(self, text: str) -> None:
        self._stuck.keeps.append(text)

    def _completed(self) -> None:
        if not self._campaign.left:
            return
        start, end = self._campaign.start_time, self._campaign.end_time
        after = f" after {rough_duration(seconds_between(start, end))}" if start and end else ""
        self._add(
            Kind.COMPLETED_WITH_ROWS_LEFT,
            f"it says completed{after}, with {self._counts.sent:,} sent and"
            f" {self._counts.failed:,} failed, and {rows(self._campaign.left)} never sent",
        )
        self._runs_again("completed")

    def _running(self) -> None:
        self._free_holds(Kind.HOLD_CAUSE_GONE)
        budget = self._campaign.budget
        if budget is not None and self._campaign.waits_for_places:
            left = self._campaign.left
            self._keep(f"{rows(left)} {verb(left, 'wait')} for places: {budget.in_words}")
        if self._facts.live_workers or self._campaign.never_enqueued:
            return
        if not self._campaign.left and not self._counts.processing:
            self._over()
            return
        last = "no worker has ever run here"
        if worker := self._facts.last_worker:
            at = worker.stopped_at or worker.last_beat_at
            word = "stopped" if worker.stopped_at else "was last heard of"
            last = f"the last worker ({worker}) {word} at {local_time(at)}"
        self._add(Kind.NO_LIVE_WORKER, f"{rows(self._campaign.left)} left; {last}")
        self._keep("a worker has to be started: wacampaign run-worker")

    def _over(self) -> None:
        """No row is left to do, and no worker is there to ask the completion guard."""
        doubt = self._campaign.in_doubt
        if doubt and self._choice == "resend":
            return
        assumed = self._choice == "assume-sent"
        if doubt and not assumed:
            since, left = self._campaign.alone_since, self._wait_seconds
            if since and not self._nobodys.begun:  # those become doubts only now
                left -= seconds_between(since, self._facts.at)
            if left > 0:
                self._keep(
                    f'it completes with the note "{note(doubt)}" in {rough_duration(left)}, by a'
                    " worker, or by this command again"
                )
                return
        self._add(Kind.NOBODY_SAYS_SO, "no worker is alive to complete it")
        noted = f', with the note "{note(doubt)}"' if doubt and not assumed else ""
        self._change(1, "campaign", "running", f"completed{noted}")
        self._stuck.complete = True

    def _paused(self) -> None:
        campaign = self._campaign
        if campaign.pause_reason == BEING_WRITTEN:
            age = seconds_between(campaign.created_at, self._facts.at)
            if age > WRITING_TAKES_SECONDS:
                self._add(
                    Kind.LEFT_UNWRITTEN,
                    f"{campaign.rows:,} of {counted(campaign.total_contacts, 'contact')}"
                    f" {are(campaign.rows)} in the"
                    f" queue, and `create` began {rough_duration(age)} ago",
                )
                self._keep("it is not started: cancel it, then create it again")
            return
        if not campaign.number_active or not campaign.left:
            return
        if campaign.paused_by == "database":
            if campaign.holds:
                self._free_holds(Kind.CAUSE_GONE)
            elif campaign.free_lanes:
                reason = for_campaign(campaign.pause_reason or "a hold", campaign.short_id)
                self._add(
                    Kind.CAUSE_GONE, f"it was paused by: {reason}", "that hold was lifted since"
                )
                self._runs_again("paused")
        elif campaign.paused_by is None and campaign.spam_pause_over:
            # The old backend's own pause; nobody has touched the campaign with this tool since.
            ended = local_time(campaign.spam_paused_until or "")
            self._add(Kind.CAUSE_GONE, f"its spam pause ended at {ended}")
            self._runs_again("paused")

    def _free_holds(self, kind: Kind) -> None:
        gone = [hold for hold in self._campaign.holds if hold.gone]
        if not gone or not self._campaign.free_lanes:
            return
        evidence = []
        for hold in gone:
            code = f" ({hold.code})" if hold.code else ""
            reason = for_campaign(hold.reason or "", self._campaign.short_id)
            evidence.append(f"held{code} since {local_time(hold.since)}: {reason}")
            evidence.append(f"gone: {hold.gone}")
        self._add(kind, *evidence)
        self._change(len(gone), "hold", "standing", "lifted")
        if kind is Kind.CAUSE_GONE:
            self._runs_again("paused")
        if standing := len(self._campaign.holds) - len(gone):
            self._keep(f"{standing} other holds stay: nothing says that their cause is gone")
        self._stuck.restart = True

    def _missing(self) -> None:
        missing = self._campaign.never_enqueued
        if not missing:
            return
        over = self._campaign.status == "completed"
        self._add(
            Kind.COMPLETED_WITH_FEWER_ROWS if over else Kind.FEWER_ROWS,
            f"{missing:,} of {counted(self._campaign.total_contacts, 'contact')} {are(missing)} not"
            " in the queue",
        )
        without = f"{counted(missing, 'contact')} {verb(missing, 'stay')} without a row"
        self._keep(f"{without}: create a campaign for {'it' if missing == 1 else 'them'}")

    def _held_by_nobody(self) -> None:
        nobodys = self._nobodys
        if not (nobodys.unsent or nobodys.begun or nobodys.no_claim):
            return
        self._add(Kind.HELD_BY_NOBODY)
        if n := nobodys.unsent:
            self._stuck.evidence.append(f"{rows(n)} of a dead worker, never begun")
            self._change(n, "row", "processing (dead worker, never sent)", "ready")
            self._stuck.reap = True
        if n := nobodys.begun:
            self._stuck.evidence.append(f"{rows(n)} of a dead worker that had begun")
            self._change(n, "row", "processing (dead worker)", "in doubt")
            self._stuck.reap = True
        if n := nobodys.no_claim:
            self._stuck.evidence.append(
                f"{rows(n)} that no worker of ours took: another program's, such as"
                " the backend's own processor. It notes no time, so their age proves nothing"
            )
            self._mend(n, "processing (another program)", "in doubt")
            self._keep("switch that program off first: it may be sending them at this moment")

    def _waiting_rows(self) -> None:
        if n := self._campaign.doubt_but_waiting:
            self._add(
                Kind.DOUBT_WAITING,
                f"{rows(n)} {verb(n, 'wait')} to be sent, but may have been sent: another"
                f" program put {'it' if n == 1 else 'them'} back",
            )
            self._mend(n, "ready (in doubt before)", "in doubt")
        acted_on = self._stuck.restart or self._campaign.status == "running"
        if n := self._campaign.accepted_but_waiting:
            self._add(
                Kind.ACCEPTED_WAITING,
                f"{rows(n)} {verb(n, 'wait')} to be sent, but {have(n)} the id of an accepted"
                " message",
            )
            self._mend(n, "ready (accepted before)", "sent")
        if (n := self._counts.pending) and acted_on:
            if not self._stuck.restart:
                self._add(Kind.PENDING, f"{rows(n)} {are(n)} pending")
            self._mend(n, "pending", "ready")
        if (n := self._campaign.far_away) and acted_on:
            first = local_time(self._campaign.far_away_from or "")
            waits = f"{rows(n)} {verb(n, 'wait')} for another try until {first} or later"
            self._add(Kind.FAR_AWAY, waits)
            self._mend(n, f"ready (not before {first})", "ready")

    def _doubt(self) -> None:
        n = self._campaign.in_doubt
        if not n:
            return
        self._add(Kind.IN_DOUBT)
        for cause, count in sorted((self._nobodys.in_doubt or {}).items()):
            why = CAUSES.get(cause, cause)
            self._stuck.evidence.append(f"{rows(count)} in doubt: {why}")
        cancelled = self._campaign.status == "failed"
        if self._choice == "resend" and not cancelled:
            self._change(n, "row", "in doubt", "ready, sent once more")
            if self._campaign.status == "completed" and not self._stuck.restart:
                self._change(1, "campaign", "completed", "running")
            self._stuck.resolve = "resend"
        elif self._choice == "assume-sent":
            self._change(n, "row", "in doubt", "sent (assumed)")
            self._stuck.resolve = "assume_sent"
        else:
            why = "its campaign was cancelled" if cancelled else "nobody knows if they were sent"
            self._keep(f"{note(n)} are held: {why}")

    def _totals(self) -> None:
        campaign = self._campaign
        shown = campaign.total_sent, campaign.total_failed
        # As it will be: what waits, though it was accepted, becomes sent by the same mend.
        right = campaign.accepted, self._counts.failed
        if campaign.rows and campaign.totals_due and shown != right:
            self._change(
                1,
                "campaign",
                f"totals shown as {shown[0]:,} sent, {shown[1]:,} failed",
                f"{right[0]:,}, {right[1]:,}",
            )
            self._stuck.mend = True
