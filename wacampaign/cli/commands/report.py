"""`report`: what became of a campaign, in one file for the client."""

from pathlib import Path
from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, CampaignArgument, EnvFile, StoreFlag
from wacampaign.cli.output import print_json, say
from wacampaign.cli.screens.client_report import client_report_json
from wacampaign.cli.session import read_settings, with_arrivals
from wacampaign.operations.report_campaign import gather_report
from wacampaign.report import report_form, write_campaign_report


def report(
    campaign: CampaignArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The .md or .html file; an earlier one of that name is replaced.",
            show_default=False,
        ),
    ],
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="CAMPAIGN",
            help="The campaign to put beside it; by itself the one that began before it, of the "
            "same number or template.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Write what became of a campaign into one file, for the client.

    What was sent, delivered, read, answered, what failed and why in plain words, over time, beside
    the campaign before. One file without anything outside it, for phone, screen and paper. Phones
    are masked, and of the message only what all recipients got is shown. Changes nothing.

    Example: wacampaign report Bajaj_market_2 --out bajaj.html

    Example: wacampaign report Bajaj_market_2 --compare Bajaj_market_1 --out bajaj.md
    """
    settings = read_settings(env_file, store)
    report_form(out, "--out")  # a wrong name is told before the work
    gathered = with_arrivals(settings, gather_report, campaign, compare)
    write_campaign_report(out, gathered)
    if as_json:
        print_json(client_report_json(gathered, out))
    say(f"written: {out}")
