"""`fix-media`: which medium each template gets on each number, validated first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import typer

from wacampaign.cli.output import say, tell
from wacampaign.problems import AccessRefused, Busy, Problem, Refused, Unreachable

if TYPE_CHECKING:
    from wacampaign.core.header_media.report import MediaReport
    from wacampaign.meta.client import CloudApi
    from wacampaign.meta.objects import Template
    from wacampaign.senders.media_uploads import Content
    from wacampaign.senders.numbers import KnownNumber
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Exit code of "a finding": a medium that is not fit to be sent.
_FINDING = 3
#: Warnings of the validator that the plan does not repeat, by kind of repair: nothing goes by link
#: when the file is uploaded, and the plan itself warns of the sample's address.
_NOT_SAID = {
    "upload": frozenset(
        {
            "odd_port",
            "plain_http",
            "host_differs",
            "sample_host_as_link",
            "expires_soon",
            "slow",
            "redirected",
        }
    ),
    "from_template": frozenset({"sample_host_as_link"}),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for."""

    #: `upload`, `from_template`, `url` or `media_id`.
    kind: str
    #: File, URL or media id; None: the template's own sample.
    source: str | None = None
    #: Phone number id that the rows move to.
    number: str | None = None
    code: int | None = None
    all_rows: bool = False

    @property
    def command(self) -> str:
        """What makes two repairs the same one."""
        return (
            f"{self.kind} {self.source or ''} code={self.code} number={self.number or ''}"
            f" all={int(self.all_rows)}"
        )


@dataclass(slots=True)
class Choice:
    """One template on one number, and what its rows get."""

    template: str
    #: The number that the rows are on, and the one that they are sent from afterwards.
    number_id: str
    sender: KnownNumber
    #: None: `content` is uploaded when the plan is agreed to.
    medium: str | None
    content: Content | None = field(default=None, repr=False)
    #: Warnings of the validator.
    warnings: Sequence[str] = ()
    source: str | None = None


async def choose(
    store: Store, settings: Settings, lanes: Sequence[Mapping[str, Any]], wish: Wish
) -> list[Choice]:
    """The medium of each lane. Ends with exit code 3 when a medium is not fit to be sent."""
    from wacampaign.core.media_repair import sample_url
    from wacampaign.media.opening import open_validator
    from wacampaign.meta.client import CloudApi
    from wacampaign.senders.media_uploads import uploaded_at
    from wacampaign.senders.numbers import find_number, known_numbers, token_of

    by_id = {number.id: number for number in await known_numbers(store)}
    target = None if wish.number is None else await find_number(store, wish.number)
    choices: list[Choice] = []
    fetched: dict[tuple[str, str], tuple[MediaReport, bytes | None]] = {}
    for sender_id in dict.fromkeys(target.id if target else lane["number_id"] for lane in lanes):
        sender = by_id.get(sender_id)
        if sender is None:
            raise Refused(
                "the number that the rows are sent from is not known any more",
                "wacampaign fix-media CAMPAIGN --upload --number PHONE_NUMBER_ID",
            )
        mine = [lane for lane in lanes if target is not None or lane["number_id"] == sender_id]
        token = await token_of(store, sender, settings)
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(
                CloudApi(settings.api_url, settings.api_version, token)
            )
            age = partial(uploaded_at, store, sender)
            validator = await stack.enter_async_context(
                open_validator(settings, api, uploaded_at=age)
            )
            fresh: dict[str, Template] = {}
            if target is not None or wish.kind == "from_template" or wish.source is None:
                fresh = await _fresh(api, sender, {lane["template"] for lane in mine})
            for lane in mine:
                components = lane["components"]
                if (template := fresh.get(lane["template"])) is not None:
                    if target is not None:
                        _refuse_other_shape(lane, template, sender)
                    components = template.components
                source = wish.source
                if source is None:
                    source = sample_url(components or ())
                    if source is None:
                        raise Refused(
                            f"the template {lane['template']} has no approved sample to take",
                            "give the file: wacampaign fix-media CAMPAIGN --upload FILE_OR_URL",
                        )
                choices.append(
                    await _one(
                        store, api, validator, wish, lane, sender, source, components, fetched
                    )
                )
    return choices


