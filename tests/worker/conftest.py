from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.rig import Rig
from wacampaign.sandbox.process import SandboxProcess


@pytest.fixture
def rig(database: str, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Rig]:
    sandbox.control.settings(latency_ms=20)
    made = Rig(database, sandbox, tmp_path)
    try:
        yield made
    finally:
        made.close()
