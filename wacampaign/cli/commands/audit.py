"""`audit`: proof from the rows themselves that nothing is lost or sent twice."""

from collections.abc import Sequence
from dataclasses import asdict

import typer

from wacampaign.cli.options import AsJson, CampaignsArgument, EnvFile, StoreFlag
from wacampaign.cli.output import FINDING, print_json, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.campaign.audit import Audit, audit_verdict
from wacampaign.core.campaign.next_step import after_audit
from wacampaign.operations.audit import NEWEST, audit_campaigns


def audit(
    campaigns: CampaignsArgument = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Prove that nothing is lost and nothing was sent twice.

    Counts the rows and messages themselves instead of trusting any counter, after asking the
    journals of lost workers on this machine, and the messages, about rows in doubt. Without a
    campaign: the newest 50. Ends with exit code 3 when something is lost, double or miscounted;
    rows in doubt are shown and are no such finding.

    Example: wacampaign audit

    Example: wacampaign audit Bajaj_market_1 --json
    """
    settings = read_settings(env_file, store)
    audits = with_store(settings, audit_campaigns, settings.home, campaigns, say)
    if as_json:
        print_json({"campaigns": [_as_json(audited) for audited in audits]})
    else:
        if not campaigns:
            say(f"audited: the newest {NEWEST} campaigns at most")
        _show(audits)
    if not all(audited.ok for audited in audits):
        raise typer.Exit(FINDING)


def _as_json(audited: Audit) -> dict[str, object]:
    document = asdict(audited)
    del document["totals_due"]
    return document


def _show(audits: Sequence[Audit]) -> None:
    head = ("campaign", "rows", "accepted", "lost", "duplicates", "in doubt", "verdict")
    lines = [head] + [
        (
            f"{a.short_id} {a.name}",
            *(f"{n:,}" for n in (a.rows, a.accepted, a.lost, a.duplicates, a.in_doubt)),
            "ok" if a.ok else "NOT OK",
        )
        for a in audits
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines if audits else ():
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        tell("  ".join(cells))
    tell(audit_verdict(audits))
    for audited in audits:
        for text in audited.findings():
            tell(f"  {audited.short_id} {text}")
    show_next(after_audit(audits))
