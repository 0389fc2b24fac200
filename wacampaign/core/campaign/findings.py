"""What is wrong with a campaign, worst first, each with the command that acts on it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.campaign import in_doubt
from wacampaign.core.campaign.delivery import LATE_MINUTES, is_unusual, share
from wacampaign.core.campaign.error_counts import ErrorCount
from wacampaign.core.campaign.error_trends import SHARE_MINUTES
from wacampaign.core.campaign.finding import Finding, FindingKind
from wacampaign.core.campaign.name import for_campaign, from_number
from wacampaign.core.campaign.other_writers import deleted, kept_back
from wacampaign.core.campaign.pace_findings import pace_findings
from wacampaign.core.campaign.state import Campaign, Hold, paused_for_a_while
from wacampaign.core.errors import Handling, lookup, without_step
from wacampaign.core.words import counted, duration, local_clock, rows, were

#: Errors of single recipients: in the list of errors, but nothing to act on.
_RECIPIENTS_OWN: Final = frozenset({Handling.FAIL_MSG, Handling.SUPPRESS, Handling.COOLDOWN})
#: Where statuses are lost on the way.
_LOOK_FOR_STATUSES: Final = "wacampaign webhook subscribe    (and does wacampaign webhook run?)"

#: Seconds after its time from which a campaign is late: workers look every quarter of a minute,
#: and a preflight takes some more.
LATE_SECONDS: Final = 60

_K = FindingKind


def findings_of(campaign: Campaign) -> list[Finding]:
    """Everything that is wrong, red before yellow."""
    looks = (_counts, _status, _start, _holds, _errors, _delivery, _doubt, _others, pace_findings)
    findings = [finding for look in looks for finding in look(campaign)]
    return sorted(findings, key=lambda finding: finding.severity != "red")


def _counts(campaign: Campaign) -> Iterator[Finding]:
    """Counts that cannot be: somebody wrote to them, or restored a backup without triggers."""
    if min(campaign.counts.by_name().values()) < 0:
        text = "the kept counts are not those of the rows, so rows may be left unsent"
        yield Finding(_K.COUNTS_WRONG, text, "wacampaign db migrate")


def _status(campaign: Campaign) -> Iterator[Finding]:
    running, undone = campaign.status == "running", campaign.counts.undone
    restart = f"wacampaign restart-stuck {campaign.short_id}"
    if campaign.status == "completed" and undone:
        yield Finding(_K.ROWS_LEFT_BEHIND, f"completed, but {rows(undone)} never sent", restart)
    if n := campaign.never_enqueued:
        text = f"{counted(n, 'contact')} {were(n)} never put into the queue"
        yield Finding(_K.NEVER_ENQUEUED, text, f"wacampaign audit {campaign.short_id}")
        if running and not undone:
            text = "nothing else is left of it, and with contacts missing it never completes"
            yield Finding(_K.NEVER_COMPLETES, text, f"wacampaign cancel {campaign.short_id}")
    if running and (n := campaign.counts.pending):
        yield Finding(_K.PENDING, f"{rows(n)} pending, which no worker takes", restart)
    if running and not campaign.live_workers:
        if undone or campaign.counts.in_doubt:  # a worker's journal may clear doubts
            text = "no live worker: nothing is being sent"
            yield Finding(_K.NO_LIVE_WORKER, text, "wacampaign run-worker")
        elif not campaign.never_enqueued:
            text = "every row is done, but no worker is alive to complete it"
            yield Finding(_K.NOT_COMPLETED, text, restart)
    if running and undone and campaign.number.is_active is False:
        text = "its number is switched off (is_active is false)"
        yield Finding(_K.NUMBER_SWITCHED_OFF, text, "set whatsapp_numbers.is_active to true")


def _start(campaign: Campaign) -> Iterator[Finding]:
    """When it starts, or why it does not."""
    at = campaign.scheduled_start_time
    if campaign.status == "scheduled" or (campaign.status == "paused" and at):
        when = f"starts by itself at {local_clock(at)}" if at else "scheduled, without a time"
        if at and (by := paused_for_a_while(campaign.pause_reason)) is not None:
            when = f"paused until {local_clock(at)}{by}, goes on by itself"
        subject = "" if at else when
        late = campaign.late_seconds or 0.0
        if at and late > LATE_SECONDS:
            since = f"its time came at {local_clock(at)}, {duration(late)} ago"
            text = (
                f"{since}, and no live worker began it: they send named campaigns only, or"
                " end when idle"
                if campaign.live_workers
                else f"{since}: it begins as soon as a worker runs, and none is alive"
            )
            yield Finding(_K.STARTS_WITHOUT_WORKER, text, "wacampaign run-worker", subject)
        elif campaign.live_workers:
            step = f"wacampaign preflight {campaign.short_id}"
            yield Finding(_K.STARTS_BY_ITSELF, when, step, subject)
        else:
            text = f"{when}, if a worker runs then: none is alive"
            yield Finding(_K.STARTS_WITHOUT_WORKER, text, "wacampaign run-worker", subject)
    elif campaign.status == "paused" and not _paused_by_a_hold(campaign):
        reason = without_step(campaign.pause_reason or "")
        text = reason if reason.startswith("paused") else f"paused: {reason or 'no reason given'}"
        verb = "resume" if campaign.start_time else "start"
        yield Finding(_K.PAUSED, text, f"wacampaign {verb} {campaign.short_id}", reason)


def _paused_by_a_hold(campaign: Campaign) -> bool:
    """Whether a hold that stands is what paused the campaign: one reason is told once.

    The database copies the hold's reason, and keeps no other link between the two.
    """
    reason = campaign.pause_reason or ""
    return any(
        hold.reason and reason.startswith(hold.reason)
        for hold in campaign.holds
        if hold.until is None
    )


def _holds(campaign: Campaign) -> Iterator[Finding]:
    resume = f"wacampaign resume {campaign.short_id}"
    for hold in _each_once(campaign.holds):
        what = f"template {hold.template}" if hold.template else "the number"
        code = f" ({hold.code})" if hold.code else ""
        reason = hold.reason or ""
        if hold.until:
            text = f"{what} waits until {local_clock(hold.until)}{code}: {reason}"
            # Without a code it was no answer of Meta's: what is in the way is looked for from here.
            step = f"wacampaign monitor {campaign.short_id}" if hold.code else "wacampaign doctor"
            yield Finding(_K.HELD_FOR_A_WHILE, text, step, what + code)
        elif hold.code is None or not _explained(hold):
            text = f"{what} is held until you resume{code}: {reason}"
            yield Finding(_K.HELD, text, _own_step(reason) or resume, f"{what}{code}: {reason}")
        else:
            kind, step = _K.HELD, _step(hold.code, campaign)
            text = f"{what} is held until you resume: {lookup(hold.code, 400).heading}"
            refused = sum(e.count for e in campaign.errors if e.code == hold.code)
            later = sum(e.count for e in campaign.delivery.errors if e.code == hold.code)
            if refused or later:
                text += f", {rows(refused)}" if refused else ""
                text += f", {rows(later)} accepted and failed afterwards" if later else ""
            elif lookup(hold.code, 400).burns_row:
                # Rows failed with it, and were repaired since.
                text += ", no row any more"
                kind, step = _K.HELD_WITHOUT_ROWS, resume
            yield Finding(kind, text, step, what + code)


def _each_once(holds: Sequence[Hold]) -> list[Hold]:
    """Of holds that say the same the one that ends last: each late answer prolongs its wait."""
    last: dict[tuple[str | None, int | None, str | None, bool], Hold] = {}
    for hold in holds:
        what = (hold.template, hold.code, hold.reason, hold.until is None)
        if what not in last or (hold.until or "") > (last[what].until or ""):
            last[what] = hold  # in the place of the first
    return list(last.values())


def _own_step(reason: str) -> str | None:
    """The command that a hold's reason names: that of the template's state, for example."""
    named = re.search(r"wacampaign [a-z][a-z-]* [0-9a-f]{7,8}\b", reason)
    return named and named[0]


def _explained(hold: Hold) -> bool:
    """Whether the hold's reason is the error table's: its step is told beside it."""
    heading = lookup(hold.code, 400).heading
    return hold.code is not None and (hold.reason or "").startswith(f"{heading}: ")


def _step(code: int, campaign: Campaign) -> str:
    """What a person does about a code."""
    step = for_campaign(lookup(code, 400).first_step, campaign.short_id)
    return from_number(step, campaign.number.phone_number_id)


def _told_by_holds(campaign: Campaign) -> set[int | None]:
    return {hold.code for hold in campaign.holds if hold.until is None and _explained(hold)}


def _errors(campaign: Campaign) -> Iterator[Finding]:
    held = _told_by_holds(campaign)
    tried = campaign.counts.sent + campaign.counts.failed
    for error in campaign.errors:
        entry = lookup(error.code, 400)
        many = _many(campaign, error, tried) if entry.handling in _RECIPIENTS_OWN else None
        if many is not None:
            text = f"{many}: {error.code} {error.title}"
            step = f"wacampaign failures {campaign.short_id} --code {error.code}"
            yield Finding(_K.FAILING_MANY, text, step, str(error.code))
        if entry.handling not in _RECIPIENTS_OWN and error.code not in held:
            passing = entry.hold_seconds or not entry.burns_row
            kind = _K.PASSING_ERROR if passing else _K.ERROR
            text = f"{error.code} {error.title}: {rows(error.count)}"
            yield Finding(kind, text, _step(error.code, campaign), str(error.code))


def _many(campaign: Campaign, error: ErrorCount, tried: int) -> str | None:
    """Of how many rows an error is an unusual share: of all, or of the last minutes'."""
    if is_unusual(error.count, tried):
        return f"{error.count:,} of {tried:,} refused ({share(error.count, tried)})"
    lately = sum(trend.for_share for trend in campaign.trends if trend.code == error.code)
    done = campaign.pace.done_in(SHARE_MINUTES)
    if campaign.status != "running" or not is_unusual(lately, done):
        return None
    return (
        f"{lately:,} of {done:,} refused in the last {SHARE_MINUTES} minutes"
        f" ({share(lately, done)})"
    )


