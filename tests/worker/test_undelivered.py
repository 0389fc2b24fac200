"""What Meta accepts and fails a minute later: it costs five messages, not the list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from tests.servers import wait_until
from tests.worker.rig import Rig
from wacampaign.core.webhook.envelope import updates_of

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


def delivery(rig: Rig, campaign: str) -> dict[str, Any]:
    return rig.ask(lambda store: store.call("delivery_of", campaign_id=campaign))
