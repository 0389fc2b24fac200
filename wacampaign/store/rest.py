"""Supabase's REST address with supabase-py: for days without a direct connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from wacampaign.problems import AccessRefused, Problem, Unreachable
from wacampaign.store.transport import problem_from_state

if TYPE_CHECKING:
    from supabase import AsyncClient

#: Connect and whole-call limits in seconds. Claims take milliseconds in the database; Supabase's
#: own statement limit for the service role is 8 s (platform-facts 2.3).
CONNECT_SECONDS = 3.0
CALL_SECONDS = 15.0


class RestTransport:
    """Calls over PostgREST. Nobody wakes us here, so the worker polls, 100 ms to 5 s apart."""

    name = "supabase"
    idle_poll_seconds = 5.0

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._client: AsyncClient | None = None
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def _opened(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                # 270 ms to import, so only when it is used.
                from supabase import AsyncClientOptions, acreate_client

                # HTTP/2 streams are cut without notice (supabase-py #1064), so HTTP/1.1.
                self._http = httpx.AsyncClient(
                    http2=False,
                    timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
                    limits=httpx.Limits(max_connections=10, keepalive_expiry=30),
                )
                try:
                    self._client = await acreate_client(
                        self._url, self._key, options=AsyncClientOptions(httpx_client=self._http)
                    )
                except Exception as error:
                    await self._http.aclose()
                    raise AccessRefused(
                        f"Supabase's client refused the address or key: {error}",
                        "check SUPABASE_URL and SUPABASE_SERVICE_KEY in .env",
                    ) from None
            return self._client

    async def call(self, function: str, params: dict[str, Any]) -> Any:
        """Calls one function; see `Transport.call`."""
        from postgrest import APIError

        client = await self._opened()
        try:
            answer = await client.rpc(
                f"wacampaign_{function}", {f"p_{key}": value for key, value in params.items()}
            ).execute()
        except APIError as error:
            raise _api_problem(error.code, error.message, error.hint) from None
        except httpx.HTTPError as error:
            raise Unreachable(
                f"Supabase cannot be reached: {type(error).__name__} {error}".strip(),
                "check SUPABASE_URL and the network",
            ) from None
        return answer.data

    async def wait_for_work(self, seconds: float) -> None:
        """Sleeps: REST has no wake-up that can be relied on."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Closes the HTTP client that we gave to supabase-py."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
            self._client = None


def _api_problem(code: str | int | None, message: str | None, hint: str | None) -> Problem:
    return problem_from_state(str(code or "520"), message or "no message", hint)
