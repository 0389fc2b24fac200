"""`report` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg

from tests.campaigns import as_found, phone
from tests.cli.conftest import Seeded, Wacampaign

SQL = psycopg.Connection[Any]


def test_a_file_is_written_and_told(
    wacampaign: Wacampaign, seeded: Seeded, sql: SQL, tmp_path: Path
) -> None:
    as_found(
        sql,
        "update send_queue set status = 'sent', sent_at = now(), whatsapp_message_id = 'w.' || id"
        " where campaign_id = %s and phone <> %s",
        (seeded.campaign_id, phone(0)),
    )
    sql.execute(  # as the backend's handler stores them: read before the report is written
        "insert into message_status_logs (whatsapp_number_id, whatsapp_message_id, status)"
        " select whatsapp_number_id, whatsapp_message_id, 'delivered' from send_queue"
        " where campaign_id = %s and status = 'sent' and phone <> %s",
        (seeded.campaign_id, phone(1)),
    )
    done = wacampaign("report", "market_1", "--out", "client.html")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert done.stderr == "written: client.html\n"
    page = (tmp_path / "client.html").read_text(encoding="utf-8")
    assert "19 of 20 messages went out" in page
    assert ">18</td>" in page

    done = wacampaign("report", "market_1", "--out", "client.md", "--json")
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert answer["file"] == "client.md"
    figures = answer["campaign"]
    assert (figures["recipients"], figures["sent"], figures["delivered"]) == (20, 19, 18)
    assert (figures["silent"], figures["waiting"], figures["is_heard"]) == (1, 1, True)
    assert answer["before"] is None


def test_what_cannot_be_is_told_before_the_work(
    wacampaign: Wacampaign, seeded: Seeded, tmp_path: Path
) -> None:
    done = wacampaign("report", "market_1", "--out", "client.pdf")
    assert done.exit_code == 2
    assert "client.pdf is neither" in done.stderr
    assert "--out FILE.md or --out FILE.html" in done.stderr
    done = wacampaign("report", "market_1")
    assert done.exit_code == 2
    assert "--out" in done.stderr
    done = wacampaign("report", "market_1", "--out", "c.md", "--compare", "market_1")
    assert done.exit_code == 2
    assert "--compare needs another campaign" in done.stderr
    done = wacampaign("report", "market_9", "--out", "c.md")
    assert done.exit_code == 5
    done = wacampaign("report", seeded.campaign_id[:8], "--out", "none/c.md")
    assert done.exit_code != 0
    assert "--out FILE.md" in done.stderr
    assert [one.name for one in tmp_path.iterdir() if one.suffix in (".md", ".pdf")] == []
