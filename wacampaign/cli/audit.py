"""`audit`: proof from the rows themselves that nothing is lost or sent twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from wacampaign.cli.database import FINDING
from wacampaign.cli.known_outcomes import settle_what_is_known
from wacampaign.cli.options import AsJson, Campaigns, EnvFile, StoreFlag
from wacampaign.cli.other_writers import deleted, kept_back
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.session import read_settings, resolve_campaigns, with_store
from wacampaign.cli.wording import rows

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: The contract's fields, then what they are made of and what else the database knows.
_FIELDS: Final = ("id", "rows", "accepted", "lost", "duplicates", "in_doubt", "ok")
_MORE: Final = (
    "name",
    "status",
    "total_contacts",
    "failed",
    "never_enqueued",
    "deleted",
    "others",
    "left_behind",
    "twice_by_row",
    "unowned",
    "ids_shared",
    "recipients_repeated",
    "assumed_sent",
    "resent",
    "without_id",
    "count_drift",
    "total_sent_shown",
    "total_failed_shown",
)

#: Campaigns audited when none is named: recounting a million rows takes about a second each.
NEWEST: Final = 50


def audit(
    campaigns: Campaigns = None,
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

    async def work(opened: Store) -> list[dict[str, Any]]:
        ids = await resolve_campaigns(opened, campaigns)
        if ids is None:
            ids = [one["id"] for one in await opened.recent(NEWEST)]
        found = [await opened.audit(one) for one in ids]
        unsure = [one["id"] for one in found if one["in_doubt"] or one["unowned"]]
        if await settle_what_is_known(opened, settings.home, unsure):
            found = [await opened.audit(one) for one in ids]
        return found

    audits = with_store(settings, work)
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
            tell("  ".join(cells))
    tell(_verdict(audits))
    for one in audits:
        for text in _findings(one):
            tell(f"  {one['id'][:8]} {text}")
    show_next(_next_command(audits))


def _next_command(audits: Sequence[Mapping[str, Any]]) -> str:
    if any(one["count_drift"] for one in audits):
        return "wacampaign db migrate"
    for field in _FOR:
        for one in audits:
            if one[field]:
                return _FOR[field] + f" {one['id'][:8]}" + _HARMLESS.get(field, "")
    for one in audits:
        if _totals_differ(one):
            return f"wacampaign restart-stuck {one['id'][:8]}"
    return "wacampaign queue-stats"


#: The next command by what was found, worst first; for doubts the one that sends nothing.
_FOR: Final = {
    "left_behind": "wacampaign restart-stuck",
    "never_enqueued": "wacampaign queue-stats",
    "deleted": "wacampaign queue-stats",
    "duplicates": "wacampaign queue-stats",
    "ids_shared": "wacampaign queue-stats",
    "in_doubt": "wacampaign restart-stuck",
}
_HARMLESS: Final = {"in_doubt": " --in-doubt hold"}


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
    """What is wrong, then what deserves attention, one sentence each."""
    found = []
    if n := audit["never_enqueued"]:
        found.append(
            f"{n:,} of {audit['total_contacts']:,} contacts lost: never put into the queue"
        )
    if n := audit["deleted"]:
        found.append(f"{rows(n)} lost: deleted from the queue")
        found += deleted(audit["others"])
    if n := audit["left_behind"]:
        found.append(f"{rows(n)} lost: it says completed, and left them behind")
    if n := audit["twice_by_row"]:
        found.append(f"{n:,} messages too many: rows were accepted more than once")
    if n := audit["unowned"]:
        found.append(f"{n:,} messages were accepted beyond one a row: no row owns them")
    if n := audit["ids_shared"]:
        found.append(f"{rows(n)} carry the message id of another row: accepted once, not twice")
    if n := audit["count_drift"]:
        found.append(f"the kept counts differ from the rows by {n:,}")
    if n := audit["in_doubt"]:
        found.append(f"attention: {n:,} in doubt: may or may not have been sent")
    if n := audit["assumed_sent"]:
        found.append(f"attention: {n:,} of the accepted are assumed, as a person decided")
    if n := audit["resent"]:
        found.append(f"attention: {n:,} in doubt were sent once more, as a person decided")
    if n := audit["without_id"]:
        found.append(f"attention: {n:,} of the accepted have no message id to prove it")
    if n := audit["recipients_repeated"]:
        found.append(f"attention: recipients that are in more than one accepted row: {n:,}")
    if not audit["deleted"]:
        found += [f"attention: {text} (and replaced since)" for text in deleted(audit["others"])]
    found += [f"attention: {text}" for text in kept_back(audit["others"])]
    if _totals_differ(audit):
        found.append(
            f"attention: the campaign shows {audit['total_sent_shown']:,} sent and"
            f" {audit['total_failed_shown']:,} failed; its rows say {audit['accepted']:,} and"
            f" {audit['failed']:,}"
        )
    return found


def _totals_differ(audit: Mapping[str, Any]) -> bool:
    shown = audit["total_sent_shown"], audit["total_failed_shown"]
    return (
        audit["rows"] > 0 and audit["totals_due"] and shown != (audit["accepted"], audit["failed"])
    )
