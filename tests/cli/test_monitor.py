"""`monitor`: frames of any size, lines, keys, and an answer that does not come."""

from __future__ import annotations

import asyncio
import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found
from tests.cli.conftest import Seeded, Wacampaign
from wacampaign.cli.screens.monitor import frame
from wacampaign.cli.screens.monitor_layout import Staleness, View
from wacampaign.cli.screens.monitor_lines import change_lines, progress_line
from wacampaign.cli.screens.queue_stats import stats_lines
from wacampaign.core.campaign.state import Stats, read_stats
from wacampaign.operations import watch as monitor_feed
from wacampaign.operations.watch import Feed
from wacampaign.problems import Unreachable

CAMPAIGN: dict[str, Any] = {
    "id": "a3acad26-d1b3-4cb9-b3f6-dc086fd7c8a6",
    "name": "FIN NEW DATA 7 TO 8 NOV 2025 FILE 22",
    "status": "running",
    "pause_reason": None,
    "total_contacts": 10_807,
    "counts": {
        "pending": 0, "ready": 6_307, "retry_later": 203, "processing": 0, "in_doubt": 4,
        "sent": 4_188, "failed": 105,
    },
    "oldest_ready_seconds": 41.2,
    "rate_per_second": 78.6,
    "errors": [{"code": 135000, "count": 15}, {"code": 131026, "count": 90}],
    "templates": ["demo_text"],
    "number": {
        "phone_number_id": "200000000000001", "display_name": "Demo", "rate": 80,
        "configured_rate": 80, "quality_rating": "GREEN", "is_active": True,
    },
    "holds": [],
    "never_enqueued": 0,
    "deleted": 0,
    "others": [],
    "start_time": "2026-11-23T14:20:00+00:00",
    "end_time": None,
    "scheduled_start_time": None,
    "guarded": True,
    "next_retry_at": None,
    "far_away": "2026-11-27T00:00:00+00:00",
}  # fmt: skip
WORKER: dict[str, Any] = {
    "id": "3f54e0ef-02dd-4966-800b-ef3e96083aeb", "host": "app1", "pid": 4121, "version": "0.1.0",
    "started_at": "2026-11-23T14:20:00+00:00", "in_flight": 96, "alive": True,
    "beat_age_seconds": 1.0,
}  # fmt: skip
ENDED = {"status": "completed", "end_time": "2026-11-23T14:40:00+00:00"}


def answer(*campaigns: dict[str, Any], worker: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "at": "2026-11-23T14:32:07Z",
        "campaigns": list(campaigns or (CAMPAIGN,)),
        "workers": [WORKER | (worker or {})],
    }


def stats(*campaigns: dict[str, Any], worker: dict[str, Any] | None = None) -> Stats:
    return read_stats(answer(*campaigns, worker=worker))


def view(given: Stats, **more: Any) -> View:
    """One campaign opened, as the monitor does it; several in a list."""
    opened = given.campaigns[0].id if len(given.campaigns) == 1 else None
    return View(given, 2.0, **{"opened": opened, "footer": (("q quit", "dim"),), **more})


def shown(view: View, width: int, height: int) -> str:
    return "\n".join(line.plain for line in frame(view, width, height))


# --- frames -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [10, 30, 59, 80, 119, 120, 140, 250])
@pytest.mark.parametrize("height", [1, 2, 4, 10, 24, 40])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_frame_fits_every_terminal(width: int, height: int, n: int) -> None:
    campaigns = [CAMPAIGN | {"id": f"{i}{CAMPAIGN['id'][1:]}"} for i in range(n)]
    given = read_stats({**answer(), "campaigns": campaigns})
    lines = frame(view(given), width, height)
    assert len(lines) == height
    assert all(line.cell_len <= width for line in lines)
    assert lines[-1].plain.startswith(" q quit"[:width])


def test_80_by_24_holds_everything() -> None:
    text = "\n".join(line.plain for line in frame(view(stats()), 80, 24))
    for part in (
        "RUNNING", "LIVE", "38.8 %  4,188 / 10,807", "78.6/s now, 78.6 over 1 min", "ETA       ",
        "ready 6,307, the oldest waits 41 s", "retry later 203", "in doubt 4 !", "pending 0 ok",
        "app1 pid 4121", "131026", "Message undeliverable",
        "! 135000 Generic user error: 15 rows",
    ):  # fmt: skip
        assert part in text


