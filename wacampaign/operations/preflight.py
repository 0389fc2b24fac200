"""A preflight from end to end: asks the database, Meta and the media's hosts, and judges."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from wacampaign.core.masking import mask_phone
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.plan import Progress
from wacampaign.core.preflight.checks import judge
from wacampaign.core.preflight.facts import (
    LaneSurvey,
    MetaFacts,
    Readiness,
    Trouble,
    Unanswered,
    UnsentLane,
)
from wacampaign.core.preflight.model import Preflight
from wacampaign.core.preflight.row_checks import rules_of
from wacampaign.core.template.preview import ShownMessage, preview
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.core.templates import Template
from wacampaign.core.words import counted, short_id
from wacampaign.meta.client import CloudApi
from wacampaign.operations.meta_answers import answer_or_trouble
from wacampaign.operations.numbers import tokens_of
from wacampaign.operations.preflight_media import look_at_media
from wacampaign.problems import Misconfigured, Problem
from wacampaign.settings import Settings
from wacampaign.store.budgets import Budgets
from wacampaign.store.optouts import OptOuts
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.store import Store

#: Seconds for one answer, and for a connection; the client tries three times.
_ANSWER_SECONDS: Final = 6.0
_CONNECT_SECONDS: Final = 2.0


async def run_preflight(
    store: Store,
    settings: Settings,
    campaign_id: str,
    *,
    allowed: Collection[Unmeant] = (),
    progress: Progress = None,
) -> Preflight:
    """Everything that can be known of a campaign before its first message; changes nothing.

    `allowed`: kinds of values that may be sent though they look like nobody's words.

    Meta or a media host out of reach makes lines that are skipped. Raises what the store raises:
    `NoSuchCampaign`, `Unreachable`, …
    """
    ready = PreflightFacts(store)
    left_out = await OptOuts(store).left_out(campaign_id)
    facts = replace(
        await ready.readiness(campaign_id),
        budget=await Budgets(store).of_campaign(campaign_id),
        opted_out=left_out["opted_out"],
        resting=left_out["resting"],
    )
    tokens = await tokens_of(store, settings, facts.numbers)
    asking = asyncio.create_task(_ask_meta(settings, facts, tokens))
    try:
        people = await ready.people(campaign_id)
        repeats = await ready.repeats(campaign_id, facts.unsent)
        surveys = await _survey(ready, facts, progress)
        media = await look_at_media(settings, facts, surveys, tokens)
        meta = await asking
    finally:
        asking.cancel()
    return judge(facts, people, repeats, surveys, meta, media, allowed)


async def first_messages(store: Store, campaign_id: str, count: int) -> list[ShownMessage]:
    """The first messages of a campaign as their recipients will see them, template by template.

    Those whose template is not known or unusable are left out.
    """
    ready = PreflightFacts(store)
    facts = await ready.readiness(campaign_id)
    shown: list[ShownMessage] = []
    for lane in facts.lanes:
        known = facts.template(lane)
        if known is None or known.unusable:
            continue
        rules = rules_of(known.components, known.parameter_format)
        for row in await ready.first_rows(campaign_id, lane, rules, count - len(shown)):
            seen = preview(known.components, known.parameter_format, row.payload)
            shown.append(ShownMessage(mask_phone(row.phone), known.name, seen))
    return shown


async def _survey(ready: PreflightFacts, facts: Readiness, progress: Progress) -> list[LaneSurvey]:
    surveys = []
    done = 0

    def page(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, facts.unsent)

    for lane in facts.lanes:
        known = facts.template(lane)
        if known is None or known.unusable:
            # Told by the template's own line; nothing says what its rows must be like.
            surveys.append(LaneSurvey(lane, lane.unsent, (), lane.unsent))
        else:
            rules = rules_of(known.components, known.parameter_format)
            surveys.append(await ready.survey(facts.id, lane, rules, page))
    return surveys


async def _ask_meta(
    settings: Settings, facts: Readiness, tokens: Mapping[str, str | None]
) -> dict[str, MetaFacts]:
    answers = await asyncio.gather(
        *(_ask_number(settings, facts, number, tokens[number.id]) for number in facts.numbers)
    )
    return dict(zip((number.id for number in facts.numbers), answers, strict=True))


async def _ask_number(
    settings: Settings, facts: Readiness, number: KnownNumber, token: str | None
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
        described, templates, onboarding = await asyncio.gather(
            answer_or_trouble(api.number(number.phone_number_id)),
            _templates(api, facts, number, lanes),
            _onboarding(api, number),
        )
    return MetaFacts(described, templates, onboarding)


async def _onboarding(api: CloudApi, number: KnownNumber) -> str | Unanswered | None:
    """Asked where it decides by which endpoint messages leave."""
    if number.marketing.mode == "off" or number.waba_id is None:
        return None
    return await answer_or_trouble(api.onboarding(number.waba_id))


async def _templates(
    api: CloudApi, facts: Readiness, number: KnownNumber, lanes: list[UnsentLane]
) -> dict[str, tuple[Template, ...] | Unanswered]:
    """By their ids where those are known, else from the account's list."""
    answers: dict[str, tuple[Template, ...] | Unanswered] = {}
    listed: list[str] = []

    async def by_id(lane: UnsentLane) -> None:
        known = facts.template(lane)
        if known is None or not known.id.isdecimal():
            listed.append(lane.template)
            return
        answer = await answer_or_trouble(api.template(known.id))
        asked_for = (lane.template, known.language)
        if isinstance(answer, Template) and (answer.name, answer.language) == asked_for:
            answers[lane.template] = (answer,)
        elif isinstance(answer, Unanswered) and answer.trouble is not Trouble.UNKNOWN:
            answers[lane.template] = answer
        else:
            # Deleted, and perhaps made anew; or another program put another language beside our id.
            listed.append(lane.template)

    await asyncio.gather(*(by_id(lane) for lane in lanes))
    if not listed:
        return answers
    if number.waba_id is None or not number.waba_id.isdecimal():
        why = Unanswered(Trouble.NOT_ASKED, "the number has no usable waba_id")
        return answers | dict.fromkeys(listed, why)
    answer = await answer_or_trouble(_list(api, number.waba_id, frozenset(listed)))
    if isinstance(answer, Unanswered):
        return answers | dict.fromkeys(listed, answer)
    return answers | {name: answer.get(name, ()) for name in listed}


async def _list(
    api: CloudApi, waba_id: str, names: frozenset[str]
) -> dict[str, tuple[Template, ...]]:
    by_name: dict[str, tuple[Template, ...]] = {}
    async for template in api.templates(waba_id):
        if template.name in names:
            by_name[template.name] = (*by_name.get(template.name, ()), template)
    return by_name


class NotReady(Problem):
    """The preflight found what must be put right first."""

    exit_code: ClassVar[int] = 3
    code: ClassVar[str] = "not_ready"


def refuse_unready(
    preflight: Preflight, campaign_id: str, what: str, *, resumes: bool = False
) -> None:
    """Raises `NotReady` when a check failed; `what` is the campaign as people know it."""
    if preflight.failures:
        n = len({line.id for line in preflight.failures})
        failed = f"{counted(n, 'check')} of the preflight failed"
        raise NotReady(
            f"{what} was not resumed: {failed}"
            if resumes
            else f"{what} was not started: {failed}; --skip-preflight starts it all the same",
            f"wacampaign preflight {short_id(campaign_id)}    (once that is put right)",
        )
