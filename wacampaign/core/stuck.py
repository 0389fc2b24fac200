"""Which kind of standstill a campaign is in, and what would be done about it.

Judges the facts of the database (`wacampaign_stuck`); asks nobody and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from wacampaign.core.moments import local_time
from wacampaign.core.standstill import Change, InDoubt, Kind, StuckCampaign

#: A campaign whose contacts are still being written after so long was left by its `create`.
WRITING_TAKES: Final = timedelta(hours=1)
#: What the database writes as `pause_reason` while `create` writes.
_BEING_WRITTEN: Final = "its contacts are being written"

_CAUSES: Final = {
    "no_answer": "the request went out and no answer came",
    "worker_lost": "their worker was lost while it sent them",
    "no_claim": "another program took them and said nothing more",
}


def examine(
    facts: Mapping[str, Any],
    in_doubt: InDoubt,
    *,
    named: bool = False,
    in_doubt_minutes: float = 10,
) -> list[StuckCampaign]:
    """The campaigns that are stuck. `named`: wrong totals alone are worth a change, too.

    `in_doubt_minutes`: how long rows in doubt are alone before their campaign completes.
    """
    wait = timedelta(minutes=in_doubt_minutes)
    found = [_Case(one, facts, in_doubt, wait).judged() for one in facts["campaigns"]]
    return [one for one in found if one.kinds or (named and one.mend)]


class _Case:
    """One campaign's facts on their way to a judgement."""

    def __init__(
        self,
        campaign: Mapping[str, Any],
        facts: Mapping[str, Any],
        in_doubt: InDoubt,
        wait: timedelta,
    ) -> None:
        self._wait = wait
        self._campaign = campaign
        self._facts = facts
        self._choice = in_doubt
        self._counts: Mapping[str, int] = campaign["counts"]
        nobodys: Mapping[str, Any] = campaign["nobodys"] or {}
        self._unsent = int(nobodys.get("unsent", 0))
        self._begun = int(nobodys.get("begun", 0))
        self._no_claim = int(nobodys.get("no_claim", 0))
        self._causes: Mapping[str, int] = nobodys.get("in_doubt") or {}
        self._waiting = int(campaign["accepted_but_waiting"])
        self._doubt_waiting = int(campaign["doubt_but_waiting"])
        #: Rows that were never sent and are nobody's at this moment.
        self._left = (
            self._counts["pending"]
            + self._counts["ready"]
            + self._counts["retry_later"]
            - self._waiting
            - self._doubt_waiting
        )
        self.found = StuckCampaign(
            id=campaign["id"],
            name=campaign["name"],
            status=campaign["status"],
            token=campaign["token"],
            accepted=self._counts["sent"] + self._waiting,
            in_doubt=self._counts["in_doubt"] + self._doubt_waiting,
            left=self._left,
            seen_at=facts["at"],
            seen_claims=nobodys.get("claims") or (),
        )

    def judged(self) -> StuckCampaign:
        """Kinds, evidence and changes, in the order in which they are told."""
        status = self._campaign["status"]
        if status == "completed":
            self._completed()
        if status == "running":
            self._running()
        if status == "paused":
            self._paused()
        self._missing()
        self._nobodys()
        self._waiting_rows()
        self._doubt()
        self._totals()
        if self._counts["failed"]:
            self._keep(f"{self._counts['failed']:,} failed stay failed (retry-failed decides)")
        return self.found

    def _add(self, kind: Kind, *evidence: str) -> None:
        self.found.kinds.append(kind)
        self.found.evidence.extend(evidence)

    def _change(self, n: int, what: str, was: str, becomes: str) -> None:
        self.found.changes.append(Change(n, what, was, becomes))

    def _keep(self, text: str) -> None:
        self.found.keeps.append(text)

    def _completed(self) -> None:
        if not self._left:
            return
        lasted = _span(self._campaign["start_time"], self._campaign["end_time"])
        after = f" after {lasted}" if lasted else ""
        self._add(
            Kind.COMPLETED_WITH_ROWS_LEFT,
            f"it says completed{after}, with {self._counts['sent']:,} sent and"
            f" {self._counts['failed']:,} failed, and {_rows(self._left)} never sent",
        )
        self._change(1, "campaign", "completed", "running")
        self.found.restart = True

    def _running(self) -> None:
        self._free_holds(Kind.HOLD_CAUSE_GONE)
        if self._facts["live_workers"] or self._campaign["never_enqueued"]:
            return
        if not self._left and not self._counts["processing"]:
            self._over()
            return
        worker = self._facts["last_worker"]
        last = "no worker has ever run here"
        if worker:
            at = worker["stopped_at"] or worker["last_beat_at"]
            word = "stopped" if worker["stopped_at"] else "was last heard of"
            who = f"{worker['host']} pid {worker['pid']}"
            last = f"the last worker ({who}) {word} at {local_time(at)}"
        self._add(Kind.NO_LIVE_WORKER, f"{_rows(self._left)} left; {last}")
        self._keep("a worker has to be started: wacampaign run-worker")

    def _over(self) -> None:
        """No row is left to do, and no worker is there to ask the completion guard."""
        doubt = self.found.in_doubt
        if doubt and self._choice == "resend":
            return
        assumed = self._choice == "assume-sent"
        if doubt and not assumed:
            since = self._campaign["alone_since"]
            alone = since and not self._begun  # those become doubts only now
            left = self._wait - (_age(self._facts["at"], since) if alone else timedelta())
            if left > timedelta():
                self._keep(
                    f'it completes with the note "{doubt:,} in doubt" in {_words(left)}, by a'
                    " worker, or by this command again"
                )
                return
        self._add(Kind.NOBODY_SAYS_SO, "no worker is alive to complete it")
        note = f', with the note "{doubt:,} in doubt"' if doubt and not assumed else ""
        self._change(1, "campaign", "running", f"completed{note}")
        self.found.complete = True

    def _paused(self) -> None:
        campaign = self._campaign
        by = campaign["paused_by"]
        if campaign["pause_reason"] == _BEING_WRITTEN:
            age = _age(self._facts["at"], campaign["created_at"])
            if age > WRITING_TAKES:
                self._add(
                    Kind.LEFT_UNWRITTEN,
                    f"{campaign['rows']:,} of {campaign['total_contacts']:,} contacts are in the"
                    f" queue, and `create` began {_words(age)} ago",
                )
                self._keep("it is not started: cancel it, then create it again")
            return
        if not campaign["number_active"] or not self._left:
            return
        if by is not None and by["actor"] == "database":
            if campaign["holds"]:
                self._free_holds(Kind.CAUSE_GONE)
            elif campaign["free_lanes"]:
                reason = campaign["pause_reason"] or "a hold"
                self._add(
                    Kind.CAUSE_GONE, f"it was paused by: {reason}", "that hold was lifted since"
                )
                self._change(1, "campaign", "paused", "running")
                self.found.restart = True
        elif by is None and campaign["spam_pause_over"]:
            # The old backend's own pause; nobody has touched the campaign with this tool since.
            ended = local_time(campaign["spam_paused_until"])
            self._add(Kind.CAUSE_GONE, f"its spam pause ended at {ended}")
            self._change(1, "campaign", "paused", "running")
            self.found.restart = True

    def _free_holds(self, kind: Kind) -> None:
        gone = [hold for hold in self._campaign["holds"] if hold["gone"]]
        if not gone or not self._campaign["free_lanes"]:
            return
        evidence = []
        for hold in gone:
            code = f" ({hold['code']})" if hold["code"] else ""
            evidence.append(f"held{code} since {local_time(hold['since'])}: {hold['reason']}")
            evidence.append(f"gone: {hold['gone']}")
        self._add(kind, *evidence)
        self._change(len(gone), "hold", "standing", "lifted")
        if kind is Kind.CAUSE_GONE:
            self._change(1, "campaign", "paused", "running")
        if standing := len(self._campaign["holds"]) - len(gone):
            self._keep(f"{standing} other holds stay: nothing says that their cause is gone")
        self.found.restart = True

    def _missing(self) -> None:
        missing = int(self._campaign["never_enqueued"])
        if not missing:
            return
        over = self._campaign["status"] == "completed"
        self._add(
            Kind.COMPLETED_WITH_FEWER_ROWS if over else Kind.FEWER_ROWS,
            f"{missing:,} of {self._campaign['total_contacts']:,} contacts are not in the queue",
        )
        self._keep(f"{missing:,} contacts stay without a row: create a campaign for them")

    def _nobodys(self) -> None:
        if not (self._unsent or self._begun or self._no_claim):
            return
        self._add(Kind.HELD_BY_NOBODY)
        if self._unsent:
            self.found.evidence.append(f"{_rows(self._unsent)} of a dead worker, never begun")
            self._change(self._unsent, "row", "processing (dead worker, never sent)", "ready")
            self.found.reap = True
        if self._begun:
            self.found.evidence.append(f"{_rows(self._begun)} of a dead worker that had begun")
            self._change(self._begun, "row", "processing (dead worker)", "in doubt")
            self.found.reap = True
        if self._no_claim:
            self.found.evidence.append(
                f"{_rows(self._no_claim)} that no worker of ours took: another program's, such as"
                " the backend's own processor. It notes no time, so their age proves nothing"
            )
            self._change(self._no_claim, "row", "processing (another program)", "in doubt")
            self._keep("switch that program off first: it may be sending them at this moment")
            self.found.mend = True

    def _waiting_rows(self) -> None:
        if self._doubt_waiting:
            self._add(
                Kind.DOUBT_WAITING,
                f"{_rows(self._doubt_waiting)} wait to be sent, but may have been sent: another"
                " program put them back",
            )
            self._change(self._doubt_waiting, "row", "ready (in doubt before)", "in doubt")
            self.found.mend = True
        acted_on = self.found.restart or self._campaign["status"] == "running"
        if self._waiting:
            self._add(
                Kind.ACCEPTED_WAITING,
                f"{_rows(self._waiting)} wait to be sent, but have the id of an accepted message",
            )
            self._change(self._waiting, "row", "ready (accepted before)", "sent")
            self.found.mend = True
        if self._counts["pending"] and acted_on:
            if not self.found.restart:
                self._add(Kind.PENDING, f"{_rows(self._counts['pending'])} are pending")
            self._change(self._counts["pending"], "row", "pending", "ready")
            self.found.mend = True

        far: Mapping[str, Any] = self._campaign["far_away"] or {}
        if (n := int(far.get("rows", 0))) and acted_on:
            first = local_time(far["first_at"])
            self._add(Kind.FAR_AWAY, f"{_rows(n)} wait for another try until {first} or later")
            self._change(n, "row", f"ready (not before {first})", "ready")
            self.found.mend = True

    def _doubt(self) -> None:
        n = self.found.in_doubt
        if not n:
            return
        self._add(Kind.IN_DOUBT)
        for cause, count in sorted(self._causes.items()):
            why = _CAUSES.get(cause, cause)
            self.found.evidence.append(f"{_rows(count)} in doubt: {why}")
        cancelled = self._campaign["status"] == "failed"
        if self._choice == "resend" and not cancelled:
            self._change(n, "row", "in doubt", "ready, sent once more")
            if self._campaign["status"] == "completed" and not self.found.restart:
                self._change(1, "campaign", "completed", "running")
            self.found.resolve = "resend"
        elif self._choice == "assume-sent":
            self._change(n, "row", "in doubt", "sent (assumed)")
            self.found.resolve = "assume_sent"
        else:
            why = "its campaign was cancelled" if cancelled else "nobody knows if they were sent"
            self._keep(f"{n:,} in doubt are held: {why}")

    def _totals(self) -> None:
        shown = self._campaign["total_sent"], self._campaign["total_failed"]
        right = self._counts["sent"], self._counts["failed"]
        if self._campaign["rows"] and self._campaign["totals_due"] and shown != right:
            self._change(
                1,
                "campaign",
                f"totals shown as {shown[0]:,} sent, {shown[1]:,} failed",
                f"{right[0] + self._waiting:,}, {right[1]:,}",
            )
            self.found.mend = True


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _age(now: str, then: str) -> timedelta:
    return datetime.fromisoformat(now) - datetime.fromisoformat(then)


def _span(start: str | None, end: str | None) -> str | None:
    if start is None or end is None:
        return None
    return _words(_age(end, start))


def _words(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
