"""What is wrong with a campaign, in sentences, worst first, each with the command that acts on it.

Reads the campaign object (`campaign_object.py`); asks nothing of the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from wacampaign.cli.other_writers import deleted, kept_back
from wacampaign.cli.wording import duration, rows
from wacampaign.core.error_table import Handling, lookup
from wacampaign.core.moments import local_clock, local_time

Severity = Literal["red", "yellow"]

#: Seconds after its start from which a campaign that sends nothing is worth a sentence.
STANDSTILL_SECONDS: Final = 60
#: Errors of single recipients: in the list of errors, but nothing to act on.
_RECIPIENTS_OWN: Final = frozenset({Handling.FAIL_MSG, Handling.SUPPRESS, Handling.COOLDOWN})
#: The one command of a step that begins by looking for the cause.
_LOOK_FIRST: Final = re.compile(r"(?:find|look)\b[^;]*?(wacampaign investigate-135000 CAMPAIGN)\b")
#: Share of the number's configured rate below which it counts as slowed down.
_SLOWED_BELOW: Final = 0.95


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that needs a person (red) or explains a delay (yellow)."""

    severity: Severity
    text: str
    #: What to run or do about it.
    command: str
    #: The code, when this is about one of the campaign's errors.
    error_code: int | None = None


def attention(campaign: Mapping[str, Any]) -> str | None:
    """The note that stays until it is resolved: "4 in doubt, 2 deleted"."""
    doubt: int = campaign["counts"]["in_doubt"]
    gone: int = campaign["deleted"]
    notes = [f"{n:,} {word}" for n, word in ((doubt, "in doubt"), (gone, "deleted")) if n]
    return ", ".join(notes) or None


