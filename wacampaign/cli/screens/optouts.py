"""How `optouts list` shows who gets no marketing any more."""

from dataclasses import asdict
from typing import Any

from wacampaign.cli.output import say
from wacampaign.cli.screens.tables import print_table
from wacampaign.core.optouts import CAUSES
from wacampaign.core.words import counted, local_time
from wacampaign.operations.optouts import OptOutPage


def optouts_json(page: OptOutPage) -> dict[str, Any]:
    """The object of `optouts list --json`."""
    return {
        "total": page.total,
        "resting": page.resting,
        "optouts": [_json(one) for one in map(asdict, page.optouts)],
    }


def _json(optout: dict[str, Any]) -> dict[str, Any]:
    # The key of a person is the whole phone; what ended is not in the list.
    hidden = ("person", "ended_at", "end_cause")
    return {key: value for key, value in optout.items() if key not in hidden}


def show_optouts(page: OptOutPage) -> None:
    """A table, newest first; then how many there are, and how many people rest."""
    if page.optouts:
        print_table(
            ("who", "since", "cause", "how", "campaign"),
            [
                (
                    one.who,
                    local_time(one.since),
                    CAUSES.get(one.cause, one.cause),
                    one.evidence,
                    one.campaign,
                )
                for one in page.optouts
            ],
        )
    else:
        say("nobody has opted out")
    if page.total > len(page.optouts):
        say(f"{len(page.optouts):,} of {counted(page.total, 'opt-out')}: --limit N shows more")
    if page.resting:
        people = "1 person rests" if page.resting == 1 else f"{page.resting:,} people rest"
        say(f"{people} from marketing for a day, as Meta asked (131049, or 131050 once)")