def test_what_stands_names_its_cause_once_with_its_command() -> None:
    still = CAMPAIGN | {
        "rate_per_second": 0.0,
        "run_seconds": 50.0,
        "errors": [],
    }
    text = shown(view(stats(still, worker={"alive": False})), 80, 24)
    assert (
        " STANDS    no live worker: nothing is being sent\n           → wacampaign run-worker\n"
        in text
    )
    assert text.count("no live worker") == 1
    counts = dict.fromkeys(CAMPAIGN["counts"], 0) | {"sent": CAMPAIGN["total_contacts"]}
    text = shown(view(stats(still | {"counts": counts}, worker={"alive": False})), 80, 24)
    assert (
        " STANDS    every row is done, but no worker is alive to complete it\n"
        "           → wacampaign restart-stuck a3acad26\n"
    ) in text
    text = shown(view(stats(still)), 80, 24)
    assert (
        " STANDS    no row was done lately: workers wait for Meta's answers to 96\n"
        "           messages\n"
        "           → wacampaign doctor\n"
    ) in text
    text = shown(view(stats(still, worker={"in_flight": 0})), 80, 24)
    assert (
        " STANDS    no row was done lately, and nothing says why yet\n"
        "           → wacampaign doctor\n"
    ) in text
    text = shown(view(stats(still | {"run_seconds": 90.0}, worker={"in_flight": 0})), 80, 24)
    assert (
        " STANDS    6,307 rows ready, but nothing was sent in the last minute (running\n"
        "           for 1 min 30 s)\n"
    ) in text
    paused = {"status": "paused", "pause_reason": "paused by asha@office", "run_seconds": None}
    text = shown(view(stats(CAMPAIGN | paused)), 80, 24)
    assert " WAITS     paused by asha@office\n           → wacampaign resume a3acad26\n" in text
    assert "ETA" not in text


def test_a_number_that_waits_has_no_end_though_rows_were_done_a_moment_ago() -> None:
    hold = {"scope": "number", "template": None, "code": None, "reason": "no answer",
            "until": "2026-11-23T14:33:00+00:00"}  # fmt: skip
    pace = {"recent": [[1, 5, 0]], "bars": []}
    held = CAMPAIGN | {"holds": [hold], "pace": pace, "run_seconds": 400.0}
    text = shown(view(stats(held)), 80, 24)
    assert re.search(r" STANDS    the number waits until .*: no answer\n", text)
    assert "→ wacampaign doctor" in text
    assert "ETA" not in text
    # One of its templates waits, or rows go from another number meanwhile.
    counts = CAMPAIGN["counts"] | {"processing": 4}
    going = {"recent": [[1, 5, 5]], "bars": []}
    for more in ({"holds": [hold | {"template": "a"}]}, {"counts": counts, "pace": going}):
        assert " ETA " in shown(view(stats(held | more)), 80, 24)


def test_what_binds_stands_beside_what_would_be_otherwise() -> None:
    spare = {"phone_number_id": "2", "display_name": "Offers 2", "rate": 80.0}
    given = read_stats(
        answer(
            CAMPAIGN
            | {
                "spare_numbers": [spare],
                "number": CAMPAIGN["number"] | {"id": "n"},
                "counts": CAMPAIGN["counts"] | {"ready": 60_000},
            },
            worker={"facts": {"binds": {"n": "rate"}}},
        )
        | {"at": datetime.now(UTC).isoformat()}
    )
    text = shown(view(given), 100, 24)
    assert re.search(r" LIMITED   by the number's rate 80/s  with Offers 2: \d\d:\d\d ", text)


def test_queue_stats_says_what_binds_and_what_comes_lately() -> None:
    given = stats(
        CAMPAIGN
        | {
            "number": CAMPAIGN["number"] | {"id": "n"},
            "error_minutes": [[135000, 0, 7]],
        },
        worker={"facts": {"binds": {"n": "rate"}}},
    )
    text = ["".join(part for part, _ in line) for line in stats_lines(given)]
    assert (
        "  lately 78.6/s now, 78.6 over 1 min; limited by the number's rate 80/s;"
        " 135000 +7 a minute" in text
    )


