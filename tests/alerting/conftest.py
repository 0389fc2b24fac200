"""An address for alerts, and a rig for workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.listener import AlertListener, alert_listener
from tests.worker.rig import Rig
from wacampaign.sandbox.process import SandboxProcess


@pytest.fixture
def listener() -> Iterator[AlertListener]:
    with alert_listener() as one:
        yield one


@pytest.fixture
def rig(database: str, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(database, sandbox, tmp_path)
    try:
        yield made
    finally:
        made.close()
