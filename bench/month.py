"""A month of messages as they are in the database afterwards, made by what makes them in earnest.

Rows and messages are entered as sent; their statuses and the answers come as webhooks, are stored,
and taken by what the receiver takes them by.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from wacampaign.core.webhook.received import ReceivedBody
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.settings import Settings
from wacampaign.store.store import Store
from wacampaign.store.webhooks import Webhooks

Connection = psycopg.Connection[Any]
#: Of a hundred messages: delivered, of these read, undelivered, answered. The rest stays silent.
DELIVERED, READ, UNDELIVERED, ANSWERED = 92, 60, 4, 3
PHONE_NUMBER_ID = "100000000000001"
PRICING = {"billable": True, "pricing_model": "PMP", "category": "marketing", "type": "regular"}
#: Messages a second of a campaign: the statuses of its messages come one among another.
RATE = 80
#: Bodies a call, and seconds that the taking of what is stored may go on.
BODIES_A_CALL, TAKING_SECONDS = 200, 600.0

_ENTER = """
    insert into send_queue (id, campaign_id, whatsapp_number_id, template_name, phone, payload,
        status, retry_count, created_at, updated_at, claim_id, worker_id, claimed_at, lease_until,
        sent_at, actual_sent_at, whatsapp_message_id, revision)
    select r.id, %(campaign)s, %(number)s, 'hello', r.phone,
        jsonb_build_object('var1', 'person ' || r.phone, 'var2', 'an offer of this month'),
        'sent', 0, %(at)s, %(at)s, %(claim)s, %(claim)s, %(at)s, %(at)s, %(at)s, %(at)s, r.wamid, 1
    from unnest(%(ids)s::uuid[], %(phones)s::text[], %(wamids)s::text[]) as r (id, phone, wamid)
"""
_MESSAGES = """
    insert into messages (whatsapp_number_id, user_phone, direction, message_type, template_name,
        campaign_id, whatsapp_message_id, status, created_at)
    select whatsapp_number_id, phone, 'outgoing', 'template', template_name, campaign_id,
        whatsapp_message_id, 'sent', sent_at
    from send_queue where campaign_id = %s
"""


def add_campaign(connection: Connection, number: str, at: datetime, rows: int) -> list[Any]:
    """A campaign that was sent then; returns id, phone and message id of each row."""
    dice = random.Random(at.timestamp())
    campaign, claim = uuid4(), uuid4()
    made = [
        (uuid4(), f"999{dice.randrange(10**12):012}", f"wamid.HBgPOTk5{dice.getrandbits(160):040X}")
        for _ in range(rows)
    ]
    connection.execute(
        "insert into campaigns (id, name, whatsapp_number_id, template_names, status,"
        " total_contacts, created_at, start_time, end_time)"
        " values (%s, %s, %s, '{hello}', 'completed', %s, %s, %s, %s)",
        (campaign, f"campaign {campaign}", number, rows, at, at, at),
    )
    given = {"campaign": campaign, "number": number, "at": at, "claim": claim}
    ids, phones, wamids = (list(part) for part in zip(*made, strict=True))
    connection.execute(_ENTER, {**given, "ids": ids, "phones": phones, "wamids": wamids})
    connection.execute(_MESSAGES, (campaign,))
    return made


def _statuses(at: int, made: list[Any], dice: random.Random) -> Iterator[dict[str, Any]]:
    for n, (row_id, phone, wamid) in enumerate(made):
        sent = at + n // RATE
        one: dict[str, Any] = {
            "id": wamid,
            "recipient_id": phone,
            "biz_opaque_callback_data": f"{row_id}:{row_id}",
            "pricing": PRICING,
        }
        conversation = {"id": f"{dice.getrandbits(128):032x}", "origin": {"type": "marketing"}}
        yield one | {"status": "sent", "timestamp": str(sent), "conversation": conversation}
        fate = dice.randrange(100)
        if fate < DELIVERED:
            yield one | {
                "status": "delivered", "timestamp": str(sent + 5), "conversation": conversation,
            }  # fmt: skip
            if fate < READ:
                yield one | {"status": "read", "timestamp": str(sent + 300)}
        elif fate < DELIVERED + UNDELIVERED:
            why = {"details": "Message failed to send because there were restrictions."}
            error = {
                "code": 131026, "title": "Message undeliverable",
                "message": "Message undeliverable", "error_data": why,
            }  # fmt: skip
            yield one | {"status": "failed", "timestamp": str(sent + 5), "errors": [error]}


def _answers(at: int, made: list[Any]) -> Iterator[dict[str, Any]]:
    for n, (_, phone, wamid) in enumerate(made):
        if n % 100 < ANSWERED:
            yield {
                "from": phone, "id": f"{wamid}IN", "timestamp": str(at + 600), "type": "text",
                "text": {"body": "thank you, when are you open on Sunday?"},
                "context": {"from": "15550100001", "id": wamid},
            }  # fmt: skip


def _bodies(at: int, made: list[Any], updates: int) -> Iterator[bytes]:
    dice = random.Random(at)
    statuses = sorted(_statuses(at, made, dice), key=lambda one: int(one["timestamp"]))
    parts = {"statuses": statuses, "messages": [*_answers(at, made)]}
    for name, whole in parts.items():
        for begin in range(0, len(whole), updates):
            value = {
                "messaging_product": "whatsapp",
                "metadata": {
                    "display_phone_number": "15550100001", "phone_number_id": PHONE_NUMBER_ID,
                },
                name: whole[begin : begin + updates],
            }  # fmt: skip
            change = {"field": "messages", "value": value}
            entry = {"id": "2000000001", "changes": [change]}
            yield json.dumps(
                {"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")
            ).encode()


async def tell(
    store: Store, settings: Settings, at: datetime, made: list[Any], updates: int
) -> None:
    """Statuses and answers of these rows come, so many a webhook, and are taken."""
    waiting = [
        ReceivedBody(str(UUID(int=random.getrandbits(128))), datetime.now(UTC), body, "", "")
        for body in _bodies(int(at.timestamp()), made, updates)
    ]
    for begin in range(0, len(waiting), BODIES_A_CALL):
        await Webhooks(store).keep(waiting[begin : begin + BODIES_A_CALL])
    await take_arrivals(store, settings, TAKING_SECONDS)
