"""The header media of a campaign's rows, each distinct file looked at once."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

from wacampaign.core.media.report import MediaReport
from wacampaign.core.media.validator import HeaderNeeds, needs_of
from wacampaign.core.preflight.facts import LaneSurvey, MediaFacts, Readiness
from wacampaign.core.template.values import is_media_id, is_url
from wacampaign.media.opening import open_validator
from wacampaign.meta.client import CloudApi
from wacampaign.problems import Misconfigured, Problem
from wacampaign.settings import Settings

#: Files that are looked at: a campaign has one or a few; more would take minutes.
FILES_MAX: Final = 50
#: Files fetched at the same time: kind to their hosts, and no more than 64 MB of video at once.
_SIDE_BY_SIDE: Final = 4

#: A distinct file: the medium, its kind (`image`, `video` or `document`) by the template, and the
#: number that a media id belongs to; a URL is the same for all.
_File = tuple[str, str, str | None]


async def look_at_media(
    settings: Settings,
    facts: Readiness,
    surveys: Sequence[LaneSurvey],
    tokens: Mapping[str, str | None],
) -> MediaFacts:
    """The validator's reports on the most used files, each looked at once."""
    rows: Counter[_File] = Counter()
    needs: dict[_File, tuple[str, HeaderNeeds]] = {}
    more = False
    for survey in surveys:
        known, number = facts.template(survey.lane), facts.number(survey.lane)
        phone_number_id = number.phone_number_id if number else None
        asked = needs_of(known.components, phone_number_id) if known else None
        if asked is None:
            continue
        more |= survey.more_media
        for media, n in survey.media.items():
            if is_url(media) or is_media_id(media):
                owner = None if is_url(media) else survey.lane.number
                file = (media, asked.kind, owner)
                rows[file] += n
                needs.setdefault(file, (survey.lane.number, asked))
    chosen = rows.most_common(FILES_MAX)
    reports: list[tuple[MediaReport, int]] = []
    try:
        for sender in facts.numbers:
            mine = [
                (file[0], needs[file][1], n) for file, n in chosen if needs[file][0] == sender.id
            ]
            if mine:
                reports += await _validate(settings, tokens[sender.id], mine)
    except Problem as problem:
        return MediaFacts(skipped=f"the media could not be looked at: {problem.message}")
    return MediaFacts(tuple(reports), len(rows) - len(chosen), more)


async def _validate(
    settings: Settings, token: str | None, files: Sequence[tuple[str, HeaderNeeds, int]]
) -> list[tuple[MediaReport, int]]:
    """Reports on files of one number."""
    async with AsyncExitStack() as stack:
        api: CloudApi | None = None
        # A token that no header can carry is told by its own line.
        with suppress(Misconfigured):
            if token is not None:
                api = await stack.enter_async_context(
                    CloudApi(settings.api_url, settings.api_version, token)
                )
        validator = await stack.enter_async_context(open_validator(settings, api))
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def look(media: str, needs: HeaderNeeds, n: int) -> tuple[MediaReport, int]:
            async with gate:
                return await validator.validate(media, needs), n

        return await asyncio.gather(*(look(*file) for file in files))
