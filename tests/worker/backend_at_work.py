"""The backend's webhook handler, with its statements as `backend-at-work` tells them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

from wacampaign.core.webhook.envelope import updates_of
from wacampaign.core.webhook.updates import InboundMessage, StatusUpdate


class Backend:
    """The backend's webhook handler, with its statements (backend-at-work, 1): 200 first, then for
    each status its look into `messages`, the log, and `messages.status` by rank."""

    def __init__(self, database: str) -> None:
        backend = self
        self.database = database
        self.sql = psycopg.connect(database, autocommit=True)
        self.lock = threading.Lock()
        #: What came: body and signature.
        self.got: list[tuple[bytes, str | None]] = []
        #: Message ids that were answered by its LLM.
        self.answered: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                backend.got.append((body, self.headers["X-Hub-Signature-256"]))
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
            updates = updates_of(body)
            for message in updates.inbound:
                self.take(message)
            for one in updates.statuses:
                self.store(one.wamid, one.status, one)

    def take(self, message: InboundMessage) -> None:
        """Is it there already? Then nothing more; else it is entered, and answered."""
        there = self.sql.execute(
            "select 1 from messages where whatsapp_message_id = %s", [message.wamid]
        ).fetchone()
        if there:
            return
        number = self.sql.execute(
            "select id from whatsapp_numbers where phone_number_id = %s", [message.phone_number_id]
        ).fetchone()
        assert number is not None
        self.sql.execute(
            "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
            " message_body, whatsapp_message_id, status, created_at)"
            " values (%s, %s, 'incoming', %s, %s, %s, 'received', to_timestamp(%s))",
            [number[0], message.phone, message.kind, message.text, message.wamid, message.at],
        )
        self.answered.append(message.wamid)
        self.sql.execute(
            "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
            " message_body, whatsapp_message_id) values (%s, %s, 'outgoing', 'text', 'hi', %s)",
            [number[0], message.phone, f"{message.wamid}.answer"],
        )

    def store(self, wamid: str, status: str, one: StatusUpdate) -> None:
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
