"""`investigate-135000`: why a campaign's messages were refused, and the command that helps."""

from pathlib import Path
from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, CampaignArgument, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, print_json, say
from wacampaign.cli.plan import agreed
from wacampaign.cli.screens.investigation import (
    investigation_json,
    nothing_failed_json,
    show_investigation,
    show_nothing_failed,
)
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.investigation.model import GENERIC_USER_ERROR
from wacampaign.core.phones import normalize_phone
from wacampaign.operations.investigation import Inquiry, look_into, try_messages
from wacampaign.operations.test_message import WITH_ITS_CODE
from wacampaign.problems import ConfirmationRequired, Declined, Usage
from wacampaign.report import report_form, write_report
from wacampaign.settings import Settings


def investigate(
    campaign: CampaignArgument,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="CAMPAIGN",
            help="The healthy campaign to put beside it; by itself one is looked for.",
            show_default=False,
        ),
    ] = None,
    test_to: Annotated[
        str | None,
        typer.Option(
            "--test-to",
            metavar="PHONE",
            help="Send at most four test messages there, after asking. "
            "WACAMPAIGN_TEST_PHONE does the same.",
            show_default=False,
        ),
    ] = None,
    no_probe: Annotated[
        bool,
        typer.Option(
            "--no-probe",
            help="Go by the database alone: no test message, no question to Meta, no download.",
        ),
    ] = False,
    code: Annotated[
        int,
        typer.Option("--code", metavar="N", min=1, max=2_147_483_647, help="Another error code."),
    ] = GENERIC_USER_ERROR,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the incident report into this .md or .html file.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    yes: Yes = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Find out why messages failed with 135000 (or another --code), and what helps.

    Compares the failed rows with their template, with a healthy campaign, and with what Meta says
    of number, account, template and media. Ends with 3 when a cause was found. Changes nothing;
    test messages go to the test phone only, and only after a yes.

    Example: wacampaign investigate-135000 Bajaj_market_2

    Example: wacampaign investigate-135000 Bajaj_market_2 --no-probe --report incident.md

    Example: wacampaign investigate-135000 Bajaj_market_2 --test-to +447700900123
    """
    settings = read_settings(env_file, store)
    if no_probe and test_to is not None:
        raise Usage("--no-probe and --test-to exclude each other", "leave one of them out")
    if report is not None:
        report_form(report)  # a wrong name is told before the work
    phone = None if no_probe else _test_phone(test_to, settings)
    inquiry = with_store(
        settings,
        lambda opened: look_into(
            opened, settings, campaign, code, compare=compare, offline=no_probe
        ),
    )
    if not inquiry.evidence.campaign.code_failed:
        if as_json:
            print_json(nothing_failed_json(inquiry))
        else:
            show_nothing_failed(inquiry)
        return
    if phone is not None:
        inquiry = _tried(
            inquiry, phone, settings, asked=test_to is not None, yes=yes, as_json=as_json
        )
    investigation = inquiry.conclude()
    if report is not None:
        write_report(report, investigation)
        say(f"written: {report}")
    if as_json:
        print_json(investigation_json(investigation))
    else:
        show_investigation(investigation)
    if investigation.cause is not None:
        raise typer.Exit(FINDING)


def _test_phone(test_to: str | None, settings: Settings) -> str | None:
    """Digits of the test phone; raises `Usage` for what is none."""
    given = test_to or settings.test_phone
    if given is None:
        return None
    try:
        return normalize_phone(given)
    except BadPhone as why:
        raise Usage(
            f"the test phone cannot be used: {why.reason}",
            WITH_ITS_CODE,
        ) from None


def _tried(
    inquiry: Inquiry, phone: str, settings: Settings, *, asked: bool, yes: bool, as_json: bool
) -> Inquiry:
    """With the answers to test messages, if a person agreed to them.

    The setting alone, unlike the flag (`asked`), is no wish to be refused.
    """
    probes = inquiry.probes()
    if not probes:
        say("no test message was sent: number and template of the failed rows are not known")
        return inquiry
    try:
        if as_json and not yes:  # stdout is for the object
            raise ConfirmationRequired(
                "test messages would be sent, and nobody was asked. Nothing was sent.",
                "run it again with --yes, or without test messages with --no-probe",
            )
        if not yes:
            agreed(inquiry.plan(probes, phone), yes=False, dry_run=False)
    except ConfirmationRequired:
        if asked:
            raise
        say("no test message was sent: that needs --yes where there is no terminal")
        return inquiry
    except Declined:  # the database's evidence is worth having without them
        say("no test message was sent")
        return inquiry
    return with_store(
        settings, lambda opened: try_messages(opened, settings, inquiry, probes, phone)
    )
