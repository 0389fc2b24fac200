"""`queue-stats`: what is wrong first, then counts, pace and errors of each campaign."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wacampaign.cli.campaign_object import COUNTS, Stats, findings_of, read_stats
from wacampaign.cli.options import AsJson, Campaigns, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import arrow, print_json, tell_styled
from wacampaign.cli.session import read_settings, resolve_campaigns, with_store
from wacampaign.cli.wording import contact_count, duration
from wacampaign.core.moments import local_clock

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: One line of output: texts, each with its style (empty: none).
Line: TypeAlias = tuple[tuple[str, str], ...]

STATUS_STYLES: Final = {
    "running": "bold green",
    "paused": "bold yellow",
    "completed": "bold cyan",
    "failed": "bold red",
}


def queue_stats(
    campaigns: Campaigns = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show problems, counts, pace and errors of campaigns.

    What is wrong comes first, with the command that acts on it. Without a campaign: all that are
    not over.

    Example: wacampaign queue-stats

    Example: wacampaign queue-stats Bajaj_market_2 --json
    """

    async def work(opened: Store) -> Stats:
        ids = await resolve_campaigns(opened, campaigns)
        return read_stats(await opened.stats(ids), show_numbers=show_numbers)

    stats = with_store(read_settings(env_file, store), work)
    if as_json:
        print_json({"at": stats.at, "campaigns": stats.campaigns, "workers": stats.workers})
    else:
        _print_stats(stats)


def _print_stats(stats: Stats) -> None:
    for line in _lines(stats):
        tell_styled(line)


def _lines(stats: Stats) -> Iterator[Line]:
    if not stats.campaigns:
        yield _line("no campaign is scheduled, running or paused")
    for campaign in stats.campaigns:
        yield from _campaign_lines(campaign, stats.at)
        yield _line("")
    yield from _worker_lines(stats)


def _line(text: str, style: str = "") -> Line:
    return ((text, style),)


def _campaign_lines(campaign: Mapping[str, Any], at: str) -> Iterator[Line]:
    status = campaign["status"]
    yield (
        (campaign["name"], "bold"),
        (f"  {campaign['id'][:8]}  ", ""),
        (status.upper(), STATUS_STYLES.get(status, "bold")),
        (f"  {contact_count(campaign['total_contacts'])}", ""),
    )
    for finding in findings_of(campaign):
        yield _line(f"  ! {finding.text}", finding.severity)
        yield _line(f"    {arrow(sys.stdout)} {finding.command}")
    width = max(len(f"{n:,}") for n in campaign["counts"].values())
    notes = _count_notes(campaign)
    for name in COUNTS:
        line = _line(f"  {name:<12}{campaign['counts'][name]:>{width},}")
        if note := notes.get(name):
            line += _line(f"   {note}", "dim")
        yield line
    yield _line(f"  {_pace(campaign, at)}")
    if campaign["errors"]:
        yield _line("  errors by code")
        code_width = max(len(str(error["code"])) for error in campaign["errors"])
        for error in campaign["errors"]:
            code = str(error["code"]).rjust(code_width)
            yield _line(f"    {code}  {error['count']:>{width},}  {error['title']}")


def _count_notes(campaign: Mapping[str, Any]) -> dict[str, str]:
    counts = campaign["counts"]
    notes = {}
    if counts["ready"] and campaign["oldest_ready_seconds"] is not None:
        notes["ready"] = f"the oldest waits {duration(campaign['oldest_ready_seconds'])}"
    if counts["in_doubt"]:
        notes["in_doubt"] = "never sent again by a machine"
    if counts["sent"]:
        notes["sent"] = "accepted by the API"
    return notes


def _pace(campaign: Mapping[str, Any], at: str) -> str:
    if campaign["status"] != "running":
        ended = campaign["end_time"]
        return f"ended {local_clock(ended)}" if ended else "not running"
    limit = campaign["number"]["rate"]
    cap = f" (limit {limit:g}/s)" if limit is not None else ""
    eta = campaign["eta_seconds"]
    counts = campaign["counts"]
    if counts["retry_later"] and not counts["ready"] and not counts["processing"]:
        return f"rate {campaign['rate_per_second']:g}/s{cap}, the rest waits for another try"
    if eta is None:
        return f"rate {campaign['rate_per_second']:g}/s{cap}, end unknown"
    if eta == 0:
        return f"rate {campaign['rate_per_second']:g}/s{cap}, the last rows are on their way"
    return (
        f"rate {campaign['rate_per_second']:g}/s{cap}, "
        f"done in {duration(eta)}, at {local_clock(at, plus_seconds=eta)}"
    )


def _worker_lines(stats: Stats) -> Iterator[Line]:
    if not stats.workers:
        yield _line("workers: none")
        return
    yield _line(f"workers: {stats.live_workers} alive")
    for worker in stats.workers:
        state = (
            f"{worker['in_flight']:,} in flight, beat {duration(worker['beat_age_seconds'])} ago"
            if worker["alive"]
            else f"LOST, last beat {duration(worker['beat_age_seconds'])} ago"
        )
        yield _line(
            f"  {worker['id'][:8]}  {worker['host']} pid {worker['pid']}  {state}",
            "" if worker["alive"] else "red",
        )
