"""`preflight`: everything that can be known before the first message; and what `start` asks."""

import shutil
from typing import Annotated, TextIO

import typer

from wacampaign.cli.options import (
    SHOWN_MAX,
    AllowMarkup,
    AllowPlaceholders,
    AsJson,
    CampaignArgument,
    EnvFile,
    StoreFlag,
    Yes,
)
from wacampaign.cli.output import FINDING, print_json, say, tell
from wacampaign.cli.plan import agreed, show_next
from wacampaign.cli.screens.preflight import preflight_json, show_compact, show_lines
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.next_step import after_preflight
from wacampaign.core.preflight.model import Line, Preflight
from wacampaign.core.template.preview import message_lines
from wacampaign.core.template.unmeant import Unmeant, allowed_kinds
from wacampaign.operations import test_message
from wacampaign.operations.campaigns import actor, resolve_campaign
from wacampaign.operations.preflight import first_messages, refuse_unready, run_preflight
from wacampaign.problems import Declined
from wacampaign.settings import Settings


def preflight(
    campaign: CampaignArgument,
    test_to: Annotated[
        str | None,
        typer.Option(
            "--test-to",
            metavar="PHONE",
            help="Then send the first row to this phone, and wait for acceptance and status.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="As --test-to with WACAMPAIGN_TEST_PHONE.")
    ] = False,
    show: Annotated[
        int,
        typer.Option(
            "--show",
            metavar="N",
            min=0,
            max=SHOWN_MAX,
            help="Show N messages as their recipients will see them.",
        ),
    ] = 0,
    allow_placeholders: AllowPlaceholders = False,
    allow_markup: AllowMarkup = False,
    yes: Yes = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Check everything that can be known before the first message.

    Looks at every row, each media file, template, number, token and limits, and changes nothing.
    Ends with exit code 3 when a check failed; what could not be asked is skipped. A test message
    counts in no campaign.

    Example: wacampaign preflight Bajaj_market_2

    Example: wacampaign preflight Bajaj_market_2 --show 3

    Example: wacampaign preflight Bajaj_market_2 --test-to +447700900123
    """
    settings = read_settings(env_file, store)
    phone = test_message.test_phone(settings, test_to, wanted=test)
    named = with_store(settings, resolve_campaign, campaign)
    allowed = allowed_kinds(placeholders=allow_placeholders, markup=allow_markup)
    looked = look(settings, named.id, allowed)
    if not as_json:
        tell(f"preflight of {named}, {named.status}")
        show_lines(looked.lines)
    messages = with_store(settings, first_messages, named.id, show) if show else []
    if not as_json:
        for message in messages:
            tell(f"message to {message.phone}, {message.where}, as its recipient sees it:")
            for line in message_lines(message.preview, shutil.get_terminal_size().columns - 2):
                tell(f"  {line}")
    tested: list[Line] = []
    if phone is not None:
        tested = _test(settings, named, looked, phone, yes=yes, as_json=as_json)
        if tested and not as_json:
            show_lines(tested)
        looked = Preflight((*looked.lines, *tested))
    if as_json:
        print_json(preflight_json(looked, named, messages))
    else:
        tell(looked.summary)
        show_next(after_preflight(looked, named.short_id, named.status, tested=bool(tested)))
    if looked.failures:
        raise typer.Exit(FINDING)


def look(
    settings: Settings, campaign_id: str, allowed: frozenset[Unmeant] = frozenset()
) -> Preflight:
    """The preflight, with a bar on a terminal while rows are read."""
    with progress_bar("reading rows") as advance:
        return with_store(
            settings, run_preflight, settings, campaign_id, allowed=allowed, progress=advance
        )


def check_before_start(
    settings: Settings,
    campaign_id: str,
    what: str,
    *,
    allowed: frozenset[Unmeant] = frozenset(),
    stream: TextIO | None = None,
    resumes: bool = False,
) -> None:
    """Shows what is not ok; raises `NotReady` when something failed. `what` is not started then,
    or not resumed."""
    looked = look(settings, campaign_id, allowed)
    show_compact(looked, stream)
    refuse_unready(looked, campaign_id, what, resumes=resumes)


def _test(
    settings: Settings,
    named: CampaignName,
    looked: Preflight,
    phone: str,
    *,
    yes: bool,
    as_json: bool,
) -> list[Line]:
    """Asks, sends, waits. Nothing is sent while a check fails."""
    if looked.failures:
        return [test_message.NOT_SENT]
    message = with_store(settings, test_message.compose, settings, named.id, phone)
    try:
        plan = test_message.test_plan(message, str(named))
        agreed(plan, yes=yes, dry_run=False, as_json=as_json)
    except Declined:  # the checks were made, and are worth their exit code
        say("no test message was sent")
        return []
    return with_store(settings, test_message.send, settings, named.id, message, actor())
