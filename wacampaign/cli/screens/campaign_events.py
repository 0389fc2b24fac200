"""How `events` shows a campaign's record."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from wacampaign.cli.output import say, tell
from wacampaign.cli.screens.tables import print_table
from wacampaign.core.campaign.event import CampaignEvent, in_a_sentence
from wacampaign.core.display_width import wrapped
from wacampaign.core.masking import mask_secrets
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import counted, local_seconds, told_locally
from wacampaign.operations.campaign_events import CampaignRecord


def events_json(found: CampaignRecord, *, show_numbers: bool) -> dict[str, Any]:
    """The object of `events --json`."""
    return {
        "campaign": asdict(found.campaign),
        "events": [
            {
                "at": event.at,
                "who": _who(event),
                "kind": event.kind,
                "what": event.what,
                "rows": event.rows,
                "why": event.why(show_numbers=show_numbers) or None,
                "own": event.own,
                "worker_id": event.worker_id,
            }
            for event in found.events
        ],
        "more": found.more,
    }


def show_events(found: CampaignRecord, *, show_numbers: bool) -> None:
    """What happened, the newest last; first whether there is more."""
    if not found.events:
        say(f"nothing is written down of {found.campaign} in that time")
        return
    if found.more:
        n = len(found.events)
        say(f"the last {counted(n, 'event')} of {found.campaign}: --limit {2 * n} shows more")
    if sys.stdout.isatty():
        _show_days(found.events, show_numbers=show_numbers)
        return
    print_table(
        ("when", "who", "what", "rows", "why"),
        [
            (event.at, _who(event), event.what, event.rows, event.why(show_numbers=show_numbers))
            for event in found.events
        ],
    )


def _show_days(events: Sequence[CampaignEvent], *, show_numbers: bool) -> None:
    """A sentence each, under its day."""
    columns = shutil.get_terminal_size().columns
    shown_day = ""
    for event in events:
        day, clock, zone = local_seconds(event.at).split(" ", 2)
        if day != shown_day:
            tell(f"{day} ({zone})")
            shown_day = day
        why = event.why(show_numbers=show_numbers)
        text = told_locally(in_a_sentence(event.what, event.rows, _who(event), why))
        before = f"  {clock}  "
        for line in wrapped(one_line(text), max(columns - len(before), 20)):
            tell(before + line)
            before = " " * len(before)


def _who(event: CampaignEvent) -> str:
    return mask_secrets(event.who)