def test_nine_campaigns_show_the_running_one_first_and_how_many_more() -> None:
    draft = CAMPAIGN | {"status": "paused", "errors": [], "start_time": None}
    drafts = [draft | {"id": f"{i}{CAMPAIGN['id'][1:]}", "name": f"draft {i}"} for i in range(8)]
    given = stats(*drafts, CAMPAIGN, worker={"alive": False, "beat_age_seconds": 61.0})
    lines = shown(view(given), 80, 15).splitlines()
    assert lines[2].startswith("▸! FIN NEW DATA")
    assert "running" in lines[2]
    assert lines[3].startswith(" ! draft 0")
    assert any(re.fullmatch(r"   \+\d more", line) for line in lines)
    text = "\n".join(lines)
    assert "   → wacampaign run-worker" in text
    last = shown(view(given, chosen=drafts[7]["id"]), 80, 15)
    assert "▸! draft 7" in last


@pytest.mark.parametrize(
    ("width", "heading", "figures"),
    [
        (64, "status accepted rate done at failed", "running 19.8 % 78.6/s 14:33 10,497"),
        (60, "status accepted rate failed", "running 19.8 % 78.6/s 10,497"),
        (50, "status accepted failed", "running 19.8 % 10,497"),
    ],
)
def test_on_a_narrow_terminal_a_list_leaves_out_columns_and_cuts_no_figure(
    width: int, heading: str, figures: str
) -> None:
    counts = CAMPAIGN["counts"] | {"failed": 10_497}
    many = [CAMPAIGN | {"id": f"{i}{CAMPAIGN['id'][1:]}", "counts": counts} for i in range(2)]
    first, *lines = shown(view(stats(*many)), width, 24).splitlines()[1:4]
    assert first.split() == ["campaign", *heading.split()]
    for line in lines:
        assert len(line) == len(first)
        assert line.split()[-len(figures.split()) :] == figures.split()


def test_a_small_terminal_keeps_state_pace_the_worst_finding_and_the_queue() -> None:
    text = "\n".join(line.plain for line in frame(view(stats()), 80, 7))
    for part in ("RUNNING", "ACCEPTED", "RATE", "ETA", "! 135000"):
        assert part in text
    assert "ERRORS" not in text


DELIVERY: dict[str, Any] = {
    "known": True, "delivered": 3_900, "read": 1_500, "undelivered": 100, "held": 0, "silent": 188,
    "replied": 12, "errors": [{"code": 131049, "title": "", "count": 100}],
    "lag": {"p50_seconds": 2.1, "p95_seconds": 31.0}, "contradicted": 0, "waiting": 0,
    "passed_on": 100, "late": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("width", "height", "parts"),
    [
        (80, 24, ["replied 12", " undelivered 100  held 0  silent 188 (4.5 %)", "oldest waits"]),
        (140, 40, [
            "half within 2 s, 95 % within 31 s",
            "silent 188 (100 on the way to the phone, 88 without any status yet)",
            " UNDELIVERED  accepted, then failed",
            "    131049        100  Not delivered to maintain healthy engagement",
        ]),
    ],
)  # fmt: skip
def test_accepted_and_delivered_are_two_lines(width: int, height: int, parts: list[str]) -> None:
    given = stats(CAMPAIGN | {"delivery": DELIVERY})
    lines = [line.plain for line in frame(view(given), width, height)]
    assert any(line.startswith(" ACCEPTED ") and "4,188 / 10,807" in line for line in lines)
    assert any(line.startswith(" DELIVERED 93.1 %  3,900 / 4,188  read 1,500") for line in lines)
    text = "\n".join(lines)
    assert [part for part in parts if part not in text] == []


def test_what_nobody_told_is_not_called_delivered() -> None:
    given = stats(CAMPAIGN | {"delivery": DELIVERY | {"known": False}})
    text = "\n".join(line.plain for line in frame(view(given), 100, 40))
    assert " DELIVERY  unknown: no status was ever received for its number" in text
    assert " DELIVERED " not in text


def test_ascii_for_terminals_without_more() -> None:
    text = "\n".join(line.plain for line in frame(view(stats(), unicode=False), 80, 24))
    assert text.isascii()


def test_figures_come_before_the_bar_where_there_is_no_room_for_both() -> None:
    text = shown(view(stats()), 40, 10)
    assert " ACCEPTED  38.8 %  4,188 / 10,807\n" in text


