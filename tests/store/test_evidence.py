"""The database's part of an investigation, the same over both transports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.campaigns import add_campaign, add_number
from wacampaign.core.investigation.evidence import Counted
from wacampaign.problems import NoSuchCampaign
from wacampaign.store.evidence import GROUP_ROWS, CampaignEvidence
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]

HOST = "botspace-uploads.s3.eu-west-1.amazonaws.com"


def settle(sql: Connection, campaign: str, status: str, n: int, media: str, code: int = 0) -> None:
    """Makes `n` ready rows sent or failed, with this header media."""
    sql.execute(
        "update send_queue set status = %s, payload = %s, updated_at = '2025-11-10 15:46+00',"
        " sent_at = case when %s = 'sent' then timestamptz '2025-11-10 12:35+00' end,"
        " whatsapp_message_id = case when %s = 'sent' then 'wamid.' || id end,"
        " error_message = case when %s > 0 then format('(#%%s) refused', %s::int) end"
        " where id in (select id from send_queue where campaign_id = %s and status = 'ready'"
        " order by id limit %s)",
        (
            status,
            json.dumps({"var1": media, "var2": "Asha"}),
            status,
            status,
            code,
            code,
            campaign,
            n,
        ),
    )


def run(opener: OpenStore, scenario: Callable[[CampaignEvidence, Store], Any]) -> None:
    async def main() -> None:
        store = opener()
        try:
            await scenario(CampaignEvidence(store), store)
        finally:
            await store.close()

    asyncio.run(main())


def test_groups_rows_and_neighbours(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(reader: CampaignEvidence, store: Store) -> None:
        number = await add_number(store, phone_number_id="875062729021816")
        campaign = await add_campaign(store, number, 12, name="refused")
        other = await add_campaign(store, await add_number(store), 4, name="healthy")
        settle(sql, campaign, "failed", 5, f"https://{HOST}/a.mp4", 135000)
        settle(sql, campaign, "failed", 2, "746289441234567", 135000)
        settle(sql, campaign, "failed", 1, "", 131026)
        settle(sql, campaign, "sent", 3, "HTTPS://User@Scontent.WhatsApp.net:443/b.mp4?oe=1")
        settle(sql, other, "sent", 4, "https://scontent.whatsapp.net/b.mp4")

        first, second = await reader.campaigns(campaign, 135000)
        assert (first.name, first.sent, first.failed, first.code_failed) == ("refused", 3, 8, 7)
        assert (second.name, second.sent, second.failed) == ("healthy", 4, 0)

        groups = await reader.groups(campaign, 135000, ["hello"])
        assert (groups.failed_read, groups.sent_read) == (7, 3)
        assert {(g.host, g.failed, g.sent) for g in groups.hosts} >= {
            (HOST, 5, 0),
            ("media id", 2, 0),
            ("scontent.whatsapp.net", 0, 3),
        }
        whole = await store.call(
            "evidence_groups",
            campaign_id=campaign, code=135000, media_templates=["hello"], limit=GROUP_ROWS,
        )  # fmt: skip
        assert (whole["accepted"], whole["file_count"]) == (0, 3)
        assert groups.files[0] == Counted(f"https://{HOST}/a.mp4", 5, 0)
        assert groups.prefixes == (Counted("999", 7, 3),)
        assert (groups.first_failed, groups.last_sent) == (
            "2025-11-10T15:46:00Z",
            "2025-11-10T12:35:00Z",
        )
        without = await reader.groups(campaign, 135000, [])
        assert {g.host for g in without.hosts} == {None}
        assert (await reader.groups(campaign, 135000, ["hello"], limit=2)).failed_read == 2

        rows = await reader.failed_rows(campaign, 135000, limit=4)
        rest = await reader.failed_rows(campaign, 135000, after=rows[-1].id)
        assert len({row.id for row in (*rows, *rest)}) == 7
        assert rows[0].payload["var2"] == "Asha"
        assert len(await reader.sent_rows(campaign)) == 3
        assert [n.phone_number_id for n in await reader.numbers()].count("875062729021816") == 1
        assert {t.name for t in await reader.templates(number)} == {"hello"}
        with pytest.raises(NoSuchCampaign):
            await reader.campaigns(str(uuid4()), 135000)

    run(open_test_store, scenario)


def test_templates_of_other_numbers_are_in_the_language_of_the_rows(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(reader: CampaignEvidence, store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 2)
        other = await add_number(store)
        sql.execute("update templates set language = 'ar' where whatsapp_number_id = %s", (other,))
        sql.execute("delete from wacampaign_translations")

        async def language() -> str:
            return next(
                t.language for t in await reader.templates(campaign) if t.number_id == other
            )

        assert await language() == "ar"
        sql.execute(
            "insert into wacampaign_translations (whatsapp_number_id, name, language, last_synced)"
            " values (%s, 'hello', 'en', now())",
            (other,),
        )
        assert await language() == "en"

    run(open_test_store, scenario)


def test_a_campaign_that_is_asked_for_comes_second(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(reader: CampaignEvidence, store: Store) -> None:
        number = await add_number(store)
        ids = [await add_campaign(store, number, 1, name=f"c{i}") for i in range(4)]
        sql.execute("update campaigns set start_time = '2020-01-01' where id = %s", (ids[3],))
        found = await reader.campaigns(ids[0], 135000, ids[3])
        assert [one.id for one in found][:2] == [ids[0], ids[3]]
        assert {one.id for one in found} == set(ids)

    run(open_test_store, scenario)


def test_moments_and_probes(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(reader: CampaignEvidence, store: Store) -> None:
        campaign = await add_campaign(store, await add_number(store), 1)
        sql.execute(
            "insert into wacampaign_pace (campaign_id, at, sent, failed)"
            " select %s, timestamptz '2025-11-10 12:00+00' + make_interval(secs => 5 * i), 1, 2"
            " from generate_series(0, 2399) as i",
            (campaign,),
        )
        sql.execute(
            "insert into wacampaign_workers (id, host, pid, version, started_at)"
            " values (gen_random_uuid(), 'in', 1, '1', '2025-11-10 13:28+00'),"
            " (gen_random_uuid(), 'out', 1, '1', '2025-11-09 13:28+00')"
        )
        for expected in (True, False):  # a lost answer, and the same once more
            assert expected is await SentTests(store).write_probe_down(
                campaign,
                "00000000-0000-0000-0000-00000000000b",
                "me",
                accepted=True,
                reason="the failed payload itself: accepted",
                detail={"number": "1"},
            )
        found = await reader.history(campaign, "2025-11-10T10:00:00Z", "2025-11-10T20:00:00Z")
        assert [w.host for w in found.workers] == ["in"]
        assert [e.kind for e in found.events].count("probe_sent") == 1
        assert len(found.pace) <= 250
        assert sum(p.failed for p in found.pace) == 4800

    run(open_test_store, scenario)
