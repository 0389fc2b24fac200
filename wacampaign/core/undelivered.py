"""What a failure that comes after the acceptance holds: the error table, as the database takes it.

A status counts as the answer with the same code would (whatsapp-cloud-api, 1.1: errors come "by
webhook, or sometimes through both"), and is acted upon where the statuses are taken, in SQL.
"""

from functools import cache
from typing import Any

from wacampaign.core.errors import explain
from wacampaign.core.errors.table import error_table


@cache
def hold_rules() -> dict[str, dict[str, Any]]:
    """Code → what it holds after how many failures, for how many seconds (None: until a person
    resumes), in which words. CAMPAIGN and PHONE_NUMBER_ID stand for what the database puts in."""
    return {
        str(code): {
            "scope": None if entry.hold_scope is None else str(entry.hold_scope),
            "after": entry.hold_after,
            "seconds": entry.hold_seconds,
            "slow": int(entry.slow_number),
            "reason": explain(code),
        }
        for code, entry in error_table().entries.items()
        if entry.hold_scope is not None or entry.slow_number
    }
