"""`events`: who did what to a campaign, and when."""

import shlex
import sys
from typing import Annotated

import typer

from wacampaign.cli.options import (
    SHOWN_MAX,
    AsJson,
    CampaignArgument,
    EnvFile,
    ShowNumbers,
    Since,
    StoreFlag,
)
from wacampaign.cli.output import print_json
from wacampaign.cli.screens.campaign_events import events_json, show_events
from wacampaign.cli.session import read_settings, with_store
from wacampaign.operations import campaign_events as operation
from wacampaign.operations.since import read_since


def events(
    campaign: CampaignArgument,
    since: Since = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help=f"The last so many; by itself {SHOWN_MAX} on a terminal, and all elsewhere.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show who did what to a campaign, when, with how many rows and why; the newest last.

    Starts, pauses, repairs, holds, what was put in doubt and settled, what other programs tried;
    and beside them what concerns it: its workers and receivers, its number's settings and limits,
    what Meta told of account and templates.

    Example: wacampaign events Bajaj_market_2

    Example: wacampaign events Bajaj_market_2 --since 2h --json
    """
    settings = read_settings(env_file, store)
    when = (
        None if since is None else read_since(since, f"wacampaign events {shlex.quote(campaign)}")
    )
    if limit is None and sys.stdout.isatty() and not as_json:
        limit = SHOWN_MAX
    found = with_store(settings, operation.look, campaign, when, limit)
    if as_json:
        print_json(events_json(found, show_numbers=show_numbers))
    else:
        show_events(found, show_numbers=show_numbers)
