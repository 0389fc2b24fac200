"""What people do with commands: life cycle, restart-stuck, retry-failed, repairs and their undo."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import strategies as st

from tests.store.machine.statuses import Statuses
from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES
from wacampaign.core.campaign.stuck import InDoubt, StuckCampaign, examine
from wacampaign.core.daily_window import Hours
from wacampaign.operations.restart import carry_out
from wacampaign.problems import Busy, Refused
from wacampaign.store import workers as stored_workers
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.repairs import Repairs, Targets
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.windows import Windows
from wacampaign.store.work_queue import WorkQueue

PEOPLE = (
    *("pause",) * 3,
    *("resend_one",) * 2,
    *("restart_stuck",) * 5,
    *("retry_failed",) * 3,
    *("enqueue_two",) * 2,
    *("hours",) * 2,
    "cancel",
    *("resume",) * 6,
)
REPAIRS = (
    *("begin",) * 3,
    *("step",) * 4,
    *("finish",) * 2,
    "interrupted",
    "undo_begin",
    *("undo_step",) * 2,
    "undo_finish",
    "restart",
)
CHOICES: tuple[InDoubt, ...] = ("hold", "hold", "resend", "assume-sent")


@dataclass
class Repair:
    """A repair as its operator knows it: how far he has come."""

    id: str
    campaign: str
    after: str | None = None
    undone_after: str | None = None


class People(Statuses):
    """The rules of people, who may come back to a plan much later."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.repairs: list[Repair] = []
        #: Plans of restart-stuck that somebody still looks at, and the rows in `processing` then.
        self.plans: list[tuple[list[StuckCampaign], set[str]]] = []

    def a_person(self, data: st.DataObject, _answers: list[str]) -> None:
        what = data.draw(st.sampled_from(PEOPLE), label="what")
        if what in ("pause", "cancel", "resume"):
            self.change(data, what)
        else:
            getattr(self, what)(data)

    def change(self, data: st.DataObject, action: str) -> None:
        possible = {"pause": ("running",), "resume": ("paused",), "cancel": ("running", "paused")}
        campaigns = [c for c in self.campaigns if self.status_of(c) in possible[action]]
        if campaigns:
            campaign = data.draw(st.sampled_from(campaigns), label="campaign")
            assert self.run(Campaigns(self.store).set_status(campaign, action, "test"))["changed"]

    def hours(self, data: st.DataObject) -> None:
        """Sending hours that are now, or not for long, or none any more."""
        campaigns = [c for c in self.campaigns if self.status_of(c) in ("running", "paused")]
        if campaigns:
            campaign = data.draw(st.sampled_from(campaigns), label="campaign")
            begin = data.draw(st.sampled_from((-2, -2, 2, None)), label="begin")
            self.set_hours(campaign, begin)

    def set_hours(self, campaign: str, begin: int | None) -> None:
        """Four hours that begin so many hours from now; None: at any time."""
        hours = None
        if begin is not None:
            now = datetime.now(UTC)
            minute = (now.hour + begin) * 60 + now.minute
            hours = Hours(minute % 1440, (minute + 240) % 1440 or 1440)
        self.run(Windows(self.store).keep_zones())
        self.run(Windows(self.store).set(campaign, hours, "UTC", "test"))

    def complete(self, data: st.DataObject, _answers: list[str]) -> None:
        long_after = data.draw(st.booleans(), label="long after")
        campaign = self.campaign(data)
        if long_after:
            self.run(stored_workers.Workers(self.store).reap([]))
            self.doubts_have_waited()
        running = self.status_of(campaign) == "running"
        # Also since an earlier time, for whichever campaign that was.
        waited = long_after or self.value(
            "select coalesce(greatest((select last_settled_at from wacampaign_runs where"
            " campaign_id = %s), max(coalesce(in_doubt_since, updated_at))) < now() - interval"
            " '10 minutes', false) from send_queue where campaign_id = %s"
            " and status = 'processing'",
            campaign,
            campaign,
        )
        verdict = self.run(WorkQueue(self.store).complete(campaign, "test"))
        counts = verdict.counts
        undone = counts.pending + counts.ready + counts.retry_later + counts.processing
        assert verdict.completed == (running and undone == 0 and (counts.in_doubt == 0 or waited))

    def enqueue_more(self, campaign: str, n: int) -> None:
        if self.status_of(campaign) in ("running", "paused"):
            self.enqueue(campaign, n)
            self.sql.execute(
                "update campaigns set total_contacts = total_contacts + %s where id = %s",
                [n, campaign],
            )

    def enqueue_two(self, data: st.DataObject) -> None:
        self.enqueue_more(self.campaign(data), 2)

    def resend_one(self, data: st.DataObject) -> None:
        """With an SQL editor, by somebody who insists."""
        doubts = [row for row, state in self.states().items() if state.doubt]
        doubts = [row for row in doubts if self.states()[row].status == "processing"]
        if doubts:
            row = data.draw(st.sampled_from(doubts), label="row")
            self.send_again(row)
            self.sql.execute(
                "update send_queue set status = 'ready', revision = coalesce(revision, 0) + 1, "
                "claim_id = null, worker_id = null, in_doubt_since = null, in_doubt_cause = null "
                "where id = %s",
                [row],
            )

    # --- restart-stuck, retry-failed --------------------------------------------------------------

    def restart_stuck(self, data: st.DataObject) -> None:
        """Looks; and carries out what was seen now, or what somebody saw before."""
        self.plans = self.plans[-3:]
        choice = data.draw(st.sampled_from(CHOICES), label="in doubt")
        named = data.draw(st.booleans(), label="named")
        self.plans.append(self.plan_for_stuck([self.campaign(data)] if named else None, choice))
        if data.draw(st.booleans(), label="carried out"):
            at = data.draw(st.integers(0, len(self.plans) - 1), label="plan")
            self.carry_out(*self.plans.pop(at))

    def plan_for_stuck(
        self, ids: list[str] | None, choice: InDoubt
    ) -> tuple[list[StuckCampaign], set[str]]:
        facts = self.run(StuckCampaigns(self.store).look(ids))
        seen = {row for row, state in self.states().items() if state.status == "processing"}
        return examine(facts, choice, named=ids is not None), seen

    def carry_out(self, stuck: Sequence[StuckCampaign], seen: set[str]) -> None:
        before = self.states()
        there = [one for one in stuck if one.campaign.id in self.campaigns]
        with suppress(Refused):
            self.run(carry_out(self.store, there, IN_DOUBT_MINUTES, lambda _: None))
        after = self.states()
        wanted = {one.campaign.id for one in there if one.resolve == "resend"}
        assumed = {one.campaign.id for one in there if one.resolve == "assume_sent"}
        for row, was in before.items():
            now = after[row]
            if was.status == "processing" and now.status == "ready" and was.campaign in wanted:
                # What came to be in doubt since the plan is not concerned.
                assert row in seen or not was.doubt
                self.send_again(row)
            if was.status == "processing" and now.status == "sent" and now.wamid is None:
                assert was.campaign in assumed
                self.said_sent.add(row)

    def retry_failed(self, data: st.DataObject) -> None:
        self.retry_all_failed(self.campaign(data))

    def retry_all_failed(self, campaign: str) -> None:
        with suppress(Refused):
            for one in self.run(FailedRows(self.store).by_code(campaign)):
                self.run(FailedRows(self.store).retry(campaign, one["code"], "test"))

    # --- repairs ----------------------------------------------------------------------------------

    def repair(self, data: st.DataObject, _answers: list[str]) -> None:
        """The next thing that one of the operators does with one of the repairs, if he may."""
        what = data.draw(st.sampled_from(REPAIRS), label="repair")
        with suppress(Busy, Refused):
            if what == "begin" or not self.repairs:
                self.begin_a_repair(data)
            elif what == "restart":
                self.run(Repairs(self.store).restart(self.campaign(data), "test"))
            elif what == "interrupted":
                self.sql.execute(
                    "update wacampaign_repairs set beat_at = now() - interval '2 minutes'"
                )
            else:
                repair = data.draw(st.sampled_from(self.repairs[-3:]), label="which")
                limit = data.draw(st.integers(1, 20), label="rows")
                getattr(self, f"repair_{what}")(repair, limit)

    def begin_a_repair(self, data: st.DataObject) -> None:
        campaign = self.campaign(data)
        medium = f"300000000000000{data.draw(st.integers(1, 3), label='medium')}"
        code = data.draw(st.sampled_from((None, None, 131026)), label="code")
        begun = self.run(
            Repairs(self.store).begin(
                self.new_id(),
                campaign,
                kind="media_id",
                what=f"media_id {medium}",
                command=f"{medium} {code}",
                code=code,
                actor=data.draw(st.sampled_from(("one@host", "another@host")), label="actor"),
                targets=Targets([(name, self.number, medium) for name in ("one", "two")]),
            )
        )
        if not any(one.id == begun.id for one in self.repairs):
            self.repairs.append(Repair(begun.id, campaign))
        self.repair_step(next(one for one in self.repairs if one.id == begun.id), 5)

    def repair_step(self, repair: Repair, limit: int) -> None:
        answer = self.run(
            self.store.call("repair_step", repair_id=repair.id, after=repair.after, limit=limit)
        )
        repair.after = answer["last"]

    def repair_finish(self, repair: Repair, _limit: int) -> None:
        self.run(Repairs(self.store).finish(repair.id, "one@host"))

    def repair_undo_begin(self, repair: Repair, limit: int) -> None:
        self.run(Repairs(self.store).undo_begin(repair.id, "one@host"))
        repair.undone_after = None
        self.repair_undo_step(repair, limit)

    def repair_undo_step(self, repair: Repair, limit: int) -> None:
        answer = self.run(
            self.store.call(
                "repair_undo_step", repair_id=repair.id, after=repair.undone_after, limit=limit
            )
        )
        repair.undone_after = answer["last"]

    def repair_undo_finish(self, repair: Repair, _limit: int) -> None:
        self.run(Repairs(self.store).undo_finish(repair.id, "one@host"))
