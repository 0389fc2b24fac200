"""Collects the evidence: from the database, and from Meta and the media if they may be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from wacampaign.core.cells import cell
from wacampaign.core.header_media.report import MediaReport
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Evidence,
    Groups,
    Live,
    Mismatch,
    NumberFacts,
    Row,
    TemplateFacts,
)
from wacampaign.core.template_differ import VALUE_CODES, Difference, differ
from wacampaign.core.value_rules import is_url

#: Failed rows that are compared with their template: enough for every kind of fault that is not
#: one row's own, in about a second.
ROWS_COMPARED: Final = 3_000
#: Sent rows that are compared.
SENT_COMPARED: Final = 500
#: Rows read of the healthy campaign.
HEALTHY_ROWS: Final = 5_000
#: Distinct header media that the validator looks at.
MEDIA_CHECKED: Final = 3
#: Distinct differences that are kept.
DIFFERENCES_KEPT: Final = 12

OFFLINE: Final = "nothing outside the database was asked (--no-probe)"


class Store(Protocol):
    """What the database has; see `wacampaign.store.evidence`."""

    async def campaigns(
        self, campaign_id: str, code: int, also: str | None = None
    ) -> list[CampaignFacts]: ...
    async def groups(
        self, campaign_id: str, code: int, media_templates: Sequence[str], limit: int = ...
    ) -> Groups: ...
    async def failed_rows(
        self, campaign_id: str, code: int, *, after: str | None = None, limit: int = ...
    ) -> list[Row]: ...
    async def sent_rows(self, campaign_id: str, limit: int = ...) -> list[Row]: ...
    async def numbers(self) -> list[NumberFacts]: ...
    async def templates(self, number_id: str | None = None) -> list[TemplateFacts]: ...


class Outside(Protocol):
    """Meta and the media hosts. Neither method raises: failures are part of the answer."""

    async def look(self, number: NumberFacts, templates: Sequence[TemplateFacts]) -> Live:
        """State, health and templates of a number, as Meta says now."""

    async def media(
        self, media: Sequence[str], template: TemplateFacts, number: NumberFacts
    ) -> tuple[list[MediaReport], str | None]:
        """The validator's reports, and why there is none."""


async def collect(
    store: Store,
    campaign_id: str,
    code: int,
    *,
    compare: str | None = None,
    outside: Outside | None = None,
) -> Evidence:
    """All evidence on the rows of `campaign_id` that failed with `code`.

    `compare` is the id of the campaign to put beside it; None: one is looked for. Without
    `outside` nothing but the database is asked.
    """
    campaign, *others = await store.campaigns(campaign_id, code, compare)
    numbers = {number.id: number for number in await store.numbers()}
    templates = {(t.number, t.name): t for t in await store.templates()}
    # What is sent: Meta may have it in other languages only.
    languages = {key: template.language for key, template in templates.items()}
    healthy, by = _healthy(campaign, others, compare, templates)
    groups = await store.groups(campaign_id, code, _media_templates(campaign, templates))
    beside: Groups | None = None
    if healthy is not None:
        names = _media_templates(healthy, templates)
        beside = await store.groups(healthy.id, code, names, HEALTHY_ROWS)
    rows: list[Row] = []
    while len(rows) < ROWS_COMPARED:
        after = rows[-1].id if rows else None
        page = await store.failed_rows(campaign_id, code, after=after)
        rows += page
        if len(page) < 1000:
            break
    sent = await store.sent_rows(campaign_id, SENT_COMPARED)
    failing = sorted({(lane.number, lane.template) for lane in campaign.lanes if lane.code_failed})
    live: dict[str, Live] = {}
    stale: list[str] = []
    if outside is not None:
        for number in dict.fromkeys(number for number, _ in failing):
            if number not in numbers:
                continue
            known = [templates[key] for key in failing if key[0] == number and key in templates]
            live[number] = await outside.look(numbers[number], known)
            stale += _take_over(templates, number, live[number])
    media: list[MediaReport] = []
    why = OFFLINE if outside is None else None
    if outside is not None:
        media, why = await _media(outside, groups, failing, templates, numbers)
    return Evidence(
        code=code,
        campaign=campaign,
        healthy=healthy,
        healthy_by=by,
        others=tuple(others),
        groups=groups,
        healthy_groups=beside,
        rows=tuple(rows),
        templates=templates,
        numbers=numbers,
        mismatch=_compared(rows, sent, templates, languages, live),
        live=live,
        offline=OFFLINE if outside is None else None,
        media=tuple(media),
        media_not_checked=why,
        stale=tuple(stale),
    )


def _media_templates(
    campaign: CampaignFacts, templates: Mapping[tuple[str, str], TemplateFacts]
) -> list[str]:
    """Names whose rows carry header media; of an unknown template that is assumed."""
    lanes = {(lane.number, lane.template) for lane in campaign.lanes}
    return sorted(
        {name for n, name in lanes if (n, name) not in templates or templates[n, name].header_media}
    )


