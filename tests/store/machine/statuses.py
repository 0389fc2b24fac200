"""What Meta tells of its messages later: by the receiver with our mark, or by the backend's log."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st

from tests.campaigns import phone
from tests.store.machine.workers import Workers
from wacampaign.core.webhook.updates import StatusUpdate
from wacampaign.store.statuses import Statuses as StoredStatuses

#: Seconds since 1970 of all events.
AT = 1_795_000_000
WORDS = ("sent", "delivered", "read", "failed")


class Statuses(Workers):
    """Statuses of messages that Meta accepted, in any order, once or more."""

    def statuses_come(self, data: st.DataObject, _answers: list[str]) -> None:
        wamids = [(row, wamid) for row, own in self.accepted.items() for wamid in own]
        if not wamids:
            return
        told = data.draw(
            st.lists(
                st.tuples(st.sampled_from(wamids), st.sampled_from(WORDS)), min_size=1, max_size=4
            ),
            label="statuses",
        )
        statuses = StoredStatuses(self.store)
        if data.draw(st.booleans(), label="by the receiver"):
            batch = [
                StatusUpdate(
                    wamid, word, AT, callback=self.marks.get(wamid), recipient=self.phone_of(row),
                    code=131026 if word == "failed" else None,
                )
                for (row, wamid), word in told
            ]  # fmt: skip
            self.run(statuses.take(batch, "receiver"))
        else:
            for (row, wamid), word in told:
                self.log(row, wamid, word)
        # A while later.
        self.sql.execute(
            "update wacampaign_deliveries set look_at = now(), first_seen_at = now() - interval"
            " '1 minute' where row_id is null"
        )
        while self.run(statuses.take_logged()).left:
            pass
        for (row, wamid), _ in told:
            state = self.states().get(row)
            if state is not None and state.wamid == wamid:
                self.told.setdefault(row, set()).add(wamid)
                self.delivered.add(row)

    def phone_of(self, row: str) -> str:
        return phone(UUID(row).int)

    def log(self, row: str, wamid: str, word: str) -> None:
        """As the backend's handler does."""
        self.sql.execute(
            "insert into message_status_logs (message_id, whatsapp_number_id, campaign_id,"
            " user_phone, whatsapp_message_id, status, error_code)"
            " select m.id, %s, m.campaign_id, %s, %s, %s, %s from (select 1) as one"
            " left join messages m on m.whatsapp_message_id = %s on conflict do nothing",
            [
                self.number, self.phone_of(row), wamid, word,
                131026 if word == "failed" else None, wamid,
            ],
        )  # fmt: skip

    def deliveries_add_up(self, campaign: str, sent: int) -> None:
        """Each accepted row is in one state of delivery; the kept counts are those of the rows."""
        found = self.value("select wacampaign_delivery_of(%s)", campaign)
        parts = [found[part] for part in ("delivered", "undelivered", "held", "silent")]
        assert min(parts) >= 0
        assert sum(parts) == sent
        kept = self.value(
            "select coalesce(jsonb_object_agg(state, n), '{}') from (select state, sum(n) as n"
            " from wacampaign_delivery_counts where campaign_id = %s and state <> 'contradicted'"
            " group by 1 having sum(n) <> 0) as t",
            campaign,
        )
        there = self.value(
            "select coalesce(jsonb_object_agg(state, n), '{}') from (select state, count(*) as n"
            " from wacampaign_deliveries where campaign_id = %s group by 1) as t",
            campaign,
        )
        assert kept == there
