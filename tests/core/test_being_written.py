"""The state of a campaign whose contacts `create` is writing is one text, in SQL and in Python."""

from __future__ import annotations

import re
from pathlib import Path

import wacampaign
from wacampaign.core.campaign.state import BEING_WRITTEN


def test_sql_writes_and_reads_the_reason_that_python_knows() -> None:
    texts = [path.read_text("utf-8") for path in Path(wacampaign.__file__).parent.rglob("*.sql")]
    spelt = re.findall(r"'([^'\n]*\bbeing written)'", "\n".join(texts))
    assert spelt == [BEING_WRITTEN]