async def _one(
    store: Store,
    api: CloudApi,
    validator: Any,
    wish: Wish,
    lane: Mapping[str, Any],
    sender: KnownNumber,
    source: str,
    components: Any,
    fetched: dict[tuple[str, str], tuple[MediaReport, bytes | None]],
) -> Choice:
    from wacampaign.core.header_media.report import Severity
    from wacampaign.core.header_media.validator import needs_of
    from wacampaign.core.media_repair import header_media
    from wacampaign.senders.media_uploads import Content, remembered

    needs = needs_of(components or (), sender.phone_number_id)
    if needs is None:
        raise Refused(
            f"Meta's {lane['template']} of {sender.label} has no media in its header",
            "wacampaign templates sync",
        )
    data: bytes | None = None
    if wish.kind == "media_id":
        await _refuse_unasked(api, source, sender)
    if wish.kind == "upload":
        # Fetched once, though it is uploaded once a number.
        key = (source, header_media(components, lane["parameter_format"]) or "")
        if key not in fetched:
            is_url = source.lower().startswith(("http://", "https://"))
            fetched[key] = await validator.obtain(source if is_url else Path(source), needs)
        report, data = fetched[key]
    else:
        report = await validator.validate(source, needs)
    _refuse_unusable(report, lane["template"])
    choice = Choice(
        lane["template"],
        lane["number_id"],
        sender,
        medium=source,
        warnings=[
            f.text
            for f in report.findings
            if f.severity is Severity.WARN and f.code not in _NOT_SAID.get(wish.kind, ())
        ],
        source=source,
    )
    if wish.kind == "upload":
        if data is None:
            raise Refused(f"{_short(source)} gave no content to upload", "try again")
        name = PurePosixPath(unquote(urlsplit(source).path)).name or "header"
        choice.content = Content(data, report.mime_type or "application/octet-stream", name)
        choice.medium = await remembered(store, api, sender, choice.content)
    return choice


async def upload_missing(store: Store, settings: Settings, choices: Sequence[Choice]) -> int:
    """Uploads what has no media id yet, once a number and content; how many that were."""
    from wacampaign.meta.client import CloudApi
    from wacampaign.senders.media_uploads import upload
    from wacampaign.senders.numbers import token_of

    done: dict[tuple[str, str], str] = {}
    for choice in choices:
        if choice.medium is not None or choice.content is None:
            continue
        key = (choice.sender.id, choice.content.sha256)
        if key not in done:
            token = await token_of(store, choice.sender, settings)
            async with CloudApi(settings.api_url, settings.api_version, token) as api:
                done[key] = await upload(store, api, choice.sender, choice.content)
        choice.medium = done[key]
    return len(done)


async def _fresh(api: CloudApi, sender: KnownNumber, names: set[str]) -> dict[str, Template]:
    """The templates as Meta has them now; the approved language of a name."""
    if sender.waba_id is None:
        raise Refused(
            f"{sender.label} has no WABA id, so its templates cannot be read",
            f"wacampaign number add {sender.phone_number_id or 'PHONE_NUMBER_ID'} --waba ID",
        )
    found: dict[str, Template] = {}
    async for template in api.templates(sender.waba_id):
        if template.name in names and template.status == "APPROVED":
            found.setdefault(template.name, template)
    if missing := sorted(names - found.keys()):
        raise Refused(
            f"{sender.label} has no approved template {missing[0]!r}", "wacampaign templates sync"
        )
    return found


def _refuse_other_shape(lane: Mapping[str, Any], template: Template, sender: KnownNumber) -> None:
    from wacampaign.core.media_repair import same_shape

    if not same_shape(
        lane["components"],
        lane["parameter_format"],
        template.components,
        template.parameter_format,
    ):
        raise Refused(
            f"the template {template.name} of {sender.label} takes other variables",
            "wacampaign templates list",
        )


async def _refuse_unasked(api: CloudApi, media_id: str, sender: KnownNumber) -> None:
    """An id that Meta could not be asked about is not validated."""
    try:
        await api.media(media_id, sender.phone_number_id)
    except (AccessRefused, Busy, Unreachable):
        raise
    except Problem:  # Meta answered: the validator says what is wrong
        return


def _refuse_unusable(report: MediaReport, template: str) -> None:
    if report.usable:
        return
    tell(f"not fit for the header of {template}: {_short(report.media)}")
    for finding in report.findings:
        if finding.severity != "ok":
            tell(f"  {finding.severity} {finding.code}: {finding.text} ({finding.evidence})")
    say("nothing was changed: give another file or URL")
    from wacampaign.cli.plan import show_next

    show_next("wacampaign fix-media CAMPAIGN --upload FILE_OR_URL --dry-run")
    raise typer.Exit(_FINDING)


def _short(media: str) -> str:
    """A URL without its query: signatures tell nobody anything."""
    return media.partition("?")[0]
