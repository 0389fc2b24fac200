"""The sandbox plays Meta before our receiver: everything twice, in no order, and held back."""

from __future__ import annotations

import time
from collections import Counter

import httpx

from tests.campaigns import add_number
from tests.sandbox.conftest import build_message
from tests.servers import wait_until
from tests.webhook.rig import SECRET, ReceiverRig
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID
from wacampaign.sandbox.process import SandboxProcess

PHONES = ("447700900101", "447700900102", "447700900103")


def test_whatever_the_sandbox_plays_is_taken_once(
    rig: ReceiverRig, sandbox: SandboxProcess
) -> None:
    number = rig.ask(
        lambda store: add_number(store, phone_number_id=DEMO_PHONE_NUMBER_ID, waba_id=DEMO_WABA_ID)
    )
    rig.start()
    control = sandbox.control
    control.webhook(rig.url, SECRET, interval_ms=20, order="shuffled", copies=2)

    def send(n: int) -> str:
        answer = httpx.post(
            f"{sandbox.url}/v25.0/{DEMO_PHONE_NUMBER_ID}/messages",
            json=build_message("demo_url_button", to=f"4477009002{n:02}"),
            headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
            trust_env=False,
        )
        return str(answer.json()["messages"][0]["id"])

    read = [send(n) for n in range(5)]
    fault = control.add_fault("fail_later", code=131049, before=["sent"])
    failed = send(5)
    control.remove_fault(fault)
    control.add_fault("hold")
    held = send(6)
    control.end_of_held("drop")

    control.writes("stop", from_=PHONES[0], name="Asha")
    control.prefers("stop", from_=PHONES[1])
    tap = control.writes(
        "Yes", type="button", payload="yes", from_=PHONES[2], context_id=read[0], name="Bo"
    )
    control.news(
        "account_update",
        {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [
                {
                    "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING",
                    "expiration": int(time.time()) + 3600,
                }
            ],
        },
    )

    def all_taken() -> bool:
        waiting = control.totals()["webhook"]["waiting"]
        left = rig.sql("select count(*) from wacampaign_webhooks where taken_at is null")
        return waiting == 0 and left == [(0,)]

    wait_until(all_taken, 60, "all of it is taken")
    assert control.totals()["webhook"]["abandoned"] == 0
    states = dict(rig.sql("select wamid, state from wacampaign_deliveries"))
    assert Counter(states.values()) == {"read": 5, "undelivered": 2}
    assert {states[failed], states[held]} == {"undelivered"}
    codes = dict(rig.sql("select wamid, code from wacampaign_deliveries where code is not null"))
    assert codes == {failed: 131049, held: 132015}
    phones = rig.sql("select phone from wacampaign_optouts order by phone")
    assert phones == [(PHONES[0],), (PHONES[1],)]
    replies = rig.sql("select context_id, payload from wacampaign_inbound where wamid = %s", tap)
    assert replies == [(read[0], "yes")]
    holds = rig.sql("select scope, whatsapp_number_id::text from wacampaign_holds")
    assert holds == [("account", number)]
    assert rig.sql("select count(*) from wacampaign_webhooks where faults is not null") == [(0,)]
