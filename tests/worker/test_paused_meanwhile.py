"""A campaign that is paused while a worker sends it: its log says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from wacampaign.core.campaign.completion import CompletionVerdict
from wacampaign.core.campaign.counts import Counts
from wacampaign.core.engine.claiming import Claiming
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.ports import CampaignWork, ClaimAnswer, DatabaseAway
from wacampaign.core.engine.waiting import Waiting

LEFT = Counts(pending=0, ready=295, retry_later=0, processing=0, in_doubt=0, sent=5, failed=0)
PAUSED = CompletionVerdict(False, "paused", LEFT, 0, None, None)


class Queue:
    """Claims nothing; the campaign runs in the first answers only."""

    idle_poll_seconds = 5.0

    def __init__(self, *verdicts: CompletionVerdict | Exception) -> None:
        self.answers = [ClaimAnswer([], 0, [CampaignWork("c", 295, 5)])]
        self.verdicts = list(verdicts)

    async def claim(self, *_: object, **__: object) -> ClaimAnswer:
        return self.answers.pop(0) if self.answers else ClaimAnswer([], None, [])

    async def complete(self, *_: object) -> CompletionVerdict:
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def wait_for_work(self, _seconds: float) -> None: ...


def log_of(queue: Queue) -> list[tuple[str, str, dict[str, Any]]]:
    lines: list[tuple[str, str, dict[str, Any]]] = []

    def log(event: str, *, level: str = "info", **fields: Any) -> None:
        lines.append((event, level, fields))

    claiming = Claiming(
        queue,  # type: ignore[arg-type]
        uuid4(),
        Waiting(),
        InFlight(400),
        log,
        lambda _: None,
        campaign_ids=None,
        may_claim=lambda: True,
    )
    asyncio.run(claiming.run(until_idle=True))
    assert not queue.verdicts
    return lines


def test_that_it_was_paused_is_said_once_and_with_what_is_left() -> None:
    ((event, level, fields),) = log_of(Queue(PAUSED))
    assert (event, level, fields["campaign"]) == ("verdict", "warning", "c")
    assert fields["verdict"] == "not complete (paused): 295 rows ready"
    assert fields["ready"] == 295


def test_it_is_asked_again_when_the_database_was_away() -> None:
    lines = log_of(Queue(DatabaseAway("away"), PAUSED))
    assert [event for event, _, _ in lines] == ["database_away", "verdict"]


@pytest.mark.parametrize(
    "verdict", [replace(PAUSED, status="completed"), RuntimeError("no such campaign")]
)
def test_what_others_completed_or_deleted_needs_no_word(verdict: Any) -> None:
    assert log_of(Queue(verdict)) == []
