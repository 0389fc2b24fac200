"""`results`: one row a recipient with everything that is known."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from wacampaign.cli.gate import reader_gone
from wacampaign.cli.options import AsJson, CampaignArgument, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import print_json, say, tell_data
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_arrivals
from wacampaign.core.campaign.recipient import STATES
from wacampaign.core.words import counted
from wacampaign.operations.results import (
    RecipientsRead,
    RecipientsWanted,
    print_results,
    show_results,
    write_results,
)
from wacampaign.problems import Usage

#: Instead of a file's name: stdout.
_STDOUT: Final = Path("-")


def results(
    campaign: CampaignArgument,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write the recipients into this new file; - for stdout.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"Only recipients in this state, may be given several times: {', '.join(STATES)}.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Write one row a recipient with everything that is known.

    State, times (UTC), error, pricing, reply, message id, and the values of the list. Phones are
    masked, in the file as well, unless --show-numbers is given. With --json one object a recipient
    and line; beside a file, one object about it.

    Example: wacampaign results Bajaj_market_2 --csv results.csv

    Example: wacampaign results Bajaj_market_2 --state undelivered --csv again.csv --show-numbers
    """
    command = f"wacampaign results {shlex.quote(campaign)} --csv FILE"
    if csv is None and not as_json:
        raise Usage("name a file (--csv FILE), or have it on stdout: --csv - or --json", command)
    if csv == _STDOUT and as_json:
        raise Usage("stdout takes one of --csv - and --json", command)
    if unknown := [one for one in state or () if one not in STATES]:
        raise Usage(f"there is no state {unknown[0]!r}", f"--state is one of {', '.join(STATES)}")
    settings = read_settings(env_file, store)
    wanted = RecipientsWanted(state or (), show_numbers)
    if csv is None:
        with_arrivals(settings, show_results, campaign, wanted, _show)
        return
    if csv == _STDOUT:
        with_arrivals(settings, print_results, campaign, wanted, _print)
        return
    with progress_bar("reading") as progress:
        written = with_arrivals(settings, write_results, campaign, wanted, csv, progress)
    if as_json:
        print_json(_as_json(written, csv))
    masked = "" if show_numbers else "; phones are masked, --show-numbers writes them whole"
    say(f"written: {csv}, {counted(written.recipients, 'recipient')}{masked}")
    for word in STATES:
        if n := written.states[word]:
            say(f"  {word:<12}{n:>12,}")


def _show(one: Mapping[str, Any]) -> bool:
    print_json(one, one_line=True)
    return not reader_gone()


def _print(lines: str) -> bool:
    tell_data(lines)
    return not reader_gone()


def _as_json(written: RecipientsRead, file: Path) -> dict[str, Any]:
    states = {word: written.states[word] for word in STATES}
    return {
        "campaign": asdict(written.campaign),
        "file": str(file),
        "recipients": written.recipients,
        "states": states,
    }
