"""K16: phones as another program wrote them into the queue, from the row to the verdict."""

from __future__ import annotations

import psycopg
from typer.testing import CliRunner

from tests.worker.rig import TOKEN, Rig
from wacampaign.cli.app import app

#: As it stands in `send_queue`, and who gets the message; None: nobody.
WRITTEN = {
    "whatsapp:+447700900101": "447700900101",
    "00447700900102": "447700900102",
    "447700900103.0": "447700900103",
    " +44 7700 900104\u00a0": "447700900104",
    "(+44) 7700 900105": "447700900105",
    "5215512345678": "5215512345678",
    "07700 900106": None,
    "+49 171 3920012/3": None,
    "+447700900107, +447700900108": None,
    "4.477E+11": None,
    "n/a": None,
}


def test_phones_of_queue_rows_are_read_as_create_reads_them(rig: Rig) -> None:
    campaign = rig.campaign(rig.number("874163789109558"), len(WRITTEN))
    with psycopg.connect(rig.database) as connection:
        ids = connection.execute("select id from send_queue order by id").fetchall()
        for (row,), phone in zip(ids, WRITTEN, strict=True):
            connection.execute("update send_queue set phone = %s where id = %s", (phone, row))
    assert rig.finished(rig.start_worker("--until-idle")) == 0

    sent = sorted(one["to"].lstrip("+") for one in rig.sandbox.control.accepted())
    assert sent == sorted(phone for phone in WRITTEN.values() if phone)
    assert rig.sandbox.control.totals()["refused"] == {}
    with psycopg.connect(rig.database) as connection:
        failed = dict(
            connection.execute(
                "select phone, error_message from send_queue where status = 'failed'"
            )
        )
    assert failed.keys() == {phone for phone, to in WRITTEN.items() if to is None}
    assert all(text.startswith("not sent: the recipient's phone") for text in failed.values())
    assert "the country code is missing" in failed["07700 900106"]
    assert "two numbers?" in failed["+49 171 3920012/3"]
    # None of them held another, and nobody is told to look at the media.
    stats = rig.stats(campaign)
    assert (stats["status"], stats["holds"]) == ("completed", [])
    shown = CliRunner().invoke(
        app,
        ["failures", campaign],
        env={"DATABASE_URL": rig.database, "META_ACCESS_TOKEN": TOKEN},
    )
    assert "the country code is missing" in shown.stdout
    assert "fix-media" not in shown.output
    assert "7700 900106" not in shown.output
