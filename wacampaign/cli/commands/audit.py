"""`audit`: proof from the rows themselves that nothing is lost or sent twice."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import typer

from wacampaign.cli.options import AsJson, CampaignsArgument, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import FINDING, ask, at_terminal, cut_mark, print_json, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.tables import print_table, tell_indented
from wacampaign.cli.session import read_settings, with_arrivals, with_store
from wacampaign.core.campaign.audit import Audit, audit_verdict
from wacampaign.core.campaign.doubts import DOUBTS_SHOWN, Doubt
from wacampaign.core.campaign.next_step import after_audit
from wacampaign.core.display_width import cut, padded, width
from wacampaign.core.shown_text import one_line
from wacampaign.operations.audit import NEWEST, audit_campaigns, confirm_sent
from wacampaign.settings import Settings

#: Columns of id and name on a terminal, at least; a longer name is cut where there are no more.
_NAMED_MIN: Final = 22
_HEADINGS: Final = ("campaign", "rows", "accepted", "lost", "duplicates", "in doubt", "verdict")


def audit(
    campaigns: CampaignsArgument = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Prove that nothing is lost and nothing was sent twice.

    Counts the rows and messages themselves instead of trusting any counter, after asking the
    journals of lost workers on this machine, and the messages, about rows in doubt. Without a
    campaign: the newest 50. Ends with exit code 3 when something is lost, double or miscounted;
    rows in doubt are shown and are no such finding: the oldest 20, each with what is known of it.
    On a terminal with --show-numbers it asks whether their recipients got the message; a yes
    counts as sent.

    Example: wacampaign audit

    Example: wacampaign audit Bajaj_market_1 --json
    """
    settings = read_settings(env_file, store)
    audits = with_arrivals(
        settings, audit_campaigns, settings.home, campaigns, say, show_numbers=show_numbers
    )
    if as_json:
        print_json({"campaigns": [_as_json(audited) for audited in audits]})
    else:
        if not campaigns:
            say(f"audited: the newest {NEWEST} campaigns at most")
        _show(audits)
        doubts = [doubt for audited in audits for doubt in audited.doubts]
        if doubts and at_terminal():
            _settle(settings, doubts[:DOUBTS_SHOWN], show_numbers=show_numbers)
    if not all(audited.ok for audited in audits):
        raise typer.Exit(FINDING)


def _settle(settings: Settings, doubts: Sequence[Doubt], *, show_numbers: bool) -> None:
    """A person says who got the message; of masked numbers nobody could."""
    if not show_numbers:
        say("with --show-numbers you are asked who of them got the message")
        return
    for doubt in doubts:
        if _ask_about(doubt) and not with_store(settings, confirm_sent, doubt):
            say("it was settled meanwhile")


def _ask_about(doubt: Doubt) -> bool:
    answer = ask(f"did {doubt.phone} get the message? y: it counts as sent; Enter: it stays [y/N] ")
    return answer.lower() in ("y", "yes")


def _as_json(audited: Audit) -> dict[str, object]:
    document = asdict(audited)
    del document["totals_due"]
    return document


def _show_table(lines: Sequence[Sequence[str]]) -> None:
    """Aligned in a file, too, where names stay whole."""
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        beside = sum(widths[1:]) + 2 * len(widths[1:])
        room = max(shutil.get_terminal_size().columns - beside, _NAMED_MIN)
        mark = cut_mark(sys.stdout)
        cut_lines = [(cut(first, room, mark), *counts) for first, *counts in lines[1:]]
        print_table(_HEADINGS, cut_lines, right=_HEADINGS[1:])
        return
    for first, *counts in lines:
        cells = [padded(first, widths[0])]
        cells += [cell.rjust(columns) for cell, columns in zip(counts, widths[1:], strict=True)]
        tell("  ".join(cells))


def _show(audits: Sequence[Audit]) -> None:
    lines = [
        (
            one_line(f"{a.short_id} {a.name}"),
            *(f"{n:,}" for n in (a.rows, a.accepted, a.lost, a.duplicates, a.in_doubt)),
            "ok" if a.ok else "NOT OK",
        )
        for a in audits
    ]
    if audits:
        _show_table([_HEADINGS, *lines])
    tell(audit_verdict(audits))
    for audited in audits:
        for text in audited.findings():
            tell_indented("  ", f"{audited.short_id} {text}")
        if audited.proved:
            tell_indented("  ", f"{audited.short_id} {audited.proved}")
        for doubt in audited.doubts:
            tell_indented("    ", f"{doubt.phone}  {doubt.template}  {doubt.why}")
            if doubt.told:
                tell_indented("      ", doubt.told)
        if audited.doubts and (more := audited.in_doubt - len(audited.doubts)) > 0:
            every_one = f"wacampaign results {audited.short_id} --state 'in doubt' --csv FILE"
            tell_indented("    ", f"and {more:,} more; all of them: {every_one}")
    show_next(after_audit(audits))