def _delivery(campaign: Campaign) -> Iterator[Finding]:
    """What became of the accepted ones, where it is not as usual."""
    delivery, held = campaign.delivery, _told_by_holds(campaign)
    accepted = delivery.accepted
    for error in delivery.errors:
        own = lookup(error.code, 400).handling in _RECIPIENTS_OWN
        if error.code in held or (own and not is_unusual(error.count, accepted)):
            continue
        text = (
            f"{error.count:,} of {accepted:,} accepted failed afterwards"
            f" ({share(error.count, accepted)}): {error.code} {error.title}"
        )
        kind = _K.UNDELIVERED_MANY if own else _K.UNDELIVERED
        step = f"wacampaign failures {campaign.short_id} --code {error.code}"
        yield Finding(kind, text, step, str(error.code))
    if delivery.held:
        text = f"{rows(delivery.held)} held by Meta while it assesses the template, not refused yet"
        yield Finding(_K.HELD_BY_META, text, "wait: Meta releases or drops them by itself")
    if delivery.is_late:
        text = (
            f"{delivery.late:,} of {accepted:,} accepted ({share(delivery.late, accepted)}) without"
            f" any status after {LATE_MINUTES} minutes: statuses do not arrive"
        )
        yield Finding(_K.SILENT, text, _LOOK_FOR_STATUSES)


def _doubt(campaign: Campaign) -> Iterator[Finding]:
    counts = campaign.counts
    if counts.in_doubt:
        text = in_doubt.meaning(counts.in_doubt)
        yield Finding(_K.IN_DOUBT, text, f"wacampaign audit {campaign.short_id}")
        left = counts.undone or campaign.never_enqueued
        if campaign.status == "running" and not left and not campaign.live_workers:
            text = in_doubt.completes_soon(counts.in_doubt)
            yield Finding(_K.ONLY_DOUBT_LEFT, text, f"wacampaign restart-stuck {campaign.short_id}")


def _others(campaign: Campaign) -> Iterator[Finding]:
    """What other programs did to its rows, or tried to."""
    audit = f"wacampaign audit {campaign.short_id}"
    if campaign.deleted:
        for write in deleted(campaign.others):
            yield Finding(_K.ROWS_DELETED, write.sentence, audit, write.subject)
    if not campaign.guarded:
        text = (
            "the guard is missing or switched off: what others write may have messages sent twice"
        )
        yield Finding(_K.GUARD_MISSING, text, "wacampaign doctor")
    for write in kept_back(campaign.others):
        yield Finding(_K.KEPT_BACK, write.sentence, audit, write.subject)
