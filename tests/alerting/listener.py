"""Who gets alerts: keeps what comes, answers as it is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.servers import wait_until


class AlertListener:
    """A plain address for alerts."""

    def __init__(self) -> None:
        #: What it took, in the order in which it came; JSON objects.
        self.took: list[dict[str, Any]] = []
        self.requests = 0
        #: Status of the next answers; the last one stays. None: the connection is dropped; 0: it
        #: stays open, without an answer; 1: taken, and the answer's text has no end.
        self.answers: list[int | None] = [200]
        self.closing = Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.requests += 1
                answers = listener.answers
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                if status is None:
                    self.close_connection = True
                    return
                if status == 0:
                    listener.closing.wait()
                    return
                if status == 1:
                    listener.took.append(json.loads(body))
                    self.send_response(200)
                    self.send_header("Content-Length", str(10**12))
                    self.end_headers()
                    with contextlib.suppress(OSError):
                        while not listener.closing.wait(0.1):
                            self.wfile.write(b"x" * 100)
                    self.close_connection = True
                    return
                if status < 300:
                    listener.took.append(json.loads(body))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        #: With what no output may show.
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/T0KEN-OF-THE-ADDRESS"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [alert for alert in self.took if alert["kind"] == kind]

    def wait_for(self, kind: str, *, what: str = "new", seconds: float = 60) -> dict[str, Any]:
        """The first alert of a kind, when it has come."""

        def found() -> list[dict[str, Any]]:
            return [alert for alert in self.of_kind(kind) if alert["what"] == what]

        wait_until(found, seconds, f"an alert: {kind} ({what})")
        return found()[0]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def alert_listener() -> Iterator[AlertListener]:
    one = AlertListener()
    try:
        yield one
    finally:
        one.close()
