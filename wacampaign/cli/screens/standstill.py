"""How `restart-stuck` tells what is stuck, campaign by campaign."""

import shutil
from dataclasses import asdict
from typing import Any, Final

from wacampaign.cli.output import tell
from wacampaign.cli.plan import change_line
from wacampaign.cli.screens.tables import tell_wrapped
from wacampaign.core.campaign.stuck import StuckCampaign
from wacampaign.core.masking import mask_secrets
from wacampaign.core.words import are

#: Columns of a line when the terminal is wider: longer lines are hard to read.
_WIDEST: Final = 100


def print_stuck(case: StuckCampaign) -> None:
    """Name, kinds, evidence, what would be changed and what not, on stdout."""
    tell(f"{case.campaign} {case.campaign.status}")
    for kind in case.kinds:
        _print("  ! ", str(kind))
    for text in case.evidence:
        # A hold's reason is what somebody answered: it may name a recipient.
        _print("    ", mask_secrets(text))
    for change in case.changes:
        _print("  changes: ", change_line(change))
    _print(
        "  stays:   ",
        f"{case.campaign.accepted:,} accepted {are(case.campaign.accepted)} never touched",
    )
    for text in case.keeps:
        _print("  stays:   ", text)
    tell()


def stuck_json(case: StuckCampaign) -> dict[str, Any]:
    """The same as an object."""
    campaign = case.campaign
    return {
        "campaign": {"id": campaign.id, "name": campaign.name, "status": campaign.status},
        "kinds": [kind.name.lower() for kind in case.kinds],
        "evidence": [mask_secrets(text) for text in case.evidence],
        "changes": [asdict(change) for change in case.changes],
        "keeps": case.keeps,
    }


def _print(begin: str, text: str) -> None:
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    tell_wrapped(text, width, begin, " " * len(begin))
