"""Row and claim in a message's callback data."""

from __future__ import annotations

from uuid import UUID

import pytest

from wacampaign.core.callback_data import callback_data, row_and_claim
from wacampaign.core.template.message import CALLBACK_LENGTH

ROW, CLAIM = str(UUID(int=0xA0)), str(UUID(int=0xC1))


def test_what_was_put_in_comes_out() -> None:
    data = callback_data(ROW, CLAIM)
    assert len(data) <= CALLBACK_LENGTH
    assert row_and_claim(data) == (ROW, CLAIM)


@pytest.mark.parametrize(
    "data",
    [
        ROW,
        "",
        "row-1",
        f"test:{ROW}",
        f"{ROW}:",
        f"{ROW}:7",
        f":{CLAIM}",
        f"{ROW}:{CLAIM}:{CLAIM}",
        f"{ROW}:{CLAIM}\n",
        f"{ROW.upper()}:{CLAIM}",
    ],
)
def test_other_data_has_no_claim(data: str) -> None:
    """Messages sent before have the row alone; other programs write what they like."""
    assert row_and_claim(data) == (data, None)
