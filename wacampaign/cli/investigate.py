"""`investigate-135000`: why a campaign's messages were refused, and the command that helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from wacampaign.cli.campaign_object import read_stats
from wacampaign.cli.investigate_screen import print_investigation
from wacampaign.cli.options import AsJson, Campaign, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.session import CampaignName, actor, read_settings, resolve_campaign, with_store
from wacampaign.core.masking import mask_phone
from wacampaign.problems import ConfirmationRequired, Declined, NoSuchCampaign, Usage
from wacampaign.settings import Settings

if TYPE_CHECKING:
    from wacampaign.core.investigation.evidence import Evidence
    from wacampaign.core.investigation.model import Investigation
    from wacampaign.probes.messages import Planned
    from wacampaign.store.store import Store

#: The code that the command is named after.
GENERIC_USER_ERROR: Final = 135000
#: Around the failures: what was started, stopped or repaired so long before or after may matter.
_AROUND: Final = timedelta(hours=3)
#: Exit code when a cause was found (contract: a finding).
_FOUND: Final = 3


class _Looked(NamedTuple):
    """What the database, and Meta if asked, gave."""

    campaign: CampaignName
    evidence: Evidence
    moments: Mapping[str, Any]
    #: The contract's campaign object.
    shown: Mapping[str, Any]
    at: str


def investigate(
    campaign: Campaign,
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
        from wacampaign.report.writing import report_form

        report_form(report)  # a wrong name is told before the work
    phone = None if no_probe else _test_phone(test_to, settings)

    async def look(opened: Store) -> _Looked:
        return await _look(opened, settings, campaign, compare, code, ask=not no_probe)

    found = with_store(settings, look)
    evidence = found.evidence
    if not evidence.campaign.code_failed:
        _nothing_failed(found, code, as_json=as_json)
        return
    if phone is not None:
        evidence = _probed(found, phone, settings, asked=test_to is not None, yes=yes, json=as_json)

    from wacampaign.core.investigation.conclude import conclude

    made = conclude(evidence, found.shown, found.moments, found.at)
    if report is not None:
        from wacampaign.report.writing import write_report

        write_report(report, made)
        say(f"written: {report}")
    if as_json:
        print_json(_as_json(made))
    else:
        print_investigation(made, found.campaign.short_id)
    if made.cause is not None:
        raise typer.Exit(_FOUND)


async def _look(
    store: Store, settings: Settings, campaign: str, compare: str | None, code: int, *, ask: bool
) -> _Looked:
    from wacampaign.core.investigation.collect import collect
    from wacampaign.store.evidence import EvidenceStore

    named = await resolve_campaign(store, campaign)
    beside = (await resolve_campaign(store, compare)).id if compare else None
    if beside == named.id:
        raise Usage("--compare needs another campaign", "name a healthy one")
    outside = None
    if ask:
        from wacampaign.probes.outside import MetaAndMedia

        outside = MetaAndMedia(store, settings)
    reader = EvidenceStore(store)
    stats = read_stats(await store.stats([named.id]))
    if not stats.campaigns:
        raise NoSuchCampaign(f"{named} was deleted at this moment")
    evidence = await collect(reader, named.id, code, compare=beside, outside=outside)
    start, end = _window(evidence, stats.at)
    moments = await reader.moments(named.id, start, end)
    return _Looked(named, evidence, moments, stats.campaigns[0], stats.at)


def _window(evidence: Evidence, now: str) -> tuple[str, str]:
    """The stretch of time that matters, as ISO 8601."""
    first = evidence.groups.first_failed or evidence.campaign.at or now
    last = evidence.groups.last_failed or first
    begin = min(filter(None, (first, evidence.campaign.at)))
    return (
        (datetime.fromisoformat(begin) - _AROUND).isoformat(),
        (datetime.fromisoformat(last) + _AROUND).isoformat(),
    )


# --- probes ----------------------------------------------------------------------------------


def _test_phone(test_to: str | None, settings: Settings) -> str | None:
    """Digits of the test phone; raises `Usage` for what is none."""
    given = test_to or settings.test_phone
    if given is None:
        return None
    from wacampaign.core.phones import BadPhone, normalize_phone

    try:
        return normalize_phone(given)
    except BadPhone as why:
        raise Usage(
            f"the test phone cannot be used: {why.reason}",
            "give it with its country code: --test-to +447700900123",
        ) from None


def _probed(
    found: _Looked, phone: str, settings: Settings, *, asked: bool, yes: bool, json: bool
) -> Evidence:
    """The evidence with the probes' answers, if they were agreed to."""
    from wacampaign.probes.messages import plan_probes

    planned = plan_probes(found.evidence)
    if not planned:
        say("no test message was sent: number and template of the failed rows are not known")
        return found.evidence
    if not _may_send(found, planned, phone, asked=asked, yes=yes, json=json):
        return found.evidence

    async def send(opened: Store) -> Evidence:
        from wacampaign.probes.messages import send_probes
        from wacampaign.probes.outside import MetaAndMedia
        from wacampaign.store.evidence import EvidenceStore

        probes = await send_probes(
            planned,
            phone,
            campaign_id=found.campaign.id,
            store=EvidenceStore(opened),
            outside=MetaAndMedia(opened, settings),
            settings=settings,
            actor=actor(),
        )
        return replace(found.evidence, probes=probes)

    return with_store(settings, send)


