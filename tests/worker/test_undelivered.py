"""What Meta accepts and fails a minute later: it costs five messages, not the list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from tests.servers import SECRET_KEY, wait_until
from tests.worker.rig import Rig
from wacampaign.core.webhook.envelope import updates_of
from wacampaign.store.store import Store

NUMBER = "875062729021816"
ROWS = 2093


class Backend:
    """The backend's webhook handler, with its statements (backend-at-work, 1): 200 first, then for
    each status its look into `messages`, the log, and `messages.status` by rank."""

    def __init__(self, database: str) -> None:
        backend = self
        self.database = database
        self.sql = psycopg.connect(database, autocommit=True)
        self.lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                backend.handle(json.loads(body))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/api/webhooks"

    def handle(self, body: Any) -> None:
        with self.lock:
            for one in updates_of(body).statuses:
                self.store(one.wamid, one.status, one)

    def store(self, wamid: str, status: str, one: Any) -> None:
        number = self.sql.execute(
            "select id from whatsapp_numbers where phone_number_id = %s", [one.phone_number_id]
        ).fetchone()
        message = self.sql.execute(
            "select id, campaign_id, status from messages where whatsapp_message_id = %s", [wamid]
        ).fetchone()
        try:
            self.sql.execute(
                "insert into message_status_logs (message_id, whatsapp_number_id, campaign_id,"
                " user_phone, whatsapp_message_id, status, error_code, error_message, created_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s))",
                [
                    message and message[0], number and number[0], message and message[1],
                    one.recipient, wamid, status, one.code, one.title, one.at,
                ],
            )  # fmt: skip
        except psycopg.errors.UniqueViolation:
            return
        rank = ["sent", "delivered", "read", "failed"]
        if message and rank.index(status) > rank.index(message[2]):
            self.sql.execute("update messages set status = %s where id = %s", [status, message[0]])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.sql.close()


@pytest.fixture
def backend(rig: Rig) -> Iterator[Backend]:
    backend = Backend(rig.database)
    yield backend
    backend.close()


def test_a_medium_that_meta_cannot_fetch_costs_five_messages(rig: Rig, backend: Backend) -> None:
    """With the backend's rows alone, and on a number of which nobody ever heard."""
    rig.sandbox.control.webhook(backend.url, "secret")
    rig.sandbox.control.add_fault("fail_later", code=131053)
    campaign = rig.campaign(rig.number(NUMBER, rate=80), ROWS)
    rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", what="the campaign is paused")
    found = rig.stats(campaign)
    assert "131053" in found["pause_reason"]
    assert found["counts"]["sent"] <= 5
    assert len(list(rig.sandbox.control.accepted())) <= 5
    wait_until(
        lambda: delivery(rig, campaign)["undelivered"] == found["counts"]["sent"],
        what="all are known to have failed",
    )


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
def test_the_first_messages_wait_for_statuses_that_are_known_to_arrive(
    rig: Rig, backend: Backend, transport: str, request: pytest.FixtureRequest
) -> None:
    over = {}
    if transport == "supabase":
        over = {
            "WACAMPAIGN_STORE": "supabase",
            "SUPABASE_URL": request.getfixturevalue("rest_url"),
            "SUPABASE_SERVICE_KEY": SECRET_KEY,
        }
    control = rig.sandbox.control
    # Meta fetches the medium some seconds after the acceptance.
    control.webhook(backend.url, "secret", delay_ms={"failed": 2_000})
    control.add_fault("fail_later", code=131053)
    number = rig.number(NUMBER, rate=80)
    backend.sql.execute("insert into wacampaign_hearing values (%s, now(), now())", [number])
    campaign = rig.campaign(number, 500)
    rig.start_worker(**over)
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", 40, "the campaign is paused")
    assert len(list(control.accepted())) == 5


def test_what_meta_holds_is_shown_and_its_drop_pauses_the_template(
    rig: Rig, backend: Backend
) -> None:
    control = rig.sandbox.control
    control.webhook(backend.url, "secret")
    control.add_fault("hold", every=2)
    campaign = rig.campaign(rig.number(NUMBER, rate=80), 40)
    rig.start_worker()
    wait_until(lambda: delivery(rig, campaign)["held"] == 20, what="half are held")
    wait_until(lambda: delivery(rig, campaign)["read"] == 20, what="half are read")
    assert control.end_of_held("release") == 20
    wait_until(lambda: delivery(rig, campaign)["read"] == 40, what="all are read")
    assert delivery(rig, campaign)["held"] == 0

    more = rig.campaign(rig.ask(lambda store: number_of(store, campaign)), 400, first_phone=100)
    wait_until(lambda: delivery(rig, more)["held"] > 0, what="some are held")
    assert control.end_of_held("drop") > 0
    wait_until(lambda: rig.stats(more)["status"] in ("paused", "completed"), what="it is over")
    wait_until(lambda: delivery(rig, more)["undelivered"] > 0, what="the drops are known")
    holds = backend.sql.execute(
        "select scope, code from wacampaign_holds where lifted_at is null"
    ).fetchall()
    assert holds == [("template", 132015)]


async def number_of(store: Store, campaign: str) -> str:
    (found,) = (await store.call("stats", campaign_ids=[campaign]))["campaigns"]
    numbers = await store.call_list("numbers")
    return next(
        n["id"] for n in numbers if n["phone_number_id"] == found["number"]["phone_number_id"]
    )


def delivery(rig: Rig, campaign: str) -> dict[str, Any]:
    return rig.ask(lambda store: store.call("delivery_of", campaign_id=campaign))
