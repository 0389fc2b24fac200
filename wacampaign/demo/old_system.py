"""The database as the operator's backend left it that night, written past all of our functions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from wacampaign.demo.night import (
    HEALTHY,
    NUMBERS,
    RATE,
    REFUSED,
    WABA_ID,
    DemoCampaign,
    DemoNumber,
    Night,
    template_of,
)

if TYPE_CHECKING:
    from psycopg import Connection

#: 15:45 in India.
_COMPLETED_AT: Final = datetime(2025, 11, 10, 10, 15, 9, tzinfo=UTC)
#: Seconds in which FIN NEW DATA "completed".
_LASTED_S: Final = 9
#: What the old system kept of Meta's answer.
_ANSWER: Final = (
    '{"error":{"message":"(#135000) Generic user error","type":"OAuthException","code":135000}}'
)


def leave_behind(url: str, night: Night, token: str) -> None:
    """Writes numbers, templates and the night's campaigns into the database at `url`."""
    import psycopg

    with psycopg.connect(url) as connection:
        numbers = {number: _number(connection, number, token) for number in NUMBERS}
        ended = _COMPLETED_AT
        _campaign(connection, night.fin, numbers[HEALTHY], "completed", ended)
        _rows(connection, night.fin, numbers[HEALTHY], "ready", None, ended)
        ended += timedelta(minutes=1)
        before = night.market_2_before
        _campaign(connection, before, numbers[REFUSED], "completed", ended, failed=before.rows)
        _rows(connection, before, numbers[REFUSED], "failed", _ANSWER, ended)
        _campaign(connection, night.market_2, numbers[REFUSED], "paused", None)
        _rows(connection, night.market_2, numbers[REFUSED], "ready", None, ended)


def _number(connection: Connection[Any], number: DemoNumber, token: str) -> str:
    row = connection.execute(
        "insert into whatsapp_numbers (number, display_name, access_token, phone_number_id,"
        " waba_id, max_send_rate_per_sec) values (%s, %s, %s, %s, %s, %s) returning id::text",
        (number.display, number.label, token, number.phone_number_id, WABA_ID, RATE),
    ).fetchone()
    assert row is not None
    template = template_of(number)
    connection.execute(
        "insert into templates (whatsapp_number_id, name, category, language, status, components)"
        " values (%s, %s, %s, %s, %s, %s)",
        (
            row[0],
            *(template[key] for key in ("name", "category", "language", "status")),
            json.dumps(template["components"]),
        ),
    )
    return str(row[0])


def _campaign(
    connection: Connection[Any],
    campaign: DemoCampaign,
    number: str,
    status: str,
    ended: datetime | None,
    *,
    failed: int = 0,
) -> None:
    began = None if ended is None else ended - timedelta(seconds=_LASTED_S)
    connection.execute(
        "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
        " total_failed, status, start_time, end_time, created_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(campaign.id, campaign.name, number, [campaign.number.template]),
            *(campaign.rows, failed, status, began, ended, began or _COMPLETED_AT),
        ),
    )


def _rows(
    connection: Connection[Any],
    campaign: DemoCampaign,
    number: str,
    status: str,
    answer: str | None,
    at: datetime,
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload,"
            " status, error_message, created_at, updated_at) from stdin"
        ) as copy,
    ):
        for i, phone in enumerate(campaign.phones()):
            copy.write_row(
                (
                    *(campaign.id, number, campaign.number.template, phone),
                    json.dumps({f"var{n}": v for n, v in enumerate(campaign.values(i), 1)}),
                    *(status, answer, at, at),
                )
            )
