"""The night of 10 November 2025 in a database as the old backend left it, and at Meta."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import psycopg

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_TOKEN, DEMO_VIDEO, DEMO_WABA_ID

MARKET_1 = "3d824b99-a638-4363-b720-22e476e51b6f"
MARKET_2 = "5a5c39a6-d038-47c5-8c6c-421a7c1afdf3"
NUMBER_1, NUMBER_2 = "874163789109558", "875062729021816"
# Names that resolve nowhere: no test leaves this machine.
HOST = "botspace-uploads.s3.eu-west-1.invalid"
SAMPLE_HOST = "scontent.whatsapp.invalid"
VIDEO = f"https://{HOST}/67568b9a6ef2fcdf13332d26/uploads/1a40c955.mp4"
SAMPLE = f"https://{SAMPLE_HOST}/v/t61.29466-34/546242654_n.mp4"
COMPONENTS = [
    {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": [SAMPLE]}},
    {"type": "BODY", "text": "Dear {{1}}, today only: {{2}} off."},
]
ROWS = 30

_CAMPAIGNS = (
    # id, name, Meta's number, template, media, status of rows, error, hour
    (MARKET_1, "Bajaj_market_1", NUMBER_1, "10_nov_2025_temp1", SAMPLE, "sent", None, "12:35"),
    (
        MARKET_2,
        "Bajaj_market_2",
        NUMBER_2,
        "10_nov_2025_temp_bajaj1",
        VIDEO,
        "failed",
        '{"error":{"message":"(#135000) Generic user error","type":"OAuthException",'
        '"code":135000}}',
        "15:46",
    ),
)


def seed_night(sql: psycopg.Connection[Any], *, waba_id: str = DEMO_WABA_ID) -> None:
    """Two campaigns of `ROWS` rows: one all sent, one all failed."""
    for id_, name, meta_number, template, media, status, error, hour in _CAMPAIGNS:
        at = f"2025-11-10 {hour}+00"
        row = sql.execute(
            "insert into whatsapp_numbers (number, display_name, phone_number_id, waba_id,"
            " last_updated) values (%s, %s, %s, %s, now()) returning id",
            (f"4477009{meta_number[-5:]}", name, meta_number, waba_id),
        ).fetchone()
        assert row is not None
        sql.execute(
            "insert into templates (whatsapp_number_id, name, category, language, status,"
            " components, last_synced, is_active, is_quarantined)"
            " values (%s, %s, 'MARKETING', 'en', 'APPROVED', %s, now(), true, false)",
            (row[0], template, json.dumps(COMPONENTS)),
        )
        sql.execute(
            "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
            " invalid_contacts_count, total_sent, total_failed, is_scheduled, status, created_at,"
            " start_time, end_time) values (%s, %s, %s, %s, %s, 0, 0, 0, false, 'completed',"
            " %s, %s, %s)",
            (id_, name, row[0], [template], ROWS, at, at, at),
        )
        sql.execute(
            "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
            " payload, status, retry_count, error_message, created_at, updated_at,"
            " whatsapp_message_id, sent_at)"
            " select %s, %s, %s, '999' || lpad(i::text, 12, '0'),"
            " jsonb_build_object('var1', %s::text, 'var2', 'Customer ' || i, 'var3', '20 %%'),"
            " %s, 0, %s, %s, %s, case when %s = 'sent' then 'wamid.' || i end,"
            " case when %s = 'sent' then %s::timestamptz end from generate_series(1, %s) as i",
            (id_, row[0], template, media, status, error, at, at, status, status, at, ROWS),
        )


def open_account(control: SandboxControl) -> None:
    """Both numbers and templates at Meta; the second number's video host is refused."""
    for meta_number, digits in ((NUMBER_1, "447700900001"), (NUMBER_2, "447700900002")):
        control.put_number(
            meta_number,
            waba_id=DEMO_WABA_ID,
            token=DEMO_TOKEN,
            display_phone_number=f"+{digits}",
        )
    control.put_templates(
        DEMO_WABA_ID,
        *(
            {
                "name": template,
                "language": "en",
                "category": "MARKETING",
                "status": "APPROVED",
                "components": COMPONENTS,
            }
            for _, _, _, template, *_ in _CAMPAIGNS
        ),
    )
    for url in (VIDEO, SAMPLE):  # sound on both hosts, as that night
        parts = urlsplit(url)
        control.put_hosted(str(parts.hostname), parts.path.lstrip("/"), DEMO_VIDEO, "video/mp4")
    control.add_fault("error", code=135000, phone_number_id=NUMBER_2, media_host=HOST)
