"""Every loop of worker and monitor lets the others run, whatever its inputs say.

A worker whose database had been away for ten seconds span for ever: no heartbeat, no log line,
deaf to signals. So each loop is driven here with all of its inputs "no", and another task must
get its turns; the loop itself must not ask anything more than some hundred times a second.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console
from rich.text import Text

from tests.campaigns import campaign_at
from tests.worker.turning import AlwaysSet, Inputs, turns_of_another
from wacampaign.alerting.watching import Watching
from wacampaign.cli.commands.monitor import _write_lines
from wacampaign.cli.screens import monitor_live
from wacampaign.core.campaign.completion import CompletionVerdict
from wacampaign.core.campaign.state import Stats
from wacampaign.core.engine.boot_clock import boot_seconds
from wacampaign.core.engine.claiming import Claiming
from wacampaign.core.engine.credentials import CredentialsCache
from wacampaign.core.engine.deadlines import Deadlines
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import (
    CampaignWork,
    ClaimAnswer,
    ClaimedRow,
    DatabaseAway,
    Settlement,
)
from wacampaign.core.engine.processor import Processor
from wacampaign.core.engine.sending import Sending
from wacampaign.core.engine.settling import UNSETTLED_LIMIT, Settling
from wacampaign.core.engine.waiting import Waiting
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.journal.writing import WorkerJournal
from wacampaign.operations.known_outcomes import recover_while_working
from wacampaign.operations.watch import Feed
from wacampaign.settings import load_settings
from wacampaign.store import postgres as postgres_module
from wacampaign.store.postgres import PostgresTransport
from wacampaign.store.states import DatabaseBusy, DatabaseUnreachable
from wacampaign.store.store import Store
from wacampaign.store.workers import Workers
from wacampaign.worker.heartbeat import Heartbeat
from wacampaign.worker.registration import Registration
from wacampaign.worker.scheduled import ScheduledStarts
from wacampaign.worker.stopping import Stopping

#: Seconds on the jumping clock.
SECONDS = 10.0
#: Turns that the other task gets of the 1,000 which fit: all but a few.
TURNS_MIN = 900
#: Calls a second of any one input. The shortest turn is 5 ms.
CALLS_A_SECOND = 210


class Nothing:
    """Queue, journal and sender at once: nobody is there, and each call says so immediately."""

    idle_poll_seconds = 5.0

    def __init__(self, inputs: Inputs, *, answer: ClaimAnswer | None = None) -> None:
        self.inputs = inputs
        self._answer = answer

    async def claim(self, *_: object, **__: object) -> ClaimAnswer:
        self.inputs.count("claim")
        if self._answer is None:
            raise DatabaseAway("away")
        return self._answer

    async def wait_for_work(self, _seconds: float) -> None:
        self.inputs.count("wait_for_work")

    async def complete(self, *_: object) -> CompletionVerdict:
        self.inputs.count("complete")
        raise DatabaseAway("away")

    async def away(self, *_: object) -> Any:
        self.inputs.count("away")
        raise DatabaseAway("away")

    begin = release = settle = recover = sending = away

    def begun(self, _rows: Sequence[ClaimedRow]) -> None: ...
    def answered(self, _row: ClaimedRow, _verdict: Verdict) -> None: ...
    def settled(self, _rows: Sequence[ClaimedRow]) -> None: ...


def row(due: float = 0.0) -> ClaimedRow:
    return ClaimedRow(str(uuid4()), str(uuid4()), str(uuid4()), "number", "hello", "1", {}, due)


def unsettled(many: int) -> list[Settlement]:
    return [Settlement(row(), Verdict(Outcome.SENT, wamid=f"wamid.{n}")) for n in range(many)]


def quiet(_event: str, *, level: str = "info", **_fields: object) -> None: ...


def assert_polite(inputs: Inputs, turns: int, seconds: float = SECONDS) -> None:
    assert turns >= TURNS_MIN
    for name, calls in inputs.calls.items():
        # An event may be cleared more than once a turn, which costs nothing.
        if not name.endswith("cleared"):
            assert calls <= CALLS_A_SECOND * seconds, name


@pytest.mark.parametrize("kicked", ["never", "once", "always"])
@pytest.mark.parametrize("may_claim", [False, True])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        None,
        ClaimAnswer([], None, []),
        ClaimAnswer([], 0, []),
        ClaimAnswer([], 0, [CampaignWork("c", 0, 0)]),
        ClaimAnswer([], None, [CampaignWork("c", 5, 0)]),
    ],
)
def test_claiming(
    monkeypatch: pytest.MonkeyPatch,
    answer: ClaimAnswer | None,
    *,
    full: bool,
    may_claim: bool,
    kicked: str,
) -> None:
    """The fault itself: kicked while it must not claim, it never came back to the loop."""
    inputs = Inputs()

    def may() -> bool:
        inputs.count("may_claim")
        return may_claim

    async def run() -> None:
        waiting, in_flight = Waiting(), InFlight(400)
        waiting.rows = 1_000 if full else 0
        in_flight.moved = AlwaysSet(inputs, "moved")
        claiming = Claiming(
            Nothing(inputs, answer=answer),
            uuid4(),
            waiting,
            in_flight,
            quiet,
            lambda _: None,
            campaign_ids=None,
            may_claim=may,
        )
        if kicked == "always":
            claiming._kick = AlwaysSet(inputs, "kick")
        elif kicked == "once":
            claiming.kick()
        await claiming.run(until_idle=False)

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=SECONDS))


@pytest.mark.parametrize("set_again", [False, True])
@pytest.mark.parametrize("due", [None, -60.0, 0.0, 1e-9, 3600.0])
@pytest.mark.parametrize("no", ["may_send", "backed_up", "neither"])
def test_sending(
    monkeypatch: pytest.MonkeyPatch, due: float | None, no: str, *, set_again: bool
) -> None:
    inputs = Inputs()

    async def run() -> None:
        in_flight = InFlight(0 if no == "may_send" else 400)
        nothing = Nothing(inputs)
        worker = uuid4()
        settling = Settling(nothing, worker, in_flight, nothing, quiet, lambda _: None)
        if no == "backed_up":
            settling._unsettled.extend(unsettled(UNSETTLED_LIMIT))
        sending = Sending(
            nothing,
            nothing,  # type: ignore[arg-type]
            CredentialsCache(nothing, None),
            nothing,
            worker,
            Waiting(),
            in_flight,
            settling,
            quiet,
        )
        if set_again:
            sending._arrived = AlwaysSet(inputs, "arrived")
            in_flight.moved = AlwaysSet(inputs, "moved")
        if due is not None:
            # Also drives `_begin` (the fence that is never confirmed) and `_give_back`.
            now = boot_seconds()
            sending.take(ClaimAnswer([row(now + due)], None, []))
        await sending.run()

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=SECONDS))


@pytest.mark.parametrize("set_again", [False, True])
@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("rows", [0, 1, UNSETTLED_LIMIT])
def test_settling(
    monkeypatch: pytest.MonkeyPatch, rows: int, *, closing: bool, set_again: bool
) -> None:
    inputs = Inputs()

    async def run() -> None:
        in_flight = InFlight(400)
        nothing = Nothing(inputs)
        settling = Settling(nothing, uuid4(), in_flight, nothing, quiet, lambda _: None)
        if set_again:
            settling._arrived = AlwaysSet(inputs, "arrived")
            settling._full = AlwaysSet(inputs, "full")
        for one in unsettled(rows):
            settling.put(one)
        if closing:
            settling.close()
        await settling.run()

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=SECONDS))


def test_the_look_for_slow_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = Inputs()

    async def run() -> None:
        nothing = Nothing(inputs)

        def look(_now: float) -> None:
            inputs.count("look")

        in_flight = InFlight(1)
        monkeypatch.setattr(in_flight, "look_for_slow", look)
        processor = Processor(
            nothing,
            nothing,  # type: ignore[arg-type]
            nothing,
            quiet,
            uuid4(),
            in_flight,
            asyncio.Event(),
        )
        await processor._look()

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=SECONDS))


DEADLINES = Deadlines()


class AwayTransport:
    """A database that is away, and says so at once."""

    name = "postgres"
    idle_poll_seconds = 5.0

    def __init__(self, inputs: Inputs, *, busy: bool) -> None:
        self.inputs = inputs
        self.problem = DatabaseBusy("busy") if busy else DatabaseUnreachable("away")

    async def call(self, function: str, _params: dict[str, Any]) -> Any:
        self.inputs.count(function)
        raise self.problem

    async def wait_for_work(self, _seconds: float) -> None:
        self.inputs.count("wait_for_work")

    async def close(self) -> None: ...


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(
    "loop", ["beat", "recover", "scheduled starts", "watch", "start", "monitor"]
)
def test_loops_of_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loop: str, *, busy: bool
) -> None:
    inputs = Inputs()
    settings = load_settings(None, environ={"WACAMPAIGN_HOME": str(tmp_path)})
    # A journal of a worker that is gone, so that there is something to recover.
    WorkerJournal(tmp_path, uuid4()).close(settled=False)

    async def run() -> None:
        store = Store(AwayTransport(inputs, busy=busy))
        if loop == "beat":
            await Heartbeat(
                Workers(store), uuid4(), quiet, lambda: 0, DEADLINES, boot_seconds()
            ).run()
        elif loop == "recover":
            await recover_while_working(tmp_path, store, uuid4(), quiet)
        elif loop == "scheduled starts":
            await ScheduledStarts(store, settings, quiet, "test").run()
        elif loop == "watch":
            await Watching(store, settings, quiet, "worker").run()
        elif loop == "start":
            stopping = Stopping(quiet, InFlight(400))
            await Registration(store, uuid4(), tmp_path, quiet, stopping).wait(patient=True)
        else:
            feed = Feed(store, None, interval_seconds=1.0)
            feed.stats = Stats("", [campaign_at()], [])
            await monitor_live._look(feed, asyncio.Event())

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=60.0))
    assert inputs.calls


def test_the_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are refused at once, and such that end at once without an error."""
    inputs = Inputs()

    class Connection:
        async def execute(self, _statement: str) -> None:
            inputs.count("execute")
            if inputs.calls["execute"] % 1_000 == 0:
                raise psycopg.OperationalError("lost")

        async def notifies(self, **_: object) -> AsyncIterator[None]:
            return
            yield

        async def close(self) -> None: ...

    async def connect() -> Connection:
        inputs.count("connect")
        if inputs.calls["connect"] % 2:
            raise psycopg.OperationalError("refused")
        return Connection()

    async def keeps_its_session(*_: object) -> bool:
        return True

    async def run() -> None:
        transport = PostgresTransport("postgresql://nobody@127.0.0.1:1/none")
        monkeypatch.setattr(transport, "_connect", connect)
        monkeypatch.setattr(postgres_module, "keeps_its_session", keeps_its_session)
        await transport._listen()

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=60.0), 60.0)
    assert inputs.calls["connect"] > 1


