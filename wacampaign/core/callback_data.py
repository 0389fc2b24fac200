"""What goes with each message and comes back in its statuses: which row it was, in which claim."""

import re
from typing import Final

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ROW_AND_CLAIM: Final = re.compile(f"({_UUID}):({_UUID})")


def callback_data(row_id: str, claim_id: str) -> str:
    """The `biz_opaque_callback_data` of one attempt: 73 of Meta's 512 characters.

    With the claim a status tells which attempt at the row it is about.
    """
    return f"{row_id}:{claim_id}"


def row_and_claim(data: str) -> tuple[str, str | None]:
    """Row and claim of some callback data, from whoever sent it.

    What has another form is one's own for the row, without a claim: a row id alone, as messages had
    it before, or another program's data.
    """
    parts = _ROW_AND_CLAIM.fullmatch(data)
    return (data, None) if parts is None else (parts[1], parts[2])
