"""What holds at every moment, whoever wrote last."""

from __future__ import annotations

from hypothesis.stateful import invariant

from tests.store.machine.way_out import WayOut
from tests.store.machine.world import Row

#: The database's figures of a campaign, and what the rows say of it.
FIGURES = """
select wacampaign_row_counts(%(id)s), wacampaign_audit(%(id)s),
    (wacampaign_audit_messages(%(id)s) ->> 'unowned')::int,
    (select count(*) from wacampaign_events where campaign_id = %(id)s and kind = 'completed'),
    (select count(*) from send_queue q left join wacampaign_claims c
        on c.id = q.claim_id and c.closed_at is null
        where q.campaign_id = %(id)s and q.status = 'processing' and (
            q.in_doubt_since is not null or c.id is null or c.begun_at is not null and (
                c.lease_until < clock_timestamp() or not wacampaign_is_alive(c.worker_id)))),
    total_contacts
from campaigns where id = %(id)s
"""


class Invariants(WayOut):
    """No recipient twice, nothing lost without a count that says so."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.statuses: dict[str, str | None] = {}
        #: Times that a campaign came out of `completed`.
        self.reopened: dict[str, int] = {}
        #: Row → campaign, of all rows that there ever were.
        self.home: dict[str, str] = {}
        #: The rows at the last look.
        self.seen: dict[str, Row] = {}

    @invariant()
    def all_holds(self) -> None:
        self.seen = self.states()
        self.nothing_is_sent_twice()
        self.what_was_told_is_kept()
        self.counts_are_right()

    def nothing_is_sent_twice(self) -> None:
        states = self.seen
        for row, wamids in self.accepted.items():
            allowed = self.resent.get(row, 1)
            assert len(wamids) <= allowed, f"row {row} was accepted {len(wamids)} times"
            if row not in states:
                continue  # deleted: counted
            status, doubt, wamid, *_ = states[row]
            if len(wamids) == allowed:
                # Never a row that somebody could send again, whatever another program says.
                safe = status in ("sent", "processing") or (status == "failed" and (doubt or wamid))
                assert safe, f"row {row} was accepted and is {status}"
            if row in self.delivered and row not in self.resent:
                assert (doubt, wamid) == (False, wamids[0])
                assert status in ("sent", "failed")
        for row, state in states.items():
            assert state.wamid != "wamid.forged"
            if state.status == "sent":
                known = self.accepted.get(row, [])
                assert state.wamid in known or (state.wamid is None and row in self.said_sent)

    def what_was_told_is_kept(self) -> None:
        """Each message id that the database took is its row's, or stands in an event."""
        in_events = self.message_ids("select detail ->> 'wamid' from wacampaign_events")
        in_messages = self.message_ids("select whatsapp_message_id from messages")
        states = self.seen
        for row, wamids in self.told.items():
            known = {states[row].wamid} if row in states else in_messages
            assert wamids <= known | in_events, f"row {row} has lost an id of {wamids}"

    def message_ids(self, query: str) -> set[str | None]:
        return {wamid for (wamid,) in self.sql.execute(query.encode())}

    def nobody_else_leaves_orphans(self) -> None:
        """Rows in nobody's hands: only another program makes them."""
        assert orphans(self.states()) <= orphans(self.seen)

    def counts_are_right(self) -> None:
        drift = self.sql.execute(
            "select * from (select campaign_id, status, sum(n) as n from wacampaign_counts "
            "group by 1, 2 having sum(n) <> 0) as kept "
            "full join (select campaign_id, status, count(*) as n from send_queue group by 1, 2) "
            "as real using (campaign_id, status) where kept.n is distinct from real.n"
        ).fetchall()
        assert drift == []
        self.home.update((row, state.campaign) for row, state in self.seen.items())
        for campaign in self.campaigns:
            self.figures_agree(campaign)

    def figures_agree(self, campaign: str) -> None:
        found = self.sql.execute(FIGURES.encode(), {"id": campaign}).fetchone()
        assert found is not None
        counts, audit, unowned, completions, in_doubt, contacts = found
        rows = [state for state in self.seen.values() if state.campaign == campaign]
        assert min(counts.values()) >= 0
        assert sum(counts.values()) == len(rows) == audit["rows"]
        assert counts["in_doubt"] == audit["in_doubt"] == in_doubt
        assert audit["accepted"] == sum(state.status == "sent" for state in rows)
        self.deliveries_add_up(campaign, audit["accepted"])
        # Nothing is lost without a count.
        deleted = self.deleted_rows(campaign)
        assert len(rows) + deleted == self.enqueued[campaign]
        assert audit["deleted"] == max(0, min(deleted, contacts - len(rows)))
        assert audit["never_enqueued"] == 0
        status = self.status_of(campaign)
        undone = sum(state.status in ("ready", "pending") for state in rows)
        left_behind = undone if status == "completed" else 0
        assert audit["lost"] == audit["deleted"] + left_behind
        # Nothing is double without one, and nothing is called so that is not.
        duplicates = audit["twice_by_row"] + unowned
        own = [row for row, home in self.home.items() if home == campaign]
        assert duplicates == 0 or any(
            row in self.resent or len(self.accepted.get(row, ())) > 1 for row in own
        )
        known = sum(max(0, len(self.told.get(row, ())) - 1) for row in own)
        # A message beside the queue may be a deleted row's.
        assert duplicates >= known - deleted
        self.completes_once(campaign, status, completions, undone + counts["processing"])

    def completes_once(self, campaign: str, status: str | None, events: int, left: int) -> None:
        was = self.statuses.get(campaign)
        self.statuses[campaign] = status
        if was == "completed" != status:
            self.reopened[campaign] = self.reopened.get(campaign, 0) + 1
        if status == "completed" != was:
            assert left == 0
        times = events + self.completed_by_others.get(campaign, 0)
        assert times == self.reopened.get(campaign, 0) + (status == "completed")


def orphans(states: dict[str, Row]) -> set[str]:
    return {row for row, state in states.items() if state.orphan}
