"""`--since`: a time as people type it."""

import re
from datetime import datetime, timedelta
from typing import Final

from wacampaign.core.cells import cell
from wacampaign.problems import Usage

_AGO: Final = re.compile(r"(\d{1,5}) ?(min|h|d)")
_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days"}


def read_since(text: str, command: str) -> datetime:
    """A day, a time (local without a zone), or how long ago: `90min`, `24h`, `7d`.

    Raises `Usage` for what is none, suggesting `command` with one that is.
    """
    now = datetime.now().astimezone()
    try:
        if ago := _AGO.fullmatch(cell(text)):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(cell(text)).astimezone()
    except (ValueError, OverflowError, OSError):
        raise Usage(f"--since {text!r} is no time", f'{command} --since "{now:%Y-%m-%d}"') from None
