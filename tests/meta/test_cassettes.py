"""Meta's documented answers, replayed: what both clients make of them, without any network."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml

from wacampaign.core.engine.ports import HttpAnswer
from wacampaign.meta.client import CloudApi
from wacampaign.meta.refusal import NoSuchObject
from wacampaign.meta.send import MessageSender
from wacampaign.meta.subscriptions import SubscriptionApi
from wacampaign.problems import AccessRefused, Problem

from .fault_server import FaultServer, serving
from .fault_server import answer as recorded

CASSETTES = Path(__file__).parent / "cassettes"
BASE_URL = "https://graph.facebook.com"
TOKEN = "sandbox-token"
NUMBER = "100000000000001"
WABA = "200000000000002"


@contextmanager
def replaying(name: str) -> Iterator[Any]:
    """Anything that is not in the cassette, the query included, is an error; so is a leftover."""
    player = vcr.VCR(
        record_mode="none",
        match_on=("method", "scheme", "host", "port", "path", "query"),
    )
    with player.use_cassette(str(CASSETTES / f"{name}.yaml")) as cassette:
        yield cassette
        assert cassette.all_played


def api() -> CloudApi:
    return CloudApi(BASE_URL, "v25.0", TOKEN)


def test_templates_over_two_pages() -> None:
    async def work() -> None:
        async with api() as client:
            offer, notice = [template async for template in client.templates(WABA)]
        assert (offer.name, offer.language, offer.status) == ("offer", "en_GB", "APPROVED")
        assert (offer.parameter_format, offer.quality) == ("POSITIONAL", "GREEN")
        assert offer.rejected_reason is None
        assert [part["type"] for part in offer.components] == ["HEADER", "BODY", "BUTTONS"]
        assert (notice.status, notice.rejected_reason) == ("REJECTED", "INVALID_FORMAT")
        assert notice.parameter_format == "NAMED"
        assert notice.last_updated_time is None

    with replaying("templates_two_pages"):
        asyncio.run(work())


def test_template_by_id() -> None:
    async def work() -> None:
        async with api() as client:
            assert (await client.template("300000000000001")).category == "MARKETING"

    with replaying("template"):
        asyncio.run(work())


def test_number() -> None:
    async def work() -> None:
        async with api() as client:
            number = await client.number(NUMBER)
        assert (number.status, number.throughput) == ("CONNECTED", "STANDARD")
        assert (number.account_mode, number.messaging_limit) == ("LIVE", "TIER_2K")
        assert number.most_per_second == 80
        assert number.display_phone_number == "+44 7700 900123"
        assert "900123" not in repr(number)
        assert number.health is not None
        assert number.health.can_send_message == "LIMITED"
        business = number.health.entities[2]
        assert business.type == "BUSINESS"
        assert business.additional_info == ("Your business has not been verified.",)

    with replaying("number"):
        asyncio.run(work())


def test_numbers() -> None:
    async def work() -> None:
        async with api() as client:
            (number,) = [number async for number in client.numbers(WABA)]
        # In use in the WhatsApp Business app as well: 20 a second, whatever the level.
        assert (number.id, number.throughput, number.most_per_second) == (NUMBER, "STANDARD", 20)

    with replaying("numbers"):
        asyncio.run(work())


def test_subscribed_apps() -> None:
    async def work() -> None:
        async with SubscriptionApi(BASE_URL, "v25.0", TOKEN) as client:
            ours, other = await client.subscribed(WABA)
            await client.subscribe(WABA, "https://example.com/", "v")
        assert (ours.app_id, ours.override) == (
            "500000000000005",
            "https://example.com/api/webhooks",
        )
        assert ours.in_words == "Example app (500000000000005), to https://example.com/api/webhooks"
        assert (other.override, other.goes_to) == (None, "the app's own address")

    with replaying("subscribed_apps"):
        asyncio.run(work())


def test_health_that_blocks() -> None:
    async def work() -> None:
        async with api() as client:
            health = await client.health(NUMBER)
        assert health.can_send_message == "BLOCKED"
        [error] = [error for entity in health.entities for error in entity.errors]
        assert (error.code, error.solution) == (141006, "Add a valid payment method.")

    with replaying("health_blocked"):
        asyncio.run(work())


def test_expired_token() -> None:
    async def work() -> None:
        async with api() as client:
            with pytest.raises(AccessRefused, match="Session has expired") as raised:
                await client.number(NUMBER)
        assert raised.value.exit_code == 4
        assert TOKEN not in raised.value.message

    with replaying("error_190"):
        asyncio.run(work())


def test_unknown_object() -> None:
    async def work() -> None:
        async with api() as client:
            with pytest.raises(Problem, match="HTTP 404, code 803") as raised:
                await client.template("300000000000009")
        assert type(raised.value) is NoSuchObject

    with replaying("error_unknown_object"):
        asyncio.run(work())


def test_media_by_id() -> None:
    async def work() -> None:
        async with api() as client:
            media = await client.media("400000000000001", NUMBER)
        assert media is not None
        assert (media.id, media.mime_type, media.file_size) == (
            "400000000000001",
            "video/mp4",
            114_688,
        )
        assert "lookaside" not in repr(media)

    with replaying("media"):
        asyncio.run(work())


def test_unknown_media() -> None:
    async def work() -> None:
        async with api() as client:
            assert await client.media("400000000000009") is None

    with replaying("media_unknown"):
        asyncio.run(work())


def test_media_upload() -> None:
    async def work() -> None:
        async with api() as client:
            given = await client.upload_media(NUMBER, b"film", "video/mp4", "film.mp4")
        assert given == "400000000000001"

    with replaying("media_upload"):
        asyncio.run(work())


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("message_accepted", 200, None),
        ("message_135000", 400, 135000),
        ("message_130429", 400, 130429),
        ("message_131056", 400, 131056),
        ("message_132000", 400, 132000),
        ("message_190", 401, 190),
    ],
)
def test_answers_to_a_message(name: str, status: int, code: int | None) -> None:
    [said] = yaml.safe_load((CASSETTES / f"{name}.yaml").read_text())["interactions"]
    assert said["request"]["uri"] == f"{BASE_URL}/v25.0/{NUMBER}/messages"
    body: bytes = said["response"]["body"]["string"].encode()
    line = "{code} {message}".format(**said["response"]["status"])

    async def meta(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        writer.write(recorded(body, line, "Content-Type: application/json; charset=UTF-8"))

    async def work() -> HttpAnswer:
        # Over a socket: what replaces aiohttp's session does not see what goes by its connections.
        async with serving(meta) as server, MessageSender(server.base_url, "v25.0") as sender:
            return await sender.post(NUMBER, TOKEN, b'{"to":"+447700900123"}')

    got = asyncio.run(work())
    assert got.status == status
    answer = json.loads(got.body)
    if code is None:
        assert answer["messages"][0]["id"].startswith("wamid.")
    else:
        assert answer["error"]["code"] == code


def cassettes() -> list[Path]:
    return sorted(CASSETTES.glob("*.yaml"))


def test_there_are_cassettes() -> None:
    assert len(cassettes()) >= 13


@pytest.mark.parametrize("path", cassettes(), ids=lambda path: path.stem)
def test_cassettes_hold_no_secret_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# Written by hand from Meta's documentation")
    assert "NOT recorded from Meta" in text
    for secret in ("EAA", "sb_secret_", "eyJ"):
        assert secret not in text
    # Anything that looks like a phone number: with a +, or 11 to 13 digits alone.
    for match in re.finditer(r"\+(\d[\d ()-]{8,18}\d)|(?<![\w.+])(\d{11,13})(?!\d)", text):
        digits = re.sub(r"\D", "", match.group())
        assert re.fullmatch(r"447700900\d{3}", digits), match.group()
