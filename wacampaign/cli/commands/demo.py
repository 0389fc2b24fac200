"""`demo`: the night of the report, on this machine alone."""

from typing import Annotated, Final

import typer

from wacampaign.cli.output import FINDING
from wacampaign.demo.play import play

#: As many as the campaign had that ended after 9 seconds without sending one.
_SIZE: Final = 10_807
#: Twenty minutes at the demo's rate; the contacts are kept in memory for the proof.
_SIZE_MAX: Final = 1_000_000


def demo(
    campaign_size: Annotated[
        int,
        typer.Option(
            "--campaign-size",
            metavar="N",
            min=1,
            max=_SIZE_MAX,
            help="Rows of the largest campaign.",
        ),
    ] = _SIZE,
) -> None:
    """Play a night of failures on this machine, from the first symptom to all sent.

    One campaign "completed" with its rows left, one refused with 135000, one healthy: what is
    wrong is found, its cause named, repaired, restarted, and proved, each step with the command
    that does it. Uses an embedded PostgreSQL and a simulated Cloud API, both in a temporary
    folder: no settings are read, nobody is written to, nothing is left behind. Ends with exit
    code 3 when a recipient got no message or more than one.

    Example: wacampaign demo --campaign-size 2000
    """
    if not play(campaign_size):
        raise typer.Exit(FINDING)
