"""How `fix-media` shows a repair and its undo: a plan, what became of it, and what is left."""

import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from wacampaign.cli.output import arrow, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.campaign_json import named_json
from wacampaign.core.campaign.next_step import after_repair
from wacampaign.core.masking import mask_phone
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import counted, have, rows, short_id
from wacampaign.operations.repair import PlannedRepair, RepairGoing
from wacampaign.operations.repair_choice import ChosenMedium, UnfitMedium, without_query
from wacampaign.operations.repair_undo import PlannedUndo
from wacampaign.store.repairs import MediumSample, UndoSurvey, repair_name

#: Characters of a medium that are shown: the ends of two fit a line of the terminal.
_MEDIUM_WIDTH: Final = 30
#: Characters of a note's line: 80 without the indentation of plans of several campaigns.
_NOTE_WIDTH: Final = 76
_BEFORE: Final = "were given back before"
#: What an undo says of rows with these fates.
_KEPT_BY_UNDO: Final = {
    ("sent",): "were sent since: they stay as they are",
    ("processing",): "are in a worker's hands or in doubt: they stay as they are",
    ("repaired_again",): "were changed by a later repair: undo that one first",
    ("changed", "gone"): "were changed by something else since: they stay as they are",
    ("undone",): _BEFORE,
}


def repair_plan(planned: Sequence[PlannedRepair], *, restart: bool, how: str) -> Plan:
    """One plan for all campaigns; `how`: the flags that choose the medium and the rows."""
    first, several = planned[0], len(planned) > 1
    notes: list[str] = []
    for repair in planned:
        own = _wrapped([*_rows_kept(repair), *_warnings(repair, restart=restart)])
        notes += [str(repair.campaign), *(f"  {note}" for note in own)] if several else own
    return Plan(
        title=_purpose(first) + (f"{len(planned)} campaigns" if several else str(first.campaign)),
        steps=[step for repair in planned for step in _steps(repair, restart=restart)],
        samples=[
            _sample(sample, "id of the upload")
            for repair in planned
            for sample in repair.survey.samples[: 2 if several else SAMPLES_SHOWN]
        ],
        notes=notes,
        next_command=after_repair(first.campaign, fix_command(first, how), restart=restart),
    )


def _purpose(planned: PlannedRepair) -> str:
    if _is_move(planned):
        return f"move to the template {planned.order.source} the unsent rows of "
    return "repair the header media of "


def _is_move(planned: PlannedRepair) -> bool:
    return planned.order.kind == "template"


def undo_plan(planned: PlannedUndo) -> Plan:
    """What would be given back."""
    steps: dict[tuple[str, str], int] = {}
    stay = 0
    what = "template" if planned.repair.kind == "template" else "medium"
    for fate in planned.survey.fates:
        if fate.fate == "restorable":
            keeps = fate.status == "failed" and fate.old_status == "ready"
            stay += fate.n if keeps else 0
            key = (str(fate.status), "failed" if keeps else fate.old_status)
            steps[key] = steps.get(key, 0) + fate.n
    notes = _wrapped([f"it was: {without_query(planned.repair.what)}"])
    notes += kept_by_undo(planned.survey)
    if stay:
        notes.append(f"{stay:,} failed since: their {what} goes back, their error stays")
    return Plan(
        title=f"undo repair {repair_name(planned.repair.id)} of {planned.campaign}",
        steps=[
            Change(n, "row", f"{was} with the repair's {what}", f"{becomes} with their own")
            for (was, becomes), n in sorted(steps.items())
        ],
        samples=[_sample(sample, "(none)") for sample in planned.survey.samples],
        notes=notes,
        next_command=f"wacampaign queue-stats {planned.campaign.short_id}",
    )


def kept_by_undo(survey: UndoSurvey, just_undone: int = 0) -> list[str]:
    """What stays as it is, and why. `just_undone`: rows that this undo itself gave back."""
    counts = {what: survey.count(*fates) for fates, what in _KEPT_BY_UNDO.items()}
    counts[_BEFORE] -= just_undone
    return _wrapped(f"{n:,} {what}" for what, n in counts.items() if n > 0)


def fix_command(planned: PlannedRepair, how: str) -> str:
    """The command of this repair, for one campaign."""
    return f"wacampaign fix-media {planned.campaign.short_id} {how}"


def show_unchanged(planned: PlannedRepair) -> None:
    """There was nothing to do, and why."""
    what = "template" if _is_move(planned) else "medium"
    tell(f"nothing was changed: no row of {planned.campaign} would get another {what}")
    if left := planned.survey.count("no_media"):
        tell(f"{rows(left)} left out: var1 is neither a URL nor a media id")
    show_next(f"wacampaign queue-stats {planned.campaign.short_id}")


def show_unfit(unfit: UnfitMedium, again: str) -> None:
    """Why the medium is not fit to be sent, finding by finding. `again`: with another one."""
    tell(f"not fit for the header of {unfit.template}: {without_query(unfit.report.media)}")
    for finding in unfit.report.findings:
        if finding.severity != "ok":
            tell(f"  {finding.severity} {finding.code}: {finding.text} ({finding.evidence})")
    say("nothing was changed: give another file or URL")
    show_next(again)


def show_repaired(planned: PlannedRepair, going: RepairGoing, in_all: int) -> None:
    """How many rows have their medium now, and how to undo it."""
    before = f" ({going.before:,} of them before it was interrupted)" if going.before else ""
    if _is_move(planned):
        tell(f"moved: {rows(in_all)} of {planned.campaign} to {planned.order.source}{before}")
    else:
        tell(f"repaired: {rows(in_all)} of {planned.campaign}{before}")
    tell(_to_undo_it(planned, going))


