"""HTTP engines compared on the one call that matters: POST /messages over TLS, many in flight.

    python bench/http_engines.py
    python bench/http_engines.py --rounds 5 --in-flight 400 --requests 6000

The server is a bare asyncio TLS server in a process of its own. It answers every POST with
300 bytes of JSON after `--delay-ms`, by timer, so that it costs as little as can be. Every
measurement of an engine is a fresh process: one warm-up of `--in-flight` requests that opens
the connections, then `--requests` requests from `--in-flight` tasks. The table shows the median
of `--rounds` rounds; engines take turns, so that a busy minute on the machine hits all of them.

Columns: requests/s; CPU microseconds per request, of the whole client process; 50th and 99th
percentile of one call in milliseconds; peak resident memory of the client in MiB.

Engines that are not installed are named and left out. wacampaign itself needs aiohttp only:
`pip install httpx-aiohttp pyreqwest trustme uvloop` into an environment for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

#: One call: returns the HTTP status after the body has been read.
Post = Callable[[], Awaitable[int]]

ANSWER_BODY = json.dumps(
    {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+447700900123", "wa_id": "447700900123"}],
        "messages": [{"id": "wamid." + "A" * 150, "message_status": "accepted"}],
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(ANSWER_BODY)
) + ANSWER_BODY

REQUEST_BODY = json.dumps(
    {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+447700900123",
        "type": "template",
        "biz_opaque_callback_data": "00000000-0000-0000-0000-000000000000:1",
        "template": {
            "name": "offer",
            "language": {"code": "en_GB"},
            "components": [
                {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
                {"type": "body", "parameters": [{"type": "text", "text": "Asha"}]},
            ],
        },
    }
).encode()
HEADERS = {"Authorization": "Bearer sandbox-token", "Content-Type": "application/json"}
PATH = "/v25.0/100000000000001/messages"

#: Plain httpx slows down so much with many connections that a full run would take minutes.
HTTPX_REQUESTS = 400

ENGINES: dict[str, tuple[str, ...]] = {
    "aiohttp": ("aiohttp",),
    "aiohttp+uvloop": ("aiohttp", "uvloop"),
    "MessageSender": ("wacampaign", "aiohttp"),
    "MessageSender+uvloop": ("wacampaign", "aiohttp", "uvloop"),
    "httpx-aiohttp": ("httpx", "httpx_aiohttp"),
    "httpx-aiohttp+uvloop": ("httpx", "httpx_aiohttp", "uvloop"),
    "pyreqwest": ("pyreqwest",),
    "pyreqwest+uvloop": ("pyreqwest", "uvloop"),
    "httpx": ("httpx",),
}


class AnswerLater(asyncio.Protocol):
    """Reads POSTs by their Content-Length, answers each `delay_s` after its last byte."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(self.delay_s, self.answer)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)


