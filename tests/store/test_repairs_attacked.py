"""Repairs of header media under attack: odd payloads, workers, other operators, lost answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.campaigns import accepted, add_campaign, add_number, past_ramp, run_on
from tests.lossy import lossy_postgres
from tests.store.test_failures import fail, run
from tests.store.test_repairs import DIRECT, NEW, OLD, begin, repair, seed, snapshot, total, undo
from wacampaign.problems import Busy, Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.repairs import Begun, Repairs, Targets
from wacampaign.store.store import Store
from wacampaign.store.work_queue import WorkQueue
from wacampaign.store.workers import Workers

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

#: Payloads as text, and whether a repair may take them.
PAYLOADS = [
    ('{"var1": "https://x.example/a.mp4", "var2": "a  b   c", "var10": "x", "var01": "y"}', True),
    ('{"VAR1": "kept", "var1": "", "var2": "ø ₹ \\u0001 \\" \\\\ 😀", "Var1": null}', True),
    ('{"var1": null, "n": 123456789012345678901234567890.10, "m": 1e-300}', True),
    ('{"name": "no var1 at all", "var11": [1.0, 1.00, {"var1": "inside"}]}', True),
    ('{"var1": 1234567890123456, "": "an empty key", " var1 ": "spaces"}', True),
    ('{"var1": "  https://x.example/a b.mp4\\n", "var2": {"var1": ["https://y.example"]}}', True),
    ("{}", True),
    ('{"var1": 12.50, "var2": "shifted"}', False),
    ('{"var1": ["https://x.example/a.mp4"]}', False),
    ('{"var1": {"link": "https://x.example/a.mp4"}}', False),
    ('{"var1": true}', False),
    ('{"var1": "ftp://x.example/a.mp4"}', False),
    ('["https://x.example/a.mp4"]', False),
    ('"https://x.example/a.mp4"', False),
    ("null", False),
    (None, False),
]


@DIRECT
def test_everything_but_var1_is_kept_to_the_letter(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, number := await add_number(store), len(PAYLOADS))
        ids = [row[0] for row in sql.execute("select id::text from send_queue order by phone")]
        for row_id, (payload, _) in zip(ids, PAYLOADS, strict=True):
            sql.execute(
                "update send_queue set payload = %s::jsonb where id = %s::uuid", (payload, row_id)
            )
        wanted = {i for i, (_, taken) in zip(ids, PAYLOADS, strict=True) if taken}
        others = (
            "select id::text, case when jsonb_typeof(payload) = 'object'"
            " then (payload - 'var1')::text else payload::text end from send_queue order by id"
        )
        before, kept = snapshot(sql), sql.execute(others.encode()).fetchall()
        repairs = Repairs(store)
        survey = await repairs.survey(campaign, None, Targets([("hello", number, NEW)]))
        assert (total(survey, "change"), total(survey, "no_media")) == (7, 9)
        begun = await begin(repairs, campaign, number)
        assert await repair(repairs, begun, limit=3) == len(wanted)
        assert sql.execute(others.encode()).fetchall() == kept
        now = {
            row[0]
            for row in sql.execute(
                "select id::text from send_queue where payload ->> 'var1' = %s", (NEW,)
            )
        }
        assert now == wanted
        assert await undo(repairs, begun.id) == len(wanted)
        assert snapshot(sql) == before

    run(open_test_store, scenario)


def test_what_came_or_failed_after_the_plan_is_left_out(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs, targets = Repairs(store), Targets([("hello", number, NEW)])
        survey = await repairs.survey(campaign, None, targets)
        before = {row[0]: row for row in snapshot(sql)}
        await store.call(
            "enqueue",
            campaign_id=campaign,
            number_id=number,
            ids=[str(uuid4())],
            phones=["999000000999999"],
            templates=["hello"],
            payloads=['{"var1": "https://x.example/late.mp4"}'],
        )
        # What a worker held while the plan was read fails with an error that the plan did not show.
        sql.execute(
            "update send_queue set status = 'failed', error_code = 131049,"
            " updated_at = clock_timestamp() where claim_id is not null and status = 'processing'"
        )
        begun = await repairs.begin(
            uuid4(),
            campaign,
            kind="media_id",
            what="w",
            command="c",
            code=None,
            actor="a@h",
            targets=targets,
            as_of=survey.as_of,
        )
        assert await repair(repairs, begun) == total(survey, "change") == 34
        changed = {row[0] for row in snapshot(sql) if before.get(row[0]) not in (None, row)}
        assert len(changed) == 35  # and the one that failed, by the worker
        left = sql.execute(
            "select count(*) from send_queue where error_code = 131049"
            " or payload ->> 'var1' like '%%late.mp4'"
        ).fetchone()
        assert left == (2,)

    run(open_test_store, scenario)


@DIRECT
def test_one_code_among_others(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        # A ready row that waits after an attempt has a code, too.
        sql.execute(
            "update send_queue set error_code = 131026, next_retry_at = now() + interval '1 hour'"
            " where id = (select id from send_queue where status = 'ready'"
            " and payload ->> 'var1' = %s limit 1)",
            (OLD,),
        )
        repairs, targets = Repairs(store), Targets([("hello", number, NEW)])
        for code, changes, accepted_ in ((131026, 3, 0), (131053, 0, 1), (7, 0, 0), (0, 21, 0)):
            survey = await repairs.survey(campaign, code, targets)
            assert (total(survey, "change"), total(survey, "accepted")) == (changes, accepted_)
            assert len(survey.samples) == min(5, changes)
        before = {row[0]: row for row in snapshot(sql)}
        assert await repair(repairs, await begin(repairs, campaign, number, code=131026)) == 3
        changed = [before[row[0]] for row in snapshot(sql) if before[row[0]] != row]
        assert {row[4] for row in changed} == {131026}
        assert len(changed) == 3

    run(open_test_store, scenario)


@DIRECT
def test_a_pile_of_repairs_is_taken_down_from_the_top(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs, before = Repairs(store), snapshot(sql)
        first = await begin(repairs, campaign, number)
        await repair(repairs, first)
        second = await begin(repairs, campaign, number, media="88", command="d", code=0)
        await repair(repairs, second)
        # The same medium as the first: its rows look as the first one left them.
        third = await begin(repairs, campaign, number, command="e")
        assert await repair(repairs, third) == 34
        after = snapshot(sql)
        assert await undo(repairs, first.id) == 0
        assert snapshot(sql) == after
        fates = {f.fate for f in (await repairs.undo_survey(first.id)).fates}
        assert fates == {"repaired_again"}
        assert [await undo(repairs, one.id) for one in (third, second, first)] == [34, 34, 34]
        assert snapshot(sql) == before
        assert (await Campaigns(store).audit(campaign))["count_drift"] == 0

    run(open_test_store, scenario)


def test_two_operators_do_not_mix(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs, before = Repairs(store), snapshot(sql)

        async def operator(name: str, media: str) -> Begun:
            return await begin(
                repairs, campaign, number, media=media, actor=name, command=f"media {media}"
            )

        outcomes = await asyncio.gather(
            operator("a@h", "77"), operator("b@h", "88"), return_exceptions=True
        )
        assert sorted(type(one) for one in outcomes if not isinstance(one, Begun)) == [Busy]
        (won,) = (one for one in outcomes if isinstance(one, Begun))
        assert await repair(repairs, won, limit=5) == 34
        media = sql.execute(
            "select payload ->> 'var1', count(*) from send_queue where payload ->> 'var1'"
            " in ('77', '88') group by 1"
        ).fetchall()
        assert [n for _, n in media] == [34]

        # The same operator undoes it twice at once; another one may not begin in between.
        (found,) = [r for r in await repairs.of(campaign) if r.rows == 34]
        await repairs.undo_begin(found.id, "a@h")
        with pytest.raises(Busy):
            await operator("b@h", "99")
        with pytest.raises(Busy):
            await repairs.undo_begin(found.id, "b@h")
        both = await asyncio.gather(undo(repairs, found.id), undo(repairs, found.id))
        assert sum(both) == 34
        assert snapshot(sql) == before

    run(open_test_store, scenario)


@DIRECT
def test_an_interrupted_repair_is_undone(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        campaign, number = await seed(store, sql)
        repairs, before = Repairs(store), snapshot(sql)
        begun = await begin(repairs, campaign, number)
        steps = repairs.steps(begun.id, limit=9)
        await anext(steps)
        changed = len([1 for a, b in zip(before, snapshot(sql), strict=True) if a != b])
        assert 0 < changed < 10
        assert await undo(repairs, begun.id) == changed
        # Whoever carried it out still runs, and changes nothing more.
        with pytest.raises(Refused):
            await anext(steps)
        assert snapshot(sql) == before
        # An undo that was interrupted, and that another repair has ended, changes nothing more.
        again = await begin(repairs, campaign, number)
        await repair(repairs, again)
        await repairs.undo_begin(again.id, "a@h")
        undoing = repairs.undo_steps(again.id, limit=9)
        await anext(undoing)
        sql.execute("update wacampaign_repairs set beat_at = now() - interval '61 seconds'")
        await begin(repairs, campaign, number, media="88", command="d", actor="b@h")
        with pytest.raises(Refused):
            await anext(undoing)

    run(open_test_store, scenario)


@pytest.mark.parametrize("what", ["medium", "template"])
def test_workers_send_while_it_is_repaired_and_undone(
    open_test_store: OpenStore, sql: Connection, what: str
) -> None:
    """Nothing lost, nothing twice, and what was sent is what the row says."""
    before, after = (OLD, NEW) if what == "medium" else ("hello", "hello_2")
    column = "payload" if what == "medium" else "template_name"
    value = "payload ->> 'var1'" if what == "medium" else column

    async def scenario(store: Store) -> None:
        rows = 400
        number = await add_number(store, templates=("hello", "hello_2"))
        campaign = await add_campaign(store, number, rows)
        sql.execute(
            "update send_queue set payload = jsonb_build_object('var1', %s::text, 'var2', phone)",
            (OLD,),
        )
        # Nothing of a row in a worker's hands may change but by the worker.
        sql.execute(
            "create function held() returns trigger language plpgsql as $$ begin"
            " raise 'a row in hands was changed'; end $$;"
            f"create trigger held before update of {column} on send_queue for each row"
            " when (old.status in ('processing', 'sent')"
            f" and old.{column} is distinct from new.{column}) execute function held()".encode()
        )
        repairs, sent = Repairs(store), Counter[str]()
        said: dict[str, str] = {}
        undoing = asyncio.Event()

        async def work(worker: UUID) -> None:
            while True:
                if len(sent) >= rows // 2:  # else all are sent before the first is undone
                    await undoing.wait()
                claim = await WorkQueue(store).claim(worker, uuid4(), 25)
                if claim.rows:
                    await WorkQueue(store).begin(worker, claim.rows[0].claim_id)
                    for row in claim.rows:
                        sent[row.id] += 1
                        said[row.id] = row.payload["var1"] if what == "medium" else row.template
                    await WorkQueue(store).settle(worker, accepted(claim.rows))
                elif len(sent) == rows:
                    return
                else:
                    await asyncio.sleep(0.01)

        async def operate() -> tuple[str, int, int]:
            if what == "medium":
                begun = await begin(repairs, campaign, number)
            else:
                begun = await repairs.begin(
                    uuid4(),
                    campaign,
                    kind="template",
                    what="hello_2",
                    command="c",
                    code=None,
                    actor="a@h",
                    targets=Targets([("hello", number, None)], template_to="hello_2"),
                )
            changed = await repair(repairs, begun, limit=40)
            await repairs.undo_begin(begun.id, "a@h")
            undone = 0
            async for n, _ in repairs.undo_steps(begun.id, limit=7):
                undone += n
                if undone:
                    undoing.set()
            await repairs.undo_finish(begun.id, "a@h")
            assert undone
            return begun.id, changed, undone

        workers = [uuid4(), uuid4()]
        for worker in workers:
            await Workers(store).register(worker, "host", 1, "0")
        await past_ramp(store, workers[0], campaign)
        early = sql.execute("select id::text from send_queue where status = 'sent'").fetchall()
        sent.update(row[0] for row in early)
        said.update((row[0], before) for row in early)
        (repair_id, changed, undone), *_ = await asyncio.gather(operate(), *map(work, workers))
        assert len(sent) == rows
        assert set(sent.values()) == {1}
        now = dict(sql.execute(f"select id::text, {value} from send_queue".encode()).fetchall())
        assert now == said
        repaired = sql.execute(
            "select count(*), count(undone_at) from wacampaign_repair_rows where repair_id = %s",
            (repair_id,),
        ).fetchone()
        assert repaired == (changed, undone)
        assert Counter(said.values()) == Counter({before: rows - changed + undone}) + Counter(
            {after: changed - undone}
        )
        left = sql.execute("select distinct status from send_queue").fetchall()
        assert left == [("sent",)]
        assert (await Campaigns(store).audit(campaign))["count_drift"] == 0

    run(open_test_store, scenario)


def test_lost_answers_and_a_database_that_goes_away(database: str, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        repairs = Repairs(store)
        begun = await begin(repairs, campaign, number)
        await repair(repairs, begun, limit=5)
        found = (await repairs.of(campaign))[0]
        assert (found.rows, found.finished) == (34, True)
        sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'wacampaign'"
        )
        await undo(repairs, begun.id)
        found = (await repairs.of(campaign))[0]
        assert (found.undone_rows, found.undone) == (34, True)

    campaign, number = run_on(database, lambda store: seed(store, sql))
    before = snapshot(sql)
    with lossy_postgres(database, one_in=4) as (url, way):
        run_on(url, scenario)
        assert way.lost > 0
    assert snapshot(sql) == before


@DIRECT
def test_another_signature_is_no_change_while_the_old_one_is_good(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, number := await add_number(store), 6)
        good, ended = "7fffffff", "60000000"
        sample = "https://scontent.whatsapp.net/v/a.mp4"
        fresh = f"{sample}?oh=2&oe={good}"
        held = [
            f"{sample}?oh=1&oe={good}",
            f"{sample}?oh=1&oe={ended}",
            f"{sample}?signature=of-unknown-end",
            "https://scontent.whatsapp.net/v/b.mp4?oh=1&oe=" + good,
            fresh,
            f"{sample}?oh=1&oe={good}",
        ]
        for phone, url in enumerate(held):
            sql.execute(
                "update send_queue set payload = jsonb_build_object('var1', %s::text)"
                " where phone like %s",
                (url, f"%{phone}"),
            )
        sql.execute("update send_queue set status = 'failed' where phone like '%5'")
        repairs, targets = Repairs(store), Targets([("hello", number, fresh)])
        exact = await repairs.survey(campaign, None, targets, kind="url")
        assert (total(exact, "change"), total(exact, "already")) == (5, 1)
        survey = await repairs.survey(campaign, None, targets, kind="from_template")
        assert (total(survey, "change"), total(survey, "already")) == (3, 3)
        assert sorted(str(s.was) for s in survey.samples) == sorted(held[i] for i in (1, 3, 5))
        begun = await repairs.begin(
            uuid4(),
            campaign,
            kind="from_template",
            what="w",
            command="c",
            code=None,
            actor="a@h",
            targets=targets,
        )
        assert await repair(repairs, begun) == 3
        now = [
            r[0] for r in sql.execute("select payload ->> 'var1' from send_queue order by phone")
        ]
        assert now == [held[0], fresh, held[2], fresh, fresh, fresh]

    run(open_test_store, scenario)


@DIRECT
def test_a_continued_repair_takes_what_its_own_plan_shows(
    open_test_store: OpenStore, sql: Connection
) -> None:
    """What failed between the two runs is in the second plan; its first state stays recorded."""

    async def scenario(store: Store) -> None:
        campaign = await add_campaign(store, number := await add_number(store), 10)
        sql.execute("update send_queue set payload = jsonb_build_object('var1', %s::text)", (OLD,))
        fail(sql, campaign, 4, code=135000)
        repairs, before = Repairs(store), snapshot(sql)
        begun = await begin(repairs, campaign, number)
        await anext(repairs.steps(begun.id, limit=6))
        sql.execute(
            "update send_queue set status = 'failed', error_code = 131026,"
            " updated_at = clock_timestamp() where id = (select max(row_id::text)::uuid"
            " from wacampaign_repair_rows)"
        )
        survey = await repairs.survey(campaign, None, Targets([("hello", number, NEW)]))
        assert total(survey, "change") == 5
        again = await begin(repairs, campaign, number)
        assert again.continued
        assert await repair(repairs, again) == 4  # the tenth was counted before
        assert {(row[2], row[4]) for row in snapshot(sql)} == {("ready", None)}
        assert await undo(repairs, again.id) == 10
        assert snapshot(sql) == before

    run(open_test_store, scenario)
