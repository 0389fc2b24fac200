"""`audit`: proof from the rows themselves that nothing is lost or sent twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from wacampaign.cli.database import FINDING
from wacampaign.cli.options import AsJson, Campaigns, EnvFile, StoreFlag
from wacampaign.cli.output import print_json, say
from wacampaign.cli.plan import show_next
from wacampaign.cli.session import read_settings, resolve_campaigns, with_store
from wacampaign.cli.wording import rows

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: The contract's fields, then what else the database knows.
_FIELDS: Final = ("id", "rows", "accepted", "lost", "duplicates", "in_doubt", "ok")
_MORE: Final = ("name", "status", "count_drift")

#: Campaigns audited when none is named: recounting a million rows takes about a second each.
NEWEST: Final = 50


def audit(
    campaigns: Campaigns = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Prove that nothing is lost and nothing was sent twice.

    Counts the rows and messages themselves instead of trusting any counter. Without a campaign:
    the newest 50. Ends with exit code 3 when something is lost, double or miscounted; rows
    in doubt are shown and are no such finding.

    Example: wacampaign audit

    Example: wacampaign audit Bajaj_market_1 --json
    """

    async def work(opened: Store) -> list[dict[str, Any]]:
        ids = await resolve_campaigns(opened, campaigns)
        if ids is None:
            ids = [one["id"] for one in await opened.recent(NEWEST)]
        return [await opened.audit(one) for one in ids]

    audits = with_store(read_settings(env_file, store), work)
    if as_json:
        print_json({"campaigns": [_object(one) for one in audits]})
    else:
        if not campaigns:
            say(f"audited: the newest {NEWEST} campaigns at most")
        _print_audits(audits)
    if not all(one["ok"] for one in audits):
        raise typer.Exit(FINDING)


def _object(audit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: audit[name] for name in (*_FIELDS, *_MORE)}


def _print_audits(audits: Sequence[Mapping[str, Any]]) -> None:
    head = ("campaign", "rows", "accepted", "lost", "duplicates", "in doubt", "verdict")
    lines = [head] + [
        (
            f"{one['id'][:8]} {one['name']}",
            f"{one['rows']:,}",
            f"{one['accepted']:,}",
            f"{one['lost']:,}",
            f"{one['duplicates']:,}",
            f"{one['in_doubt']:,}",
            "ok" if one["ok"] else "NOT OK",
        )
        for one in audits
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    if audits:
        for line in lines:
            cells = [line[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            print("  ".join(cells))
    print(_verdict(audits))
    for one in audits:
        for text in _findings(one):
            print(f"  {one['id'][:8]} {text}")
    bad = [one for one in audits if not one["ok"]]
    if any(one["count_drift"] for one in bad):
        show_next("wacampaign db migrate")
    elif bad:
        show_next(f"wacampaign queue-stats {bad[0]['id'][:8]}")
    else:
        show_next("wacampaign queue-stats")


def _verdict(audits: Sequence[Mapping[str, Any]]) -> str:
    if not audits:
        return "there is no campaign to audit"
    bad = sum(1 for one in audits if not one["ok"])
    doubt = sum(one["in_doubt"] for one in audits)
    note = f"; attention: {doubt:,} in doubt" if doubt else ""
    if bad:
        return f"NOT OK: {bad} of {len(audits)} campaigns have a finding{note}"
    total = sum(one["rows"] for one in audits)
    return f"ok: {rows(total)}, none lost, none sent twice{note}"


def _findings(audit: Mapping[str, Any]) -> list[str]:
    found = []
    if audit["lost"]:
        found.append(f"{rows(audit['lost'])} lost: never enqueued, or left behind by a completion")
    if audit["duplicates"]:
        found.append(f"{audit['duplicates']:,} messages were accepted beyond one a row")
    if audit["count_drift"]:
        found.append(f"the kept counts differ from the rows by {audit['count_drift']:,}")
    if audit["in_doubt"]:
        found.append(f"{audit['in_doubt']:,} in doubt: may or may not have been sent")
    return found