async def serve(certificate: str, delay_ms: float) -> None:
    """Serves until the process is ended; the port is the first line on stdout."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(
        lambda: AnswerLater(delay_ms / 1000), "127.0.0.1", 0, ssl=context, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def with_aiohttp(base: str, ca: str, in_flight: int) -> AsyncIterator[Post]:
    import aiohttp
    from yarl import URL

    url = URL(base + PATH, encoded=True)
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=ssl.create_default_context(cafile=ca))
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30),
    ) as session:

        async def post() -> int:
            async with session.post(
                url, data=REQUEST_BODY, headers=HEADERS, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status

        yield post


@asynccontextmanager
async def with_sender(
    base: str,
    ca: str,
    in_flight: int,  # noqa: ARG001 - it opens what it needs
) -> AsyncIterator[Post]:
    from wacampaign.meta.send import MessageSender

    async with MessageSender(base, "v25.0", ca_file=ca) as sender:

        async def post() -> int:
            answer = await sender.post("100000000000001", "sandbox-token", REQUEST_BODY)
            return answer.status

        yield post


@asynccontextmanager
async def with_httpx(
    base: str, ca: str, in_flight: int, *, over_aiohttp: bool = False
) -> AsyncIterator[Post]:
    import httpx

    context = ssl.create_default_context(cafile=ca)
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(verify=context, limits=limits)
    if over_aiohttp:
        from httpx_aiohttp import AiohttpTransport

        transport = AiohttpTransport(verify=context, limits=limits)
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:

        async def post() -> int:
            answer = await client.post(base + PATH, content=REQUEST_BODY, headers=HEADERS)
            return answer.status_code

        yield post


@asynccontextmanager
async def with_pyreqwest(base: str, ca: str, in_flight: int) -> AsyncIterator[Post]:
    from pyreqwest.client import ClientBuilder

    builder = (
        ClientBuilder()
        .add_root_certificate_pem(Path(ca).read_bytes())  # noqa: ASYNC240 - before the clock
        .max_connections(in_flight)
        .follow_redirects(False)
        .timeout(timedelta(seconds=30))
        .default_headers(HEADERS)
    )
    async with builder.build() as client:

        async def post() -> int:
            answer = await client.post(base + PATH).body_bytes(REQUEST_BODY).build().send()
            await answer.bytes()
            return answer.status

        yield post


async def measure(
    engine: str, base: str, ca: str, in_flight: int, requests: int
) -> dict[str, float]:
    """One round of one engine in this process."""
    family = engine.removesuffix("+uvloop")
    if family == "aiohttp":
        client = with_aiohttp(base, ca, in_flight)
    elif family == "MessageSender":
        client = with_sender(base, ca, in_flight)
    elif family == "pyreqwest":
        client = with_pyreqwest(base, ca, in_flight)
    else:
        client = with_httpx(base, ca, in_flight, over_aiohttp=family == "httpx-aiohttp")
    took: list[float] = []
    async with client as post:

        async def work(todo: list[int]) -> None:
            while todo:
                todo.pop()
                start = time.perf_counter()
                status = await post()
                took.append(time.perf_counter() - start)
                assert status == 200, status

        async def run(count: int) -> None:
            took.clear()
            todo = [0] * count
            await asyncio.gather(*(work(todo) for _ in range(in_flight)))

        await run(in_flight)
        cpu, start = time.process_time(), time.perf_counter()
        await run(requests)
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
    took.sort()
    return {
        "rate": requests / elapsed,
        "cpu_us": cpu / requests * 1e6,
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[int(len(took) * 0.99)] * 1000,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def missing(engine: str) -> list[str]:
    """The modules that `engine` needs and this environment lacks."""
    return [name for name in ENGINES[engine] if importlib.util.find_spec(name) is None]


def child(*arguments: str) -> list[str]:
    return [sys.executable, __file__, *arguments]


def compare(arguments: argparse.Namespace) -> None:
    import trustme

    chosen = [name for name in ENGINES if not arguments.engine or name in arguments.engine]
    for name in chosen:
        if lacking := missing(name):
            print(f"left out: {name} (not installed: {', '.join(lacking)})", file=sys.stderr)
    chosen = [name for name in chosen if not missing(name)]

    with tempfile.TemporaryDirectory() as folder:
        ca, certificate = Path(folder, "ca.pem"), Path(folder, "server.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(ca)
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
            certificate
        )
        server = subprocess.Popen(
            child("--serve", str(certificate), "--delay-ms", str(arguments.delay_ms)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            base = f"https://127.0.0.1:{server.stdout.readline().strip()}"
            rounds: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
            for turn in range(arguments.rounds):
                for name in chosen:
                    print(f"round {turn + 1}/{arguments.rounds}: {name}", file=sys.stderr)
                    requests = HTTPX_REQUESTS if name == "httpx" else arguments.requests
                    done = subprocess.run(
                        child(
                            *("--measure", name, "--base", base, "--ca", str(ca)),
                            *("--in-flight", str(arguments.in_flight)),
                            *("--requests", str(requests)),
                        ),
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                    if done.returncode:
                        print(f"{name} failed in this round, see above", file=sys.stderr)
                    else:
                        rounds[name].append(json.loads(done.stdout))
        finally:
            server.terminate()
            server.wait()

    print("| engine | requests/s | CPU µs/request | p50 ms | p99 ms | peak MiB |")
    print("|---|---|---|---|---|---|")
    for name, results in rounds.items():
        if not results:
            print(f"| {name} | failed | | | | |")
            continue
        cells = [
            f"{statistics.median(r[key] for r in results):,.0f}"
            for key in ("rate", "cpu_us", "p50_ms", "p99_ms", "peak_mib")
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--in-flight", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=150)
    parser.add_argument("--engine", action="append", choices=list(ENGINES))
    for internal in ("--serve", "--measure", "--base", "--ca"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve, arguments.delay_ms))
    elif arguments.measure:
        work = measure(
            arguments.measure,
            arguments.base,
            arguments.ca,
            arguments.in_flight,
            arguments.requests,
        )
        if arguments.measure.endswith("+uvloop"):
            import uvloop

            print(json.dumps(uvloop.run(work)))
        else:
            print(json.dumps(asyncio.run(work)))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
