"""What Meta and the media hosts say; whatever they refuse becomes a reason, never an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from wacampaign.core.header_media.report import MediaReport, Severity
from wacampaign.core.header_media.validator import needs_of
from wacampaign.core.investigation.evidence import Health, Live, NumberFacts, TemplateFacts
from wacampaign.core.masking import mask_secrets
from wacampaign.media.opening import open_validator
from wacampaign.meta import objects
from wacampaign.meta.client import CloudApi
from wacampaign.problems import Problem
from wacampaign.settings import Settings
from wacampaign.store.store import Store


class MetaAndMedia:
    """The Cloud API and the validator, with the numbers' own tokens (`Outside` of the core)."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def token(self, number_id: str) -> str | None:
        """The number's own token, else META_ACCESS_TOKEN."""
        for sending in await self._store.sending([number_id]):
            if sending.access_token:
                return sending.access_token
        return self._settings.access_token

    async def look(self, number: NumberFacts, templates: Sequence[TemplateFacts]) -> Live:
        """State, health and templates of a number, as Meta says now."""
        token = await self.token(number.id)
        if not token:
            return Live(failures=(f"number {number.shown}: there is no access token for it",))
        if not number.phone_number_id:
            return Live(failures=(f"number {number.shown}: Meta's id of it is not known",))
        failures: list[str] = []
        health: dict[str, Health] = {}
        found: objects.Number | None = None
        live: tuple[TemplateFacts, ...] | None = None
        try:
            api = CloudApi(self._settings.api_url, self._settings.api_version, token)
        except Problem as problem:
            return Live(failures=(_why("the Cloud API", problem),))
        async with api:
            try:
                found = await api.number(number.phone_number_id)
                if found.health is not None:
                    health["number"] = _health(found.health)
            except Problem as problem:
                failures.append(_why(f"number {number.shown}", problem))
                if problem.exit_code == 69:  # nobody there: the rest would wait in vain
                    return Live(failures=tuple(failures))
            if number.waba_id:
                try:
                    health["account"] = _health(await api.health(number.waba_id))
                except Problem as problem:
                    failures.append(_why("the account", problem))
                try:
                    names = {template.name for template in templates}
                    live = tuple(
                        [
                            _live(number.id, one)
                            async for one in api.templates(number.waba_id)
                            if one.name in names
                        ]
                    )
                except Problem as problem:
                    failures.append(_why("the templates", problem))
            else:
                failures.append(f"number {number.shown}: its account (WABA) is not known")
            for template in live or ():
                try:
                    if template.id:
                        health[f"template {template.name}"] = _health(await api.health(template.id))
                except Problem as problem:
                    failures.append(_why(f"template {template.name}", problem))
        return Live(
            status=found.status if found else None,
            quality=found.quality_rating if found else None,
            throughput=found.throughput if found else None,
            limit=found.messaging_limit if found else None,
            health=health,
            templates=live,
            failures=tuple(failures),
        )

    async def media(
        self, media: Sequence[str], template: TemplateFacts, number: NumberFacts
    ) -> tuple[list[MediaReport], str | None]:
        """The validator's reports, and why there is none."""
        token = await self.token(number.id)
        needs = needs_of(template.components, number.phone_number_id)
        if needs is None:
            return [], "the template takes no header media"
        reports: list[MediaReport] = []
        try:
            async with self._api(token) as api, open_validator(self._settings, api) as validator:
                for one in media:
                    reports.append(await validator.validate(one, needs))
        except (Problem, OSError) as problem:
            if not reports:
                return [], _why("the media", problem)
        return reports, None

    async def upload(self, sample: str, template: TemplateFacts, number: NumberFacts) -> str:
        """The media id of an approved sample, uploaded for that number. Raises `Problem`."""
        needs = needs_of(template.components, number.phone_number_id)
        token = await self.token(number.id)
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


def _why(what: str, problem: Exception) -> str:
    text = problem.message if isinstance(problem, Problem) else str(problem)
    return mask_secrets(f"{what} could not be read: {text}")


def _health(given: objects.Health) -> Health:
    reasons = []
    for entity in given.entities:
        for error in entity.errors:
            text = f"{entity.type}: {error.description}"
            if error.solution:
                text += f" ({error.solution})"
            reasons.append(mask_secrets(text))
    return Health(
        given.can_send_message,
        tuple(reasons),
        tuple((entity.type, entity.can_send_message) for entity in given.entities),
    )


def _live(number_id: str, given: objects.Template) -> TemplateFacts:
    return TemplateFacts(
        number=number_id,
        id=given.id,
        name=given.name,
        language=given.language,
        status=given.status,
        category=given.category,
        quality=given.quality,
        is_active=True,
        last_synced=None,
        updated=given.last_updated_time,
        parameter_format=given.parameter_format,
        components=given.components,
        live=True,
    )
