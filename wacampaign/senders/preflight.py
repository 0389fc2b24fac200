"""A preflight from end to end: asks the database, Meta and the media's hosts, and judges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from wacampaign.core.preflight.checks import judge
from wacampaign.core.preflight.facts import (
    Lane,
    LaneSurvey,
    MetaFacts,
    Readiness,
    SendingNumberFacts,
    TemplateFacts,
    Trouble,
    Unanswered,
)
from wacampaign.core.preflight.model import Preflight
from wacampaign.core.preflight.row_checks import RowRules, rules_of
from wacampaign.core.template_shape import UnusableTemplate
from wacampaign.meta.client import CloudApi
from wacampaign.meta.objects import Template
from wacampaign.meta.refusal import NoSuchObject
from wacampaign.problems import AccessRefused, Busy, Misconfigured, Problem, Unreachable
from wacampaign.senders.preflight_media import look_at_media
from wacampaign.settings import Settings
from wacampaign.store.readiness import ReadinessStore
from wacampaign.store.store import Store

#: Seconds for all questions to Meta about one number: 60 pages of templates take less.
_ASK_SECONDS: Final = 20.0
#: Seconds for one answer, and for a connection; the client tries three times.
_ANSWER_SECONDS: Final = 6.0
_CONNECT_SECONDS: Final = 2.0

_Answer = TypeVar("_Answer")

#: Rows that were read, and rows in all.
Progress = Callable[[int, int], None]


async def run_preflight(
    store: Store, settings: Settings, campaign_id: str, *, progress: Progress | None = None
) -> Preflight:
    """Everything that can be known of a campaign before its first message; changes nothing.

    Meta or a media host out of reach makes lines that are skipped. Raises what the store raises:
    `NoSuchCampaign`, `Unreachable`, …
    """
    ready = ReadinessStore(store)
    facts = await ready.readiness(campaign_id)
    tokens = await tokens_of(store, settings, facts)
    asking = asyncio.create_task(_ask_meta(settings, facts, tokens))
    try:
        people = await ready.people(campaign_id)
        surveys = await _survey(ready, facts, progress)
        media = await look_at_media(settings, facts, surveys, tokens)
        meta = await asking
    finally:
        asking.cancel()
    return judge(facts, people, surveys, meta, media)


async def tokens_of(store: Store, settings: Settings, facts: Readiness) -> dict[str, str | None]:
    """Each number's token: its own, else META_ACCESS_TOKEN."""
    rows = await store.call("sending", number_ids=[number.id for number in facts.numbers])
    own: dict[str, str | None] = {row["id"]: row["access_token"] for row in rows}
    return {
        number.id: own.get(number.id) or settings.access_token or None for number in facts.numbers
    }


async def _survey(
    ready: ReadinessStore, facts: Readiness, progress: Progress | None
) -> list[LaneSurvey]:
    found = []
    done = 0

    def page(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, facts.unsent)

    for lane in facts.lanes:
        known = facts.template(lane)
        rules = None if known is None else _rules(known)
        if rules is None:
            # Told by the template's own line; nothing says what its rows must be like.
            found.append(LaneSurvey(lane, lane.unsent, (), lane.unsent))
        else:
            found.append(await ready.survey(facts.id, lane, rules, page))
    return found


def _rules(known: TemplateFacts) -> RowRules | None:
    try:
        return rules_of(known.components, known.parameter_format)
    except UnusableTemplate:
        return None


async def _ask_meta(
    settings: Settings, facts: Readiness, tokens: Mapping[str, str | None]
) -> dict[str, MetaFacts]:
    answers = await asyncio.gather(
        *(_ask_number(settings, facts, number, tokens[number.id]) for number in facts.numbers)
    )
    return dict(zip((number.id for number in facts.numbers), answers, strict=True))


