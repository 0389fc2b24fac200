"""Why a running campaign is slower than it could be, or stands."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.budget import rate_above
from wacampaign.core.campaign.binding_limit import LimitKind
from wacampaign.core.campaign.finding import Finding, FindingKind
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.window_words import in_hours, waiting
from wacampaign.core.words import counted, duration, local_time, rows

#: Seconds after its start from which a campaign that sends nothing is worth a sentence.
STANDSTILL_SECONDS: Final = 60

_K = FindingKind


def pace_findings(campaign: Campaign) -> Iterator[Finding]:
    """Why a running campaign is slower than it could be."""
    if campaign.status != "running":
        return
    window = campaign.window
    if window is not None and campaign.waits_for_hours:
        verb = "waits" if window.closed_rows == 1 else "wait"
        text = f"{rows(window.closed_rows)} {verb} for {in_hours(window)}, {waiting(window)}"
        step = f"wacampaign daily-window {campaign.short_id}"
        if window.next_opening is not None:
            text += "; it goes on by itself"
        else:
            step += f" {window.opens}-{window.closes} --zone ZONE"
        yield Finding(_K.WAITS_FOR_HOURS, text, step)
    if not campaign.live_workers:
        return
    counts, number = campaign.counts, campaign.number
    limit, configured = number.rate, number.configured_rate
    if configured and (note := rate_above(configured, number.throughput)):
        configured = number.throughput
        yield Finding(_K.RATE_CAPPED, note, "wacampaign number list")
    yield from _budget(campaign)
    yield from _reach(campaign)
    if number.is_slowed:
        text = f"the number is slowed down to {limit:g}/s of {configured}/s"
        yield Finding(_K.SLOWED_DOWN, text, "wait: it speeds up by itself")
    tried = counts.retry_later - (window.closed_rows if window is not None else 0)
    if counts.only_retries and tried > 0:
        text = f"{rows(tried)} left, waiting for another try"
        if campaign.next_retry_at and campaign.retry_far_away:
            text += f" until {local_time(campaign.next_retry_at)}"
            step = f"wacampaign restart-stuck {campaign.short_id}"
            yield Finding(_K.RETRIES_FAR_AWAY, text, step)
        else:
            yield Finding(_K.ONLY_RETRIES_LEFT, text, f"wacampaign monitor {campaign.short_id}")
    still = (
        counts.ready
        and not counts.processing
        and not campaign.rate_per_second
        and not campaign.holds
        and not campaign.cut_off
        and not (campaign.budget and campaign.budget.is_used_up)
        and number.is_active is not False
    )
    if still and (age := campaign.run_seconds or 0.0) > STANDSTILL_SECONDS:
        text = (
            f"{rows(counts.ready)} ready, but nothing was sent in the last minute"
            f" (running for {duration(age)})"
        )
        step = "look at the worker's log, then: wacampaign db check"
        yield Finding(_K.NOTHING_SENT, text, step)


def _reach(campaign: Campaign) -> Iterator[Finding]:
    """That workers cannot reach Meta's API."""
    step = "wacampaign doctor"
    if campaign.limit is not None and campaign.limit.kind is LimitKind.API_AWAY:
        text = f"nothing is sent, and nothing is lost: waiting for {campaign.limit.text}"
        yield Finding(_K.API_AWAY, text, step)
    elif campaign.cut_off and campaign.counts.undone:
        text = f"{', '.join(campaign.cut_off)} cannot reach Meta's API; the others go on"
        subject = " ".join(campaign.cut_off)
        # From here Meta may well be reached.
        hosts = ", ".join(dict.fromkeys(one.rsplit(" pid ", 1)[0] for one in campaign.cut_off))
        yield Finding(_K.WORKER_CUT_OFF, text, f"on {hosts}: {step}", subject)


def _budget(campaign: Campaign) -> Iterator[Finding]:
    """That the portfolio's limit stops it, now or later."""
    budget, stop = campaign.budget, campaign.stop
    if budget is None or stop is None:
        return
    step = "wacampaign number list"
    if budget.is_used_up:
        text = f"{budget.in_words}; {rows(campaign.counts.unsent)} left, and it goes on by itself"
        yield Finding(_K.BUDGET_USED_UP, text, step)
    else:
        beside = ""
        if budget.others:
            beside = f" for {counted(1 + budget.others, 'running campaign')}"
        text = (
            f"{stop.in_words(campaign.at)}: the portfolio may write to"
            f" {budget.left:,} more people today{beside}; then it goes on by itself"
        )
        yield Finding(_K.BUDGET_STOPS, text, step)
