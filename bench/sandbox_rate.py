"""Messages a second that the sandbox answers on one core: `python -m bench.sandbox_rate`.

The sandbox is bound to one processor, this load generator to another. Each of the connections
sends its next message as soon as the answer to the last one has come.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import psutil
import trustme
import uvloop

from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN
from wacampaign.sandbox.process import SandboxProcess

#: First recipient: Indian numbers starting with 0 to 5 after +91 are not mobile numbers.
_FIRST_RECIPIENT = 910_000_000_000


def _request(number: int) -> bytes:
    body = json.dumps(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": f"+{_FIRST_RECIPIENT + number}",
            "type": "template",
            "biz_opaque_callback_data": f"3d824b99-a638-4363-b720-22e476e51b6f:{number}",
            "template": {
                "name": "demo_text",
                "language": {"code": "en_US"},
                "components": [
                    {"type": "header", "parameters": [{"type": "text", "text": "Asha"}]},
                    {
                        "type": "body",
                        "parameters": [
                            {"type": "text", "text": "Asha"},
                            {"type": "text", "text": "20 %"},
                        ],
                    },
                ],
            },
        }
    ).encode()
    head = (
        f"POST /v25.0/{DEMO_PHONE_NUMBER_ID}/messages HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "User-Agent: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {DEMO_TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Sender(asyncio.Protocol):
    """One connection with one message in flight."""

    def __init__(self, numbers: count[int], total: int, done: asyncio.Future[None]) -> None:
        self._numbers, self._total, self._done = numbers, total, done
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        number = next(self._numbers)
        if number < self._total:
            self._transport.write(_request(number))
        else:
            self._transport.close()
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        # The sandbox's answer ends with these brackets and has none of them before.
        if self._answer.endswith(b'"}]}'):
            if not self._answer.startswith(b"HTTP/1.1 200"):
                raise AssertionError(self._answer)
            self._answer = b""
            self._next()


async def _load(url: str, connections: int, messages: int, tls: ssl.SSLContext | None) -> float:
    """Send the messages; seconds that it took."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    numbers = count()
    done = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for future in done:
        await loop.create_connection(
            lambda future=future: _Sender(numbers, messages, future),
            parts.hostname,
            parts.port,
            ssl=tls,
        )
    await asyncio.gather(*done)
    return time.perf_counter() - began


def measure(
    latency_ms: float, connections: int, messages: int, certificate: tuple[Path, Path, Path] | None
) -> str:
    """One measurement, as a line for people."""
    cert, key, ca = certificate or (None, None, None)
    tls = ssl.create_default_context(cafile=ca) if ca else None
    with SandboxProcess(
        latency_ms=latency_ms, tls_cert=cert, tls_key=key, tls_ca=ca, cpu=_SERVER_CPU
    ) as sandbox:
        sandbox.control.put_number(DEMO_PHONE_NUMBER_ID, mps=None)
        process = psutil.Process(sandbox.pid)
        before = process.cpu_times()
        seconds = uvloop.run(_load(sandbox.url, connections, messages, tls))
        after = process.cpu_times()
        totals = sandbox.control.totals()
        memory = process.memory_info().rss / 1024 / 1024
        assert totals["accepted"] == totals["recipients"] == messages, totals
    busy = after.user + after.system - before.user - before.system
    return (
        f"{'https' if tls else 'http ':5} latency {latency_ms:5.0f} ms  in flight {connections:4}  "
        f"{messages / seconds:8,.0f} messages/s  sandbox busy {100 * busy / seconds:4.0f} % of its "
        f"core  {1e6 * busy / messages:5.1f} µs each  memory {memory:5.0f} MB"
    )


_CPUS = sorted(os.sched_getaffinity(0))
_SERVER_CPU = _CPUS[0]


def main() -> None:
    """Measure plain and TLS, without and with latency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=400)
    parser.add_argument("--only", choices=["http", "https"])
    given = parser.parse_args()
    if len(_CPUS) > 1:
        os.sched_setaffinity(0, set(_CPUS[1:]))
    with tempfile.TemporaryDirectory() as folder:
        ca = trustme.CA()
        issued = ca.issue_cert("127.0.0.1")
        files = Path(folder, "cert.pem"), Path(folder, "key.pem"), Path(folder, "ca.pem")
        issued.cert_chain_pems[0].write_to_path(files[0])
        issued.private_key_pem.write_to_path(files[1])
        ca.cert_pem.write_to_path(files[2])
        for certificate in (None, files):
            if given.only and given.only != ("https" if certificate else "http"):
                continue
            for latency_ms in (0.0, 150.0):
                print(measure(latency_ms, given.in_flight, given.messages, certificate), flush=True)


if __name__ == "__main__":
    main()
