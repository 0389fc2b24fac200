"""The way out of every state: what `queue-stats` names, until nothing is left."""

from __future__ import annotations

import re
from typing import Any

from tests.store.machine.others import OtherPrograms
from wacampaign.core.campaign.audit import Audit
from wacampaign.core.campaign.delivery import read_delivery
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.next_step import after_audit
from wacampaign.core.reading import read
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

#: Times that a person looks at `queue-stats` and does what it says.
ROUNDS = 10


class WayOut(OtherPrograms):
    """A person with `queue-stats`, after every worker has died."""

    def find_the_way_out(self) -> None:
        for worker in list(self.workers):
            self.die(worker)
        # Some journals are lost with their machines.
        self.dead = self.dead[::2]
        told: dict[str, list[str]] = {}
        for _ in range(ROUNDS):
            self.time_passes()
            self.doubts_have_waited()
            told = self.what_queue_stats_says()
            left = [campaign for campaign in self.campaigns if self.is_left(campaign)]
            if not left:
                return
            for campaign in left:
                assert told.get(campaign), f"nothing is named for {self.shown(campaign)}"
                for command in told[campaign]:
                    self.follow(command, campaign)
        left = [self.shown(campaign) for campaign in self.campaigns if self.is_left(campaign)]
        assert not left, f"no way out of {left} by {told}"

    def what_queue_stats_says(self) -> dict[str, list[str]]:
        """The commands that it names, by campaign, when none is asked for."""
        stats = self.run(Campaigns(self.store).stats(None))
        told = {
            one.id: [finding.command for finding in findings_of(one)] for one in stats.campaigns
        }
        for campaign in self.campaigns:
            # What is in doubt is shown until it is resolved.
            if self.counts(campaign)["in_doubt"]:
                assert any("audit" in one for one in told.get(campaign, ())), self.shown(campaign)
        return told

    def counts(self, campaign: str) -> dict[str, int]:
        found: dict[str, int] = self.value("select wacampaign_row_counts(%s)", campaign)
        return found

    def is_left(self, campaign: str) -> bool:
        """Not over; or over, with rows left that are not in doubt and that nobody cancelled."""
        status, counts = self.status_of(campaign), self.counts(campaign)
        undone = sum(counts[name] for name in ("pending", "ready", "retry_later", "processing"))
        return status != "failed" and (status != "completed" or undone > 0)

    def shown(self, campaign: str) -> Any:
        stats = self.run(Campaigns(self.store).stats([campaign]))
        return [(c.status, c.pause_reason, c.counts, findings_of(c)) for c in stats.campaigns]

    def follow(self, command: str, campaign: str) -> None:
        """Each command that the text names, for this campaign, through what it calls itself."""
        for name in re.findall(r"wacampaign ([a-z0-9-]+)", command):
            match name:
                case "run-worker":
                    self.run_worker()
                case "restart-stuck":
                    self.settle_what_is_known(campaign)
                    self.carry_out(*self.plan_for_stuck([campaign], "hold"))
                case "audit":
                    self.settle_what_is_known(campaign)
                    answer = self.run(Campaigns(self.store).audit(campaign))
                    delivery = read_delivery(answer["delivery"], answer["accepted"])
                    audit = read(Audit, answer, delivery=delivery, doubts=())
                    self.follow(after_audit([audit]).replace("audit", ""), campaign)
                # Its verdict names a repair, or says that it may go on.
                case "resume" | "start" | "investigate-135000":
                    if self.status_of(campaign) in ("paused", "running"):
                        self.run(Campaigns(self.store).set_status(campaign, "resume", "test"))
                case "daily-window":
                    self.set_hours(campaign, None)
                case "retry-failed":
                    self.retry_all_failed(campaign)

    def settle_what_is_known(self, campaign: str) -> None:
        """Journals on this machine, then the messages."""
        while self.dead:
            self.read_journal_of(self.dead.pop())
        self.run(StuckCampaigns(self.store).settle_by_messages(campaign, "test"))

    def run_worker(self) -> None:
        """A worker until nothing is left for it; Meta accepts everything."""
        worker = self.register()
        while self.dead:
            self.read_journal_of(self.dead.pop())
        while True:
            self.time_passes()
            claim = self.claim(worker, 100, False)
            if not claim.rows:
                break
            self.begin(worker, claim)
            self.send(worker, claim, ["accepted"] * 100)
            self.settle(worker, False)
        for campaign in self.campaigns:
            if self.status_of(campaign) == "running":
                self.run(WorkQueue(self.store).complete(campaign, "worker"))
        self.run(Workers(self.store).goodbye(worker.id))
        self.workers.remove(worker)
