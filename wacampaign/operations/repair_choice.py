"""Repairs of header media: which medium each template gets on each number, validated first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from wacampaign.core.campaign.name import Named
from wacampaign.core.media.report import MediaReport, Severity
from wacampaign.core.media.validator import MediaValidator, needs_of
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.template.header_media import header_media, same_shape
from wacampaign.core.templates import Template
from wacampaign.media.opening import open_validator
from wacampaign.meta.client import CloudApi
from wacampaign.operations.media_uploads import Content, medium_of, remembered, upload
from wacampaign.operations.numbers import find_number, token_of
from wacampaign.problems import Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.repairs import RepairLane
from wacampaign.store.store import Store
from wacampaign.store.uploads import Uploads

#: How the header media is chosen; `template`: it stays, and the rows move to another template.
RepairKind = Literal["upload", "from_template", "url", "media_id", "template"]
#: Files by source and kind of header: fetched once, though they are uploaded once a number.
_Obtained: TypeAlias = dict[tuple[str, str], tuple[MediaReport, bytes | None]]

#: Warnings of the validator that the plan does not repeat, by kind of repair: nothing goes by link
#: when the file is uploaded, and the plan itself warns of the sample's address.
_NOT_SAID: Final = {
    "upload": "odd_port plain_http host_differs sample_host_as_link expires_soon slow redirected",
    "from_template": "sample_host_as_link",
}


@dataclass(frozen=True, slots=True)
class RepairOrder:
    """What the operator asked for."""

    kind: RepairKind
    #: File, URL, media id, or the template to move to; None: the template's own sample.
    source: str | None = None
    #: Phone number id that the rows move to.
    number: str | None = None
    code: int | None = None
    all_rows: bool = False
    #: Only rows of this template move.
    only_template: str | None = None

    @property
    def command(self) -> str:
        """What makes two repairs the same one."""
        only = f" only={self.only_template}" if self.only_template else ""
        return (
            f"{self.kind} {self.source or ''} code={self.code} number={self.number or ''}"
            f" all={int(self.all_rows)}{only}"
        )


@dataclass(slots=True)
class ChosenMedium:
    """What the rows of one template on one number get."""

    lane: RepairLane
    #: The number that they are sent from afterwards.
    sender: KnownNumber
    #: What was validated: the order's source, or the template's sample.
    source: str
    #: None: `content` is uploaded when the plan is agreed to; a move keeps each row's own.
    medium: str | None
    content: Content | None = field(default=None, repr=False)
    #: Of the validator.
    warnings: Sequence[str] = ()


class UnfitMedium(Exception):  # noqa: N818 - a finding that is shown whole, no error
    """A medium that is not fit for the header of a template; the report says why."""

    def __init__(self, template: str, report: MediaReport) -> None:
        super().__init__(template)
        self.template = template
        self.report = report

    @property
    def in_words(self) -> str:
        """What is wrong with it, in one sentence."""
        failed = [f.text for f in self.report.findings if f.severity is Severity.FAIL]
        media = without_query(str(self.report.media))
        return f"not fit for the header of {self.template}: {media}: {' '.join(failed)}"


async def choose_media(
    store: Store,
    settings: Settings,
    campaign: Named,
    lanes: Sequence[RepairLane],
    order: RepairOrder,
) -> list[ChosenMedium]:
    """The medium of each lane of the `campaign`. Changes nothing.

    Raises `UnfitMedium`, `Refused` when there is nothing to take or nothing to send it with, and
    what Meta and the settings raise.
    """
    by_id = {number.id: number for number in await Numbers(store).all()}
    target = None if order.number is None else await find_number(store, order.number)
    obtained: _Obtained = {}
    chosen: list[ChosenMedium] = []
    for sender_id in dict.fromkeys(target.id if target else lane.number_id for lane in lanes):
        sender = by_id.get(sender_id)
        if sender is None:
            raise Refused(
                "the number that the rows are sent from is not known any more",
                f"wacampaign fix-media {campaign.short_id} --upload --number PHONE_NUMBER_ID",
            )
        mine = [lane for lane in lanes if target is not None or lane.number_id == sender_id]
        token = await token_of(store, settings, sender)
        age = partial(Uploads(store).uploaded_at, sender.id)
        async with (
            CloudApi(settings.api_url, settings.api_version, token) as api,
            open_validator(settings, api, uploaded_at=age) as validator,
        ):
            choice = _Choice(store, campaign.short_id, order, sender, api, validator, obtained)
            fresh: dict[tuple[str, str | None], Template] = {}
            if target is not None or order.source is None:
                fresh = await _approved(api, sender, mine)
            for lane in mine:
                chosen.append(await choice.of(lane, fresh.get((lane.template, lane.language))))
    return chosen


@dataclass(frozen=True, slots=True)
class _Choice:
    """Chooses media for the lanes that one number sends."""

    store: Store
    #: The campaign's, for the commands of refusals.
    short_id: str
    order: RepairOrder
    sender: KnownNumber
    api: CloudApi
    validator: MediaValidator
    obtained: _Obtained

    async def of(self, lane: RepairLane, template: Template | None) -> ChosenMedium:
        """`template`: as Meta has it now, where it was asked."""
        kind = self.order.kind
        components: Any = lane.components or ()
        if template is not None:
            if self.order.number is not None:
                _refuse_other_shape(lane, template, self.sender)
            components = template.components
        needs = needs_of(components, self.sender.phone_number_id)
        source = self.order.source or (needs.sample_url if needs else None)
        if source is None:
            raise Refused(
                f"the template {lane.template} has no approved sample to take",
                f"give the file: wacampaign fix-media {self.short_id} --upload FILE_OR_URL",
            )
        if needs is None:
            raise Refused(
                f"Meta's {lane.template} of {self.sender.label} has no media in its header",
                "wacampaign templates sync",
            )
        data: bytes | None = None
        if kind == "media_id":
            # An id that Meta could not be asked about is not validated.
            await medium_of(self.api, self.sender, source)
        if kind == "upload":
            key = (source, header_media(components, lane.parameter_format) or "")
            if key not in self.obtained:
                is_url = source.lower().startswith(("http://", "https://"))
                self.obtained[key] = await self.validator.obtain(
                    source if is_url else Path(source), needs
                )
            report, data = self.obtained[key]
        else:
            report = await self.validator.validate(source, needs)
        if not report.usable:
            raise UnfitMedium(lane.template, report)
        warnings = warnings_of(report, kind)
        chosen = ChosenMedium(lane, self.sender, source, medium=source, warnings=warnings)
        if kind == "upload":
            if data is None:
                raise Refused(f"{without_query(source)} gave no content to upload", "try again")
            name = PurePosixPath(unquote(urlsplit(source).path)).name or "header"
            chosen.content = Content(data, report.mime_type or "application/octet-stream", name)
            chosen.medium = await remembered(self.store, self.api, self.sender, chosen.content)
        return chosen


def warnings_of(report: MediaReport, kind: RepairKind) -> list[str]:
    """What the validator warns of, as far as it matters for such a use of the medium."""
    return [
        finding.text
        for finding in report.findings
        if finding.severity is Severity.WARN and finding.code not in _NOT_SAID.get(kind, "").split()
    ]


async def upload_missing(store: Store, settings: Settings, chosen: Sequence[ChosenMedium]) -> int:
    """Uploads what has no media id yet, once a number and content; how many that were."""
    uploaded: dict[tuple[str, str], str] = {}
    for choice in chosen:
        if choice.medium is not None or choice.content is None:
            continue
        key = (choice.sender.id, choice.content.sha256)
        if key not in uploaded:
            token = await token_of(store, settings, choice.sender)
            async with CloudApi(settings.api_url, settings.api_version, token) as api:
                uploaded[key] = await upload(store, api, choice.sender, choice.content)
        choice.medium = uploaded[key]
    return len(uploaded)


def waba_of(sender: KnownNumber) -> str:
    """The account whose templates the number sends. Raises `Refused` when it is not known."""
    if sender.waba_id is None:
        raise Refused(
            f"{sender.label} has no WABA id, so its templates cannot be read",
            f"wacampaign number add {sender.phone_number_id or 'PHONE_NUMBER_ID'} --waba ID",
        )
    return sender.waba_id


def without_query(medium: str) -> str:
    """A URL without its query: signatures tell nobody anything."""
    return medium.partition("?")[0]


async def _approved(
    api: CloudApi, sender: KnownNumber, lanes: Sequence[RepairLane]
) -> dict[tuple[str, str | None], Template]:
    """What the rows go out as, as Meta has it now, by name and language: another language has
    another sample. A lane whose language is not known gets the first that is approved."""
    names = {lane.template for lane in lanes}
    approved = [
        template
        async for template in api.templates(waba_of(sender))
        if template.name in names and template.status == "APPROVED"
    ]
    found: dict[tuple[str, str | None], Template] = {}
    for lane in lanes:
        there = [template for template in approved if template.name == lane.template]
        same = [template for template in there if lane.language in (None, "", template.language)]
        if not same:
            others = ", ".join(sorted(template.language for template in there))
            where = f" in {lane.language}, which the rows go out in, but in {others}"
            raise Refused(
                f"{sender.label} has no approved template {lane.template!r}"
                f"{where if there else ''}",
                "wacampaign templates sync",
            )
        found[lane.template, lane.language] = same[0]
    return found


def _refuse_other_shape(lane: RepairLane, template: Template, sender: KnownNumber) -> None:
    if not same_shape(
        lane.components, lane.parameter_format, template.components, template.parameter_format
    ):
        raise Refused(
            f"the template {template.name} of {sender.label} takes other variables",
            "wacampaign templates list",
        )
