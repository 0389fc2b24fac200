"""What other programs write, and know nothing of us: cron, UI, old processor, SQL editors."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from hypothesis import strategies as st

from tests.campaigns import phone
from tests.store.machine.people import People
from tests.store.machine.world import OLD_MEDIA, Row

#: Over all campaigns.
BULK = (
    "update send_queue set status = 'ready', updated_at = now() where status = 'processing'",
    "update send_queue set status = 'ready', error_message = null where status = 'failed'",
    "update send_queue set status = 'ready', retry_count = 0, claim_id = null,"
    " in_doubt_since = null where status in ('sent', 'processing')",
    "update send_queue set status = 'failed', error_message = 'stuck' where status = 'processing'",
    "update send_queue set in_doubt_since = null, claim_id = null where status = 'processing'",
    "update campaigns set total_sent = 0, total_failed = 7",
)
#: One row, whatever it is.
SINGLE = (
    "status = 'ready'",
    "status = 'pending'",
    "status = 'processing'",
    "status = 'processing', claim_id = null, in_doubt_since = null",
    "status = 'ready', retry_count = 0, error_message = null, next_retry_at = null",
    "status = 'ready', whatsapp_message_id = null, sent_at = null",
    "status = 'ready', in_doubt_since = null, claim_id = null, worker_id = null",
    "status = 'failed', error_message = 'by hand (#131026)', next_retry_at = null",
    "status = 'sent', sent_at = now()",
    "whatsapp_message_id = null",
    "in_doubt_since = null, in_doubt_cause = null",
    "retry_count = 0, next_retry_at = '2099-01-01'",
    "next_retry_at = 'infinity'",
)
WHAT = (
    *("bulk",) * 3,
    *("single",) * 5,
    *("delete_rows",) * 2,
    "delete_a_campaign",
    *("retry_in_the_ui",) * 2,
    *("call_it_completed",) * 2,
    *("old_processor",) * 5,
    "put_in_a_row",
    *("older_copy",) * 8,
)
#: Rows written whole from a copy that somebody made earlier: an upsert, an import.
WRITE_BACK = """
insert into send_queue select * from {copy} where id in (select id from send_queue)
on conflict (id) do update set
    status = excluded.status, revision = excluded.revision, retry_count = excluded.retry_count,
    claim_id = excluded.claim_id, worker_id = excluded.worker_id,
    claimed_at = excluded.claimed_at, lease_until = excluded.lease_until,
    in_doubt_since = excluded.in_doubt_since, in_doubt_cause = excluded.in_doubt_cause,
    whatsapp_message_id = excluded.whatsapp_message_id, sent_at = excluded.sent_at,
    error_message = excluded.error_message, next_retry_at = excluded.next_retry_at,
    updated_at = excluded.updated_at