def find(campaign: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong, red before yellow."""
    short_id = campaign["id"][:8]
    found = [
        *_counts(campaign),
        *_status(campaign, short_id),
        *_holds(campaign, short_id),
        *_errors(campaign, short_id),
        *_doubt(campaign, short_id),
        *_others(campaign, short_id),
        *_pace(campaign, short_id),
    ]
    return sorted(found, key=lambda one: one.severity != "red")


def _counts(campaign: Mapping[str, Any]) -> list[Finding]:
    """Counts that cannot be: somebody wrote to them, or restored a backup without triggers."""
    if min(campaign["counts"].values()) >= 0:
        return []
    text = "the kept counts are not those of the rows, so rows may be left unsent"
    return [Finding("red", text, "wacampaign db migrate")]


def _status(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    counts = campaign["counts"]
    status = campaign["status"]
    left = counts["pending"] + counts["ready"] + counts["retry_later"]
    found = []
    if status == "completed" and left + counts["processing"]:
        n = left + counts["processing"]
        found.append(
            Finding(
                "red",
                f"completed, but {rows(n)} never sent",
                f"wacampaign restart-stuck {short_id}",
            )
        )
    if campaign["never_enqueued"]:
        n = campaign["never_enqueued"]
        found.append(
            Finding(
                "red",
                f"{n:,} contacts were never put into the queue",
                f"wacampaign audit {short_id}",
            )
        )
        if status == "running" and not left + counts["processing"]:
            text = "nothing else is left of it, and with contacts missing it never completes"
            found.append(Finding("red", text, f"wacampaign cancel {short_id}"))
    if status == "running" and (n := counts["pending"]):
        text = f"{rows(n)} pending, which no worker takes"
        found.append(Finding("red", text, f"wacampaign restart-stuck {short_id}"))
    if status == "running" and not campaign["live_workers"]:
        found.append(
            Finding("red", "no live worker: nothing is being sent", "wacampaign run-worker")
        )
    if status == "running" and campaign["number"]["is_active"] is False:
        found.append(
            Finding(
                "red",
                "its number is switched off (is_active is false)",
                "set whatsapp_numbers.is_active to true",
            )
        )
    at = campaign["scheduled_start_time"]
    if status == "scheduled" or (status == "paused" and at):
        when = f"starts by itself at {local_clock(at)}" if at else "scheduled, without a time"
        if campaign["live_workers"]:
            found.append(Finding("yellow", when, f"wacampaign preflight {short_id}"))
        else:
            text = f"{when}, if a worker runs then: none is alive"
            found.append(Finding("yellow", text, "wacampaign run-worker"))
    if status == "paused" and not at and not _told_by_a_hold(campaign):
        reason = _without_step(campaign["pause_reason"] or "")
        found.append(
            Finding(
                "yellow",
                reason if reason.startswith("paused") else f"paused: {reason or 'no reason given'}",
                f"wacampaign {'resume' if campaign['start_time'] else 'start'} {short_id}",
            )
        )
    return found


def _told_by_a_hold(campaign: Mapping[str, Any]) -> bool:
    """Whether a hold that stands is what paused the campaign: one reason is told once."""
    reason = campaign["pause_reason"] or ""
    return any(
        hold["reason"] and reason.startswith(hold["reason"])
        for hold in campaign["holds"]
        if not hold["until"]
    )


def _without_step(reason: str) -> str:
    """A reason that the error table explains, as code and title: the step is told beside it."""
    code = re.match(r"\d+\b", reason)
    if code is None:
        return reason
    title = f"{code[0]} {lookup(int(code[0]), 400).title}"
    return title if reason.startswith(f"{title}: ") else reason


def _holds(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    resume = f"wacampaign resume {short_id}"
    found = []
    for hold in campaign["holds"]:
        what = f"template {hold['template']}" if hold["template"] else "the number"
        code = f" ({hold['code']})" if hold["code"] else ""
        if hold["until"]:
            text = f"{what} waits until {local_clock(hold['until'])}{code}: {hold['reason']}"
            found.append(Finding("yellow", text, f"wacampaign monitor {short_id}"))
            continue
        reason = _without_step(hold["reason"] or "")
        if reason == hold["reason"]:
            text = f"{what} is held until you resume{code}: {reason}"
            found.append(Finding("red", text, resume))
            continue
        text = f"{what} is held until you resume: {reason}"
        step = _step(hold["code"], short_id)
        if n := sum(one["count"] for one in campaign["errors"] if one["code"] == hold["code"]):
            text += f", {rows(n)}"
        elif lookup(hold["code"], 400).burns_row:
            # Rows failed with it, and were repaired since.
            text += ", no row any more"
            step = resume
        found.append(Finding("red", text, step))
    return found


def _step(code: int, short_id: str) -> str:
    """What a person does about a code."""
    step = lookup(code, 400).next_step
    if look := _LOOK_FIRST.match(step):
        end = re.match(rf"(?: --code {code})?", step[look.end() :])
        step = look[1] + (end[0] if end else "")
    return step.replace("CAMPAIGN", short_id)


def _errors(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    found = []
    told = {
        hold["code"]
        for hold in campaign["holds"]
        if not hold["until"] and _without_step(hold["reason"] or "") != hold["reason"]
    }
    for error in campaign["errors"]:
        entry = lookup(error["code"], 400)
        if entry.handling in _RECIPIENTS_OWN or error["code"] in told:
            continue
        # A fault that passes by itself explains a delay; any other needs a person.
        severity: Severity = "yellow" if entry.hold_seconds or not entry.burns_row else "red"
        found.append(
            Finding(
                severity,
                f"{error['code']} {error['title']}: {rows(error['count'])}",
                _step(error["code"], short_id),
                error["code"],
            )
        )
    return found


def _doubt(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    counts = campaign["counts"]
    if not counts["in_doubt"]:
        return []
    note = f"{counts['in_doubt']:,} in doubt"
    text = f"{note}: may or may not have been sent; no machine sends them again"
    found = [Finding("yellow", text, f"wacampaign audit {short_id}")]
    left = ("pending", "ready", "retry_later", "processing")
    over = not any(counts[name] for name in left) and not campaign["never_enqueued"]
    if campaign["status"] == "running" and over and not campaign["live_workers"]:
        text = (
            "nothing else is left: ten minutes after the last of them a worker, or this command,"
            f' completes it with the note "{note}"'
        )
        found.append(Finding("yellow", text, f"wacampaign restart-stuck {short_id}"))
    return found


def _others(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    """What other programs did to its rows, or tried to."""
    audit = f"wacampaign audit {short_id}"
    found = []
    if campaign["deleted"]:
        found += [Finding("red", text, audit) for text in deleted(campaign["others"])]
    if not campaign["guarded"]:
        text = (
            "the guard is missing or switched off: what others write may have messages sent twice"
        )
        found.append(Finding("red", text, "wacampaign db migrate"))
    return found + [Finding("yellow", text, audit) for text in kept_back(campaign["others"])]


def _pace(campaign: Mapping[str, Any], short_id: str) -> list[Finding]:
    """Why a running campaign is slower than it could be."""
    if campaign["status"] != "running" or not campaign["live_workers"]:
        return []
    counts = campaign["counts"]
    number = campaign["number"]
    found = []
    limit, configured = number["rate"], number["configured_rate"]
    if limit and configured and limit < _SLOWED_BELOW * configured:
        text = f"the number is slowed down to {limit:g}/s of {configured}/s"
        found.append(Finding("yellow", text, "wait: it speeds up by itself"))
    if counts["retry_later"] and not counts["ready"] and not counts["processing"]:
        text = f"{rows(counts['retry_later'])} left, waiting for another try"
        step = f"wacampaign monitor {short_id}"
        if campaign["retry_far_away"]:
            text += f" until {local_time(campaign['next_retry_at'])}"
            step = f"wacampaign restart-stuck {short_id}"
        found.append(Finding("yellow", text, step))
    still = (
        counts["ready"]
        and not counts["processing"]
        and not campaign["rate_per_second"]
        and not campaign["holds"]
        and number["is_active"] is not False
    )
    if still and (age := _age_seconds(campaign["start_time"])) > STANDSTILL_SECONDS:
        text = (
            f"{rows(counts['ready'])} ready, but nothing was sent in the last minute"
            f" (started {duration(age)} ago)"
        )
        found.append(Finding("red", text, "look at the worker's log, then: wacampaign db check"))
    return found


def _age_seconds(start_time: str | None) -> float:
    if start_time is None:
        return 0.0
    started = datetime.fromisoformat(start_time)
    return (datetime.now(started.tzinfo) - started).total_seconds()
