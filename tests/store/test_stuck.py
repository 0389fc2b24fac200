"""Stopped campaigns: found with evidence, mended and restarted, the same over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number, as_found, counts, phone, run, run_on
from tests.database.backends import CAMPAIGNS, make_backend
from tests.servers import SECRET_KEY, PostgresServer, lite_server, migrate
from wacampaign.core.campaign.stuck import Kind, StuckCampaign, examine
from wacampaign.core.engine.ports import KnownOutcome
from wacampaign.problems import NoSuchCampaign, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.rest import RestTransport
from wacampaign.store.store import Store
from wacampaign.store.stuck import StuckCampaigns
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def set_rows(sql: Connection, campaign: str, n: int, changes: str) -> list[str]:
    """Changes the next n ready rows; returns their ids."""
    rows = sql.execute(
        f"update send_queue set {changes} where id in (select id from send_queue where"
        " campaign_id = %s and status = 'ready' order by id limit %s) returning id::text".encode(),
        (campaign, n),
    ).fetchall()
    return sorted(row[0] for row in rows)


def events(sql: Connection, campaign: str, kind: str) -> list[Any]:
    return sql.execute(
        "select row_count, actor from wacampaign_events where campaign_id = %s and kind = %s"
        " order by id",
        (campaign, kind),
    ).fetchall()


async def look(store: Store, campaign: str) -> StuckCampaign:
    (one,) = [
        one
        for one in examine(await StuckCampaigns(store).look(), "hold")
        if one.campaign.id == campaign
    ]
    return one


#: A person's plan of this moment: whatever is in doubt was seen.
NOW = "infinity"
DOUBT = "status = 'processing', in_doubt_since = now(), in_doubt_cause = 'no_answer'"
DOUBT += ", claim_id = gen_random_uuid(), claimed_at = now()"


def test_two_operators_restart_it_once(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 12)
        set_rows(sql, campaign, 5, "status = 'sent'")
        as_found(sql, "update campaigns set status = 'completed', end_time = now(), total_sent = 5")
        database = StuckCampaigns(store)
        seen = await look(store, campaign)
        assert seen.kinds == [Kind.COMPLETED_WITH_ROWS_LEFT]
        assert (seen.campaign.accepted, seen.campaign.left) == (5, 7)
        answers = await asyncio.gather(
            *(database.restart(campaign, seen.campaign.token, who, "it stopped") for who in "ab")
        )
        assert sorted(answer["changed"] for answer in answers) == [False, True]
        state = sql.execute("select status, end_time from campaigns").fetchone()
        assert state == ("running", None)
        ((n, _),) = events(sql, campaign, "restarted")
        assert n == 7
        # It completes once more meanwhile: what was seen before is not what is there.
        as_found(sql, "update campaigns set status = 'completed', end_time = now()")
        assert not (await database.restart(campaign, seen.campaign.token, "c", "again"))["changed"]
        with pytest.raises(NoSuchCampaign):
            await database.restart(str(uuid4()), seen.campaign.token, "c", "again")

    run(open_test_store, scenario)


def test_what_was_accepted_is_told_by_ids_and_messages(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 12)
        taken = "status = 'processing', whatsapp_message_id = 'wamid.taken'"
        with_id = set_rows(sql, campaign, 1, taken)
        set_rows(sql, campaign, 2, "status = 'processing'")
        with_id += set_rows(sql, campaign, 1, "whatsapp_message_id = 'wamid.own'")
        # A recipient whom the list names twice: nobody knows which row the message was of.
        sql.execute(
            "update send_queue set phone = '447700900001' where id in (select id from send_queue"
            " where status = 'ready' order by id desc limit 2)"
        )
        rows = sql.execute(
            "select id::text, phone, status from send_queue where whatsapp_message_id is null"
            " order by id"
        ).fetchall()
        lost, waits = rows[0], rows[2]
        assert (lost[2], waits[2]) == ("processing", "ready")
        for n, number in enumerate([lost[1], lost[1], waits[1], "447700900001"]):
            sql.execute(
                "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
                " template_name, campaign_id, whatsapp_message_id) select whatsapp_number_id, %s,"
                " 'outgoing', 'template', 'hello', id, %s from campaigns",
                (number, f"wamid.{n}"),
            )
        # A reply, another campaign's, one that failed: no proof.
        sql.execute(
            "insert into messages (user_phone, direction, message_type, template_name,"
            " campaign_id, whatsapp_message_id, status) select phone, direction, 'template',"
            " 'hello', campaign, 'wamid.' || direction || status, status from (values"
            " (%(phone)s, 'incoming', %(campaign)s::uuid, 'sent'),"
            " (%(phone)s, 'outgoing', gen_random_uuid(), 'sent'),"
            " (%(phone)s, 'outgoing', %(campaign)s::uuid, 'failed'))"
            " as t (phone, direction, campaign, status)",
            {"phone": rows[4][1], "campaign": campaign},
        )
        database = StuckCampaigns(store)
        assert await database.settle_by_messages(campaign, "test") == 2
        assert await database.settle_by_messages(campaign, "test") == 0
        settled = sql.execute(
            "select id::text, whatsapp_message_id from send_queue where status = 'sent' order by id"
        ).fetchall()
        assert settled == sorted([(lost[0], "wamid.0"), (waits[0], "wamid.2")])
        mended = await database.mend_rows(campaign, "test")
        assert mended == {"accepted": 2, "pending": 0, "in_doubt": 1}
        assert await database.mend_rows(campaign, "test") == dict.fromkeys(mended, 0)
        query = "select distinct status from send_queue where id = any(%s::uuid[])"
        assert sql.execute(query, (with_id,)).fetchall() == [("sent",)]
        cause = sql.execute("select in_doubt_cause from send_queue where status = 'processing'")
        assert cause.fetchall() == [("no_claim",)]
        audit = await Campaigns(store).audit(campaign)
        # The second message of the row, the twin's, and the failed one: accepted beyond the rows.
        assert (audit["accepted"], audit["unowned"], audit["ok"]) == (4, 3, False)
        assert audit["count_drift"] == 0
        shown = sql.execute("select total_sent from campaigns").fetchone()
        assert shown == (4,)

    run(open_test_store, scenario)


def test_pending_rows_and_those_of_a_dead_worker(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 9)
        set_rows(sql, campaign, 2, "status = 'pending'")
        worker = uuid4()
        await Workers(store).register(worker, "host", 1, "0")
        first = await WorkQueue(store).claim(worker, uuid4(), 1)
        await WorkQueue(store).begin(worker, first.rows[0].claim_id)
        claim = uuid4()
        sql.execute(
            "insert into wacampaign_claims (id, worker_id, claimed_at, lease_until)"
            " values (%s, %s, now(), now() + interval '2 minutes')",
            (claim, worker),
        )
        set_rows(sql, campaign, 3, f"status = 'processing', claim_id = '{claim}'")
        alive = await look(store, campaign)
        assert alive.kinds == [Kind.PENDING]
        sql.execute("update wacampaign_workers set last_beat_at = now() - interval '1 hour'")
        dead = await look(store, campaign)
        assert dead.kinds == [
            Kind.NO_LIVE_WORKER,
            Kind.HELD_BY_NOBODY,
            Kind.PENDING,
            Kind.IN_DOUBT,
        ]
        assert [(c.n, c.becomes) for c in dead.changes] == [
            (3, "ready"),
            (1, "in doubt"),
            (2, "ready"),
        ]
        await Workers(store).reap([])
        assert (await StuckCampaigns(store).mend_rows(campaign, "test"))["pending"] == 2
        left = await counts(store, campaign)
        assert (left["ready"], left["in_doubt"], left["pending"]) == (8, 1, 0)

    run(open_test_store, scenario)


def test_a_person_decides_about_doubts(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 6)
        ids = set_rows(sql, campaign, 4, DOUBT)
        set_rows(sql, campaign, 2, "status = 'sent'")
        as_found(sql, "update campaigns set status = 'completed', end_time = now(), total_sent = 2")
        database = StuckCampaigns(store)
        assert (await look(store, campaign)).kinds == [Kind.IN_DOUBT]
        # Somebody saw three: a fourth is not his to decide about.
        few = await database.resolve_doubt(campaign, "resend", 3, "test", seen_at=NOW)
        assert (few["rows"], few["found"]) == (0, 4)
        assert (await counts(store, campaign))["in_doubt"] == 4

        sql.execute("update send_queue set status = 'sent' where id = %s", (ids[0],))
        done = await database.resolve_doubt(campaign, "assume_sent", 4, "test", seen_at=NOW)
        assert done["rows"] == 3
        audit = await Campaigns(store).audit(campaign)
        assert (audit["accepted"], audit["assumed_sent"], audit["in_doubt"]) == (6, 3, 0)
        assert audit["ok"]
        # A journal that turns up later still proves one of them.
        claim = sql.execute(
            "select claim_id::text from send_queue where id = %s", (ids[1],)
        ).fetchone()
        assert claim is not None
        told = await WorkQueue(store).recover(
            uuid4(), [KnownOutcome(ids[1], claim[0], "sent", "wamid.late")]
        )
        assert told["sent"] == 1
        assert (await Campaigns(store).audit(campaign))["assumed_sent"] == 2

        # Two are in doubt once more, as in a database without a guard.
        as_found(sql, "update send_queue set " + DOUBT + " where id = any(%s::uuid[])", (ids[2:],))
        done = await database.resolve_doubt(campaign, "resend", 2, "test", seen_at=NOW)
        assert (done["rows"], done["reopened"]) == (2, True)
        left = await counts(store, campaign)
        assert (left["ready"], left["in_doubt"], left["sent"]) == (2, 0, 4)
        assert sql.execute("select status, total_sent from campaigns").fetchone() == ("running", 4)
        assert [n for n, _ in events(sql, campaign, "doubt_resent")] == [2]
        assert [n for n, _ in events(sql, campaign, "doubt_assumed_sent")] == [3]

        set_rows(sql, campaign, 1, DOUBT)
        await Campaigns(store).set_status(campaign, "cancel", "test")
        with pytest.raises(Refused):
            await database.resolve_doubt(campaign, "resend", 1, "test", seen_at=NOW)
        assert (await database.resolve_doubt(campaign, "assume_sent", 1, "test", seen_at=NOW))[
            "rows"
        ] == 1

    run(open_test_store, scenario)


def hold(sql: Connection, campaign: str, scope: str, code: int) -> None:
    """As the worker does it: the hold, and the campaign paused by it."""
    sql.execute(
        "select wacampaign_hold(%s, id, whatsapp_number_id, 'hello', %s, 'Meta refused it', null,"
        " gen_random_uuid()) from campaigns where id = %s",
        (scope, code, campaign),
    )


@pytest.mark.parametrize(
    ("scope", "code", "synced", "repaired", "number", "gone"),
    [
        ("template", 132015, False, False, False, False),
        ("template", 132015, True, False, False, True),
        ("template", 135000, True, False, True, False),  # it was APPROVED all the time
        ("template", 135000, False, True, False, True),
        ("media", 131053, True, True, False, True),
        ("number", 133010, False, True, False, False),
        ("token", 190, False, False, True, True),
        ("account", 131031, True, True, True, False),
    ],
)
def test_a_pause_whose_cause_is_gone(
    database: str,
    sql: Connection,
    scope: str,
    code: int,
    synced: bool,
    repaired: bool,
    number: bool,
    gone: bool,
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 4)
        hold(sql, campaign, scope, code)
        assert sql.execute("select status from campaigns").fetchone() == ("paused",)
        if synced:
            sql.execute("update templates set last_synced = clock_timestamp()")
        if repaired:
            sql.execute(
                "insert into wacampaign_events (campaign_id, kind, actor)"
                " values (%s, 'repaired', 'test')",
                (campaign,),
            )
        if number:
            sql.execute("update whatsapp_numbers set last_updated = clock_timestamp()")
        facts = await StuckCampaigns(store).look()
        assert [one.kinds for one in examine(facts, "hold")] == (
            [[Kind.CAUSE_GONE]] if gone else []
        )
        if gone:
            (one,) = examine(facts, "hold")
            answer = await StuckCampaigns(store).restart(
                campaign, one.campaign.token, "test", "gone"
            )
            assert (answer["changed"], answer["holds_lifted"]) == (True, 1)
            assert sql.execute("select status from campaigns").fetchone() == ("running",)

    run_on(database, scenario)


def test_pauses_of_persons_and_of_others_holds(database: str, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        mine = await add_campaign(store, number, 4)
        held = await add_campaign(store, number, 4)
        await Campaigns(store).set_status(mine, "pause", "somebody")
        hold(sql, held, "number", 133010)
        assert examine(await StuckCampaigns(store).look(), "hold") == []
        # Resuming one lifts the number's hold, and the other stays paused for nothing.
        await Campaigns(store).set_status(mine, "resume", "somebody")
        one = await look(store, held)
        assert one.kinds == [Kind.CAUSE_GONE]
        assert "lifted since" in " ".join(one.evidence)
        # Nobody has started this one, and it is being written.
        as_found(sql, "update campaigns set status = 'completed'")
        young = await add_campaign(store, number, 3, total=9, start=False)
        stuck = examine(await StuckCampaigns(store).look(), "hold")
        assert [one.campaign.id for one in stuck] == [held, mine]
        sql.execute(
            "update campaigns set created_at = now() - interval '2 hours' where id = %s", (young,)
        )
        assert (await look(store, young)).kinds == [Kind.LEFT_UNWRITTEN]

    run_on(database, scenario)


def test_fewer_rows_than_contacts_but_not_of_what_was_cleared_away(
    database: str, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 5)
        sql.execute("update send_queue set status = 'sent'")
        as_found(
            sql, "update campaigns set status = 'completed', total_contacts = 8, total_sent = 5"
        )
        one = await look(store, campaign)
        assert (one.kinds, one.changes) == ([Kind.COMPLETED_WITH_FEWER_ROWS], [])
        audit = await Campaigns(store).audit(campaign)
        assert (audit["never_enqueued"], audit["lost"], audit["ok"]) == (3, 3, False)
        sql.execute("delete from send_queue")
        assert examine(await StuckCampaigns(store).look(), "hold") == []

    run_on(database, scenario)


def test_the_audit_names_what_else_is_odd(database: str, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 8)
        sql.execute("update send_queue set status = 'sent'")
        # As the old backend left it: ids in `messages` only, no message beyond one a row.
        sql.execute(
            "insert into messages (user_phone, direction, message_type, campaign_id,"
            " whatsapp_message_id) select phone, 'outgoing', 'template', campaign_id,"
            " 'wamid.' || id from send_queue"
        )
        audit = await Campaigns(store).audit(campaign)
        assert (audit["duplicates"], audit["without_id"], audit["ok"]) == (0, 8, True)
        sql.execute(
            "insert into messages (user_phone, direction, message_type, campaign_id,"
            " whatsapp_message_id) values (%s, 'outgoing', 'template', %s, 'wamid.more')",
            (phone(0), campaign),
        )
        assert (await Campaigns(store).audit(campaign))["duplicates"] == 1
        sql.execute("update send_queue set phone = %s where phone = %s", (phone(2), phone(1)))
        assert (await Campaigns(store).audit(campaign))["recipients_repeated"] == 1
        sql.execute("drop index send_queue_whatsapp_message_id_key")
        sql.execute(
            "update send_queue set whatsapp_message_id = 'wamid.same' where phone = %s", (phone(2),)
        )
        audit = await Campaigns(store).audit(campaign)
        assert (audit["ids_shared"], audit["ok"]) == (1, False)
        assert (audit["total_sent_shown"], audit["accepted"]) == (0, 8)

    run_on(database, scenario)


@pytest.fixture(params=["postgres", "supabase"])
def open_early_store(
    request: pytest.FixtureRequest, postgres: PostgresServer
) -> Iterator[tuple[OpenStore, Connection]]:
    """A database in the early form of the backend's schema, with data, migrated."""
    url = postgres.new_database("template1")
    with psycopg.connect(url, autocommit=True) as connection:
        make_backend(connection)
        migrate(url)
        if request.param == "postgres":
            yield (lambda: Store(PostgresTransport(url))), connection
        else:
            with lite_server(url) as address:
                yield (lambda: Store(RestTransport(address, SECRET_KEY))), connection


