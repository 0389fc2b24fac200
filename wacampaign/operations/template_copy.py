"""Copying a template under a new name: what would be created, its creation, and the verdict."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.template.copying import NotCopied, TemplateCopy, copy_of
from wacampaign.core.template.creation_fields import KEPT_FIELDS, TEMPLATE_NAME
from wacampaign.core.template.header_media import same_shape
from wacampaign.core.template.review import UNDECIDED
from wacampaign.core.templates import Template
from wacampaign.media.opening import open_validator
from wacampaign.meta.creation import TemplateApi
from wacampaign.operations import template_sync
from wacampaign.operations.campaigns import actor
from wacampaign.operations.media_uploads import Content
from wacampaign.operations.numbers import find_number, known_numbers, token_of
from wacampaign.operations.template_samples import fetch_samples
from wacampaign.problems import Busy, Problem, Refused, Unreachable, Usage
from wacampaign.settings import Settings
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates

#: Seconds between two looks at a review: of the 200 calls an hour that Meta grants, this takes 120.
POLL_SECONDS: Final = 30.0
#: Seconds between the first looks, and how many: most reviews take a minute or two.
FIRST_POLL_SECONDS: Final = 5.0
_FIRST_POLLS: Final = 24
#: Looks between two lines that say that it waits.
_TOLD_EVERY: Final = 12


class UnfitSample(Problem):
    """A sample is not fit for the copy's header."""

    exit_code = 3
    code = "unfit_media"


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """What the operator asked for."""

    name: str
    new: str
    #: Phone number id, or digits; None: whichever has the template.
    number: str | None = None
    #: File or URL of the header's sample; None: the one that NAME was approved with.
    media: str | None = None
    language: str | None = None
    #: Meta may put the copy into the category that it finds right.
    allow_category_change: bool = False


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """A template, and what its copy is created with."""

    order: CopyOrder
    source: Template
    #: Whose token is used; the others that send from the same account.
    number: KnownNumber
    others: tuple[KnownNumber, ...]
    copied: TemplateCopy
    #: One for each sample that the copy needs, in order.
    contents: tuple[Content, ...] = field(repr=False)
    #: Fields beside name, language, category and components.
    kept: Mapping[str, Any]
    #: The copy, when it is there already.
    existing: Template | None
    warnings: tuple[str, ...] = ()
    #: A campaign that is not over and uses the template, by its short id.
    campaign: str | None = None

    @property
    def title(self) -> str:
        """`hello (en) to hello_2`."""
        return f"{self.source.name} ({self.source.language}) to {self.order.new}"


async def look(store: Store, settings: Settings, order: CopyOrder) -> PlannedCopy:
    """Reads the template at Meta and fetches its samples. Changes nothing.

    Raises `Usage` for a name that Meta does not take and for a choice that is left open, `Refused`
    for what cannot be copied, `UnfitMedium`, and what Meta raises.
    """
    if not TEMPLATE_NAME.fullmatch(order.new):
        raise Usage(
            f"{order.new!r} is no name for a template: lowercase letters, digits and underscores, "
            "at most 512 characters",
            f"wacampaign templates copy {order.name} NEW",
        )
    if order.new == order.name:
        raise Usage("the copy needs another name", f"wacampaign templates copy {order.name} NEW")
    number, others = await _senders(store, order)
    token = await token_of(store, settings, number)
    async with TemplateApi(settings.api_url, settings.api_version, token) as api:
        waba = number.waba_id or ""
        named = [t async for t in api.templates(waba) if t.name in (order.name, order.new)]
        source = _source(named, order, number)
        existing = next(
            (t for t in named if (t.name, t.language) == (order.new, source.language)), None
        )
        if existing is not None and not _is_copy(existing, source):
            raise Refused(
                f"{number.label} has another template {order.new} in {source.language} already: it "
                "takes other variables",
                f"wacampaign templates copy {order.name} NEW, with a name that is free",
            )
        copied = _components(source)
        contents: tuple[Content, ...] = ()
        warnings: tuple[str, ...] = ()
        kept: dict[str, Any] = {}
        if existing is None:
            raw = await api.raw_template(source.id, ",".join(KEPT_FIELDS))
            kept = {name: raw[name] for name in KEPT_FIELDS if raw.get(name)}
            async with open_validator(settings, api) as validator:
                contents, warnings = await fetch_samples(
                    copied.samples, order.name, order.new, order.media, number, validator
                )
    return PlannedCopy(
        order,
        source,
        number,
        others,
        copied,
        contents,
        kept,
        existing,
        warnings,
        await _campaign_with(store, source.name),
    )


async def create(store: Store, settings: Settings, planned: PlannedCopy) -> Template:
    """Uploads the samples, creates the copy, and takes it over into the database."""
    source, order = planned.source, planned.order
    token = await token_of(store, settings, planned.number)
    async with TemplateApi(settings.api_url, settings.api_version, token) as api:
        handles: dict[str, str] = {}
        if planned.contents:
            app_id = await _app_of(api, planned.number)
            for content in planned.contents:
                if content.sha256 not in handles:
                    handles[content.sha256] = await api.upload_sample(
                        app_id, content.data, content.mime_type, content.file_name
                    )
        fields: dict[str, Any] = {
            "name": order.new,
            "language": source.language,
            "category": source.category,
            "parameter_format": source.parameter_format or "POSITIONAL",
            "components": planned.copied.with_handles(
                [handles[content.sha256] for content in planned.contents]
            ),
            **planned.kept,
        }
        if order.allow_category_change:
            fields["allow_category_change"] = True
        created = await _created(api, planned, fields)
        try:
            template = await api.template(created)
            await take_over(store, settings, planned)
        except Problem as problem:
            problem.changed = True
            problem.message = f"{order.new} is created, but: {problem.message}"
            problem.suggestion = f"wacampaign templates sync --number {planned.number.shown}"
            raise
    return template


