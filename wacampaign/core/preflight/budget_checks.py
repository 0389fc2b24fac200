"""The messaging limit of a number's portfolio against the people of a campaign."""

from wacampaign.core.budget import HOURS, Budget, days_needed
from wacampaign.core.numbers import KnownNumber, Number, tier_limit
from wacampaign.core.preflight.model import Line, ok, skipped, warn
from wacampaign.core.words import local_clock


def limit_line(
    number: KnownNumber, told: Number | None, budget: Budget | None, people: int
) -> Line:
    """`told`: what Meta says now; None: it does not answer. `budget`: what is used of the limit."""
    limit = number.limit
    tier = told.messaging_limit if told is not None else limit.tier or ""
    if limit.source == "person":
        most, said = limit.people, "set"
        if most is None:
            also = f"; Meta says {tier}" if tier else ""
            return ok("messaging_limit", f"no messaging limit is kept to (set){also}")
    else:
        most, said = tier_limit(tier) if told is not None else limit.people, tier
    if most is None:
        if tier == "TIER_UNLIMITED":
            return ok("messaging_limit", "the portfolio may write to any number of people")
        word = f" ({tier})" if tier else ""
        return skipped(
            "messaging_limit",
            f"Meta does not say what the portfolio of {number.label} may send{word}",
            f"wacampaign number set {number.shown} --messaging-limit N, as WhatsApp Manager has it",
        )
    left = max(0, most - budget.used) if budget is not None else most
    text = f"the portfolio may write to {most:,} people in {HOURS} h ({said})"
    if left < most:
        text += f", and {left:,} more now"
    text += f"; this campaign has {people:,}"
    if people <= left:
        return ok("messaging_limit", text)
    if left:
        stops = f"stops at recipient {left:,}"
    elif budget is not None and budget.frees_at:
        stops = f"begins at {local_clock(budget.frees_at)}"
    else:
        stops = "begins when a place is free"
    days = days_needed(people, most, left)
    return warn(
        "messaging_limit",
        f"{text}: it {stops}, goes on by itself as the day rolls, and takes {days} days at least",
        "start it all the same, or raise the limit (WhatsApp Manager says how), then: "
        f"wacampaign number set {number.shown} --messaging-limit meta",
    )
