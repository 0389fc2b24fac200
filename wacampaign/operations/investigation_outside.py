"""What Meta and the media hosts say; whatever they refuse becomes a reason, never an error."""

from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from wacampaign.core.investigation.evidence import Live
from wacampaign.core.masking import mask_secrets
from wacampaign.core.media.report import MediaReport, Severity
from wacampaign.core.media.validator import needs_of
from wacampaign.core.numbers import Health, KnownNumber, Number
from wacampaign.core.templates import Template
from wacampaign.media.opening import open_validator
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import tokens_of
from wacampaign.problems import Problem, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.store import Store

_Answer = TypeVar("_Answer")


class MetaAndMedia:
    """The Cloud API and the validator, with the numbers' own tokens (`Outside` of the core)."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def token(self, number: KnownNumber) -> str | None:
        """The number's own token, else META_ACCESS_TOKEN; None without either."""
        return (await tokens_of(self._store, self._settings, [number]))[number.id]

    async def look(self, number: KnownNumber, templates: Sequence[Template]) -> Live:
        """State, health and templates of a number, as Meta says now."""
        token = await self.token(number)
        if not token:
            return Live(failures=(f"number {number.shown}: there is no access token for it",))
        if not number.phone_number_id:
            return Live(failures=(f"number {number.shown}: Meta's id of it is not known",))
        try:
            api = CloudApi(self._settings.api_url, self._settings.api_version, token)
        except Problem as problem:
            return Live(failures=(_why("the Cloud API", problem),))
        failures: list[str] = []
        health: dict[str, Health] = {}
        current: tuple[Template, ...] | None = None

        async def answer(what: str, question: Awaitable[_Answer]) -> _Answer | None:
            try:
                return await question
            except Problem as problem:
                failures.append(_why(what, problem))
                return None

        async def ask_health(key: str, what: str, meta_id: str) -> None:
            if (state := await answer(what, api.health(meta_id))) is not None:
                health[key] = state

        async with api:
            try:
                described: Number | None = await api.number(number.phone_number_id)
            except Problem as problem:
                described = None
                failures.append(_why(f"number {number.shown}", problem))
                if isinstance(problem, Unreachable):  # the rest would wait in vain
                    return Live(failures=tuple(failures))
            if described is not None and described.health is not None:
                health["number"] = described.health
            if number.waba_id:
                await ask_health("account", "the account", number.waba_id)
                names = {template.name for template in templates}
                current = await answer("the templates", _named(api, number.waba_id, names))
            else:
                failures.append(f"number {number.shown}: its account (WABA) is not known")
            for template in current or ():
                if template.id:
                    what = f"template {template.name}"
                    await ask_health(what, what, template.id)
        return Live(described, health, current, tuple(failures))

    async def media(
        self, media: Sequence[str], template: Template, number: KnownNumber
    ) -> tuple[list[MediaReport], str | None]:
        """The validator's reports, and why there is none."""
        token = await self.token(number)
        needs = needs_of(template.components, number.phone_number_id)
        if needs is None:
            return [], "the template takes no header media"
        reports: list[MediaReport] = []
        try:
            async with self._api(token) as api, open_validator(self._settings, api) as validator:
                for medium in media:
                    reports.append(await validator.validate(medium, needs))
        except (Problem, OSError) as problem:
            if not reports:
                return [], _why("the media", problem)
        return reports, None

    async def upload(self, sample: str, template: Template, number: KnownNumber) -> str:
        """The media id of an approved sample, uploaded for that number. Raises `Problem`."""
        needs = needs_of(template.components, number.phone_number_id)
        token = await self.token(number)
        if needs is None or number.phone_number_id is None or not token:
            raise Problem("there is nothing to upload, or nowhere to upload it")
        async with self._api(token) as api, open_validator(self._settings, api) as validator:
            report, content = await validator.obtain(sample, needs)
            if content is None or report.mime_type is None or api is None:
                faults = [f.text for f in report.findings if f.severity is Severity.FAIL]
                raise Problem(" ".join(["the approved sample cannot be fetched.", *faults]))
            name = urlsplit(sample).path.rpartition("/")[2] or "media"
            return await api.upload_media(number.phone_number_id, content, report.mime_type, name)

    @asynccontextmanager
    async def _api(self, token: str | None) -> AsyncIterator[CloudApi | None]:
        """The Cloud API with this token; None without one."""
        if not token:
            yield None
            return
        settings = self._settings
        async with CloudApi(settings.api_url, settings.api_version, token) as api:
            yield api


async def _named(api: CloudApi, waba_id: str, names: Collection[str]) -> tuple[Template, ...]:
    return tuple([template async for template in api.templates(waba_id) if template.name in names])


def _why(what: str, problem: Exception) -> str:
    text = problem.message if isinstance(problem, Problem) else str(problem)
    return mask_secrets(f"{what} could not be read: {text}")
