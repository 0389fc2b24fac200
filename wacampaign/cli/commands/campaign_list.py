"""`list`, also called `status`: all campaigns, the newest first."""

import sys
from typing import Annotated, Literal, TypeAlias

import typer

from wacampaign.cli.options import SHOWN_MAX, AsJson, EnvFile, ShowNumbers, Since, StoreFlag
from wacampaign.cli.output import print_json, say
from wacampaign.cli.screens.campaign_list import list_json, show_list
from wacampaign.cli.session import place_looked_at, read_settings, with_arrivals
from wacampaign.operations import campaign_list as operation
from wacampaign.operations.since import read_since

_Status: TypeAlias = Literal["scheduled", "running", "paused", "completed", "failed"]


def list_campaigns(
    status: Annotated[
        _Status | None,
        typer.Option("--status", help="Only these; a cancelled one is failed.", show_default=False),
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            "--number",
            metavar="PHONE_NUMBER_ID",
            help="Only those of this number (or its digits).",
            show_default=False,
        ),
    ] = None,
    since: Since = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help=f"At most so many; by itself {SHOWN_MAX} on a terminal, and all elsewhere.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """List all campaigns, finished ones too, the newest first.

    With what was accepted, delivered, failed and is in doubt, when each started and how long it
    took; below it why it is paused or waits, and until when. --since: what was made, started or
    ended since then, and what runs. `wacampaign status` is the same.

    Example: wacampaign list

    Example: wacampaign list --status running --since 7d
    """
    settings = read_settings(env_file, store)
    when = None if since is None else read_since(since, "wacampaign list")
    if limit is None and sys.stdout.isatty() and not as_json:
        limit = SHOWN_MAX
    found = with_arrivals(settings, operation.look, status, number, when, limit)
    if as_json:
        print_json(list_json(found, show_numbers=show_numbers))
    else:
        if not found.campaigns:
            for line in place_looked_at(settings):
                say(line)
        show_list(found, show_numbers=show_numbers)
