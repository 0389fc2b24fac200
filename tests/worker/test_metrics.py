"""What Prometheus reads of a worker and a receiver, and that page, dashboard and rules name it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import re
import socket
import threading
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import wait_until
from tests.unsteady import Mode, unsteady_postgres
from tests.webhook.rig import ReceiverRig, status_body
from tests.webhook.rig import request as asked
from tests.worker.rig import Rig
from wacampaign.core.campaign.binding_limit import LimitKind
from wacampaign.metrics import serving
from wacampaign.metrics.address import MetricsAddress

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"\bwacampaign_[a-z_]+")
#: What Prometheus adds to a histogram's name.
_PARTS = ("_bucket", "_sum", "_count")


def url_in(log: Callable[[], str]) -> str:
    found: list[str] = []

    def there() -> bool:
        found[:] = re.findall(r"event=metrics .*?url=(\S+)", log())
        return bool(found)

    wait_until(there, 20, "the address of the metrics is logged")
    return found[0]


def scrape(url: str, accept: str = "text/plain") -> str:
    got = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(got, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def families(url: str) -> dict[str, Metric]:
    return {one.name: one for one in text_string_to_metric_families(scrape(url))}


def value(url: str, name: str, **labels: str) -> float | None:
    for family in families(url).values():
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def names(url: str) -> set[str]:
    """As they are written in queries: a counter with its `_total`, a histogram without parts."""
    found = set()
    for family in families(url).values():
        ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
        name = family.name.removesuffix(ending) + ending
        if name.startswith("wacampaign_"):
            found.add(name)
    return found


@pytest.fixture
def receiver(rig: Rig, tmp_path: Path) -> ReceiverRig:
    return ReceiverRig(rig.database, tmp_path / "receiver")


def test_what_is_served_is_what_page_dashboard_and_rules_name(
    rig: Rig, receiver: ReceiverRig
) -> None:
    campaign = rig.campaign(rig.number("201", rate=20), 2_000)
    worker = rig.start_worker("--metrics-port", "0")
    url = url_in(lambda: rig.log_of(worker))
    rig.wait_accepted(5)
    running = {"campaign_id": campaign[:8], "status": "running"}
    wait_until(
        lambda: (
            value(url, "wacampaign_campaign_status", **running) == 1
            and value(url, "wacampaign_messages_total", outcome="sent")
        ),
        40,
        "the campaign runs and sends",
    )
    assert value(url, "wacampaign_campaign_rows", state="ready")
    assert value(url, "wacampaign_api_reachable") == 1
    assert value(url, "wacampaign_workers", state="alive") == 1
    sent = value(url, "wacampaign_api_answer_seconds_count")
    assert sent is not None
    assert sent >= 5
    # What asks for OpenMetrics gets that.
    text = scrape(url, "application/openmetrics-text; version=1.0.0")
    assert "wacampaign_messages" in {one.name for one in openmetrics(text)}
    with pytest.raises(OSError, match="404"):
        scrape(url.replace("/metrics", "/"))

    try:
        receiver.start("--metrics-port", "0")
        other = url_in(lambda: receiver.logs[-1].read_text())
        assert asked(receiver.url, status_body("wamid.1")).status == 401, "unsigned"
        assert value(other, "wacampaign_webhooks_refused_total", reason="without_signature") == 1
        assert value(other, "wacampaign_webhooks_total") == 0
        served = names(url) | names(other)
        all_served = scrape(url) + scrape(other)
    finally:
        receiver.close()

    page = (DOCS / "reference" / "metrics.md").read_text()
    written = set(re.findall(r"^\| `(wacampaign_[a-z_]+)`", page, re.MULTILINE))
    # There once something has come, or is limited.
    seldom = {"wacampaign_webhook_last_timestamp_seconds"}
    assert served <= written
    assert written - served <= seldom
    for kind in LimitKind:
        assert f"`{kind}`" in page

    monitoring = DOCS / "monitoring"
    for path in ("grafana-dashboard.json", "alert-rules.yml"):
        text = (monitoring / path).read_text()
        if path.endswith(".json"):
            panels = json.loads(text)["panels"]
            text = "\n".join(target["expr"] for one in panels for target in one["targets"])
        used = {
            next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), name)
            for name in NAME.findall(text)
        }
        assert used
        assert used <= written, path
        # Each value that a rule or panel asks for is one that is served or told of on the page.
        labels = re.findall(r'(\w+)=~?\\*"([^"\\$]+)', text)
        assert labels
        for label, wanted in labels:
            if label == "job":  # Prometheus' own
                continue
            for one in wanted.split("|"):
                assert f'{label}="{one}"' in all_served or f"`{one}`" in page, (path, label, one)


def test_a_port_that_is_taken_keeps_no_worker_from_sending(rig: Rig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        campaign = rig.campaign(rig.number("201"), 20)
        worker = rig.start_worker("--until-idle", "--metrics-port", str(port))
        assert rig.finished(worker) == 0
    assert "event=metrics_port_taken" in rig.log_of(worker)
    assert rig.stats(campaign)["status"] == "completed"


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACK_HOLE], ids=["away", "silent"])
def test_while_the_database_is_away_no_old_figure_is_told(rig: Rig, mode: Mode) -> None:
    rig.campaign(rig.number("201", rate=5), 500)
    with unsteady_postgres(rig.database) as (address, way):
        worker = rig.start_worker("--metrics-port", "0", DATABASE_URL=address)
        url = url_in(lambda: rig.log_of(worker))
        wait_until(lambda: value(url, "wacampaign_database_reachable") == 1, 30, "it is there")
        assert value(url, "wacampaign_campaign_rows", state="ready")
        way.set(mode)
        # Two looks, and the time for which one waits.
        wait_until(lambda: value(url, "wacampaign_database_reachable") == 0, 45, "it is away")
        assert value(url, "wacampaign_campaign_rows", state="ready") is None
        silent = value(url, "wacampaign_database_silent_seconds")
        assert silent is not None
        assert silent > 0


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACK_HOLE], ids=["away", "silent"])
def test_a_receiver_tells_of_stored_bodies_what_the_database_says_now(
    database: str, tmp_path: Path, mode: Mode
) -> None:
    """No lag of 0 s from before stood beside bodies that wait in the file for an hour."""
    of_the_database = (
        "wacampaign_webhooks_waiting",
        "wacampaign_webhook_lag_seconds",
        "wacampaign_webhooks_with_faults",
    )
    with unsteady_postgres(database) as (address, way):
        receiver = ReceiverRig(address, tmp_path / "receiver")
        try:
            process = receiver.start("--metrics-port", "0")
            url = url_in(lambda: receiver.log_of(process))
            wait_until(lambda: value(url, "wacampaign_webhook_lag_seconds") == 0, 30, "it is there")
            way.set(mode)
            assert receiver.post(status_body("wamid.1")) == 200
            wait_until(
                lambda: value(url, "wacampaign_webhook_database_reachable") == 0, 30, "it is away"
            )
            assert value(url, "wacampaign_webhook_spool_bodies") == 1
            assert value(url, "wacampaign_webhooks_total") == 1
            assert [value(url, name) for name in of_the_database] == [None] * 3
            way.set(Mode.PASS)
            wait_until(
                lambda: value(url, "wacampaign_webhook_database_reachable") == 1, 60, "it is back"
            )
            assert None not in [value(url, name) for name in of_the_database]
        finally:
            receiver.close()


@contextlib.contextmanager
def served() -> Iterator[tuple[str, int]]:
    """The port alone, in a thread of its own: what is under test is who may connect to it."""
    said: queue.Queue[str] = queue.Queue()
    loop = uvloop.new_event_loop()  # as a worker has it

    def log(_event: str, **fields: Any) -> None:
        said.put(fields["url"])

    address = MetricsAddress(port=0, host="127.0.0.1")
    task = loop.create_task(serving.serve_metrics(address, serving.registry_of("worker"), log))

    def serve() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = urlsplit(said.get(timeout=10))
    assert url.hostname is not None
    assert url.port is not None
    yield url.hostname, url.port
    loop.call_soon_threadsafe(task.cancel)
    thread.join(10)
    loop.close()


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other end closes."""
    connection.settimeout(10)
    with contextlib.suppress(ConnectionError):
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return b""


