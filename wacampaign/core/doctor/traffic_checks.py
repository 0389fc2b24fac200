"""Who works, who else writes, and what nobody takes."""

from collections.abc import Iterator
from math import inf
from typing import Final

from wacampaign.core.doctor.facts import (
    Failed,
    ForeignRows,
    Hearing,
    LogSample,
    Process,
    RefusedAlerts,
    Traffic,
)
from wacampaign.core.doctor.model import (
    Examined,
    Mending,
    failing,
    passed,
    some,
    unseen,
    unseen_all,
    wanting,
)
from wacampaign.core.masking import mask_secrets
from wacampaign.core.words import are, counted, duration, rows, short_id, were

#: Days after which a template is looked at anew: Meta changes categories and pauses by itself.
STALE_DAYS: Final = 7
#: Seconds: a row that somebody took lately is a sign of a processor that runs.
_LATELY: Final = 15 * 60.0
#: Seconds that stored webhooks or logged statuses may wait: a worker takes them within one.
_BACKLOG_SECONDS: Final = 10 * 60.0
#: Share of the status logs without their campaign, and logs looked at, from which it is no chance.
_ORPHAN_SHARE: Final = 0.05
_ORPHANS_LOOKED_AT: Final = 20

OF_THE_TRAFFIC: Final = (
    *("workers", "receivers", "other_senders", "kept_back", "backlog", "orphan_logs"),
    *("templates", "totals", "alerts"),
)


def traffic_checks(facts: Traffic | Failed, version: str) -> Iterator[Examined]:
    """All of the traffic; `version`: that of this program."""
    if isinstance(facts, Failed):
        yield from unseen_all(OF_THE_TRAFFIC, facts.text)
        return
    yield from _workers(facts, version)
    yield from _receivers(facts, version)
    yield from _senders(facts.foreign)
    yield _kept_back(facts)
    yield _backlog(facts)
    yield _orphans(facts.orphans)
    yield _templates(facts)
    yield _totals(facts)
    yield _alerts(facts.alerts)


def _alive(facts: Traffic, kind: str) -> list[Process]:
    return [one for one in facts.processes if one.kind == kind and one.alive]


def _others_version(processes: list[Process], version: str) -> str | None:
    other = sorted({one.version for one in processes if one.version != version})
    if not other:
        return None
    where = some(
        sorted({f"{one.host} (pid {one.pid})" for one in processes if one.version != version})
    )
    return f"{where}: version {', '.join(other)}, and this program is {version}"


def _restart(service: str) -> str:
    """It may run on another machine, and under either."""
    return f"on that machine: pm2 restart {service}, or sudo systemctl restart {service}"


def _workers(facts: Traffic, version: str) -> Iterator[Examined]:
    alive = _alive(facts, "worker")
    if (other := _others_version(alive, version)) is not None:
        yield wanting("workers", other, _restart("wacampaign-worker"), Mending.WORDS)
    elif alive:
        yield passed("workers", f"{counted(len(alive), 'worker')} alive, version {version}")
    waiting = sum(one.ready for one in facts.campaigns)
    if alive:
        return
    if waiting:
        names = some([f"{one.name} ({short_id(one.id)})" for one in facts.campaigns])
        yield failing(
            "workers",
            f"no worker is alive, and {rows(waiting)} of running campaigns wait: {names}",
            "wacampaign run-worker",
        )
    else:
        yield passed("workers", "none alive, and nothing of a running campaign waits")


def _receivers(facts: Traffic, version: str) -> Iterator[Examined]:
    alive = _alive(facts, "receiver")
    lost = [one for one in facts.processes if one.kind == "receiver" and not one.stopped]
    if (other := _others_version(alive, version)) is not None:
        yield wanting("receivers", other, _restart("wacampaign-webhook"), Mending.WORDS)
    elif alive:
        yield passed("receivers", f"{counted(len(alive), 'receiver')} alive, version {version}")
    elif lost:
        gone = lost[0]
        yield failing(
            "receivers",
            f"the receiver on {gone.host} (pid {gone.pid}) has said nothing for"
            f" {duration(gone.seconds)}, and no other one lives: statuses and replies are lost"
            " once Meta gives up repeating them",
            "wacampaign webhook",
        )
    else:
        yield passed("receivers", "none since yesterday: webhooks are the backend's")


def _senders(foreign: ForeignRows) -> Iterator[Examined]:
    if foreign.doubt_waiting:
        yield failing(
            "other_senders",
            f"{rows(foreign.doubt_waiting)} in doubt {are(foreign.doubt_waiting)} ready to be sent:"
            " another program (the backend's cron) did that while the guard was off",
            "wacampaign restart-stuck",
        )
    if foreign.taken:
        lately = foreign.taken_last is not None and foreign.taken_last < _LATELY
        when = f", last {duration(foreign.taken_last or 0)} ago"
        make = failing if lately else wanting
        yield make(
            "other_senders",
            f"{rows(foreign.taken)} {were(foreign.taken)} taken to be sent by a program without"
            f" a claim{when}: the"
            " backend's own processor runs beside ours, and may send what we send",
            "switch it off as docs/how-to/go-live-beside-the-backend.md says, then: wacampaign"
            " restart-stuck",
            Mending.WORDS,
        )
    elif not foreign.doubt_waiting:
        yield passed("other_senders", "nobody takes rows without a claim")


