"""The campaign itself: its state, contacts and recipients, what holds it, and how long it takes."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from wacampaign.core.campaign.name import for_campaign
from wacampaign.core.campaign.repeats import Repeats
from wacampaign.core.masking import mask_phone
from wacampaign.core.preflight.facts import People, Readiness
from wacampaign.core.preflight.model import Line, fail, merged, ok, warn
from wacampaign.core.words import are, counted, local_time, rows


def campaign_lines(facts: Readiness, people: People, repeats: Sequence[Repeats]) -> Iterator[Line]:
    """Whether it may start, and whether everybody is in its queue, once, and in no other's."""
    short = facts.short_id
    yield _state(facts)
    if facts.missing:
        yield fail(
            "contacts",
            f"{facts.missing:,} of {counted(facts.total, 'contact')} {are(facts.missing)} not"
            " in the queue",
            "wait until they are enqueued; if nobody does that: "
            f"wacampaign cancel {short}, then create it again",
        )
    elif not facts.unsent:
        all_rows = "its row is" if facts.rows == 1 else f"all {facts.rows:,} rows are"
        left = f": {all_rows} sent, failed or under way" if facts.rows else ""
        fix = f"wacampaign failures {short}" if facts.rows else f"wacampaign cancel {short}"
        yield fail("contacts", f"there is no row to send{left}", fix)
    else:
        done = f" (of {facts.rows:,})" if facts.rows != facts.unsent else ""
        yield ok("contacts", f"{rows(facts.unsent)} to send{done}, none missing")
    if facts.pending:
        yield warn(
            "contacts",
            f"{rows(facts.pending)} pending: no worker takes them before they are ready",
            f"start it, then: wacampaign restart-stuck {short}",
        )
    yield _recipients(people, short)
    yield from _opt_outs(facts)
    for repeat in repeats:
        yield warn("recipients", repeat.told, f"if that is not meant: wacampaign cancel {short}")


def _state(facts: Readiness) -> Line:
    short = facts.short_id
    if facts.status in ("completed", "failed"):
        ended = "cancelled or failed" if facts.status == "failed" else "completed"
        return fail(
            "campaign", f"it is {ended}, and cannot be started", f"wacampaign queue-stats {short}"
        )
    reason = for_campaign(facts.pause_reason or "", short)
    why = f" ({reason})" if reason and facts.status == "paused" else ""
    return ok("campaign", f"{facts.name} is {facts.status}{why}")


def _opt_outs(facts: Readiness) -> Iterator[Line]:
    """Who gets no marketing: said before, as their rows fail when their turn comes."""
    for n, why, fix in (
        (facts.opted_out, "opted out of marketing", "wacampaign optouts list"),
        (facts.resting, "rest from marketing for a day, as Meta asked (131049)", None),
    ):
        if not n:
            continue
        text = f"{n:,} of {rows(facts.unsent)} {are(n)} for people who {why}: they will be left out"
        if n >= facts.unsent and fix:
            yield fail("opt_outs", f"{text}, and nobody is left", fix)
        else:
            yield warn("opt_outs", text, fix or "start it tomorrow, if they are not to be missed")


def _recipients(people: People, short: str) -> Line:
    if not people.surplus:
        return ok("recipients", f"{counted(people.people, 'recipient')}, each once")
    samples = ", ".join(f"{mask_phone(phone)} {n} times" for phone, n in people.samples)
    return warn(
        "recipients",
        f"{people.repeated:,} of {counted(people.people, 'recipient')} {are(people.repeated)}"
        f" listed more than once: {counted(people.surplus, 'message')} too many ({samples})",
        f"if that is not meant: wacampaign cancel {short}, and create it without repeats",
    )


def standing_lines(facts: Readiness) -> Iterator[Line]:
    """Holds, workers, schedule, and the time it will take."""
    short = facts.short_id
    for hold in facts.holds:
        what = f"template {hold.template}" if hold.template else "the number"
        until = f" until {local_time(hold.until)}" if hold.until else ""
        yield warn(
            "holds",
            f"{what} is held{until}: {for_campaign(hold.reason or '', short)}",
            "wait: it goes on by itself then"
            if hold.until
            else f"once the cause is gone, starting it lifts this: wacampaign start {short}",
        )
    if not facts.holds:
        yield ok("holds", "nothing holds its number or templates")
    if facts.live_workers:
        alive = "worker is" if facts.live_workers == 1 else "workers are"
        yield ok("workers", f"{facts.live_workers} {alive} alive")
    else:
        yield warn("workers", "no worker is alive: nothing is sent", "wacampaign run-worker")
    if facts.scheduled_at:
        at = facts.scheduled_at
        due = datetime.fromisoformat(at) <= datetime.fromisoformat(facts.now)
        text = f"due since {local_time(at)}" if due else f"starts at {local_time(at)} ({at})"
        yield ok("schedule", text)
    yield from merged(_durations(facts))


def _durations(facts: Readiness) -> Iterator[Line]:
    for number in facts.numbers:
        unsent = sum(lane.unsent for lane in facts.lanes if lane.number == number.id)
        if not unsent:
            continue
        seconds = facts.seconds_left(number)
        if seconds is None:
            yield warn(
                "duration",
                f"{number.label} may send 0 a second",
                "set max_send_rate_per_sec in whatsapp_numbers",
            )
            continue
        queued = facts.queued_elsewhere.get(number.id, 0)
        shared = ""
        if queued:
            shared = f" (with {rows(queued)} of other campaigns before or among them)"
        slowed = (
            f", slowed down from {number.rate_configured:g}"
            if number.rate_now < number.rate_configured
            else ""
        )
        yield ok(
            "duration",
            f"{rows(unsent)}{shared} at {number.rate_now:g} a second{slowed}: about "
            f"{_span(seconds)}, until {local_time(facts.begins_at, plus_seconds=seconds)}",
        )


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
