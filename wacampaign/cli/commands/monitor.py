"""`monitor`: the live view on a terminal, lines elsewhere; it changes nothing unasked."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wacampaign.cli.gate import reader_gone
from wacampaign.cli.options import AsJson, EnvFile, OptionalCampaign, ShowNumbers, StoreFlag
from wacampaign.cli.output import FINDING, print_json, say, stdout_console, tell
from wacampaign.cli.screens.campaign_json import campaign_json
from wacampaign.cli.screens.monitor_lines import change_lines, progress_line
from wacampaign.cli.screens.queue_stats import NONE_TO_SHOW
from wacampaign.cli.session import read_settings, say_kept_out, take_what_waits, with_patience
from wacampaign.operations.campaigns import resolve_campaigns
from wacampaign.operations.outcome import UNUSUAL_PERCENT, all_well
from wacampaign.operations.watch import Feed
from wacampaign.problems import Usage

if TYPE_CHECKING:
    from wacampaign.core.campaign.state import Stats
    from wacampaign.store.store import Store

#: Seconds between two looks on a terminal, and between two lines elsewhere.
SCREEN_INTERVAL: Final = 2.0
LINES_INTERVAL: Final = 30.0
#: Seconds; a shorter interval only burdens the database.
INTERVAL_MIN: Final = 0.5
#: Seconds that one look repeats a call before the screen says STALE.
PATIENCE_SECONDS: Final = 1.0
#: Exit code of a person who leaves, by key as by Ctrl-C.
LEFT: Final = 130


def monitor(
    campaign: OptionalCampaign = None,
    once: Annotated[bool, typer.Option("--once", help="Show the present state and end.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            metavar="S",
            min=INTERVAL_MIN,
            show_default=False,
            help=f"Seconds between two looks: {SCREEN_INTERVAL:g} on a terminal, else"
            f" {LINES_INTERVAL:g} between two lines.",
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="logfmt lines, as where stdout is no terminal.")
    ] = False,
    exit_status: Annotated[
        bool,
        typer.Option(
            "--exit-status",
            help="End with 0 when all went well, 3 when not, 130 when left before the end.",
        ),
    ] = False,
    max_failed: Annotated[
        float | None,
        typer.Option(
            "--max-failed",
            metavar="PERCENT",
            min=0,
            max=100,
            show_default=False,
            help="Failures, at once or after acceptance, that --exit-status bears: 5 by itself.",
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Watch a campaign, live, until it ends.

    Shows whether it moves, when it is done, what binds it, what is wrong and what to do. Without a
    campaign: all that are not over, a line each. On a terminal a live screen: Enter opens a
    campaign, p and r pause and resume it after a question, ? tells the keys, q leaves. Elsewhere
    logfmt lines at each interval and at each change; with --json one object a line. Accepted means
    accepted by the API; delivered is what Meta's statuses told of it since.

    With --exit-status the end tells how it went: 3 for a campaign that was cancelled or failed,
    left rows unsent or in doubt, or lost more of its messages than --max-failed allows.

    Example: wacampaign monitor Bajaj_market_2

    Example: wacampaign monitor Bajaj_market_2 --interval 60 >> monitor.log

    Example: wacampaign monitor Bajaj_market_2 --plain --exit-status && wacampaign report ...
    """
    if exit_status and once:
        raise Usage("--exit-status waits for the end, --once does not", "leave one of them out")
    settings = read_settings(env_file, store)
    console = stdout_console()
    on_screen = console.is_terminal and not console.is_dumb_terminal and not plain and not as_json
    seconds = interval or (SCREEN_INTERVAL if on_screen else LINES_INTERVAL)

    async def work(opened: Store) -> int:
        """Watches; returns the exit code."""
        ids = await resolve_campaigns(opened, [campaign] if campaign else None)
        # Later on it is a worker's work: whoever watches one sees it do that.
        kept_out = await take_what_waits(opened, settings)
        # Lines watch for changes more often than they report progress.
        looks = seconds if on_screen else min(seconds, SCREEN_INTERVAL)
        feed = Feed(opened, ids, interval_seconds=looks, show_numbers=show_numbers)
        await feed.tick()
        say_kept_out(kept_out)
        assert feed.stats is not None
        if not feed.stats.campaigns:
            say(NONE_TO_SHOW)
        elif on_screen:
            # Rich's live display takes 40 ms to import, and lines need nothing of it.
            from wacampaign.cli.screens.monitor_live import print_frame, watch

            if once:
                print_frame(feed, console)
                return 0
            await watch(feed, console, opened)
        elif once:
            _print_progress(feed.stats, as_json=as_json)
            if not as_json:
                _print_changes(None, feed.stats)
        else:
            await _write_lines(feed, seconds, as_json=as_json)
        if not exit_status:
            return 0
        if not feed.over:
            return LEFT
        most = UNUSUAL_PERCENT if max_failed is None else max_failed
        well = not feed.deleted and all_well(feed.stats.campaigns, most)
        return 0 if well else FINDING

    if (code := with_patience(PATIENCE_SECONDS, settings, work)) != 0:
        raise typer.Exit(code)


def _print_progress(stats: Stats, *, as_json: bool) -> None:
    for campaign in stats.campaigns:
        if as_json:
            print_json({"at": stats.at, **campaign_json(campaign)}, one_line=True)
        else:
            tell(progress_line(stats.at, campaign))


def _print_changes(before: Stats | None, after: Stats) -> None:
    for line in change_lines(before, after):
        tell(line)


async def _write_lines(feed: Feed, seconds: float, *, as_json: bool) -> None:
    """Lines until the campaigns end: progress every `seconds`, changes at once."""
    before: Stats | None = None
    due = time.monotonic()
    said_away = False
    while True:
        stats = feed.stats
        assert stats is not None
        if feed.problem is not None:
            if not said_away:
                say(f"the database does not answer, trying again: {feed.problem.message}")
            said_away = True
        elif stats is not before:
            said_away = False
            changed = any(change_lines(before, stats))
            now = time.monotonic()
            if now >= due or (as_json and changed) or feed.over:
                _print_progress(stats, as_json=as_json)
                due = now + seconds
            if not as_json:
                _print_changes(before, stats)
            before = stats
            if feed.over:
                return
        if reader_gone():
            return
        await asyncio.sleep(feed.wait_seconds)
        await feed.tick()
