"""Samples and creations on a bad line: an upload goes on, a creation is made once."""

from __future__ import annotations

import asyncio
import json

import pytest

from wacampaign.meta.creation import TemplateApi
from wacampaign.problems import Busy, Refused, Unreachable

from .fault_server import Arrived, answer, serving
from .test_client import TOKEN, WABA, error, script

SESSION = answer(json.dumps({"id": "upload:abc?sig=ARx"}).encode())
HANDLE = answer(json.dumps({"h": "4::abc"}).encode())


def offset(n: int) -> bytes:
    return answer(json.dumps({"id": "upload:abc?sig=ARx", "file_offset": n}).encode())


def uploaded(*answers: bytes) -> tuple[str, list[Arrived]]:
    """The handle, and the requests that it took."""

    async def work() -> tuple[str, list[Arrived]]:
        async with serving(script(*answers)) as server:
            async with TemplateApi(server.base_url, "v25.0", TOKEN) as api:
                handle = await api.upload_sample("5", b"0123456789", "video/mp4", "a b.mp4")
            return handle, list(server.arrived)

    return asyncio.run(work())


def test_a_broken_upload_goes_on_where_meta_says() -> None:
    handle, requests = uploaded(SESSION, b"", offset(4), HANDLE)
    assert handle == "4::abc"
    begin, first, look, rest = requests
    assert begin.line.startswith("POST /v25.0/5/uploads?file_name=a")
    assert "file_length=10" in begin.line
    assert first.line == "POST /v25.0/upload:abc?sig=ARx HTTP/1.1"
    assert first.headers["authorization"] == f"OAuth {TOKEN}"
    assert first.headers["file_offset"] == "0"
    assert look.line == "GET /v25.0/upload:abc?sig=ARx HTTP/1.1"
    assert (rest.headers["file_offset"], rest.body) == ("4", b"456789")


def test_an_upload_that_breaks_again_and_again_ends() -> None:
    with pytest.raises(Unreachable):
        uploaded(SESSION, b"")


def created(*answers: bytes) -> int:
    """The requests that one creation took."""

    async def work() -> int:
        async with serving(script(*answers)) as server:
            async with TemplateApi(server.base_url, "v25.0", TOKEN) as api:
                with pytest.raises((Refused, Unreachable, Busy)) as raised:
                    await api.create_template(WABA, {"name": "x"})
            assert TOKEN not in str(raised.value)
            return len(server.arrived)

    return asyncio.run(work())


def test_a_creation_without_an_answer_is_not_repeated() -> None:
    assert created(b"", b"") == 1
    assert created(answer(error(2), "500 Oops")) == 1


def test_a_refused_creation_is_told_in_metas_words() -> None:
    told = error(
        100,
        "Invalid parameter",
        error_subcode=2388023,
        error_user_title="Message template language is being deleted",
        error_user_msg="Try again in 4 weeks.",
    )

    async def work() -> Refused:
        async with (
            serving(script(answer(told, "400 Bad Request"))) as server,
            TemplateApi(server.base_url, "v25.0", TOKEN) as api,
        ):
            with pytest.raises(Refused) as raised:
                await api.create_template(WABA, {"name": "x"})
        return raised.value

    problem = asyncio.run(work())
    assert problem.message == (
        "Meta refused the new template (100/2388023): Message template language is being deleted: "
        "Try again in 4 weeks"
    )
    assert "another name" in problem.suggestion