def _kept_back(facts: Traffic) -> Examined:
    if not facts.others:
        return passed("kept_back", "no other program wrote against what is known")
    said = []
    for one in facts.others:
        what = "deleted by" if one.kind == "rows_deleted" else "kept as they are, and not as set by"
        who = mask_secrets(one.who)
        said.append(f"{rows(one.rows)} {what} {who} ({counted(one.times, 'time')})")
    return wanting("kept_back", f"since yesterday: {some(said)}", "wacampaign audit")


def _backlog(facts: Traffic) -> Examined:
    bodies, statuses = facts.bodies, facts.statuses
    if bodies.waiting and bodies.lag_seconds > _BACKLOG_SECONDS:
        return failing(
            "backlog",
            f"{counted(bodies.waiting, 'webhook')} stored and not worked on, the oldest for"
            f" {duration(bodies.lag_seconds)}",
            "wacampaign run-worker",
        )
    if statuses.waiting and (statuses.seconds or 0) > _BACKLOG_SECONDS:
        return wanting(
            "backlog",
            f"statuses that the backend has logged wait to be taken ({statuses.waiting:,}), the"
            f" oldest for {duration(statuses.seconds or 0)}",
            "wacampaign queue-stats",
        )
    if bodies.with_faults:
        return wanting(
            "backlog",
            f"{counted(bodies.with_faults, 'webhook')} of the last day could not be taken in full",
            "select received_at, faults from wacampaign_webhooks where faults is not null"
            " order by received_at desc limit 20;",
            Mending.SQL,
        )
    if statuses.with_faults:
        return wanting(
            "backlog",
            f"statuses that the backend has logged could not be taken ({statuses.with_faults:,})",
            "select at, wamid, status, fault from wacampaign_logged_statuses where fault is"
            " not null order by id desc limit 20;",
            Mending.SQL,
        )
    return passed("backlog", "webhooks and statuses are taken as they come")


def _orphans(sample: LogSample) -> Examined:
    share = sample.orphans / sample.looked_at if sample.looked_at else 0.0
    if sample.orphans and share >= _ORPHAN_SHARE and sample.looked_at >= _ORPHANS_LOOKED_AT:
        return wanting(
            "orphan_logs",
            f"about {share:.0%} of message_status_logs name no campaign though their message has"
            " one: the backend's dashboard does not count them (our own figures have them)",
            "update public.message_status_logs l set campaign_id = m.campaign_id, message_id = m.id"
            " from public.messages m where l.campaign_id is null and m.campaign_id is not null"
            " and m.whatsapp_message_id = l.whatsapp_message_id;",
            Mending.SQL,
        )
    if not sample.looked_at:
        return passed("orphan_logs", "no status is logged yet")
    return passed(
        "orphan_logs", f"of {sample.looked_at:,} status logs {sample.orphans:,} are alone"
    )


def _templates(facts: Traffic) -> Examined:
    stale = facts.templates
    if not stale.stale:
        return passed("templates", f"those in use were synced within {STALE_DAYS} days")
    since = f", the oldest {stale.days:.0f} days ago" if stale.days is not None else ""
    return wanting(
        "templates",
        f"{counted(stale.stale, 'template')} in use not synced for {STALE_DAYS} days{since}:"
        f" {some(stale.names)}",
        "wacampaign templates sync",
    )


def _totals(facts: Traffic) -> Examined:
    if not facts.totals:
        return passed("totals", "campaigns show as many as their rows are")
    texts = [
        f"{one.name} shows {one.shown_sent or 0:,} sent, {one.shown_failed or 0:,} failed, and has"
        f" {one.sent:,} and {one.failed:,}"
        for one in facts.totals
    ]
    ids = " ".join(short_id(one.id) for one in facts.totals[:5])
    return wanting("totals", some(texts), f"wacampaign restart-stuck {ids}")


def _alerts(refused: RefusedAlerts) -> Examined:
    later = refused.seconds is None or (refused.taken or inf) > refused.seconds
    why = f": {refused.problem}" if refused.problem else ""
    if refused.given_up and later:
        text = f"{counted(refused.given_up, 'alert')} given up since yesterday{why}"
    elif refused.tried and later:
        text = f"{counted(refused.tried, 'alert')} not taken yet{why}"
    else:
        return passed("alerts", "none is kept back by an address that does not take it")
    return wanting("alerts", text, "wacampaign alert test")


def status_check(name: str, hearing: Hearing | Failed | None) -> Examined:
    """The last status of one number: it is silent while its messages are accepted."""
    if isinstance(hearing, Failed):
        return unseen("statuses", hearing.text)
    if hearing is None or (hearing.accepted is None and hearing.status is None):
        return passed("statuses", f"{name}: nothing was sent lately")
    if hearing.unheard is not None and hearing.unheard > _BACKLOG_SECONDS:
        last = (
            "none ever came"
            if hearing.status is None
            else f"the last is {duration(hearing.status)} old"
        )
        return failing(
            "statuses",
            f"{name}: messages were accepted {duration(hearing.unheard)} ago, and no status came"
            f" since ({last}): its webhooks do not arrive",
            "wacampaign webhook subscribe --dry-run",
        )
    if hearing.status is None:
        return passed("statuses", f"{name}: the first messages wait for their statuses")
    return passed("statuses", f"{name}: last status {duration(hearing.status)} ago")
