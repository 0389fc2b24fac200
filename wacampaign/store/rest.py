"""Supabase's REST address with supabase-py: for days without a direct connection."""

from __future__ import annotations

import asyncio
import html
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from wacampaign.problems import Misconfigured, Problem
from wacampaign.store.answers import checked_answer
from wacampaign.store.states import (
    NO_ANSWER_OF_OURS,
    DatabaseUnreachable,
    problem_from_state,
    problem_from_status,
    problem_of,
    while_running,
)
from wacampaign.store.transport import IDLE_POLL_SECONDS

if TYPE_CHECKING:
    from supabase import AsyncClient

#: Connect and whole-call limits in seconds. Claims take milliseconds in the database; Supabase's
#: own statement limit for the service role is 8 s (platform-facts 2.3).
CONNECT_SECONDS: Final = 3.0
CALL_SECONDS: Final = 15.0
#: Seconds for a look whether the address answers again, made beside a call after an outage.
LOOK_SECONDS: Final = 1.5
#: Seconds that such a call may go on when the look was answered; then it is asked again.
GRACE_SECONDS: Final = 1.0
#: Characters of a foreign answer that are shown.
SHOWN_CHARS: Final = 200

#: A code of PostgREST or PostgreSQL, by the classes that those have (PostgreSQL, appendix A).
_CODE: Final = re.compile(r"PGRST\w+|(?:\d[\dA-Z]|F0|HV|P0|PT|XX)[\dA-Z]{3}")

#: The last answer of this task: supabase-py's errors do not say the HTTP status.
_answered: ContextVar[httpx.Response | None] = ContextVar("_answered", default=None)


class RestTransport:
    """Calls over PostgREST. Nobody wakes us here, so the worker polls."""

    name = "supabase"
    idle_poll_seconds = IDLE_POLL_SECONDS

    def __init__(
        self,
        url: str,
        key: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._url = url
        self._key = key
        self._connect_seconds = connect_seconds
        self._call_seconds = call_seconds
        self._client: AsyncClient | None = None
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        #: A call went well once: the address is right.
        self._worked = False
        #: The last call got no answer: connections that are kept may hang.
        self._away = False

    async def _opened(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                # 270 ms to import, so only when it is used.
                from supabase import AsyncClientOptions, acreate_client

                # HTTP/2 streams are cut without notice (supabase-py #1064), so HTTP/1.1.
                self._http = httpx.AsyncClient(
                    http2=False,
                    timeout=httpx.Timeout(self._call_seconds, connect=self._connect_seconds),
                    limits=httpx.Limits(max_connections=20, keepalive_expiry=30),
                    event_hooks={"response": [_remember]},
                )
                try:
                    self._client = await acreate_client(
                        self._url, self._key, options=AsyncClientOptions(httpx_client=self._http)
                    )
                except Exception:
                    await self._http.aclose()
                    # Its text may quote the key.
                    raise Misconfigured(
                        "Supabase's client refused the form of the address or key",
                        "check SUPABASE_URL and SUPABASE_SERVICE_KEY in .env",
                    ) from None
            return self._client

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls one function; see `Transport.call`."""
        try:
            if self._away:
                answer = await self._ask_after_outage(function, params)
            else:
                answer = await self._ask(function, params)
            answer = checked_answer(function, answer)
        except DatabaseUnreachable:
            self._away = True
            raise
        except Problem as problem:
            raise (while_running(problem) if self._worked else problem) from None
        self._worked, self._away = True, False
        return answer

    async def _ask(self, function: str, params: dict[str, Any]) -> Any:
        from postgrest import APIError

        client = await self._opened()
        _answered.set(None)
        try:
            # httpx's own limits are for each read; an answer in drops would have no end.
            async with asyncio.timeout(self._call_seconds):
                answer = await client.rpc(
                    f"wacampaign_{function}", {f"p_{key}": value for key, value in params.items()}
                ).execute()
        except APIError as error:
            raise _api_problem(_answered.get(), error.code, error.message, error.hint) from None
        except TimeoutError:
            raise DatabaseUnreachable(
                f"Supabase did not answer within {self._call_seconds:g} s",
                "check SUPABASE_URL and the network",
            ) from None
        except httpx.HTTPError as error:
            raise DatabaseUnreachable(
                f"Supabase cannot be reached: {type(error).__name__} {error}".strip(),
                "check SUPABASE_URL and the network",
            ) from None
        response = _answered.get()
        if isinstance(answer.data, str) and response is not None:  # no JSON, or not all of it
            raise problem_of(NO_ANSWER_OF_OURS, _shown(response))
        return answer.data

    async def _ask_after_outage(self, function: str, params: dict[str, Any]) -> Any:
        """As `_ask`, but does not wait on a connection that hangs while others are answered.

        Every function may be called again, so the call is, once.
        """
        asking = asyncio.create_task(self._ask(function, params))
        try:
            while not asking.done():
                looking = asyncio.create_task(self._ask("schema_version", {}))
                try:
                    await asyncio.wait(
                        (asking, looking),
                        timeout=LOOK_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if not asking.done() and looking.done():
                        await asyncio.wait({asking}, timeout=GRACE_SECONDS)
                        if not asking.done() and looking.exception() is None:
                            return await self._ask(function, params)
                finally:
                    await _ended(looking)
            return asking.result()
        finally:
            await _ended(asking)

    async def wait_for_work(self, seconds: float) -> None:
        """Sleeps: REST has no wake-up that can be relied on."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Closes the HTTP client that we gave to supabase-py."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
            self._client = None


async def _remember(response: httpx.Response) -> None:
    _answered.set(response)


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _api_problem(
    response: httpx.Response | None, code: str | None, message: str | None, hint: str | None
) -> Problem:
    if response is None:
        return problem_from_state(str(code or ""), message or "no message", hint)
    if response.is_redirect:
        return _redirected(response)
    if code is not None and _CODE.fullmatch(code):
        return problem_from_state(code, message or "no message", hint)
    # A gateway's own code, or the status that supabase-py puts there.
    said = message if _is_json_object(response) and message else _shown(response)
    if hint and response.status_code in (401, 403):
        said = f"{said} ({hint})"
    return problem_from_status(response.status_code, said)


def _redirected(response: httpx.Response) -> Problem:
    """A login page or another address: neither is followed, the key would go along."""
    to = urlsplit(response.headers.get("location", ""))
    ours = response.request.url
    if to.hostname == ours.host and (to.scheme, ours.scheme) == ("https", "http"):
        return Misconfigured(
            "SUPABASE_URL begins with http://, and its server wants https://",
            "write https:// in SUPABASE_URL",
        )
    place = to.hostname or "another page"
    return Misconfigured(
        f"SUPABASE_URL leads to {place} ({response.status_code}), such as a login page",
        "check SUPABASE_URL and what stands before it; the REST address must answer by itself",
    )


def _is_json_object(response: httpx.Response) -> bool:
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


def _shown(response: httpx.Response) -> str:
    """The beginning of an answer that is not ours; of a page its title."""
    text = response.text
    if not text.strip():
        return "an empty answer"
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title is not None:
        text = f"a page “{html.unescape(title[1])}”"
    elif "<html" in text[:1000].lower():
        text = "a page without a title"
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
