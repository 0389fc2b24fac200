"""From Meta's POST to what the database knows: statuses, people's wishes, news, in one go."""

from __future__ import annotations

import time
from typing import Any

from tests.campaigns import add_number, run_on
from tests.servers import wait_until
from tests.webhook.rig import NUMBER, WABA, ReceiverRig, envelope, status_body
from wacampaign.operations.arrivals import take_arrivals
from wacampaign.settings import Settings
from wacampaign.store.store import Store

#: Older messages are no conversation any more.
NOW = int(time.time())


def message(text: str, phone: str = "447700900123") -> bytes:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550000001", "phone_number_id": NUMBER},
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": phone}],
        "messages": [
            {"from": phone, "id": f"wamid.{phone}.{text}", "timestamp": str(NOW),
             "type": "text", "text": {"body": text}}
        ],
    }  # fmt: skip
    return envelope("messages", value)


def preference(value: str, phone: str) -> bytes:
    wish = {
        "wa_id": phone,
        "detail": "x",
        "category": "marketing_messages",
        "value": value,
        "timestamp": NOW,
    }
    return envelope(
        "user_preferences",
        {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550000001", "phone_number_id": NUMBER},
            "user_preferences": [wish],
        },
    )


def test_what_a_receiver_stores_it_takes(rig: ReceiverRig) -> None:
    rig.ask(lambda store: add_number(store, phone_number_id=NUMBER, waba_id=WABA))
    rig.start()
    paused = {
        "event": "PAUSED",
        "message_template_id": 1,
        "message_template_name": "hello",
        "message_template_language": "en",
        "reason": "NONE",
    }
    bodies = [
        status_body("wamid.A", status="sent"),
        status_body("wamid.A", status="delivered"),
        status_body("wamid.A", status="delivered"),
        message("STOP"),
        preference("stop", "447700900456"),
        envelope("message_template_status_update", paused),
        b"no JSON",
        envelope("a_field_of_next_year", {"new": [1, 2]}),
    ]
    for body in bodies:
        assert rig.post(body) == 200

    def all_taken() -> bool:
        return rig.sql("select count(*) from wacampaign_webhooks where taken_at is null") == [(0,)]

    wait_until(all_taken, 30, "all bodies are taken")
    assert rig.sql("select wamid, state from wacampaign_deliveries") == [("wamid.A", "delivered")]
    assert rig.sql("select count(*) from wacampaign_inbound") == [(1,)]
    phones = rig.sql("select phone from wacampaign_optouts order by phone")
    assert phones == [("447700900123",), ("447700900456",)]
    assert rig.sql("select status from templates") == [("PAUSED",)]
    faults = rig.sql("select body, faults::text from wacampaign_webhooks where faults is not null")
    assert [body for body, _ in faults] == ["no JSON"]
    wait_until(lambda: rig.health()["with_faults"] == 1, 30, "it is told")


def test_bodies_are_taken_without_a_receiver_too(rig: ReceiverRig) -> None:
    """By a worker or a command: it was stopped before it could."""
    settings = Settings()

    async def scenario(store: Store) -> Any:
        await take_arrivals(store, settings)
        return await store.call("webhooks_state")

    process = rig.start()
    rig.sql(
        "create function refuse() returns trigger language plpgsql as"
        " 'begin raise exception ''not now''; end'"
    )
    rig.sql(
        "create trigger refuse before insert on wacampaign_deliveries"
        " for each row execute function refuse()"
    )
    assert rig.post(status_body("wamid.A", "wamid.B")) == 200
    wait_until(lambda: "event=webhooks_not_taken" in rig.log_of(process), 30, "it is told")
    assert rig.sql("select count(*) from wacampaign_webhooks where taken_at is null") == [(1,)]
    rig.stop(process)
    rig.sql("drop trigger refuse on wacampaign_deliveries")
    rig.sql("update wacampaign_webhooks set leased_until = null")
    assert run_on(rig.database, scenario)["waiting"] == 0
    assert rig.sql("select count(*) from wacampaign_deliveries") == [(2,)]
