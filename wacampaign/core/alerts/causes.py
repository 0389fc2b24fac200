"""Everything that somebody should be told of at one moment, each with a key that stays the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wacampaign.core.alerts.alert import AlertKind, AlertSeverity
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.finding import Finding, FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.campaign.state import Campaign, Stats
from wacampaign.core.display_width import cut
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import counted, duration, rows, seconds_between, short_id

#: Seconds that a cause stands before it is told: two looks, so that a blip tells nothing.
SETTLES_SECONDS: Final = 20
#: Of what often passes by itself: a restart of all workers, a pace that picks up again.
PASSING_SECONDS: Final = 60
#: Of doubts: a worker that comes back reads its journal first, and clears most of them.
DOUBT_SECONDS: Final = 120
#: Seconds that a cause is gone before its end is told.
GONE_SECONDS: Final = 30
#: Of a budget: places come free one by one, and are taken at once.
BUDGET_GONE_SECONDS: Final = 900
#: Rows with an error that a person can put right from which they are told.
FAILURES_MIN: Final = 10
#: Seconds before a campaign's own start from which it is told that no worker is there for it.
BEFORE_START_SECONDS: Final = 3600.0

#: Columns of a title and of a sentence: a chat cuts a longer message
#: into several, or refuses it. Names and what another hand wrote as a reason have no limit.
TITLE_COLUMNS: Final = 160
TEXT_COLUMNS: Final = 1000

_F, _A = FindingKind, AlertKind
#: Findings that are told. Of the others the red ones are told as a problem.
_ALERT_OF: Final[dict[FindingKind, AlertKind]] = {
    _F.PAUSED: _A.PAUSED,
    _F.HELD: _A.HELD,
    _F.HELD_WITHOUT_ROWS: _A.HELD,
    _F.NOTHING_SENT: _A.STALLED,
    _F.RETRIES_FAR_AWAY: _A.STALLED,
    _F.PENDING: _A.STALLED,
    _F.NEVER_COMPLETES: _A.STALLED,
    _F.NOT_COMPLETED: _A.STALLED,
    _F.ROWS_LEFT_BEHIND: _A.STALLED,
    _F.NUMBER_SWITCHED_OFF: _A.STALLED,
    _F.UNDELIVERED: _A.UNDELIVERED,
    _F.UNDELIVERED_MANY: _A.UNDELIVERED,
    _F.SILENT: _A.SILENT,
    _F.IN_DOUBT: _A.IN_DOUBT,
    _F.API_AWAY: _A.API_AWAY,
    _F.WORKER_CUT_OFF: _A.API_AWAY,
    _F.BUDGET_USED_UP: _A.BUDGET,
}
#: Red findings that are told otherwise: of all campaigns at once, or with their counts.
_TOLD_OTHERWISE: Final = frozenset({_F.NO_LIVE_WORKER, _F.ERROR})
_TITLES: Final[dict[AlertKind, str]] = {
    _A.PAUSED: "Campaign paused",
    _A.HELD: "Campaign held",
    _A.STALLED: "Campaign stands still",
    _A.UNDELIVERED: "Messages are not delivered",
    _A.SILENT: "No statuses arrive",
    _A.IN_DOUBT: "Rows in doubt",
    _A.API_AWAY: "Meta's API cannot be reached",
    _A.BUDGET: "Budget used up",
    _A.FAILURES: "Messages fail",
    _A.PROBLEM: "Needs a person",
}
_SETTLES: Final[dict[AlertKind, int]] = {
    _A.STALLED: PASSING_SECONDS,
    _A.SILENT: PASSING_SECONDS,
    _A.API_AWAY: PASSING_SECONDS,
    _A.BUDGET: PASSING_SECONDS,
    _A.IN_DOUBT: DOUBT_SECONDS,
}
#: How `pause_reason` begins when a campaign did not start or go on at its time, as the database
#: writes it.
_NOT_STARTED: Final = ("not started at its time", "not resumed at its time")


@dataclass(frozen=True, slots=True)
class Cause:
    """What stands at one moment, and how it is told."""

    key: str
    kind: AlertKind
    severity: AlertSeverity
    title: str
    text: str
    command: str
    campaign_id: str | None = None
    campaign: str | None = None
    #: Seconds that it stands before it is told, and is gone before that is.
    settles: int = SETTLES_SECONDS
    ends_after: int = GONE_SECONDS
    #: An event: told once, with neither reminder nor end.
    once: bool = False
    #: False: what caused it has written its own notification for the backend's screens.
    bell: bool = True


@dataclass(frozen=True, slots=True)
class EndedCampaign:
    """A campaign that ended a while ago. Times are ISO 8601."""

    id: str
    name: str
    #: `completed` or `failed`.
    status: str
    #: That of its alert.
    key: str
    start_time: str | None
    end_time: str
    counts: Counts
    #: Who ended it; None: no program of ours.
    by: str | None


@dataclass(frozen=True, slots=True)
class GoneProcess:
    """A worker or receiver without a sign of life or a successor."""

    #: `worker` or `receiver`.
    kind: str
    id: str
    host: str
    pid: int
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class WatchTurn:
    """What whoever looks is told beside the statistics."""

    ended: Sequence[EndedCampaign]
    #: The last to fall silent first.
    gone: Sequence[GoneProcess]
    #: Ids of campaigns that ended within a day: statuses may still be missed.
    recent: Sequence[str]


def causes_of(stats: Stats, turn: WatchTurn) -> list[Cause]:
    """Everything that stands, each key once. `stats`: with the `recent` ones."""
    found = [*_no_worker(stats, turn), *_gone(stats, turn)]
    for campaign in stats.campaigns:
        found += _of_campaign(campaign)
    found += map(_ended, turn.ended)
    return _merged(found)


def _merged(causes: Iterable[Cause]) -> list[Cause]:
    """Causes of the same key are one, whose text says of how many more campaigns."""
    first: dict[str, Cause] = {}
    more: dict[str, int] = {}
    for cause in causes:
        if cause.key in first:
            more[cause.key] = more.get(cause.key, 0) + 1
        else:
            text = cut(one_line(cause.text), TEXT_COLUMNS)
            name = None if cause.campaign is None else one_line(cause.campaign)
            title = cut(one_line(cause.title), TITLE_COLUMNS)
            first[cause.key] = replace(cause, title=title, text=text, campaign=name)
    for key, n in more.items():
        text = f"{first[key].text} (and {counted(n, 'more campaign')})"
        first[key] = replace(first[key], text=text)
    return list(first.values())


def _no_worker(stats: Stats, turn: WatchTurn) -> Iterator[Cause]:
    """Campaigns that run, or begin soon, while no worker is alive."""
    if stats.live_workers:
        return
    last = next((one for one in turn.gone if one.kind == "worker"), None)
    last_one = f"; the last one was {last.host} pid {last.pid}" if last else ""
    for campaign in stats.campaigns:
        running = campaign.status == "running" and campaign.counts.undone
        if running:
            left = f"has {rows(campaign.counts.undone)} left"
        elif _begins_soon(campaign, stats.at):
            left = "is to start by itself"
        else:
            continue
        yield Cause(
            "no_worker",
            _A.NO_WORKER,
            "error",
            "No worker is alive",
            f"no worker is alive while campaign {campaign.name} {left}{last_one}",
            "wacampaign run-worker",
            campaign.id,
            campaign.name,
            settles=PASSING_SECONDS,
        )


def _begins_soon(campaign: Campaign, now: str) -> bool:
    at = campaign.scheduled_start_time
    waits = campaign.status in ("paused", "scheduled") and at is not None
    return waits and seconds_between(now, at or now) < BEFORE_START_SECONDS


def _gone(stats: Stats, turn: WatchTurn) -> Iterator[Cause]:
    """Processes that ended without a word, and who goes on."""
    live = stats.live_workers
    rate = sum(campaign.rate_per_second for campaign in stats.campaigns)
    at_pace = f" at {rate:g}/s" if rate else ""
    if live == 1:
        goes_on = f"1 other goes on{at_pace}"
    else:
        goes_on = f"{live} others go on{at_pace}" if live else "no other is alive"
    # Told as the one that was the last.
    untold = any(_no_worker(stats, turn))
    for process in turn.gone:
        is_worker = process.kind == "worker"
        if is_worker and untold:
            untold = False
            continue
        who = f"{process.kind} {process.host} pid {process.pid}"
        text = f"{who} is gone: no sign of life for {duration(process.silent_seconds)}"
        if is_worker:
            text += f"; {goes_on}. Its log on {process.host} says why; there it is started again"
        else:
            text += f". Meta repeats what it does not get. On {process.host} it is started again"
        yield Cause(
            f"{process.kind}_gone:{process.id}",
            _A.WORKER_GONE if is_worker else _A.RECEIVER_GONE,
            "warning" if is_worker and live else "error",
            f"{process.kind.capitalize()} gone: {process.host} pid {process.pid}",
            text,
            "wacampaign run-worker" if is_worker else "wacampaign webhook",
            settles=0,  # half a minute of silence lies behind it
        )


def _of_campaign(campaign: Campaign) -> Iterator[Cause]:
    not_started = (campaign.pause_reason or "").startswith(_NOT_STARTED)
    # A draft says nothing but that it waits for a person, who knows.
    is_draft = campaign.start_time is None and campaign.status == "paused" and not not_started
    for finding in findings_of(campaign):
        if finding.kind is _F.GUARD_MISSING:
            title = "The guard is missing"
            yield Cause("guard", _A.PROBLEM, "error", title, finding.text, finding.command)
        elif not is_draft:
            yield from _of_finding(campaign, finding)
    if not campaign.is_over and not is_draft:
        yield from _failures(campaign)


def _of_finding(campaign: Campaign, finding: Finding) -> Iterator[Cause]:
    kind = _ALERT_OF.get(finding.kind)
    if kind is None:
        if finding.severity == "yellow" or finding.kind in _TOLD_OTHERWISE:
            return
        kind = _A.PROBLEM
    if kind is _A.PAUSED and not campaign.counts.undone:
        return
    # What another hand wrote in its own words may change while it stands.
    subject = "" if kind in (_A.PAUSED, _A.BUDGET) else finding.subject
    about, what = campaign.id, finding.kind.value
    if kind is _A.API_AWAY:
        about = ""  # all campaigns wait for the same
    elif kind is _A.HELD:
        # The reason is a sentence, the thing is not; a number's hold is the same for all campaigns.
        subject, what = subject.partition(":")[0], "held"
        if subject.startswith("the number"):
            about = campaign.number.phone_number_id or campaign.id
    elif kind is _A.BUDGET and campaign.budget and campaign.budget.portfolio:
        about = campaign.budget.portfolio
    own_bell = kind is _A.PAUSED and (campaign.pause_reason or "").startswith(_NOT_STARTED)
    if kind is _A.HELD and campaign.status == "paused":
        own_bell = True
    yield Cause(
        ":".join(filter(None, (what, about, subject))),
        kind,
        "error" if finding.severity == "red" else "warning",
        f"{_TITLES[kind]}: {campaign.name}",
        finding.text,
        finding.command,
        campaign.id,
        campaign.name,
        settles=_SETTLES.get(kind, SETTLES_SECONDS),
        ends_after=BUDGET_GONE_SECONDS if kind is _A.BUDGET else GONE_SECONDS,
        bell=not own_bell,
    )


def _failures(campaign: Campaign) -> Iterator[Cause]:
    """Rows that fail, by an error that a person can put right or in an unusual share."""
    counts, found = campaign.counts, findings_of(campaign)
    codes = {str(error.code): error.count for error in campaign.errors}
    burning = [
        finding
        for finding in found
        if finding.kind is _F.ERROR and codes.get(finding.subject, 0) >= FAILURES_MIN
    ]
    worst = [*burning, *(finding for finding in found if finding.kind is _F.FAILING_MANY)][:1]
    if not worst:
        return
    text = f"{counts.failed:,} of {counts.sent + counts.failed:,} failed; {worst[0].text}"
    yield Cause(
        f"failures:{campaign.id}",
        _A.FAILURES,
        "error" if burning else "warning",
        f"{_TITLES[_A.FAILURES]}: {campaign.name}",
        text,
        worst[0].command,
        campaign.id,
        campaign.name,
    )


def _ended(campaign: EndedCampaign) -> Cause:
    counts, short = campaign.counts, short_id(campaign.id)
    took = ""
    if campaign.start_time:
        took = f", after {duration(seconds_between(campaign.start_time, campaign.end_time))}"
    doubt = f", {counts.in_doubt:,} in doubt" if counts.in_doubt else ""
    done = f"{counts.sent:,} sent, {counts.failed:,} failed{doubt}"
    severity: AlertSeverity
    if campaign.status == "completed":
        kind, title = _A.COMPLETED, "Campaign completed"
        severity = "warning" if counts.failed or counts.in_doubt else "success"
        text, command = f"{done}{took}", f"wacampaign report {short}"
    else:
        kind, title = _A.CANCELLED, "Campaign cancelled" if campaign.by else "Campaign failed"
        severity = "info" if campaign.by else "warning"
        who = f"by {campaign.by}" if campaign.by else "another program ended it"
        text = f"{who}{took}: {done}, {rows(counts.undone)} not sent"
        command = f"wacampaign audit {short}"
    return Cause(
        campaign.key,
        kind,
        severity,
        f"{title}: {campaign.name}",
        text,
        command,
        campaign.id,
        campaign.name,
        settles=0,
        once=True,
        # The completion has written one.
        bell=not (kind is _A.COMPLETED and campaign.by),
    )