def test_requests_in_a_row_have_one_answer() -> None:
    """Thousands of them on one connection left a worker 3 messages a second in place of 80."""
    with served() as place, socket.create_connection(place) as scraper:
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        answered = all_of(scraper)
    assert answered.count(b"HTTP/1.1 200") <= 1  # closed with requests unread, it may be cut off
    with served() as place, socket.create_connection(place) as scraper:
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        answered = all_of(scraper)
    assert answered.startswith(b"HTTP/1.1 200")
    assert b"wacampaign_build_info" in answered


def test_a_request_without_end_takes_no_memory() -> None:
    """Twenty of them took 700 MiB of a receiver, which PM2 starts anew at less."""
    with served() as place, contextlib.ExitStack() as open_ones:
        connections = [
            open_ones.enter_context(socket.create_connection(place))
            for _ in range(serving.CONNECTIONS_MOST)
        ]
        tracemalloc.start()
        try:
            for one in connections:
                one.settimeout(10)
                with contextlib.suppress(ConnectionError):
                    one.sendall(b"GET /metrics HTTP/1.1\r\n")
                    for _ in range(1000):
                        one.sendall(b"X-A: " + b"a" * 8000 + b"\r\n")
            assert [all_of(one) for one in connections] == [b""] * len(connections)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2 * serving.REQUEST_BYTES_MOST * serving.CONNECTIONS_MOST


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nX: a"], ids=["silent", "slow"])
def test_connections_are_few_and_none_is_kept(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a file of the process: a few hundred kept a worker from Meta and its journal."""
    monkeypatch.setattr(serving, "CONNECTION_SECONDS", 1.0)
    with served() as place, contextlib.ExitStack() as open_ones:
        kept = [
            open_ones.enter_context(socket.create_connection(place))
            for _ in range(serving.CONNECTIONS_MOST)
        ]
        for one in kept:
            one.sendall(said)
        with socket.create_connection(place) as more:
            assert all_of(more) == b""
        assert [all_of(one) for one in kept] == [b""] * len(kept)

        def scraped() -> bool:
            with socket.create_connection(place) as scraper:
                scraper.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                return b" 200 OK" in all_of(scraper)

        wait_until(scraped, 10, "a place is free again")
