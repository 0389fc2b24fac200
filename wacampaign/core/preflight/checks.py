"""The checks of a preflight, in the order in which they are read. Each is looked at in its module:

- `campaign_checks`: contacts, campaign, recipients, opt_outs, holds, workers, schedule, duration
- `template_checks`: template, language, category
- `phone_checks`: phones
- `row_checks`: variables
- `media_checks`: media
- `sender_checks`: number, token, quality, throughput, health, marketing_endpoint
- `budget_checks`: messaging_limit

`test_send` and `test_status` come after them, when asked for: `operations/test_message.py`.
"""

from collections.abc import Collection, Mapping, Sequence

from wacampaign.core.campaign.repeats import Repeats
from wacampaign.core.preflight.campaign_checks import campaign_lines, standing_lines
from wacampaign.core.preflight.facts import (
    LaneSurvey,
    MediaFacts,
    MetaFacts,
    People,
    Readiness,
    Trouble,
    Unanswered,
)
from wacampaign.core.preflight.media_checks import media_lines
from wacampaign.core.preflight.model import Line, Preflight, merged
from wacampaign.core.preflight.phone_checks import phone_lines
from wacampaign.core.preflight.row_checks import row_lines
from wacampaign.core.preflight.sender_checks import sender_lines
from wacampaign.core.preflight.template_checks import template_lines
from wacampaign.core.template.unmeant import Unmeant


def judge(
    facts: Readiness,
    people: People,
    repeats: Sequence[Repeats],
    surveys: Sequence[LaneSurvey],
    meta: Mapping[str, MetaFacts],
    media: MediaFacts,
    allowed: Collection[Unmeant] = (),
) -> Preflight:
    """The preflight; `meta` is by the number's id in the database, `allowed` as in `row_lines`."""
    lines: list[Line] = [*campaign_lines(facts, people, repeats)]
    lines += merged(
        line
        for lane in facts.lanes
        if (number := facts.number(lane)) is not None
        for line in template_lines(facts, lane, number, meta[number.id])
    )
    lines += phone_lines(facts, people)
    lines += row_lines(facts, surveys, allowed)
    lines += media_lines(media, facts.id, offline=_is_away(meta), on_cards=_only_cards(facts))
    lines += merged(
        line
        for number in facts.numbers
        if number.id in meta
        for line in sender_lines(number, meta[number.id], people.people, facts.budget)
    )
    lines += standing_lines(facts)
    return Preflight(tuple(lines))


def _is_away(meta: Mapping[str, MetaFacts]) -> bool:
    numbers = [answers.number for answers in meta.values()]
    return bool(numbers) and all(
        isinstance(answer, Unanswered) and answer.trouble is Trouble.AWAY for answer in numbers
    )


def _only_cards(facts: Readiness) -> bool:
    """Whether all media are those of carousels."""
    return not any(known.header_media for known in facts.known)
