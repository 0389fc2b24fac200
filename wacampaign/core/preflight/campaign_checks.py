"""The campaign itself: its state, contacts and recipients, what holds it, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wacampaign.core.masking import mask_phone
from wacampaign.core.moments import local_time
from wacampaign.core.preflight.facts import People, Readiness
from wacampaign.core.preflight.model import Check, Line, merged


def campaign_lines(facts: Readiness, people: People) -> Iterator[Line]:
    """Whether it may start, and whether everybody is in its queue, once."""
    short = facts.id[:8]
    yield _state(facts)
    if facts.missing:
        yield Line(
            "contacts",
            Check.FAIL,
            f"{facts.missing:,} of {facts.total:,} contacts are not in the queue",
            "wait until they are enqueued; if nobody does that: "
            f"wacampaign cancel {short}, then create it again",
        )
    elif not facts.unsent:
        left = f": all {facts.rows:,} rows are sent, failed or under way" if facts.rows else ""
        fix = f"wacampaign failures {short}" if facts.rows else f"wacampaign cancel {short}"
        yield Line("contacts", Check.FAIL, f"there is no row to send{left}", fix)
    else:
        done = f" (of {facts.rows:,})" if facts.rows != facts.unsent else ""
        yield Line("contacts", Check.OK, f"{_rows(facts.unsent)} to send{done}, none missing")
    if facts.pending:
        yield Line(
            "contacts",
            Check.WARN,
            f"{_rows(facts.pending)} pending: no worker takes them before they are ready",
            f"start it, then: wacampaign restart-stuck {short}",
        )
    yield _recipients(people, short)


def _state(facts: Readiness) -> Line:
    short = facts.id[:8]
    if facts.status in ("completed", "failed"):
        said = "cancelled or failed" if facts.status == "failed" else "completed"
        return Line(
            "campaign",
            Check.FAIL,
            f"it is {said}, and cannot be started",
            f"wacampaign queue-stats {short}",
        )
    why = f" ({facts.pause_reason})" if facts.pause_reason and facts.status == "paused" else ""
    return Line("campaign", Check.OK, f"{facts.name} is {facts.status}{why}")


def _recipients(people: People, short: str) -> Line:
    if not people.surplus:
        return Line("recipients", Check.OK, f"{people.people:,} recipients, each once")
    samples = ", ".join(f"{mask_phone(phone)} {n} times" for phone, n in people.samples)
    return Line(
        "recipients",
        Check.WARN,
        f"{people.repeated:,} of {people.people:,} recipients are listed more than once: "
        f"{people.surplus:,} messages too many ({samples})",
        f"if that is not meant: wacampaign cancel {short}, and create it without repeats",
    )


def standing_lines(facts: Readiness) -> Iterator[Line]:
    """Holds, workers, schedule, and the time it will take."""
    short = facts.id[:8]
    for hold in facts.holds:
        what = f"template {hold.template}" if hold.template else "the number"
        until = f" until {local_time(hold.until)}" if hold.until else ""
        yield Line(
            "holds",
            Check.WARN,
            f"{what} is held{until}: {hold.reason}",
            f"once the cause is gone, starting it lifts this: wacampaign start {short}",
        )
    if not facts.holds:
        yield Line("holds", Check.OK, "nothing holds its number or templates")
    if facts.live_workers:
        alive = "worker is" if facts.live_workers == 1 else "workers are"
        yield Line("workers", Check.OK, f"{facts.live_workers} {alive} alive")
    else:
        yield Line(
            "workers", Check.WARN, "no worker is alive: nothing is sent", "wacampaign run-worker"
        )
    if facts.scheduled_at:
        yield _schedule(facts, facts.scheduled_at)
    yield from merged(_durations(facts))


def _schedule(facts: Readiness, at: str) -> Line:
    start = datetime.fromisoformat(at)
    if start <= datetime.fromisoformat(facts.now):
        return Line("schedule", Check.OK, f"due since {local_time(at)}")
    return Line("schedule", Check.OK, f"starts at {local_time(at)} ({at})")


def _durations(facts: Readiness) -> Iterator[Line]:
    for number in facts.numbers:
        unsent = sum(lane.unsent for lane in facts.lanes if lane.number == number.id)
        if not unsent:
            continue
        if number.rate_now <= 0:
            yield Line(
                "duration",
                Check.WARN,
                f"{number.label} may send 0 a second",
                "set max_send_rate_per_sec in whatsapp_numbers",
            )
            continue
        seconds = (unsent + number.queued_elsewhere) / number.rate_now
        shared = (
            f" (with {_rows(number.queued_elsewhere)} of other campaigns before or among them)"
            if number.queued_elsewhere
            else ""
        )
        slowed = (
            f", slowed down from {number.rate_configured:g}"
            if number.rate_now < number.rate_configured
            else ""
        )
        begin = facts.now
        if facts.scheduled_at:
            begin = max(begin, facts.scheduled_at)
        yield Line(
            "duration",
            Check.OK,
            f"{_rows(unsent)}{shared} at {number.rate_now:g} a second{slowed}: about "
            f"{_span(seconds)}, until {local_time(begin, plus_seconds=seconds)}",
        )


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
