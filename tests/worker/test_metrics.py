"""What Prometheus reads of a worker and a receiver, and that page, dashboard and rules name it."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import wait_until
from tests.unsteady import Mode, unsteady_postgres
from tests.webhook.rig import ReceiverRig, status_body
from tests.webhook.rig import request as asked
from tests.worker.rig import Rig
from wacampaign.core.campaign.binding_limit import LimitKind

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