async def _ask_number(
    settings: Settings, facts: Readiness, number: SendingNumberFacts, token: str | None
) -> MetaFacts:
    lanes = [lane for lane in facts.lanes if lane.number == number.id]

    def nothing(trouble: Trouble, text: str) -> MetaFacts:
        why = Unanswered(trouble, text)
        return MetaFacts(why, {lane.template: why for lane in lanes})

    if token is None:
        return nothing(Trouble.NO_TOKEN, "there is no access token to ask Meta with")
    if number.phone_number_id is None or not number.phone_number_id.isdecimal():
        return nothing(Trouble.NOT_ASKED, "the number has no usable phone_number_id")
    try:
        api = CloudApi(
            settings.api_url,
            settings.api_version,
            token,
            timeout_s=_ANSWER_SECONDS,
            connect_timeout_s=_CONNECT_SECONDS,
        )
    except Misconfigured as problem:
        return nothing(Trouble.REFUSED, problem.message)
    async with api:
        described, templates = await asyncio.gather(
            _answer(api.number(number.phone_number_id)),
            _templates(api, facts, number, lanes),
        )
    return MetaFacts(described, templates)


async def _templates(
    api: CloudApi, facts: Readiness, number: SendingNumberFacts, lanes: list[Lane]
) -> dict[str, tuple[Template, ...] | Unanswered]:
    """By their ids where those are known, else from the account's list."""
    found: dict[str, tuple[Template, ...] | Unanswered] = {}
    listed: list[str] = []

    async def by_id(lane: Lane) -> None:
        known = facts.template(lane)
        meta_id = known.meta_id if known else None
        if meta_id is None or not meta_id.isdecimal():
            listed.append(lane.template)
            return
        answer = await _answer(api.template(meta_id))
        if isinstance(answer, Template) and answer.name == lane.template:
            found[lane.template] = (answer,)
        elif isinstance(answer, Unanswered) and answer.trouble is not Trouble.UNKNOWN:
            found[lane.template] = answer
        else:
            listed.append(lane.template)  # deleted, and perhaps made anew

    await asyncio.gather(*(by_id(lane) for lane in lanes))
    if not listed:
        return found
    if number.waba_id is None or not number.waba_id.isdecimal():
        why = Unanswered(Trouble.NOT_ASKED, "the number has no usable waba_id")
        return found | dict.fromkeys(listed, why)
    answer = await _answer(_list(api, number.waba_id, frozenset(listed)))
    if isinstance(answer, Unanswered):
        return found | dict.fromkeys(listed, answer)
    return found | {name: answer.get(name, ()) for name in listed}


async def _list(
    api: CloudApi, waba_id: str, names: frozenset[str]
) -> dict[str, tuple[Template, ...]]:
    found: dict[str, tuple[Template, ...]] = {}
    async for template in api.templates(waba_id):
        if template.name in names:
            found[template.name] = (*found.get(template.name, ()), template)
    return found


async def _answer(question: Awaitable[_Answer]) -> _Answer | Unanswered:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return await question
    except TimeoutError:
        return Unanswered(Trouble.AWAY, f"Meta did not answer within {_ASK_SECONDS:.0f} s")
    except AccessRefused as problem:
        return Unanswered(Trouble.REFUSED, problem.message)
    except (Unreachable, Busy) as problem:
        return Unanswered(Trouble.AWAY, problem.message)
    except NoSuchObject as problem:
        return Unanswered(Trouble.UNKNOWN, problem.message)
    except Problem as problem:
        return Unanswered(Trouble.AWAY, problem.message)


def failure_text(preflight: Preflight) -> str:
    """The first failure, for a pause reason."""
    first = preflight.failures[0]
    more = len(preflight.failures) - 1
    rest = f" (and {more} more: wacampaign preflight)" if more else ""
    return f"{first.id}: {first.text}{rest}"


def as_object(preflight: Preflight) -> dict[str, Any]:
    """For `--json`: the lines."""
    return {
        "lines": [
            {"id": one.id, "verdict": str(one.verdict), "text": one.text, "fix": one.fix or None}
            for one in preflight.lines
        ]
    }