@pytest.mark.parametrize("as_json", [False, True])
def test_the_monitors_lines(monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> None:
    inputs = Inputs()

    async def run() -> None:
        feed = Feed(Store(AwayTransport(inputs, busy=False)), None, interval_seconds=1.0)
        feed.stats = Stats("", [campaign_at()], [])
        feed.problem = DatabaseUnreachable("away")
        await _write_lines(feed, 1.0, as_json=as_json)

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=60.0))
    assert inputs.calls


def test_the_monitors_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when each frame is followed by another reason to draw."""
    inputs = Inputs()

    async def run() -> None:
        store = Store(AwayTransport(inputs, busy=False))
        feed = Feed(store, None, interval_seconds=1.0)
        feed.stats = Stats("", [campaign_at()], [])
        monkeypatch.setattr(monitor_live, "frame", lambda *_: drawn(inputs))
        monkeypatch.setattr(monitor_live, "print_frame", lambda *_, **__: None)
        monkeypatch.setattr(monitor_live.asyncio, "Event", lambda: AlwaysSet(inputs, "changed"))
        await monitor_live.watch(feed, Console(file=io.StringIO()), store)

    def drawn(inputs: Inputs) -> list[Text]:
        inputs.count("frame")
        return []

    assert_polite(inputs, turns_of_another(monkeypatch, run, seconds=SECONDS))
