"""CloudApi against a server on a real socket: retries, paging, and errors without the token."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trustme

from wacampaign.meta.client import ATTEMPTS, CloudApi
from wacampaign.problems import AccessRefused, Busy, Misconfigured, Problem, Unreachable

from .fault_server import FaultServer, answer, server_context, serving

TOKEN = "sandbox-token"
NUMBER = "100000000000001"
WABA = "200000000000002"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wacampaign.meta.client.BACK_OFF_S", 0.01)


def error(code: int, message: str = "Meta says no", **more: object) -> bytes:
    return json.dumps({"error": {"message": message, "code": code, **more}}).encode()


def script(*answers: bytes) -> Callable[..., Awaitable[None]]:
    """Answers requests in this order, the last one for ever; `b""` closes instead."""
    left = list(answers)

    async def behaviour(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await server.read(reader)
            now = left.pop(0) if len(left) > 1 else left[0]
            if not now:
                return
            writer.write(now)

    return behaviour


def raised_by(*answers: bytes) -> tuple[Problem, int]:
    """The problem that reading a number ends in, and the number of requests it took."""

    async def work() -> tuple[Problem, int]:
        async with serving(script(*answers)) as server:
            async with CloudApi(server.base_url, "v25.0", TOKEN) as client:
                with pytest.raises(Problem) as raised:
                    await client.number(NUMBER)
            assert TOKEN not in "".join(traceback.format_exception(raised.value))
            return raised.value, len(server.arrived)

    return asyncio.run(work())


@pytest.mark.parametrize("code", [0, 3, 10, 102, 190, 200, 299, 131005])
@pytest.mark.parametrize("status", ["401 Unauthorized", "500 Oops"])
def test_access_refused_is_not_tried_again(code: int, status: str) -> None:
    problem, requests = raised_by(answer(error(code), status))
    assert isinstance(problem, AccessRefused)
    assert "Meta says no" in problem.message
    assert requests == 1


def test_401_without_a_code() -> None:
    assert isinstance(raised_by(answer(b"", "401 Unauthorized"))[0], AccessRefused)


@pytest.mark.parametrize("last", [answer(b"<html>", "503 Down"), answer(error(2), "500 Oops"), b""])
def test_unreachable_after_some_attempts(last: bytes) -> None:
    problem, requests = raised_by(last)
    assert isinstance(problem, Unreachable)
    assert problem.exit_code == 69
    assert requests == ATTEMPTS


def test_an_api_that_is_silent_is_told_in_words() -> None:
    async def silent(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.read(reader)
        await asyncio.Event().wait()
        writer.close()

    async def work() -> Problem:
        async with (
            serving(silent) as server,
            CloudApi(server.base_url, "v25.0", TOKEN, timeout_s=0.05) as client,
        ):
            with pytest.raises(Unreachable) as raised:
                await client.number(NUMBER)
            return raised.value

    assert asyncio.run(work()).message.endswith("for the number: it gave no answer in time")


def test_transient_is_tried_again_whatever_its_status() -> None:
    problem, requests = raised_by(answer(error(1, is_transient=True), "400 Bad Request"))
    assert isinstance(problem, Unreachable)
    assert requests == ATTEMPTS


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Slow"])
def test_call_limit(status: str) -> None:
    problem, requests = raised_by(answer(error(80007), status))
    assert isinstance(problem, Busy)
    assert requests == 1


def test_anything_else_is_a_problem_with_metas_words() -> None:
    body = error(100, "Unsupported get request.", error_data={"details": "No such field"})
    problem, requests = raised_by(answer(body, "400 Bad Request"))
    assert type(problem) is Problem
    assert "code 100 for the number: Unsupported get request. No such field" in problem.message
    assert requests == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"\xff\xfe"])
def test_an_answer_that_is_not_metas(body: bytes) -> None:
    problem, _ = raised_by(answer(body))
    assert "not the Cloud API" in problem.message


@pytest.mark.parametrize("body", [b"[]", b'{"error":"text"}', b'{"error":{"code":"x"}}', b"null"])
def test_an_error_of_unknown_shape(body: bytes) -> None:
    problem, _ = raised_by(answer(body, "400 Bad Request"))
    assert type(problem) is Problem
    assert "HTTP 400" in problem.message


def test_a_redirect_is_not_followed() -> None:
    problem, requests = raised_by(answer(b"", "302 Found", "Location: /elsewhere"))
    assert "HTTP 302" in problem.message
    assert requests == 1


def test_broken_answers_are_tried_again() -> None:
    async def work() -> None:
        good = answer(json.dumps({"id": NUMBER, "status": "CONNECTED"}).encode())
        async with (
            serving(script(b"", answer(b"", "502 Bad Gateway"), good)) as server,
            CloudApi(server.base_url, "v25.0", TOKEN) as client,
        ):
            assert (await client.number(NUMBER)).status == "CONNECTED"
            assert len(server.arrived) == 3
            assert server.arrived[0].headers["authorization"] == f"Bearer {TOKEN}"

    asyncio.run(work())


def test_nobody_there() -> None:
    async def work() -> None:
        async with CloudApi("http://127.0.0.1:1", "v25.0", TOKEN) as client:
            with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached"):
                await client.number(NUMBER)

    asyncio.run(work())


def test_untrusted_certificate(authority: trustme.CA, ca_file: str) -> None:
    async def work() -> None:
        good = answer(json.dumps({"id": NUMBER}).encode())
        async with serving(script(good), server_context(authority)) as server:
            async with CloudApi(server.base_url, "v25.0", TOKEN) as client:
                with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.number(NUMBER)
            async with CloudApi(server.base_url, "v25.0", TOKEN, ca_file=ca_file) as client:
                assert (await client.number(NUMBER)).id == NUMBER

    asyncio.run(work())


def paged(*bodies: dict[str, Any]) -> Callable[..., Awaitable[None]]:
    """One page after the other, the last one for ever; `{base}` is the server's address."""
    left = list(bodies)

    async def behaviour(
        server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await server.read(reader)
            body = left.pop(0) if len(left) > 1 else left[0]
            writer.write(answer(json.dumps(body).replace("{base}", server.base_url).encode()))

    return behaviour


def listed(path: str = "", *bodies: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Ids of the templates, and the request lines."""

    async def work() -> tuple[list[str], list[str]]:
        async with (
            serving(paged(*bodies)) as server,
            CloudApi(server.base_url + path, "v25.0", TOKEN) as client,
        ):
            ids = [template.id async for template in client.templates(WABA)]
            return ids, [request.line for request in server.arrived]

    return asyncio.run(work())


def test_next_page_without_the_token_in_its_address() -> None:
    following = "{base}/v25.0/1/message_templates?access_token=sandbox-token&after=x"
    ids, lines = listed(
        "",
        {"data": [{"id": "1"}], "paging": {"next": following}},
        {"data": [{"id": "2"}], "paging": {"cursors": {"after": "y"}}},
    )
    assert ids == ["1", "2"]
    assert lines[1] == "GET /v25.0/1/message_templates?after=x HTTP/1.1"


def test_next_page_below_the_same_path() -> None:
    ids, _ = listed(
        "/graph",
        {"data": [{"id": "1"}], "paging": {"next": "{base}/graph/v25.0/1?after=x"}},
        {"data": [{"id": "2"}]},
    )
    assert ids == ["1", "2"]


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/v25.0/1?after=x",
        "https://127.0.0.1/v25.0/1?after=x",
        "{base}@evil.example/v25.0/1",
        "{base}/elsewhere/v25.0/1",
        "/graph/v25.0/1?after=x",
        "http://[",
    ],
)
def test_next_page_elsewhere_is_refused(following: str) -> None:
    with pytest.raises(Problem, match="another host"):
        listed("/graph", {"data": [{"id": "1"}], "paging": {"next": following}})


def test_pages_that_go_round() -> None:
    with pytest.raises(Problem, match="do not end"):
        listed("", {"data": [], "paging": {"next": "{base}/v25.0/1?after=x"}})


def test_pages_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wacampaign.meta.client.MAX_PAGES", 5)
    endless = [{"paging": {"next": f"{{base}}/v25.0/1?after={n}"}} for n in range(9)]
    with pytest.raises(Problem, match="do not end"):
        listed("", *endless)


def test_odd_values_become_empty_ones() -> None:
    async def work() -> None:
        odd = {
            "id": 7,
            "status": None,
            "throughput": "fast",
            "health_status": {"entities": [None, {"errors": [{"error_code": "x"}]}]},
        }
        async with (
            serving(paged(odd)) as server,
            CloudApi(server.base_url, "v25.0", TOKEN) as client,
        ):
            number = await client.number(NUMBER)
            assert (number.id, number.status, number.throughput) == ("7", "", "")
            assert number.health is not None
            assert number.health.entities[0].errors[0].code is None
            template = await client.template("7")
            assert template.parameter_format == "POSITIONAL"
            assert template.components == ()

    asyncio.run(work())


@pytest.mark.parametrize("object_id", ["", "1/2", "..", "٣", "me"])
def test_ids_are_digits(object_id: str) -> None:
    async def work() -> None:
        async with CloudApi("http://127.0.0.1:1", "v25.0", TOKEN) as client:
            with pytest.raises(Problem, match="digits"):
                await client.health(object_id)

    asyncio.run(work())


@pytest.mark.parametrize("token", ["", "sandbox token", "sandbox\n", "sandbøx"])
def test_token_that_no_header_may_carry(token: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        CloudApi("https://graph.facebook.com", "v25.0", token)
    assert not token or token not in raised.value.message