async def _app_of(api: TemplateApi, number: KnownNumber) -> str:
    """The app of the token, or where Meta does not tell it, the one that the backend entered."""
    try:
        return await api.app_id()
    except Unreachable:
        raise
    except Problem as problem:
        if number.app_id and number.app_id.isdecimal():
            return number.app_id
        problem.suggestion = (
            f"put the app's id into whatsapp_numbers.app_id of {number.shown}: samples are uploaded"
            " to it"
        )
        raise


async def _created(api: TemplateApi, planned: PlannedCopy, fields: Mapping[str, Any]) -> str:
    """The id of the copy. A lost answer is no reason to create it twice: it is looked for."""
    waba, order = planned.number.waba_id or "", planned.order
    try:
        answer = await api.create_template(waba, fields)
        return str(answer.get("id", ""))
    except Unreachable as lost:
        wanted = (order.new, planned.source.language)
        async for template in api.templates(waba):
            if (template.name, template.language) == wanted:
                return template.id
        lost.suggestion = "run the same command again: it looks first whether the copy is there"
        raise


async def take_over(store: Store, settings: Settings, planned: PlannedCopy) -> None:
    """Syncs the templates of each number in the account: the database knows the copy then."""
    for number in (planned.number, *planned.others):
        syncs = await template_sync.look(store, settings, number.phone_number_id)
        await template_sync.carry_out(store, syncs, actor())
        if problem := syncs[0].problem:
            raise problem


async def verdict(
    store: Store,
    settings: Settings,
    planned: PlannedCopy,
    template: Template,
    limit_s: float,
    tell: Callable[[str], None],
) -> Template:
    """The copy once Meta has decided about it, known to the database then.

    `tell` hears the status now and then. Raises `Busy` after `limit_s` seconds without a verdict.
    """
    token = await token_of(store, settings, planned.number)
    end = monotonic() + limit_s
    looks = 0
    async with TemplateApi(settings.api_url, settings.api_version, token) as api:
        while template.status in UNDECIDED:
            left = end - monotonic()
            if left <= 0:
                raise Busy(
                    f"{template.name} is still {template.status}: the review goes on at Meta",
                    look_again(planned),
                )
            if looks % _TOLD_EVERY == 0:
                tell(f"{template.name} is {template.status}: waiting for Meta's review")
            looks += 1
            wait_s = FIRST_POLL_SECONDS if looks <= _FIRST_POLLS else POLL_SECONDS
            await asyncio.sleep(min(wait_s, left))
            template = await api.template(template.id)
    await take_over(store, settings, planned)
    return template


def look_again(planned: PlannedCopy) -> str:
    """The command that says later what Meta has decided, and takes it over."""
    return f"wacampaign templates sync --number {planned.number.shown}"


async def _senders(store: Store, order: CopyOrder) -> tuple[KnownNumber, tuple[KnownNumber, ...]]:
    numbers = [n for n in await known_numbers(store) if n.is_active and n.phone_number_id]
    if order.number is not None:
        number = await find_number(store, order.number)
    else:
        having = {t.number_id for t in await Templates(store).of() if t.name == order.name}
        able = [n for n in numbers if n.id in having and n.waba_id]
        able = able or [n for n in numbers if n.waba_id]
        if not able:
            raise Refused(
                "there is no active sending number",
                "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
            )
        if len({n.waba_id for n in able}) > 1:
            # Of each account one, in the next command: in a message ids are masked like phones.
            of_each = {number.waba_id: number.phone_number_id for number in able}
            ways = " or ".join(f"--number {number_id}" for number_id in of_each.values())
            raise Usage(
                "several accounts may be meant: choose one by a number of it",
                f"the same command with {ways}",
            )
        number = able[0]
    if number.waba_id is None:
        raise Refused(
            f"{number.label} has no WABA id",
            f"wacampaign number add {number.phone_number_id or 'PHONE_NUMBER_ID'} --waba ID",
        )
    others = tuple(n for n in numbers if n.waba_id == number.waba_id and n.id != number.id)
    return number, others


def _source(named: Sequence[Template], order: CopyOrder, number: KnownNumber) -> Template:
    found = [template for template in named if template.name == order.name]
    if not found:
        raise Refused(
            f"the account of {number.label} has no template {order.name!r}",
            f"wacampaign templates list --number {number.shown}",
        )
    languages = ", ".join(sorted(template.language for template in found))
    command = f"wacampaign templates copy {order.name} {order.new} --language"
    if order.language is not None:
        found = [template for template in found if template.language == order.language]
        if not found:
            raise Refused(
                f"{order.name} is not there in {order.language!r}, but in {languages}", command
            )
    if len(found) > 1:
        raise Usage(
            f"{order.name} is there in several languages ({languages}): choose one",
            f"{command} {found[0].language}",
        )
    return found[0]


def _is_copy(existing: Template, source: Template) -> bool:
    return same_shape(
        existing.components,
        existing.parameter_format,
        source.components,
        source.parameter_format,
    )


def _components(source: Template) -> TemplateCopy:
    try:
        return copy_of(source.components, source.category)
    except NotCopied as why:
        raise Refused(
            f"{source.name} cannot be copied: {why}", "create the copy in WhatsApp Manager"
        ) from None


async def _campaign_with(store: Store, template: str) -> str | None:
    stats = await Campaigns(store).stats(None)
    using = [campaign for campaign in stats.campaigns if template in campaign.templates]
    return using[0].short_id if using else None