def _healthy(
    campaign: CampaignFacts,
    others: Sequence[CampaignFacts],
    compare: str | None,
    templates: Mapping[tuple[str, str], TemplateFacts],
) -> tuple[CampaignFacts | None, str]:
    """The campaign to put beside, and how it was found."""
    if compare is not None:
        return next((one for one in others if one.id == compare), None), "as asked for"
    wants_media = bool(_media_templates(campaign, templates))
    best: tuple[tuple[int, ...], CampaignFacts, str] | None = None
    for distance, one in enumerate(others):
        # Healthy: most of what was tried was sent.
        if not one.sent or one.sent < 9 * one.failed:
            continue
        same_number = bool(one.numbers & campaign.numbers)
        same_template = bool(one.template_names & campaign.template_names)
        same_day = one.at[:10] == campaign.at[:10]
        if not (same_number or same_template or same_day):
            continue
        media = bool(_media_templates(one, templates)) == wants_media
        ways = (
            (same_number and same_template, "the same number and template"),
            (same_template, "the same template"),
            (same_number, "the same number"),
            (same_day, "the same day"),
        )
        rank = next(i for i, (holds, _) in enumerate(ways) if holds)
        words = next(text for holds, text in ways if holds)
        # One that sends media, too, says more about media than a text from the same number.
        key = (int(not media), rank, int(not same_day), distance)
        if best is None or key < best[0]:
            best = key, one, words
    return (best[1], best[2]) if best else (None, "")


async def _media(
    outside: Outside,
    groups: Groups,
    failing: Sequence[tuple[str, str]],
    templates: Mapping[tuple[str, str], TemplateFacts],
    numbers: Mapping[str, NumberFacts],
) -> tuple[list[MediaReport], str | None]:
    files = [one.value for one in groups.files if one.failed][:MEDIA_CHECKED]
    if not files:
        return [], "no failed row names header media"
    for number, name in failing:
        template = templates.get((number, name))
        if template is not None and template.header_media and number in numbers:
            return await outside.media(files, template, numbers[number])
    return [], "the failing template is not known, so nobody can say what its media must be"


def _take_over(
    templates: dict[tuple[str, str], TemplateFacts], number: str, live: Live
) -> list[str]:
    """Puts Meta's present templates in the place of the database's; names of those that differ.

    One language a name is kept: the one that is sent, else the first by code.
    """
    by_name: dict[str, list[TemplateFacts]] = {}
    for found in live.templates or ():
        by_name.setdefault(found.name, []).append(found)
    stale: list[str] = []
    for name, found_of_name in by_name.items():
        mine = templates.get((number, name))
        same = [one for one in found_of_name if mine is not None and one.language == mine.language]
        chosen = same[0] if same else min(found_of_name, key=lambda one: one.language)
        if mine is not None and list(mine.components) != list(chosen.components):
            stale.append(name)
        templates[number, name] = chosen
    return stale


def _compared(
    rows: Sequence[Row],
    sent: Sequence[Row],
    templates: Mapping[tuple[str, str], TemplateFacts],
    languages: Mapping[tuple[str, str], str],
    live: Mapping[str, Live],
) -> Mismatch:
    approved: dict[tuple[str, str], list[str]] = {}
    for number, state in live.items():
        for template in state.templates or ():
            if template.status == "APPROVED":
                approved.setdefault((number, template.name), []).append(template.language)
    counted: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], Difference] = {}

    def look(row: Row) -> list[Difference] | None:
        key = (row.number, row.template)
        template = templates.get(key)
        if template is None or not template.components:
            return None
        return differ(
            row.payload,
            template.components,
            template.parameter_format,
            language=languages.get(key) or None,
            approved_languages=approved.get(key, ()),
        )

    compared = unknown = make_up = values = 0
    for row in rows:
        differences = look(row)
        if differences is None:
            unknown += 1
            continue
        compared += 1
        make_up += any(one.code not in VALUE_CODES for one in differences)
        values += any(one.code in VALUE_CODES for one in differences)
        for one in differences:
            kind = (one.code, one.where, one.expected)
            counted[kind] += 1
            first.setdefault(kind, one)
    sent_found = [differences for row in sent if (differences := look(row)) is not None]
    return Mismatch(
        compared=compared,
        unknown=unknown,
        make_up=make_up,
        values=values,
        sent_compared=len(sent_found),
        sent_make_up=sum(any(d.code not in VALUE_CODES for d in one) for one in sent_found),
        sent_values=sum(any(d.code in VALUE_CODES for d in one) for one in sent_found),
        differences=tuple((first[kind], n) for kind, n in counted.most_common(DIFFERENCES_KEPT)),
        failed_form=_form(rows, templates),
        sent_form=_form(sent, templates),
    )


def _form(rows: Sequence[Row], templates: Mapping[tuple[str, str], TemplateFacts]) -> str | None:
    """How all of these give their header media: `link` or `id`; None: mixed, or none does."""
    forms: set[str] = set()
    for row in rows:
        template = templates.get((row.number, row.template))
        if template is not None and template.header_media:
            value: Any = row.payload.get("var1") if isinstance(row.payload, Mapping) else None
            if isinstance(value, str) and cell(value):
                forms.add("link" if is_url(value) else "id")
    return forms.pop() if len(forms) == 1 else None
