"""The counts that the triggers keep, and the same from the rows."""

from __future__ import annotations

from tests.database.backends import Connection

Counts = dict[tuple[str, str, str, str, int], int]


def kept(connection: Connection) -> Counts:
    rows = connection.execute(
        "select campaign_id::text, whatsapp_number_id::text, template_name, status, error_code, n"
        " from wacampaign_counts where n <> 0"
    ).fetchall()
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}


def counted(connection: Connection) -> Counts:
    rows = connection.execute(
        "select coalesce(campaign_id, '00000000-0000-0000-0000-000000000000')::text,"
        " coalesce(whatsapp_number_id, '00000000-0000-0000-0000-000000000000')::text,"
        " coalesce(template_name, ''), coalesce(status, ''),"
        " wacampaign_error_code(error_code, error_message), count(*)"
        " from send_queue group by 1, 2, 3, 4, 5"
    ).fetchall()
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}
