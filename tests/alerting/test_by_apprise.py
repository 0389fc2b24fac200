"""Addresses that Apprise knows, by Apprise itself against an address of its own kind."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from tests.alerting.listener import AlertListener
from tests.alerting.test_delivery import ALERT, tell
from wacampaign.alerting import by_apprise


@pytest.fixture
def address(listener: AlertListener) -> str:
    """As Apprise writes a plain HTTP address that gets its own JSON."""
    return listener.url.replace("http://", "json://")


def test_apprise_tells_title_sentence_and_command(listener: AlertListener, address: str) -> None:
    (tried,) = tell([address])
    assert tried.problem is None
    assert tried.shown == "json://***"
    (got,) = listener.took
    assert (got["title"], got["type"]) == ("Campaign held: �[2Jspring sale", "failure")
    assert got["message"].endswith("→ wacampaign investigate-135000 4b7f0c2e")


def test_what_it_could_not_deliver_is_said_without_the_address(
    listener: AlertListener, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener.answers = [500]
    (tried,) = tell([address])
    assert tried.problem == "Apprise could not deliver it: compare the address with its manual"
    assert "T0KEN" not in caplog.text
    (tried,) = tell(["nosuchservice://T0KEN"])
    assert tried.problem == "is no address that Apprise knows"


def test_without_apprise_it_says_what_to_install(
    listener: AlertListener, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(by_apprise, "import_module", without)
    needing, plain = tell([address, listener.url])
    # Into the installation that runs: no index of packages has wacampaign.
    assert needing.problem == f"needs Apprise: {sys.executable} -m pip install apprise"
    assert needing.needs_apprise and plain.taken


def test_a_name_is_no_markup_where_a_service_reads_html(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[Any] = []

    class Answer:
        status_code, content, text = 200, b'{"ok": true}', '{"ok": true}'
        headers: ClassVar[dict[str, str]] = {}

    def post(_: str, **sent: Any) -> Answer:
        posted.append(sent["data"])
        return Answer()

    monkeypatch.setattr("requests.post", post)
    named = replace(ALERT, title="Paused: <Sale & more>", text="a <b")
    (tried,) = tell([f"tgram://123456789:{'a' * 35}/12315544/"], named)
    assert tried.problem is None
    (text,) = [json.loads(one)["text"] for one in posted]
    # Telegram refuses a message with half a tag.
    assert "&lt;Sale &amp; more&gt;" in text and "a &lt;b" in text
