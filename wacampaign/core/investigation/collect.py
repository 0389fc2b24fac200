"""Collects the evidence: from the database, and from Meta and the media if they may be asked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from wacampaign.core.cells import cell
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Evidence,
    Groups,
    Live,
    Mismatch,
    Row,
)
from wacampaign.core.media.report import MediaReport
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.recipient_forms import recipient_forms
from wacampaign.core.template.differ import differ
from wacampaign.core.template.difference import VALUE_CODES, Difference
from wacampaign.core.template.values import is_url
from wacampaign.core.templates import KnownTemplate, Template

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


class EvidenceSource(Protocol):
    """What the database has; see `wacampaign.store.evidence`."""

    async def campaigns(
        self, campaign_id: str, code: int, also: str | None = None
    ) -> list[CampaignFacts]: ...
    async def groups(
        self, campaign_id: str, code: int, media_templates: Sequence[str], limit: int = ...
    ) -> Groups: ...
    async def failed_rows(
        self, campaign_id: str, code: int, *, after: str | None = None
    ) -> list[Row]: ...
    async def sent_rows(self, campaign_id: str, limit: int = ...) -> list[Row]: ...
    async def numbers(self) -> list[KnownNumber]: ...
    async def templates(self, campaign_id: str) -> list[KnownTemplate]: ...


class Outside(Protocol):
    """Meta and the media hosts. Neither method raises: failures are part of the answer."""

    async def look(self, number: KnownNumber, templates: Sequence[Template]) -> Live:
        """State, health and templates of a number, as Meta says now."""

    async def media(
        self, media: Sequence[str], template: Template, number: KnownNumber
    ) -> tuple[list[MediaReport], str | None]:
        """The validator's reports, and why there is none."""


async def collect(
    store: EvidenceSource,
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
    templates: dict[tuple[str, str], Template] = {
        (t.number_id, t.name): t for t in await store.templates(campaign_id)
    }
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
    media: list[MediaReport] = []
    why: str | None = OFFLINE
    if outside is not None:
        for number in dict.fromkeys(number for number, _ in failing):
            if number not in numbers:
                continue
            known = [templates[key] for key in failing if key[0] == number and key in templates]
            live[number] = await outside.look(numbers[number], known)
            stale += _take_over(templates, number, live[number])
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
        recipients=recipient_forms([row.phone for row in rows], [row.phone for row in sent]),
        stale=tuple(stale),
    )


def _media_templates(
    campaign: CampaignFacts, templates: Mapping[tuple[str, str], Template]
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
    templates: Mapping[tuple[str, str], Template],
) -> tuple[CampaignFacts | None, str]:
    """The campaign to put beside, and how it was found."""
    if compare is not None:
        return next((other for other in others if other.id == compare), None), "as asked for"
    wants_media = bool(_media_templates(campaign, templates))
    best: tuple[tuple[int, ...], CampaignFacts, str] | None = None
    for distance, other in enumerate(others):
        # Healthy: most of what was tried was sent.
        if not other.sent or other.sent < 9 * other.failed:
            continue
        same_number = bool(other.numbers & campaign.numbers)
        same_template = bool(other.template_names & campaign.template_names)
        same_day = other.at[:10] == campaign.at[:10]
        ways = (
            (same_number and same_template, "the same number and template"),
            (same_template, "the same template"),
            (same_number, "the same number"),
            (same_day, "the same day"),
        )
        rank = next((rank for rank, (holds, _) in enumerate(ways) if holds), None)
        if rank is None:
            continue
        media = bool(_media_templates(other, templates)) == wants_media
        # One that sends media, too, says more about media than a text from the same number.
        key = (int(not media), rank, int(not same_day), distance)
        if best is None or key < best[0]:
            best = key, other, ways[rank][1]
    return (best[1], best[2]) if best else (None, "")


async def _media(
    outside: Outside,
    groups: Groups,
    failing: Sequence[tuple[str, str]],
    templates: Mapping[tuple[str, str], Template],
    numbers: Mapping[str, KnownNumber],
) -> tuple[list[MediaReport], str | None]:
    files = [file.value for file in groups.files if file.failed][:MEDIA_CHECKED]
    if not files:
        return [], "no failed row names header media"
    for number, name in failing:
        template = templates.get((number, name))
        if template is not None and template.header_media and number in numbers:
            return await outside.media(files, template, numbers[number])
    return [], "the failing template is not known, so nobody can say what its media must be"


def _take_over(templates: dict[tuple[str, str], Template], number: str, live: Live) -> list[str]:
    """Puts Meta's present templates in the place of the database's; names of those that differ.

    One language a name is kept: the one that is sent, else the first by code.
    """
    by_name: dict[str, list[Template]] = {}
    for template in live.templates or ():
        by_name.setdefault(template.name, []).append(template)
    stale: list[str] = []
    for name, translations in by_name.items():
        mine = templates.get((number, name))
        same = [t for t in translations if mine is not None and t.language == mine.language]
        chosen = same[0] if same else min(translations, key=lambda t: t.language)
        if mine is not None and list(mine.components) != list(chosen.components):
            stale.append(name)
        templates[number, name] = chosen
    return stale


def _compared(
    rows: Sequence[Row],
    sent: Sequence[Row],
    templates: Mapping[tuple[str, str], Template],
    languages: Mapping[tuple[str, str], str],
    live: Mapping[str, Live],
) -> Mismatch:
    approved: dict[tuple[str, str], list[str]] = {}
    for number, state in live.items():
        for template in state.templates or ():
            if template.may_be_sent:
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

    # Whether each row compared differs in make-up, and in a value's characters.
    failed_kinds: list[tuple[bool, bool]] = []
    for row in rows:
        if (differences := look(row)) is None:
            continue
        failed_kinds.append(_kinds(differences))
        for difference in differences:
            kind = (difference.code, difference.where, difference.expected)
            counted[kind] += 1
            first.setdefault(kind, difference)
    sent_kinds = [_kinds(differences) for row in sent if (differences := look(row)) is not None]
    return Mismatch(
        compared=len(failed_kinds),
        unknown=len(rows) - len(failed_kinds),
        make_up=sum(make_up for make_up, _ in failed_kinds),
        values=sum(values for _, values in failed_kinds),
        sent_make_up=sum(make_up for make_up, _ in sent_kinds),
        sent_values=sum(values for _, values in sent_kinds),
        differences=tuple((first[kind], n) for kind, n in counted.most_common(DIFFERENCES_KEPT)),
        failed_form=_form(rows, templates),
        sent_form=_form(sent, templates),
    )


def _kinds(differences: Sequence[Difference]) -> tuple[bool, bool]:
    values = [difference.code in VALUE_CODES for difference in differences]
    return not all(values), any(values)


def _form(rows: Sequence[Row], templates: Mapping[tuple[str, str], Template]) -> str | None:
    """How all of these give their header media: `link` or `id`; None: mixed, or none does."""
    forms: set[str] = set()
    for row in rows:
        template = templates.get((row.number, row.template))
        if template is not None and template.header_media:
            value: Any = row.payload.get("var1") if isinstance(row.payload, Mapping) else None
            if isinstance(value, str) and cell(value):
                forms.add("link" if is_url(value) else "id")
    return forms.pop() if len(forms) == 1 else None