def test_a_database_in_its_early_form(open_early_store: tuple[OpenStore, Connection]) -> None:
    open_store, sql = open_early_store

    async def scenario(store: Store) -> None:
        database = StuckCampaigns(store)
        facts = await database.look()
        stuck = {one.campaign.id: one for one in examine(facts, "assume-sent")}
        assert set(stuck) == {CAMPAIGNS[s] for s in ("running", "completed", "paused", "failed")}
        completed = stuck[CAMPAIGNS["completed"]]
        done = completed.campaign
        assert completed.kinds == [
            Kind.COMPLETED_WITH_ROWS_LEFT,
            Kind.HELD_BY_NOBODY,
            Kind.IN_DOUBT,
        ]
        assert Kind.PENDING in stuck[CAMPAIGNS["running"]].kinds
        assert Kind.CAUSE_GONE not in stuck[CAMPAIGNS["paused"]].kinds
        before = await Campaigns(store).audit(done.id)
        assert (before["accepted"], before["in_doubt"], before["left_behind"]) == (20, 20, 40)
        await database.mend_rows(done.id, "test")
        assert (await database.restart(done.id, done.token, "test", "why"))["left"] == 40
        assert (await database.resolve_doubt(done.id, "assume_sent", 20, "test", seen_at=NOW))[
            "rows"
        ] == 20
        after = await Campaigns(store).audit(done.id)
        assert (after["status"], after["accepted"], after["assumed_sent"]) == ("running", 40, 20)
        assert after["count_drift"] == 0
        again = [
            one for one in examine(await database.look(), "hold") if one.campaign.id == done.id
        ]
        assert again[0].kinds == [Kind.NO_LIVE_WORKER]
        row = sql.execute("select total_sent from campaigns where id = %s", (done.id,)).fetchone()
        assert row == (40,)

    run(open_store, scenario)