def repaired_json(planned: PlannedRepair, going: RepairGoing, *, restarted: bool) -> dict[str, Any]:
    """What became of one campaign, as an object."""
    return {
        "campaign": named_json(planned.campaign),
        "repair": None if going.repair_id is None else str(going.repair_id),
        "rows": going.rows,
        "restarted": restarted,
    }


def say_interrupted(planned: PlannedRepair, going: RepairGoing, changed: int, how: str) -> None:
    """On stderr: `changed` rows have their medium; how to undo it, and how to go on."""
    say(f"interrupted: {rows(changed)} of {planned.campaign} changed")
    if going.repair_id is not None:
        say(_to_undo_it(planned, going))
    say("the same command goes on with it")
    show_next(fix_command(planned, how), sys.stderr)


def _to_undo_it(planned: PlannedRepair, going: RepairGoing) -> str:
    undo = f"--undo {short_id(str(going.repair_id))}"
    return f"to undo it: wacampaign fix-media {planned.campaign.short_id} {undo}"


def _steps(planned: PlannedRepair, *, restart: bool) -> Iterable[Change]:
    code, campaign = planned.order.code, planned.campaign
    media = list(dict.fromkeys(map(_chosen, planned.media)))
    if _is_move(planned):
        media = [f"the template {planned.order.source}"]
    becomes = f"ready with {media[0]}" if len(media) == 1 else f"ready with {len(media)} media"
    for status in ("failed", "ready"):
        if n := sum(lane.change for lane in planned.survey.lanes if lane.status == status):
            was = status if code is None else f"{status} with code {code}"
            yield Change(n, "row", was, becomes)
    if restart and campaign.is_over:
        yield Change(1, "campaign", campaign.status, "running")


def _rows_kept(planned: PlannedRepair) -> Iterable[str]:
    survey, order, counts = planned.survey, planned.order, planned.campaign.counts
    yield f"{counts.sent:,} sent and {counts.in_doubt:,} in doubt will not be touched"
    if order.number is not None and planned.media:
        sender = planned.media[0].sender
        yield f"from now on they are sent by {sender.label} ({sender.phone_number_id})"
    if n := survey.count("accepted"):
        yield f"{n:,} failed after they were accepted: never sent again"
    if n := survey.count("already"):
        yield f"{rows(n)} {have(n)} this medium already"
    if n := survey.count("no_media"):
        yield (
            f"{rows(n)} left out: var1 is neither a URL nor a media id, so their variables"
            " are shifted, and a medium in its place would take one away"
        )
    chosen = [choice.lane for choice in planned.media]
    for lane in planned.lanes:
        if _is_move(planned) and lane.template == planned.order.source:
            yield f"{rows(lane.rows)} {have(lane.rows)} this template already"
        elif lane not in chosen:
            why = (
                "--only leaves them"
                if _is_move(planned)
                else (
                    "it is not known here; wacampaign templates sync"
                    if lane.components is None
                    else "its header takes no media"
                )
            )
            yield f"{rows(lane.rows)} of {lane.template} left out: {why}"
    if order.code is not None:
        with_code = sum(map(survey.count, ("change", "already", "no_media", "accepted")))
        if (other := sum(lane.rows for lane in planned.lanes) - with_code) > 0:
            yield f"{rows(other)} without code {order.code} keep what they have"


def _warnings(planned: PlannedRepair, *, restart: bool) -> Iterable[str]:
    order, media = planned.order, planned.media
    yield from dict.fromkeys(text for choice in media for text in choice.warnings)
    if _is_move(planned):
        yield "variables and header media of the rows stay as they are"
        media = ()
    for choice in media:
        status = choice.lane.template_status
        if order.number is None and status not in (None, "APPROVED"):
            yield f"the template {choice.lane.template} is {status}: Meta sends nothing with it"
    for replaced in planned.survey.media:
        if replaced.media > 1:
            yield f"{replaced.template}: {replaced.how_many} different media are replaced by one"
    if order.kind == "from_template":
        hosts = sorted({urlsplit(choice.source).hostname or "" for choice in media})
        yield (
            f"the template's sample is on {', '.join(hosts)}: Meta may refuse to fetch it when"
            " it sends (131053), and the address expires; safer: --upload without an argument"
        )
    if n := len({(choice.sender.id, choice.source) for choice in media if choice.medium is None}):
        yield f"{counted(n, 'upload')} to Meta, before any row changes"
    if planned.campaign.is_over and not restart:
        status = planned.campaign.status
        yield f"the campaign is {status}: nothing is sent before it runs; with --restart it does"


def _sample(sample: MediumSample, none_yet: str) -> str:
    was = _shown(sample.was or "(none)")
    becomes = none_yet if sample.becomes is None else _shown(sample.becomes)
    return f"{mask_phone(sample.phone)}  {was} {arrow(sys.stdout)} {becomes}"


def _chosen(choice: ChosenMedium) -> str:
    if choice.medium is None:
        return "the id of the upload"
    is_url = choice.medium.lower().startswith(("http://", "https://"))
    return _shown(choice.medium) if is_url else f"media id {choice.medium}"


def _shown(medium: str) -> str:
    """Host and last characters of a URL without its query; an id whole."""
    bare = without_query(medium)
    if len(bare) <= _MEDIUM_WIDTH:
        return bare
    return f"{bare[:18]}…{bare[-(_MEDIUM_WIDTH - 19) :]}"


def _wrapped(notes: Iterable[str]) -> list[str]:
    """Lines that fit 80 columns, indented as plans are."""
    return [
        line
        for note in notes
        for line in textwrap.wrap(note, _NOTE_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]
