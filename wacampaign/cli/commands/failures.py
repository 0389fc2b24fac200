"""`failures`: who failed, why, and what to do about it, code by code."""

from pathlib import Path
from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, CampaignArgument, Code, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import print_json, say
from wacampaign.cli.screens.failures import failures_json, show_failures
from wacampaign.cli.session import read_settings, with_arrivals
from wacampaign.core.words import rows
from wacampaign.operations.failed_rows import report_failures


def failures(
    campaign: CampaignArgument,
    code: Code = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write every failed row into this new file: phone, template, code, text, time,"
            " kind, what to do.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show which rows failed, why, and what to do about it.

    Two kinds: refused ones, which Meta did not accept, and undelivered ones, which it accepted and
    then failed. Code by code with Meta's title, one row's text, and the command that acts on it.
    With --code: five rows of it, too. Phones are masked, in the file as well, unless --show-numbers
    is given.

    Example: wacampaign failures Bajaj_market_2

    Example: wacampaign failures Bajaj_market_2 --code 131026 --csv undeliverable.csv
    """
    settings = read_settings(env_file, store)
    report = with_arrivals(
        settings, report_failures, campaign, code, csv, show_numbers=show_numbers
    )
    if as_json:
        print_json(failures_json(report, csv))
    else:
        show_failures(report)
    if csv is not None:
        masked = "" if show_numbers else "; phones are masked, --show-numbers writes them whole"
        say(f"written: {csv}, {rows(report.written)}{masked}")