"""


class OtherPrograms(People):
    """The rules of other programs."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        #: Rows that the old processor sent (with its id) or was refused, and has not written yet.
        self.unwritten: list[tuple[str, str | None]] = []
        #: Tables with copies of the queue.
        self.copies: list[str] = []

    def another_program(self, data: st.DataObject, _answers: list[str]) -> None:
        before = self.states()
        getattr(self, data.draw(st.sampled_from(WHAT), label="what"))(data)
        self.look_at_their_word(before)

    def look_at_their_word(self, before: dict[str, Row]) -> None:
        """What they said of a row that nobody of ours had is theirs to answer for."""
        for row, now in self.states().items():
            was = before.get(row)
            if was is None:
                continue
            if now.status == "sent" and was.status != "sent" and now.wamid is None:
                self.said_sent.add(row)
            if was.orphan and now.status == "failed" and row in self.accepted:
                self.send_again(row)

    def bulk(self, data: st.DataObject) -> None:
        self.sql.execute(data.draw(st.sampled_from(BULK), label="statement").encode())

    def single(self, data: st.DataObject) -> None:
        """A person with an SQL editor, who tries to get one row to where he wants it."""
        row = self.row(data, *data.draw(st.sampled_from(((), ("processing",), ("failed",)))))
        changes = st.lists(st.sampled_from(SINGLE), min_size=1, max_size=4, unique=True)
        for change in data.draw(changes, label="changes") if row else ():
            before = self.states()
            self.sql.execute(f"update send_queue set {change} where id = %s".encode(), [row])
            self.look_at_their_word(before)

    def older_copy(self, data: st.DataObject) -> None:
        """Makes a copy of the queue, or writes one back."""
        copy = data.draw(st.sampled_from((*self.copies, None)), label="copy")
        if copy is not None:
            self.sql.execute(WRITE_BACK.format(copy=copy).encode())
            return
        self.copies.append(f"copy_{len(self.copies)}")
        self.sql.execute(f"drop table if exists {self.copies[-1]}".encode())
        self.sql.execute(f"create table {self.copies[-1]} as select * from send_queue".encode())

    def delete_rows(self, data: st.DataObject) -> None:
        rows = [self.row(data, *data.draw(st.sampled_from(((), ("processing",)))))]
        rows += [self.row(data) for _ in range(data.draw(st.sampled_from((0, 0, 3)), label="more"))]
        self.sql.execute("delete from send_queue where id = any(%s::uuid[])", [rows])

    def delete_a_campaign(self, data: st.DataObject) -> None:
        """Its rows go with it; with messages it cannot go. One of them stays for the others."""
        if len(self.campaigns) == 1:
            return
        campaign = self.campaign(data)
        messages = self.value("select count(*) from messages where campaign_id = %s", campaign)
        try:
            self.sql.execute("delete from campaigns where id = %s", [campaign])
        except psycopg.errors.ForeignKeyViolation:
            assert messages
            return
        assert not messages
        self.campaigns.remove(campaign)
        assert self.deleted_rows(campaign) == self.enqueued[campaign]

    def deleted_rows(self, campaign: str) -> int:
        """Rows that the events tell were deleted."""
        found = self.value(
            "select coalesce(sum(row_count), 0) from wacampaign_events "
            "where kind = 'rows_deleted' and campaign_id = %s",
            campaign,
        )
        return int(found)

    def retry_in_the_ui(self, data: st.DataObject) -> None:
        campaign = self.campaign(data)
        self.sql.execute(
            "update send_queue set status = 'ready' where campaign_id = %s and status = 'failed'",
            [campaign],
        )
        self.sql.execute(
            "update campaigns set status = 'running' where id = %s and status = 'completed'",
            [campaign],
        )

    def call_it_completed(self, data: st.DataObject) -> None:
        """Kept back while rows are left: that is nobody's to say."""
        campaign = self.campaign(data)
        status = self.status_of(campaign)
        left = self.value(
            "select count(*) from send_queue q where q.campaign_id = %s and "
            "(q.status in ('ready', 'pending') or q.status = 'processing' and "
            "q.in_doubt_since is null and exists (select 1 from wacampaign_claims c "
            "where c.id = q.claim_id and c.closed_at is null))",
            campaign,
        )
        if status not in ("running", "paused"):
            return
        self.sql.execute("update campaigns set status = 'completed' where id = %s", [campaign])
        now = self.status_of(campaign)
        assert now == (status if left else "completed")
        if now == "completed":
            self.completed_by_others[campaign] = self.completed_by_others.get(campaign, 0) + 1

    def put_in_a_row(self, data: st.DataObject) -> None:
        """The same recipient once more, or one more: nobody can know."""
        row, campaign = self.new_id(), self.campaign(data)
        self.sql.execute(
            "insert into send_queue (id, campaign_id, whatsapp_number_id, template_name, phone, "
            "payload, status) values (%s, %s, %s, 'one', %s, %s, %s)",
            [
                row,
                campaign,
                self.number,
                phone(row.int),
                f'{{"var1": "{OLD_MEDIA}"}}',
                data.draw(st.sampled_from(("ready", "pending", "processing")), label="as"),
            ],
        )
        self.enqueued[campaign] += 1

    # --- the old processor, which should be off ---------------------------------------------------

    def old_processor(self, data: st.DataObject) -> None:
        """Takes a row and sends it; writes that down at once, later, or never."""
        if self.unwritten and data.draw(st.booleans(), label="writes"):
            at = data.draw(st.integers(0, len(self.unwritten) - 1), label="which")
            self.old_processor_writes(*self.unwritten.pop(at))
            return
        found = self.sql.execute(
            "update send_queue set status = 'processing', updated_at = now() where id = "
            "(select q.id from send_queue q join campaigns k on k.id = q.campaign_id "
            "where q.status = 'ready' and k.status = 'running' order by q.id limit 1) "
            "and status = 'ready' returning id"
        ).fetchone()
        if found is None:
            return
        row = str(found[0])
        wamid = self.meta_accepts(row) if data.draw(st.booleans(), label="accepted") else None
        if data.draw(st.booleans(), label="at once"):
            self.old_processor_writes(row, wamid)
        else:
            self.unwritten.append((row, wamid))

    def old_processor_writes(self, row: str, wamid: str | None) -> None:
        if wamid is None:
            self.sql.execute(
                "update send_queue set status = 'failed', "
                "error_message = '(#131026) Message undeliverable' where id = %s",
                [row],
            )
            return
        self.sql.execute(
            "update send_queue set status = 'sent', whatsapp_message_id = %s, sent_at = now() "
            "where id = %s",
            [wamid, row],
        )
        state = self.states().get(row)
        if state and state.wamid == wamid:
            self.told.setdefault(row, set()).add(wamid)
        with suppress(psycopg.errors.UniqueViolation):
            self.sql.execute(
                "insert into messages (whatsapp_number_id, user_phone, direction, message_type, "
                "template_name, campaign_id, whatsapp_message_id) select whatsapp_number_id, "
                "phone, 'outgoing', 'template', template_name, campaign_id, %s from send_queue "
                "where id = %s",
                [wamid, row],
            )
