"""`audit`: the contract's JSON and its verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found, phone
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
    assert "NOT OK: 1 of 1 campaign has a finding" in done.stdout
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
        f"  {short_id} 2 messages were accepted beyond one a row: owned by no row",
        f"  {short_id} attention: recipients that are in more than one accepted row: 1",
        f"  {short_id} attention: the campaign shows 9 sent and 0 failed; its rows say 20 and 0",
    ]
    assert "447700900001" not in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert (one["lost"], one["duplicates"], one["recipients_repeated"]) == (3, 2, 1)


def test_contacts_without_a_row_lead_to_who_has_one(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """`queue-stats`, which was named, says nothing of them once the campaign is cancelled."""
    sql.execute("update campaigns set total_contacts = 25")
    done = wacampaign("cancel", "market_1", "--yes")
    told = [done.stdout.splitlines()[-1].removeprefix("→ wacampaign ")]
    while "--csv" not in told[-1]:
        done = wacampaign(*told[-1].split())
        told.append(done.stdout.splitlines()[-1].removeprefix("→ wacampaign "))
        assert len(set(told)) == len(told), told
    step, _, why = told[-1].partition("    ")
    assert step == f"results {seeded.campaign_id[:8]} --show-numbers --csv FILE"
    assert why == "(create a campaign for the others of its list)"
    done = wacampaign(*step.replace("FILE", "who.csv").split())
    assert (done.exit_code, len((tmp_path / "who.csv").read_text().splitlines())) == (0, 21)

    # Its rows were cleared away after it was sent: who gets it again would get it twice.
    as_found(sql, "truncate send_queue cascade")
    as_found(sql, "update campaigns set total_sent = 25")
    sql.execute("delete from wacampaign_counts")
    done = wacampaign("audit", "market_1")
    assert "25 of 25 contacts lost: never put into the queue" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        f"→ wacampaign events {seeded.campaign_id[:8]}"
        "    (it was sent, and its rows cleared away since: nothing is to be done)"
    )
    as_found(sql, "update campaigns set total_sent = 0")
    done = wacampaign("audit", "market_1")
    assert done.stdout.endswith("→ wacampaign create --help    (nobody of its list was sent to)\n")


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
    assert f"→ wacampaign results {short_id} --show-numbers --csv FILE" in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert (one["lost"], one["deleted"], one["ok"]) == (8, 8, False)
    stats = wacampaign("queue-stats").stdout
    assert "! 8 rows (sent) deleted: postgres, whatsapp-cron, last at " in stats


def doubt(sql: psycopg.Connection[Any], n: int) -> None:
    """So many rows came to be in doubt, one after the other."""
    sql.execute(
        "update send_queue q set status = 'processing', claim_id = gen_random_uuid(),"
        " claimed_at = '2026-11-20 10:00+00', in_doubt_since = '2026-11-20 10:00+00'::timestamptz"
        " + t.place * interval '1 second', in_doubt_cause = 'no_answer',"
        " error_message = 'timed out for 447700900123'"
        " from (select id, row_number() over (order by id) as place from send_queue"
        " order by id limit %s) as t where q.id = t.id",
        (n,),
    )


def test_rows_in_doubt_are_told_with_what_is_known(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    doubt(sql, 2)
    sql.execute(
        "insert into wacampaign_deliveries (wamid, whatsapp_number_id, phone, person, state,"
        " sent_at, last_at) values ('wamid.x', %s, %s, %s, 'delivered', now(),"
        " '2026-11-20 10:00:30+00')",
        (seeded.number_id, phone(1), phone(1)),
    )
    done = wacampaign("audit", "market_1")
    assert done.exit_code == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("    +999***")]
    assert len(shown) == 2
    assert shown[0].endswith("  hello  since 2026-11-20 10:00 UTC  timed out for +44***0123")
    told = "messages to this recipient that no row owns: delivered 2026-11-20 10:00 UTC"
    assert f"{shown[1]}\n      {told}" in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert [row["cause"] for row in one["doubts"]] == ["no_answer", "no_answer"]
    assert one["doubts"][1]["statuses"] == [{"state": "delivered", "at": "2026-11-20T10:00:30Z"}]
    assert phone(0) not in json.dumps(one)


def test_a_person_says_who_got_the_message(
    wacampaign: Wacampaign, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt(sql, 3)
    monkeypatch.setattr("wacampaign.cli.commands.audit.at_terminal", lambda: True)
    # Not asked where numbers are masked: nobody knows who is meant.
    done = wacampaign("audit", "market_1", input="y\n")
    assert "get the message?" not in done.stderr
    assert "with --show-numbers you are asked" in done.stderr
    done = wacampaign("audit", "market_1", "--show-numbers", input="y\nn\n\n")
    assert done.exit_code == 0, done.stderr
    assert f"did {phone(0)} get the message?" in done.stderr
    assert done.stderr.count("get the message?") == 3
    rows = sql.execute(
        "select status, in_doubt_cause, claim_id is not null, sent_at from send_queue"
        " order by id limit 2"
    ).fetchall()
    assert rows[0][:3] == ("sent", "assumed_sent", True)
    assert rows[0][3].isoformat() == "2026-11-20T10:00:00+00:00"
    assert rows[1][0] == "processing"
    event = sql.execute(
        "select row_count, reason from wacampaign_events where kind = 'doubt_assumed_sent'"
    ).fetchall()
    assert event == [(1, "a person says that the recipient got the message")]
    again = wacampaign("audit", "market_1", "--show-numbers", input="\n")
    assert again.stderr.count("get the message?") == 2
    assert "1 of the accepted is assumed, as a person decided" in again.stdout


def test_what_statuses_prove(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    for state, n in (("delivered", 12), ("undelivered", 2), ("sent", 1), ("contradicted", 1)):
        sql.execute(
            "insert into wacampaign_delivery_counts values (%s, %s, 'hello', %s, 0, %s)",
            (seeded.campaign_id, seeded.number_id, state, n),
        )
    assert "statuses:" not in wacampaign("audit", "market_1").stdout
    sql.execute(
        "insert into wacampaign_hearing (number_id, first_status_at) values (%s, now())",
        (seeded.number_id,),
    )
    done = wacampaign("audit", "market_1")
    assert (
        "statuses: Meta confirms 15 of 20 accepted; 12 were delivered, 2 failed afterwards;"
        " 1 told as failed and as delivered, too: counted as delivered, as they arrived"
    ) in done.stdout
    (one,) = json.loads(wacampaign("audit", "market_1", "--json").stdout)["campaigns"]
    assert (one["delivery"]["delivered"], one["delivery"]["silent"]) == (12, 6)


def test_one_of_a_kind_is_told_as_one(
    wacampaign: Wacampaign, seeded: Seeded, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("delete from send_queue where id not in (select id from send_queue limit 1)")
    sql.execute("update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id")
    as_found(sql, "update campaigns set status = 'completed', total_contacts = 1, total_sent = 1")
    sql.execute(
        "insert into messages (user_phone, direction, message_type, campaign_id,"
        " whatsapp_message_id) select phone, 'outgoing', 'template', campaign_id, 'more.' || id"
        " from send_queue"
    )
    sql.execute(
        "insert into wacampaign_delivery_counts values (%s, %s, 'hello', 'delivered', 0, 1)",
        (seeded.campaign_id, seeded.number_id),
    )
    sql.execute(
        "insert into wacampaign_hearing (number_id, first_status_at) values (%s, now())",
        (seeded.number_id,),
    )
    shown = wacampaign("audit", "market_1").stdout
    assert "NOT OK: 1 of 1 campaign has a finding" in shown
    assert "1 message was accepted beyond one a row: owned by no row" in shown
    assert "Meta confirms 1 of 1 accepted; 1 was delivered, 0 failed afterwards" in shown
