"""An alert reaches its addresses, or says why not, without their secrets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.alerting.listener import AlertListener
from tests.servers import free_port
from wacampaign.alerting.addresses import address_mark, shown_address
from wacampaign.alerting.database_away import DatabaseAwayAlert
from wacampaign.alerting.delivery import AlertDelivery, Tried
from wacampaign.core.alerts.alert import Alert, AlertKind

ALERT = Alert(
    id="1",
    due="new",
    key="held:c",
    kind=AlertKind.HELD,
    severity="error",
    title="Campaign held: \x1b[2Jspring\nsale",
    text="template t is held until you resume: \u202eno medium",
    command="wacampaign investigate-135000 4b7f0c2e",
    first_seen_at="2026-11-26T20:00:00Z",
    campaign_id="4b7f0c2e-0000-4000-8000-000000000000",
    campaign="\x1b[2Jspring\nsale",
)


def tell(urls: Sequence[str], alert: Alert = ALERT, taken_by: Sequence[str] = ()) -> list[Tried]:
    async def play() -> list[Tried]:
        delivery = AlertDelivery(urls, pauses_seconds=(0.01, 0.01))
        try:
            return await delivery.tell(alert, taken_by)
        finally:
            await delivery.close()

    return asyncio.run(play())


def test_a_plain_url_gets_json_that_a_terminal_may_be_shown(listener: AlertListener) -> None:
    assert [tried.problem for tried in tell([listener.url])] == [None]
    (got,) = listener.took
    assert got.pop("told_by")
    assert got == {
        "schema_version": 1,
        "id": "1",
        "what": "new",
        "kind": "held",
        "severity": "error",
        "key": "held:c",
        "title": "Campaign held: �[2Jspring sale",
        "text": "Campaign held: �[2Jspring sale\ntemplate t is held until you resume: �no medium\n"
        "→ wacampaign investigate-135000 4b7f0c2e",
        "reason": "template t is held until you resume: �no medium",
        "command": "wacampaign investigate-135000 4b7f0c2e",
        "campaign": {
            "id": "4b7f0c2e-0000-4000-8000-000000000000",
            "short_id": "4b7f0c2e",
            "name": "�[2Jspring sale",
        },
        "first_seen_at": "2026-11-26T20:00:00Z",
        "ended_at": None,
        "times_told": 0,
    }
    tell([listener.url], replace(ALERT, due="end"))
    assert "→" not in listener.took[1]["text"], "there is nothing to type when it is over"
    assert listener.took[1]["severity"] == "success"


@pytest.mark.parametrize(
    ("answers", "requests", "problem"),
    [
        ([500, None, 200], 3, None),
        ([429, 204], 2, None),
        ([503], 3, "answered 503 Service Unavailable"),
        ([404], 1, "answered 404 Not Found"),
        ([302], 1, "answered 302 Found, and that is not followed"),
        ([None], 3, "cannot be reached (RemoteProtocolError)"),
    ],
)
def test_what_may_come_right_is_tried_again(
    listener: AlertListener, answers: list[int | None], requests: int, problem: str | None
) -> None:
    listener.answers = answers
    assert [tried.problem for tried in tell([listener.url])] == [problem]
    assert listener.requests == requests


def test_an_answer_without_an_end_is_not_read(listener: AlertListener) -> None:
    listener.answers = [1]
    assert [tried.problem for tried in tell([listener.url])] == [None]
    assert listener.requests == 1


def test_an_answer_that_comes_a_byte_at_a_time_is_none(
    dripping: str, listener: AlertListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wacampaign.alerting.delivery.REQUEST_SECONDS", 0.5)
    slow, other = tell([dripping, listener.url])
    assert (slow.problem, slow.unreachable) == ("no answer within 0.5 s", True)
    assert other.taken and len(listener.took) == 1


def test_a_name_calls_nobody(listener: AlertListener) -> None:
    named = replace(
        ALERT, title="Paused: @Everyone <!channel>", text="by <@U0123> of @here.example"
    )
    tell([listener.url, listener.url.replace("http://", "json://")], named)
    assert len(listener.took) == 2
    for got in listener.took:
        text = got.get("text") or f"{got['title']} {got['message']}"
        assert "Everyone" in text
        assert not re.search("@everyone|<[!@]|@here", text, re.IGNORECASE)


def test_one_bad_address_keeps_no_other_from_it(listener: AlertListener) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/T0KEN-OF-THE-ADDRESS"
    unknown = "no-such-service://T0KEN-OF-THE-ADDRESS"
    bad = ["http://[T0KEN-OF-THE-ADDRESS", "https://T0KEN OF:x/"]
    tries = tell([nowhere, unknown, *bad, listener.url])
    assert [tried.taken for tried in tries] == [False] * 4 + [True]
    assert (tries[0].unreachable, tries[1].unreachable, tries[4].unreachable) == (
        True,
        False,
        False,
    )
    assert all(tried.problem for tried in tries[:4])
    assert "T0KEN" not in "".join(f"{tried.shown} {tried.problem}" for tried in tries)
    # Whoever has it does not get it again.
    assert [one.taken for one in tell([listener.url, nowhere], taken_by=[tries[4].mark])] == [False]
    assert len(listener.took) == 1


def test_an_address_with_a_port_that_there_is_not_is_none() -> None:
    (tried,) = tell(["http://127.0.0.1:87890/hook"])
    assert (tried.problem, tried.unreachable) == ("is no address that can be asked", False)


def test_addresses_are_named_without_their_secrets() -> None:
    shown = {
        "https://hooks.slack.com/services/T0/B0/secret": "https://***.slack.com/***",
        "https://user:secret@example.com/?token=secret": "https://example.com/***",
        "https://secret-name.m.pipedream.net": "https://***.pipedream.net/***",
        "http://127.0.0.1:8080/secret": "http://127.0.0.1/***",
        "http://[::1]:8080/secret": "http://[::1]/***",
        "tgram://secret/12345": "tgram://***",
        "http://[secret": "http://***",
    }
    assert {url: shown_address(url) for url in shown} == shown
    assert "secret" not in "".join(map(address_mark, shown))


def test_an_outage_is_told_once_and_its_end(listener: AlertListener) -> None:
    async def play() -> None:
        delivery = AlertDelivery([listener.url])
        away = DatabaseAwayAlert(delivery, "worker 1b2c3d4e@alpha", away_seconds=0.0)
        await away.note(False)
        await away.note(True)
        await away.note(False)  # a blip
        for _ in range(5):
            await away.note(True)
        for _ in range(3):
            await away.note(False)
        await delivery.close()

    asyncio.run(play())
    assert [(one["kind"], one["what"]) for one in listener.took] == [
        ("database_away", "new"),
        ("database_away", "end"),
    ]
    assert "worker 1b2c3d4e@alpha" in json.dumps(listener.took[0])
