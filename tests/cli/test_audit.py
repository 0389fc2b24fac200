"""`audit`: the contract's JSON and its verdict."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found
from tests.cli.conftest import Seeded, Wacampaign

pytestmark = pytest.mark.usefixtures("seeded")


def test_a_sound_campaign(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent'")
    done = wacampaign("audit", "market_1", "--json")
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    (one,) = answer["campaigns"]
    wanted = {"rows": 20, "accepted": 20, "lost": 0, "duplicates": 0, "in_doubt": 0, "ok": True}
    assert {key: one[key] for key in wanted} == wanted
    assert one["id"] == seeded.campaign_id
    assert "ok: 20 rows, none lost, none sent twice" in wacampaign("audit").stdout


def test_rows_left_by_a_completion_are_lost(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    as_found(sql, "update campaigns set status = 'completed'")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    assert "NOT OK: 1 of 1 campaigns have a finding" in done.stdout
    assert "20 rows lost" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("→ wacampaign ")


def test_a_drift_of_the_counts_is_found_and_migrate_heals_it(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update wacampaign_counts set n = n + 2")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-1] == "→ wacampaign db migrate"
    assert wacampaign("db", "check").exit_code == 3
    assert wacampaign("db", "migrate", "--yes").exit_code == 0
    assert wacampaign("db", "check").exit_code == 0
    assert wacampaign("audit", "market_1").exit_code == 0


def test_each_kind_of_finding_is_named(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    as_found(sql, "update campaigns set status = 'completed', total_contacts = 23, total_sent = 9")
    sql.execute(
        "update send_queue set phone = '447700900001' where id in"
        " (select id from send_queue order by id limit 2)"
    )
    sql.execute(
        "insert into messages (user_phone, direction, message_type, campaign_id,"
        " whatsapp_message_id) select phone, 'outgoing', 'template', campaign_id, 'more.' || id"
        " from send_queue where phone = '447700900001'"
    )
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    short_id = seeded.campaign_id[:8]
    assert [line for line in done.stdout.splitlines() if line.startswith(f"  {short_id}")] == [
        f"  {short_id} 3 of 23 contacts lost: never put into the queue",
        f"  {short_id} 2 messages were accepted beyond one a row: no row owns them",
        f"  {short_id} attention: recipients that are in more than one accepted row: 1",
        f"  {short_id} attention: the campaign shows 9 sent and 0 failed; its rows say 20 and 0",
    ]
    assert "447700900001" not in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert (one["lost"], one["duplicates"], one["recipients_repeated"]) == (3, 2, 1)


def test_totals_that_the_old_backend_left_are_put_right(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    as_found(sql, "update campaigns set status = 'completed'")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 0
    command = f"restart-stuck {seeded.campaign_id[:8]}"
    assert done.stdout.splitlines()[-1] == f"→ wacampaign {command}"
    assert "1 campaign: totals shown as 0 sent, 0 failed → 20, 0" in (
        wacampaign(*command.split(), "--yes").stdout
    )
    assert "attention" not in wacampaign("audit", "market_1").stdout


def test_what_other_programs_did_is_told_with_who_and_when(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("set application_name = 'whatsapp-cron'")
    sql.execute(
        "update send_queue set status = 'sent' where id in (select id from send_queue limit 8)"
    )
    sql.execute("update campaigns set total_sent = 8")
    for _ in range(2):
        sql.execute("update send_queue set status = 'ready' where status = 'sent'")
    sql.execute("update campaigns set status = 'completed'")
    short_id = seeded.campaign_id[:8]
    kept = "16 rows kept as they are, not sent to ready: postgres, whatsapp-cron, 2 times, last at "
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 0
    assert f"  {short_id} attention: {kept}" in done.stdout
    assert f"  {short_id} attention: not completed, as 12 rows were left: postgres, " in done.stdout
    stats = wacampaign("queue-stats").stdout
    assert f"  ! {kept}" in stats
    (one,) = json.loads(wacampaign("queue-stats", "--json").stdout)["campaigns"]
    assert [(o["kind"], o["rows"], o["times"]) for o in one["others"]] == [
        ("completion_kept_back", 12, 1),
        ("kept_back", 16, 2),
    ]

    sql.execute("delete from send_queue where status = 'sent'")
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 3
    assert f"  {short_id} 8 rows lost: deleted from the queue" in done.stdout
    assert f"  {short_id} 8 rows (sent) deleted: postgres, whatsapp-cron, last at " in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert (one["lost"], one["deleted"], one["ok"]) == (8, 8, False)
    stats = wacampaign("queue-stats").stdout
    assert "! 8 rows (sent) deleted: postgres, whatsapp-cron, last at " in stats