def _may_send(
    found: _Looked, planned: list[Planned], phone: str, *, asked: bool, yes: bool, json: bool
) -> bool:
    """Whether a person said yes. The setting alone, unlike the flag, is no wish to be refused."""
    if yes:
        return True
    try:
        if json:  # stdout is for the object
            raise ConfirmationRequired(
                "test messages would be sent, and nobody was asked. Nothing was sent.",
                "run it again with --yes, or without test messages with --no-probe",
            )
        return agreed(
            Plan(
                title=f"test messages for {found.campaign}",
                steps=[Step(len(planned), "message", "planned", f"sent to {mask_phone(phone)}")],
                samples=[one.shown for one in planned],
                notes=["no queue row is touched; each message is charged as any other"],
            ),
            yes=False,
            dry_run=False,
        )
    except ConfirmationRequired:
        if asked:
            raise
        say("no test message was sent: that needs --yes where there is no terminal")
        return False
    except Declined:  # the database's evidence is worth having without them
        say("no test message was sent")
        return False


# --- output ----------------------------------------------------------------------------------


def _nothing_failed(found: _Looked, code: int, *, as_json: bool) -> None:
    campaign = found.campaign
    if as_json:
        print_json(
            {
                "campaign": found.shown,
                "code": code,
                f"failed_{code}": 0,
                "hypotheses": [],
                "cause": None,
                "options": [],
            }
        )
        return
    tell(f"{campaign}: no row has failed with {code}, so there is nothing to look into")
    other = next((e["code"] for e in found.shown["errors"] if e["code"] not in (0, code)), None)
    if other is not None:
        tell(f"rows have failed with {other}")
        show_next(f"wacampaign investigate-135000 {campaign.short_id} --code {other}")
    else:
        show_next(f"wacampaign queue-stats {campaign.short_id}")


def _as_json(made: Investigation) -> dict[str, Any]:
    fields = asdict(made)
    order = ("campaign", "code", "code_title")
    return {
        **{name: fields[name] for name in order},
        f"failed_{made.code}": made.failed,
        "hypotheses": fields["hypotheses"],
        "cause": made.cause,
        "options": fields["options"],
        # More than the contract names.
        **{
            name: fields[name]
            for name in (
                *("at", "beside", "groups", "timeline", "facts", "differences", "probes"),
                *("contradictions", "not_checked"),
            )
        },
    }