def test_what_failed_without_a_code_stands_among_the_errors() -> None:
    counts = CAMPAIGN["counts"] | {"failed": 750}
    for width in (80, 140):
        text = shown(view(stats(CAMPAIGN | {"counts": counts})), width, 40)
        (line,) = re.findall(r"\n(  .*none of Meta's: who opted out, say)", text)
        (other,) = re.findall(r"\n( +131026 .*)Message undeliverable", text)
        assert line.index("failed ") == other.index("failed ")
        assert line.split()[:2] == ["-", "645"]
    assert "none of Meta's" not in shown(view(stats()), 80, 40)


def test_one_that_was_cancelled_says_what_was_not_sent() -> None:
    given = stats(CAMPAIGN | ENDED | {"status": "failed"})
    assert re.search(r" ENDED     .*, 6,510 rows not sent\n", shown(view(given), 80, 24))
    told = ["".join(part for part, _ in line) for line in stats_lines(given)]
    assert any(re.fullmatch(r"  ended .*, 6,510 rows not sent", line) for line in told)
    assert "not sent" not in shown(view(stats(CAMPAIGN | ENDED)), 80, 24)


def test_stale_is_said_with_its_age() -> None:
    text = shown(view(stats(), stale=Staleness(14.2)), 80, 24)
    for part in (
        "WAS RUNNING", "STALE", "! the database has not answered for 14 s",
        "→ wacampaign doctor", "RATE      unknown while", "ETA       unknown",
    ):  # fmt: skip
        assert part in text
    assert "LIVE" not in text.splitlines()[0]
    assert "78.6/s now" not in text


def test_a_lost_worker_and_a_hold_are_shown() -> None:
    hold = {
        "scope": "template", "template": "demo_text", "code": 131053, "reason": "media",
        "until": "2026-11-23T14:40:00+00:00",
    }  # fmt: skip
    given = stats(CAMPAIGN | {"holds": [hold]}, worker={"alive": False, "beat_age_seconds": 61.0})
    text = "\n".join(line.plain for line in frame(view(given), 100, 40))
    assert "template demo_text waits until" in text
    assert "no live worker" in text
    assert "LOST, last beat 1 min 01 s ago" in text


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize(
    ("sent", "failed", "in_doubt", "is_full"),
    [
        (19_503, 497, 0, True),
        (98, 1, 1, True),
        (1, 99_998, 1, True),
        (99_998, 1, 0, False),
        (33, 33, 33, False),
        (1, 1, 1, False),
        (0, 0, 0, False),
    ],
)
def test_the_bar_is_full_when_nothing_is_left_and_not_before(
    sent: int, failed: int, in_doubt: int, is_full: bool, width: int
) -> None:
    done = {"sent": sent, "failed": failed, "in_doubt": in_doubt, "pending": 0, "retry_later": 0}
    ready = 0 if is_full else 1
    total = sum(done.values()) + ready
    counts = done | {"ready": ready, "processing": 0}
    given = stats(CAMPAIGN | {"counts": counts, "total_contacts": total})
    (line,) = (one for one in shown(view(given), width, 24).splitlines() if " ACCEPTED " in one)
    assert ("░" not in line) is is_full
    assert line.count("▒") >= (failed > 0) + (in_doubt > 0)
    assert ("█" in line) is (sent > 0)
    assert len(line) <= width


@pytest.mark.parametrize(("unicode", "mark"), [(True, "…"), (False, "~")])
def test_a_wait_that_was_prolonged_is_told_once(unicode: bool, mark: str) -> None:
    hold = {
        "scope": "number", "template": None, "code": None, "until": "2026-11-23T14:40:00+00:00",
        "reason": "no answer, may have been sent: no complete answer within 30 s (template"
        " demo_text): check WHATSAPP_API_URL and what stands between this machine and Meta; the"
        " worker tries again by itself",
    }  # fmt: skip
    holds = [hold | {"until": "2026-11-23T14:41:00+00:00"}, hold, hold]
    still = {"errors": [], "rate_per_second": 0.0, "run_seconds": 90.0}
    text = shown(view(stats(CAMPAIGN | still | {"holds": holds}), unicode=unicode), 80, 24)
    assert text.count("the number waits until") == 1
    assert "14:41 UTC: no answer" in text
    arrow = "→" if unicode else "->"
    # A sentence of four lines has three, and says so.
    assert (
        f"           WHATSAPP_API_URL and what stands between this machine and Meta; the {mark}\n"
        f"           {arrow} wacampaign doctor\n"
    ) in text


