"""Reads templates, numbers, their health and media, and uploads media. Sends nothing."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Self

import httpx

from wacampaign import __version__
from wacampaign.core.media.ports import MediaObject
from wacampaign.core.numbers import Health, Number
from wacampaign.core.templates import Template
from wacampaign.meta.endpoint import api_root, tls_context
from wacampaign.meta.objects import (
    NUMBER_FIELDS,
    TEMPLATE_FIELDS,
    health_of,
    media_of,
    number_of,
    template_of,
)
from wacampaign.meta.refusal import NoSuchObject, Refusal, refusal_of
from wacampaign.problems import Misconfigured, Problem, Unreachable
from wacampaign.waits import waiting_for

#: Times a GET is tried in all: enough for a connection that broke or an answer from a server
#: that restarts, and an operator waits no longer than some seconds for bad news.
ATTEMPTS: Final = 3

#: Seconds per write and for the answer of an upload: Meta looks at a document of 100 MB first.
UPLOAD_TIMEOUT_S: Final = 120.0

#: Seconds before the second attempt, doubled before each one after it; varied by half.
BACK_OFF_S: Final = 0.5

#: Objects on a page. Meta documents no default; 100 full templates stay well below 1 MB.
PAGE_SIZE: Final = 100

#: Pages of one list: 10 times what an account's 6,000 templates in several languages fill.
MAX_PAGES: Final = 1_000

#: What to do about an answer that is none of Meta's.
_CHECK_API: Final = "check WHATSAPP_API_URL and WHATSAPP_API_VERSION"


class CloudApi:
    """GETs of one Cloud API with one token. An async context manager.

    `base_url` and `version` are WHATSAPP_API_URL and WHATSAPP_API_VERSION. `timeout_s` is per
    read, `connect_timeout_s` for TCP and TLS. `ca_file` replaces the trusted certificates.
    Proxies in the environment are not used, as sending uses none: what works here works there.

    Every method raises `AccessRefused` (token or permission), `Unreachable` (no connection, 5xx,
    after `ATTEMPTS`), `Busy` (Meta's call limit) or `Problem` (anything else), with Meta's own
    message and never with the token. The constructor raises `Misconfigured`.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        token: str,
        *,
        timeout_s: float = 15,
        connect_timeout_s: float = 5,
        ca_file: str | None = None,
    ) -> None:
        if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise Misconfigured(
                "The access token is empty or holds characters that no token has.",
                "check META_ACCESS_TOKEN in .env",
            )
        self._root = httpx.URL(api_root(base_url, version))
        self._http = httpx.AsyncClient(
            http2=False,
            verify=tls_context(ca_file),
            trust_env=False,
            timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s),
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {token}",
                "User-Agent": f"wacampaign/{__version__}",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def templates(self, waba_id: str) -> AsyncIterator[Template]:
        """All templates of a WhatsApp Business account, page by page as they are consumed."""
        async for raw in self._pages(waba_id, "message_templates", TEMPLATE_FIELDS):
            yield template_of(raw)

    async def template(self, template_id: str) -> Template:
        """One template by its id."""
        return template_of(await self._object(template_id, TEMPLATE_FIELDS, "the template"))

    async def numbers(self, waba_id: str) -> AsyncIterator[Number]:
        """All numbers of a WhatsApp Business account."""
        async for raw in self._pages(waba_id, "phone_numbers", NUMBER_FIELDS):
            yield number_of(raw)

    async def number(self, phone_number_id: str) -> Number:
        """One number by its id (not by its digits)."""
        return number_of(await self._object(phone_number_id, NUMBER_FIELDS, "the number"))

    async def onboarding(self, waba_id: str) -> str | None:
        """Meta's word on whether the account may use the Marketing Messages API; None: none."""
        field = "marketing_messages_onboarding_status"
        told = (await self._object(waba_id, field, "the account's onboarding")).get(field)
        return told if isinstance(told, str) and told else None

    async def owner(self, waba_id: str) -> tuple[str, str] | None:
        """Id and name of the business that owns an account; None: the token may not see it."""
        field = "owner_business_info"
        told = (await self._object(waba_id, field, "the account's owner")).get(field)
        if not isinstance(told, dict) or not told.get("id"):
            return None
        return str(told["id"]), str(told.get("name") or told["id"])

    async def health(self, object_id: str) -> Health:
        """The health of a number, a WhatsApp Business account or a template, by its id."""
        raw = await self._object(object_id, "health_status", "the health status")
        health = raw.get("health_status")
        if not isinstance(health, dict):
            raise Problem("Meta answered without a health status.", _CHECK_API)
        return health_of(health)

    async def app_id(self) -> str:
        """The app that the token belongs to."""
        answer = await self._get(self._under("app"), "the app of the token")
        app_id = answer.get("id")
        if not isinstance(app_id, str) or not app_id.isdecimal():
            raise Problem("Meta does not say which app the token belongs to.")
        return app_id

    async def media(self, media_id: str, phone_number_id: str | None = None) -> MediaObject | None:
        """The object behind a media id; None: unknown, or not of `phone_number_id`."""
        url = self._url(media_id)
        if phone_number_id is not None:
            url = url.copy_with(params={"phone_number_id": phone_number_id})
        try:
            return media_of(await self._get(url, "the media"))
        except NoSuchObject:
            return None

    async def upload_media(
        self, phone_number_id: str, content: bytes, mime_type: str, file_name: str
    ) -> str:
        """Uploads a file for one number; its media id, good for 30 days.

        Tried again like a GET: a file that arrives twice only has two ids.
        """
        url = self._url(phone_number_id, "media")
        answer = await self._ask(
            lambda: self._http.post(
                url,
                data={"messaging_product": "whatsapp", "type": mime_type},
                files={"file": (file_name, content, mime_type)},
                timeout=UPLOAD_TIMEOUT_S,
            ),
            "the upload",
        )
        media_id = answer.get("id")
        if not isinstance(media_id, str) or not media_id:
            raise Problem("Meta answered the upload without a media id.", _CHECK_API)
        return media_id

    async def _object(self, object_id: str, fields: str, what: str) -> dict[str, Any]:
        return await self._get(self._url(object_id).copy_with(params={"fields": fields}), what)

    async def _pages(self, owner_id: str, edge: str, fields: str) -> AsyncIterator[dict[str, Any]]:
        what = "the templates" if edge == "message_templates" else "the numbers"
        url = self._url(owner_id, edge).copy_with(params={"fields": fields, "limit": PAGE_SIZE})
        seen: set[str] = set()
        while True:
            seen.add(str(url))
            page = await self._get(url, what)
            for raw in page.get("data") or ():
                if isinstance(raw, dict):
                    yield raw
            paging = page.get("paging")
            following = paging.get("next") if isinstance(paging, dict) else None
            if not isinstance(following, str) or not following:
                return
            url = self._next_page(following, what)
            if str(url) in seen or len(seen) >= MAX_PAGES:
                raise Problem(f"Meta's pages of {what} do not end.", _CHECK_API)

    def _next_page(self, following: str, what: str) -> httpx.URL:
        """The address of the next page, if it is below our own root.

        The token would go wherever it points. Meta writes the token into it, too: the header
        carries it already, and addresses end up in logs.
        """
        try:
            url = httpx.URL(following)
        except httpx.InvalidURL:
            url = httpx.URL("")
        root = self._root
        same_host = (url.scheme, url.host, url.port) == (root.scheme, root.host, root.port)
        if not same_host or not url.path.startswith(f"{root.path.rpartition('/')[0]}/"):
            raise Problem(
                f"The next page of {what} is on another host ({url.host or 'none'}), and the "
                "token is not sent there.",
                "check WHATSAPP_API_URL in .env",
            )
        return url.copy_remove_param("access_token").copy_with(fragment=None)

    def _url(self, object_id: str, edge: str = "") -> httpx.URL:
        if not (object_id.isascii() and object_id.isdigit()):
            raise Problem("Meta's ids consist of digits.", "wacampaign number list")
        path = f"{self._root.path}/{object_id}" + (f"/{edge}" if edge else "")
        return self._root.copy_with(path=path)

    def _under(self, path: str) -> httpx.URL:
        """An address whose path is no id: `app`, or an upload's session with its signature."""
        return httpx.URL(f"{self._root}/{path}")

    async def _get(self, url: httpx.URL, what: str) -> dict[str, Any]:
        return await self._ask(lambda: self._http.get(url), what)

    async def _ask(
        self,
        request: Callable[[], Awaitable[httpx.Response]],
        what: str,
        *,
        attempts: int = ATTEMPTS,
        problem_of: Callable[[Refusal, str], Problem] = Refusal.problem,
    ) -> dict[str, Any]:
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            try:
                with waiting_for(self._root.host):
                    answer = await request()
            except httpx.TransportError as error:
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    reason = str(error).strip() or type(error).__name__
                    if isinstance(error, httpx.TimeoutException):
                        reason = "it gave no answer in time"
                    raise Unreachable(
                        f"{self._root.host} cannot be reached for {what}: {reason}",
                        "check WHATSAPP_API_URL and the network",
                    ) from error
            except httpx.RequestError as error:
                raise Problem(f"The answer for {what} cannot be read: {error}") from error
            else:
                if answer.status_code == 200:
                    return _json_object(answer, what)
                refusal = refusal_of(answer.status_code, answer.content)
                if last or not refusal.worth_retrying:
                    raise problem_of(refusal, what)
            await asyncio.sleep(BACK_OFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable: the last attempt returns or raises")


def _json_object(answer: httpx.Response, what: str) -> dict[str, Any]:
    try:
        value = json.loads(answer.content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Problem(
            f"The answer for {what} is no JSON object: this is not the Cloud API.",
            "check WHATSAPP_API_URL in .env",
        )
    return value
