"""A receiver's rig on a fresh database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webhook.rig import ReceiverRig


@pytest.fixture
def rig(database: str, tmp_path: Path) -> Iterator[ReceiverRig]:
    one = ReceiverRig(database, tmp_path / "home")
    try:
        yield one
    finally:
        one.close()
