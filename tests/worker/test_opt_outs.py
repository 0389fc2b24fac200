"""Who said stop gets nothing from a worker, whatever put the row there and whoever was told."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import psycopg

from tests.worker.rig import Rig
from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.updates import InboundMessage, Preference
from wacampaign.store.inbound import Inbound
from wacampaign.store.optouts import OptOuts

SQL = psycopg.Connection[Any]
NUMBER = "874163789109558"
#: Three scripts, as the backend's handler stores them while no worker is there.
WORDS = ("Stop!", "रोकें", "توقف")


def backends_campaign(sql: SQL, number: str, phones: list[str]) -> str:
    """As the backend's UI makes one: paused while its rows are entered, then running."""
    campaign = str(uuid4())
    sql.execute(
        "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
        " status) values (%s, 'of the UI', %s, '{hello}', %s, 'paused')",
        (campaign, number, len(phones)),
    )
    sql.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload)"
        """ select %s, %s, 'hello', p, '{"var1": "x"}' from unnest(%s::text[]) as p""",
        (campaign, number, phones),
    )
    sql.execute("update campaigns set status = 'running' where id = %s", (campaign,))
    return campaign


def test_nothing_is_sent_to_them(rig: Rig, sql: SQL) -> None:
    number = rig.number(NUMBER)
    ours = rig.campaign(number, 20, name="ours")
    phones = [p for (p,) in sql.execute("select phone from send_queue order by created_at, id")]
    words, (button, switch), kept = phones[:3], phones[3:5], phones[5:]
    for phone, word in zip(words, WORDS, strict=True):
        sql.execute(
            "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
            " message_body, whatsapp_message_id, status)"
            " values (%s, %s, 'incoming', 'text', %s, %s, 'received')",
            (number, phone, word, f"wamid.{phone}"),
        )
    told = InboundMessage(
        f"wamid.{button}",
        "button",
        at=int(time.time()),
        phone_number_id=NUMBER,
        phone=button,
        text="Not interested",
        payload="STOP|diwali",
    )
    rig.ask(lambda store: Inbound(store).take([told], OptOutWords()))
    wish = Preference("stop", "marketing_messages", int(time.time()), NUMBER, switch)
    rig.ask(lambda store: OptOuts(store).take([wish]))
    theirs = backends_campaign(sql, number, phones)

    assert rig.finished(rig.start_worker("--until-idle")) == 0
    # "Retry failed" of the UI, and once more.
    sql.execute(
        "update send_queue set status = 'ready', error_message = null where status = 'failed'"
    )
    sql.execute("update campaigns set status = 'running', end_time = null")
    assert rig.finished(rig.start_worker("--until-idle")) == 0

    sent = [message["to"] for message in rig.sandbox.control.accepted()]
    assert sorted(sent) == sorted(kept * 2)
    for campaign in (ours, theirs):
        stats = rig.stats(campaign)
        assert stats["status"] == "completed"
        assert (stats["counts"]["sent"], stats["counts"]["failed"]) == (15, 5)
        assert rig.audit(campaign)["ok"]
    reasons = sql.execute("select distinct error_message from send_queue where status = 'failed'")
    days = {reason.split(",")[0] for (reason,) in reasons}
    assert all(day.startswith("opted out of marketing on 2") for day in days)

    # One of them wants it again.
    again = InboundMessage(
        "wamid.again", "text", at=int(time.time()) + 1, phone=words[0], text="START"
    )
    rig.ask(lambda store: Inbound(store).take([again], OptOutWords()))
    sql.execute(
        "update send_queue set status = 'ready', error_message = null where status = 'failed'"
    )
    sql.execute("update campaigns set status = 'running', end_time = null")
    assert rig.finished(rig.start_worker("--until-idle")) == 0
    sent = [message["to"] for message in rig.sandbox.control.accepted()]
    assert sorted(sent) == sorted([*kept, words[0]] * 2)
