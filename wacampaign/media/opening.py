"""The validator for the settings: on the internet, or on the sandbox where the API is one."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from wacampaign.core.media.ports import LookupFailed, MediaObject, UploadedAt
from wacampaign.core.media.validator import MediaValidator
from wacampaign.media.container import ProcessReader
from wacampaign.media.fetching import PublicStranger
from wacampaign.meta.client import CloudApi
from wacampaign.meta.endpoint import tls_context
from wacampaign.problems import Problem
from wacampaign.settings import Settings


class _ApiIds:
    """`MediaIds` by the Cloud API."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api

    async def media(self, media_id: str, phone_number_id: str | None = None) -> MediaObject | None:
        try:
            return await self._api.media(media_id, phone_number_id)
        except Problem as problem:
            raise LookupFailed(problem.message) from problem


def sandbox_of(api_url: str) -> str | None:
    """The address of the sandbox when the Cloud API is one (on a loopback address), else None."""
    host = urlsplit(api_url).hostname or ""
    if host == "localhost":
        return api_url
    try:
        return api_url if ipaddress.ip_address(host).is_loopback else None
    except ValueError:
        return None


@asynccontextmanager
async def open_validator(
    settings: Settings, api: CloudApi | None, *, uploaded_at: UploadedAt | None = None
) -> AsyncIterator[MediaValidator]:
    """A validator for the settings.

    Without `api` media ids are not looked up. `uploaded_at` remembers when an id was uploaded;
    Meta does not say. Where WHATSAPP_API_URL is a sandbox, no request leaves this machine.
    """
    tls = await asyncio.to_thread(tls_context, None)
    stranger = PublicStranger(tls, sandbox=sandbox_of(settings.api_url))
    ids = _ApiIds(api) if api is not None else None
    yield MediaValidator(stranger, ProcessReader(), ids, uploaded_at=uploaded_at)