# --- lines ------------------------------------------------------------------------------------


def test_a_change_is_told_once() -> None:
    first = stats()
    assert list(change_lines(first, first)) == []
    moved = stats(CAMPAIGN | {"errors": [{"code": 135000, "count": 16}]})
    assert list(change_lines(first, moved)) == []
    news = stats(CAMPAIGN | {"errors": [*CAMPAIGN["errors"], {"code": 131056, "count": 1}]})
    (line,) = change_lines(first, news)
    assert "event=error" in line
    assert "code=131056" in line
    paused = stats(CAMPAIGN | {"status": "paused", "pause_reason": "by a person"})
    lines = list(change_lines(first, paused))
    assert 'was=running state=paused reason="by a person"' in lines[0]
    assert "event=finding" in lines[1]


def test_deliveries_stand_in_the_lines() -> None:
    first = stats(CAMPAIGN | {"delivery": DELIVERY})
    line = progress_line(first.at, first.campaigns[0])
    assert (
        " delivered=3900 read=1500 undelivered=100 held=0 silent=188 replied=12"
        " lag_p50_seconds=2.1 lag_p95_seconds=31.0 " in line
    )
    unknown = progress_line(first.at, stats().campaigns[0])
    assert "delivered" not in unknown
    more = [*DELIVERY["errors"], {"code": 131053, "title": "", "count": 1}]
    news = stats(CAMPAIGN | {"delivery": DELIVERY | {"errors": more}})
    (line,) = change_lines(first, news)
    assert "event=undelivered" in line
    assert "code=131053" in line
    assert 'suggest="wacampaign failures a3acad26 --code 131053"' in line


def test_a_lost_worker_is_told_a_departed_one_is_not() -> None:
    first = stats()
    lines = list(change_lines(first, stats(worker={"alive": False})))
    assert any("event=worker_lost" in line and "pid=4121" in line for line in lines)
    gone = read_stats({**answer(), "workers": []})
    assert not any("worker_lost" in line for line in change_lines(first, gone))


def test_the_end_is_told_with_its_figures() -> None:
    (line,) = [
        line for line in change_lines(stats(), stats(CAMPAIGN | ENDED)) if "event=finished" in line
    ]
    assert "state=completed sent=4188 failed=105 in_doubt=4 duration_seconds=1200" in line


# --- feed -------------------------------------------------------------------------------------


