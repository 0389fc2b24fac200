"""`preflight`: everything that can be known before the first message; and what `start` asks."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TextIO

import typer

from wacampaign.cli.options import AsJson, Campaign, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.session import (
    CampaignName,
    actor,
    read_settings,
    resolve_campaign,
    with_store,
)
from wacampaign.problems import Declined, Misconfigured, Problem, Usage

if TYPE_CHECKING:
    from wacampaign.core.preflight.model import Line, Preflight
    from wacampaign.senders.test_send import TestMessage
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Exit code when a check failed.
FINDING: Final = 3

SkipPreflight = Annotated[
    bool,
    typer.Option(
        "--skip-preflight", help="Start without looking; the campaign's events say so then."
    ),
]


class NotReady(Problem):
    """The preflight found what must be put right first."""

    exit_code: ClassVar[int] = FINDING
    code: ClassVar[str] = "not_ready"


def preflight(
    campaign: Campaign,
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

    Example: wacampaign preflight Bajaj_market_2 --test-to +447700900123
    """
    settings = read_settings(env_file, store)
    phone = _test_phone(settings, test_to, test=test)

    async def find(opened: Store) -> CampaignName:
        return await resolve_campaign(opened, campaign)

    named = with_store(settings, find)
    found = look(settings, named.id)
    tested = False
    if not as_json:
        from wacampaign.cli.preflight_screen import show_lines

        tell(f"preflight of {named}, {named.status}")
        show_lines(found.lines)
    if phone is not None:
        # With --json, stdout is for the one object.
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            lines = _test(settings, named, found, phone, yes=yes)
        tested = bool(lines)
        if lines and not as_json:
            show_lines(lines)
        found = _with(found, lines)
    if as_json:
        from wacampaign.senders.preflight import as_object

        print_json(
            {
                "campaign": {"id": named.id, "name": named.name, "status": named.status},
                "ready": not found.failures,
                **as_object(found),
            }
        )
    else:
        tell(found.summary)
        show_next(_next_command(named, found, tested=tested))
    if found.failures:
        raise typer.Exit(FINDING)


def look(settings: Settings, campaign_id: str) -> Preflight:
    """The preflight, with a bar on a terminal while rows are read."""
    from wacampaign.cli.progress import progress_bar
    from wacampaign.senders.preflight import run_preflight

    with progress_bar("reading rows") as advance:
        return with_store(
            settings, lambda store: run_preflight(store, settings, campaign_id, progress=advance)
        )


def check_before_start(
    settings: Settings, campaign_id: str, what: str, stream: TextIO | None = None
) -> None:
    """Shows what is not ok; raises `NotReady` when something failed. `what` is not started then."""
    from wacampaign.cli.preflight_screen import show_compact

    found = look(settings, campaign_id)
    show_compact(found, stream)
    if found.failures:
        n = len({line.id for line in found.failures})
        raise NotReady(
            f"{what} was not started: {n} {'check' if n == 1 else 'checks'} of the preflight"
            " failed; --skip-preflight starts it all the same",
            f"wacampaign preflight {campaign_id[:8]}    (once that is put right)",
        )


async def set_running(store: Store, campaign_id: str, *, unchecked: bool) -> dict[str, Any]:
    """Starts the campaign; `unchecked`: without a preflight, which its events then say."""
    if not unchecked:
        return await store.set_status(campaign_id, "start", actor())
    from wacampaign.store.readiness import ReadinessStore

    return await ReadinessStore(store).start_unchecked(campaign_id, actor())


def _test_phone(settings: Settings, test_to: str | None, *, test: bool) -> str | None:
    """Digits of the phone to test with, or None."""
    if test_to is None:
        if test and settings.test_phone is None:
            raise Misconfigured(
                "--test needs WACAMPAIGN_TEST_PHONE, which is not set",
                "set it in .env, or use --test-to PHONE",
            )
        return settings.test_phone if test else None
    from wacampaign.core.phones import BadPhone, normalize_phone

    try:
        return normalize_phone(test_to)
    except BadPhone as bad:
        raise Usage(
            f"--test-to is no phone number with its country code: {bad.reason}",
            "wacampaign preflight CAMPAIGN --test-to +447700900123",
        ) from None


def _test(
    settings: Settings, named: CampaignName, found: Preflight, phone: str, *, yes: bool
) -> list[Line]:
    """Asks, sends, waits. Nothing is sent while a check fails."""
    from wacampaign.core.masking import mask_phone
    from wacampaign.core.preflight.model import Check, Line
    from wacampaign.senders.test_send import send_test, test_message

    if found.failures:
        text = "not sent, as a check above failed"
        fix = "put that right, then run it again"
        return [Line("test_send", Check.SKIPPED, text, fix)]

    async def compose(store: Store) -> TestMessage:
        return await test_message(store, settings, named.id, phone)

    message = with_store(settings, compose)
    plan = Plan(
        title=f"send the first row of {named} to {mask_phone(phone)}",
        steps=(Step(1, "test message", f"template {message.template}", "sent"),),
        notes=(f"from {message.label}; it counts in no campaign and may be charged by Meta",),
    )
    try:
        agreed(plan, yes=yes, dry_run=False)
    except Declined:  # the checks were made, and are worth their exit code
        say("no test message was sent")
        return []

    async def send(store: Store) -> list[Line]:
        return await send_test(store, settings, named.id, message, actor())

    return with_store(settings, send)


def _with(found: Preflight, lines: list[Line]) -> Preflight:
    from wacampaign.core.preflight.model import Preflight as Found

    return Found((*found.lines, *lines))


def _next_command(named: CampaignName, found: Preflight, *, tested: bool) -> str:
    failures = found.failures
    if failures:
        command = next((one.fix for one in failures if one.fix.startswith("wacampaign ")), None)
        return command or f"wacampaign preflight {named.short_id}    (once that is put right)"
    if named.status == "running":
        return f"wacampaign monitor {named.short_id}"
    if not tested:
        return f"wacampaign preflight {named.short_id} --test-to PHONE, or wacampaign start " + (
            named.short_id
        )
    return f"wacampaign start {named.short_id}"