class FakeStore:
    """Answers what it is told to, in turn; the last for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        #: The login from which all rows are hidden.
        self.blind: str | None = None

    async def call(self, function: str, *, campaign_ids: Any = None) -> Any:
        if function == "server":
            return {"blind": self.blind}
        self.asked.append(campaign_ids)
        one = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(one, Exception):
            raise one
        return one


def feed(store: Any, ids: list[str] | None = None) -> Feed:
    return Feed(store, ids, interval_seconds=2.0)  # type: ignore[arg-type]


def test_an_outage_keeps_the_last_answer() -> None:
    one = feed(FakeStore(answer(), Unreachable("gone"), answer()), [CAMPAIGN["id"]])
    asyncio.run(one.tick())
    assert one.stale_seconds is None
    asyncio.run(one.tick())
    assert one.stats is not None
    assert one.stale_seconds is not None
    asyncio.run(one.tick())
    assert one.stale_seconds is None


def test_an_outage_at_the_first_look_is_told() -> None:
    with pytest.raises(Unreachable):
        asyncio.run(feed(FakeStore(Unreachable("gone"))).tick())


def test_a_slow_database_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_feed, "SLOW_SECONDS", -1.0)
    one = feed(FakeStore(answer()))
    asyncio.run(one.tick())
    assert one.wait_seconds == 10.0


def test_a_campaign_that_ends_stays_on_the_screen() -> None:
    none = {**answer(), "campaigns": []}
    store = FakeStore(answer(), none, answer(CAMPAIGN | ENDED), none)
    one = feed(store)
    for _ in range(4):
        asyncio.run(one.tick())
    assert one.stats is not None
    assert [c.status for c in one.stats.campaigns] == ["completed"]
    assert one.over
    # One call a tick: what the second left out is asked for by the third.
    assert store.asked == [None, None, [CAMPAIGN["id"]], None]


OTHER: dict[str, Any] = CAMPAIGN | {"id": "b" * 36, "name": "another"}


def test_an_opened_campaign_is_asked_for_with_its_details_and_others_are_seen() -> None:
    event = {"at": "2026-11-23T14:20:00Z", "kind": "started", "actor": "asha", "rows": 1,
             "reason": None}  # fmt: skip
    detailed = answer(CAMPAIGN | {"events": [event]})
    store = FakeStore(answer(), *[detailed] * 4, answer(CAMPAIGN, OTHER))
    one = feed(store)
    asyncio.run(one.tick())
    one.opened = CAMPAIGN["id"]
    for _ in range(5):
        asyncio.run(one.tick())
    assert store.asked == [None, *[[CAMPAIGN["id"]]] * 4, None]
    assert one.stats is not None
    assert [c.name for c in one.stats.campaigns] == [CAMPAIGN["name"], "another"]
    assert one.stats.campaigns[0].events == (event,)


# --- the command ------------------------------------------------------------------------------


def test_once(wacampaign: Wacampaign, seeded: Seeded) -> None:
    done = wacampaign("monitor", "market_1", "--once")
    assert done.exit_code == 0
    line, finding = done.stdout.splitlines()
    assert f"level=warning event=progress campaign={seeded.campaign_id} name=market_1" in line
    assert "state=running total=20 percent=0.0" in line
    assert f"level=error event=finding campaign={seeded.campaign_id} text=" in finding
    assert 'suggest="wacampaign run-worker' in finding
    done = wacampaign("monitor", "--once", "--json")
    one = json.loads(done.stdout)
    assert one["schema_version"] == 1
    stats_one = json.loads(wacampaign("queue-stats", "--json").stdout)["campaigns"][0]
    assert one.keys() - stats_one.keys() == {"schema_version", "at"}


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("mode", ["--plain", "--json"])
def test_it_ends_with_the_campaign(
    wacampaign: Wacampaign,
    sql: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    looks = 0
    look = Feed.tick

    async def counted(one: Feed) -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            sql.execute("update send_queue set status = 'sent'")
            as_found(sql, "update campaigns set status = 'completed', end_time = now()")
        await look(one)

    monkeypatch.setattr(Feed, "tick", counted)
    # However slowly the database answers, it is asked again after half a second.
    monkeypatch.setattr(monitor_feed, "SLOW_SECONDS", math.inf)
    done = wacampaign("monitor", "market_1", mode, "--interval", "0.5")
    assert done.exit_code == 0
    assert looks == 4
    lines = done.stdout.splitlines()
    assert len(lines) > 2
    if mode == "--json":
        objects = [json.loads(line) for line in lines]
        assert [objects[0]["status"], objects[-1]["status"]] == ["running", "completed"]
    else:
        assert "event=progress" in lines[0]
        assert "event=finished" in lines[-1]
        assert "sent=20" in lines[-1]


def test_nothing_to_watch(wacampaign: Wacampaign) -> None:
    done = wacampaign("monitor")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no campaign" in done.stderr


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(("way_out", "code"), [("q", 0), ("ctrl-c", 130)])
def test_the_live_screen_leaves_the_terminal_as_it_was(
    environment: dict[str, str], way_out: str, code: int
) -> None:
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign", "monitor", "market_1"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, **environment, "TERM": "xterm", "PYTHONUTF8": "1", "COLUMNS": "80"},
        start_new_session=True,
    )
    seen = b""

    def read_until(mark: bytes, after: bytes = b"") -> None:
        nonlocal seen
        deadline = time.monotonic() + 20
        while mark not in seen.partition(after)[2] if after else mark not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536)

    try:
        read_until(b"q quit")
        assert b"\x1b[?1049h" in seen  # the alternate screen
        if way_out == "q":
            os.write(master, b"q")
        else:
            process.send_signal(signal.SIGINT)
        read_until(b"the oldest waits", after=b"\x1b[?1049l")  # the last frame stays
        assert process.wait(20) == code
        assert b"Traceback" not in seen
        assert termios.tcgetattr(slave)[3] == before[3]
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
