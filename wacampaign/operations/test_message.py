"""A test message: the campaign's first row to a test phone, by the path that the worker takes."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.engine.judgement import NoAnswer, judge_answer, judge_failure
from wacampaign.core.engine.ports import MaybeSent, NotSent
from wacampaign.core.marketing import PLAIN_ROUTE, Route
from wacampaign.core.masking import mask_phone
from wacampaign.core.outcomes import Outcome, Verdict
from wacampaign.core.phones import normalize_phone
from wacampaign.core.plan import Change, Plan
from wacampaign.core.preflight.model import Line, fail, ok, skipped, warn
from wacampaign.core.preflight.row_checks import rules_of
from wacampaign.core.template.message import CompiledTemplate, PayloadMismatch
from wacampaign.core.template.shape import UnusableTemplate
from wacampaign.core.words import short_id
from wacampaign.operations.numbers import tokens_of
from wacampaign.problems import Misconfigured, Refused, Usage
from wacampaign.settings import Settings
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.sent_tests import SentTests
from wacampaign.store.store import Store

#: Seconds that the status webhook is waited for: most come within 5.
STATUS_SECONDS: Final = 20.0
#: Seconds between two looks.
_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class TestMessage:
    """One message ready to be sent."""

    __test__ = False  # pytest collects classes by their name

    id: str
    number_id: str
    phone_number_id: str
    label: str
    template: str
    #: Digits, country code first.
    phone: str = field(repr=False)
    token: str = field(repr=False)
    body: bytes = field(repr=False)
    #: By which the worker would send it, too.
    route: Route = PLAIN_ROUTE


#: In the place of a test message, while a check fails.
NOT_SENT: Final = skipped(
    "test_send", "not sent, as a check above failed", "put that right, then run it again"
)
#: What to do about a phone that is none. A whole number would be masked.
WITH_ITS_CODE: Final = "give it with its country code: --test-to +44…"


def test_phone(settings: Settings, given: str | None, *, wanted: bool) -> str | None:
    """Digits of the phone to test with: `given`, else that of the settings if it is `wanted`.

    Raises `Usage` for what is no phone number, `Misconfigured` when the settings have none.
    """
    if given is None:
        if wanted and settings.test_phone is None:
            raise Misconfigured(
                "--test needs WACAMPAIGN_TEST_PHONE, which is not set",
                "set it in .env, or use --test-to PHONE",
            )
        return settings.test_phone if wanted else None
    try:
        return normalize_phone(given)
    except BadPhone as bad:
        raise Usage(
            f"--test-to is no phone number with its country code: {bad.reason}",
            WITH_ITS_CODE,
        ) from None


async def compose(store: Store, settings: Settings, campaign_id: str, phone: str) -> TestMessage:
    """The first row of the campaign, addressed to `phone` (digits). Raises `Refused`."""
    ready = PreflightFacts(store)
    facts = await ready.readiness(campaign_id)
    if not facts.lanes:
        raise Refused("the campaign has no row to send, so there is nothing to test")
    lane = facts.lanes[0]
    number = facts.number(lane)
    known = facts.template(lane)
    token = (await tokens_of(store, settings, facts.numbers)).get(lane.number)
    if number is None or number.phone_number_id is None or known is None or token is None:
        short = short_id(campaign_id)
        raise Refused("number, token or template is missing", f"wacampaign preflight {short}")
    if (refusal := number.marketing.refuses(known.category, known.header_media)) is not None:
        raise Refused(
            f"{known.name} cannot be sent from {number.label}: {refusal}",
            f"wacampaign number set {number.shown} --marketing-endpoint on",
        )
    test_id = str(uuid4())
    try:
        template = CompiledTemplate(
            known.name, known.language, known.components, known.parameter_format
        )
        rules = rules_of(known.components, known.parameter_format)
        payload = await ready.first_payload(campaign_id, lane, rules)
        body = template.body(phone, payload, f"test:{test_id}")
    except (UnusableTemplate, PayloadMismatch) as why:
        raise Refused(f"the first row cannot be sent: {why}", "correct the list") from None
    return TestMessage(
        id=test_id,
        number_id=number.id,
        phone_number_id=number.phone_number_id,
        label=number.label,
        template=known.name,
        phone=phone,
        token=token,
        body=body,
        route=number.marketing.route(known.category),
    )


def test_plan(message: TestMessage, campaign: str) -> Plan:
    """What sending it means."""
    return Plan(
        title=f"send the first row of {campaign} to {mask_phone(message.phone)}",
        steps=(Change(1, "test message", f"template {message.template}", "sent"),),
        notes=(f"from {message.label}; it counts in no campaign and may be charged by Meta",),
    )


async def send(
    store: Store,
    settings: Settings,
    campaign_id: str,
    message: TestMessage,
    actor: str,
    *,
    status_seconds: float = STATUS_SECONDS,
) -> list[Line]:
    """Sends it once, writes that down, and waits for its status where statuses are received."""
    verdict, answered = await post_once(
        settings, message.phone_number_id, message.token, message.body, message.route
    )
    sent_tests = SentTests(store)
    await sent_tests.write_down(
        campaign_id=campaign_id,
        test=message.id,
        actor=actor,
        number_id=message.number_id,
        phone=message.phone,
        template=message.template,
        wamid=verdict.wamid,
        reason="accepted" if verdict.outcome is Outcome.SENT else verdict.text or "",
    )
    to = mask_phone(message.phone)
    if verdict.outcome is not Outcome.SENT or verdict.wamid is None:
        return [_not_accepted(verdict, to, short_id(campaign_id), answered=answered)]
    return [
        ok("test_send", f"Meta accepted {message.template} to {to}"),
        await _status(sent_tests, verdict.wamid, to, status_seconds),
    ]


async def post_once(
    settings: Settings,
    phone_number_id: str,
    token: str,
    body: bytes,
    route: Route = PLAIN_ROUTE,
) -> tuple[Verdict, bool]:
    """POSTs `body` (a message in Meta's JSON) once; its judgement, and whether an answer came.

    Nothing is tried a second time. Raises `Misconfigured` for a URL or version that cannot be
    right; whatever the world does is in the judgement.
    """
    # Imported here: commands that send nothing need no aiohttp.
    from wacampaign.meta.send import MessageSender

    if route.opening:
        body = route.opening + body[1:]
    async with MessageSender(settings.api_url, settings.api_version) as sender:
        try:
            answer = await sender.post(phone_number_id, token, body, edge=route.edge)
        except NotSent as error:
            return judge_failure(NoAnswer.NOT_SENT, str(error)), False
        except MaybeSent as error:
            return judge_failure(NoAnswer.MAYBE_SENT, str(error)), False
    return judge_answer(
        answer.status, answer.body, phone_number_id, from_meta=answer.from_meta
    ), True


def _not_accepted(verdict: Verdict, to: str, short: str, *, answered: bool) -> Line:
    why = verdict.text or ""
    if verdict.outcome is Outcome.IN_DOUBT:
        text = f"the test message to {to} may or may not have been sent: {why}"
        return warn("test_send", text, "look at the phone, then send another")
    if not answered:
        text = f"the test message to {to} was not sent: {why}"
        return skipped("test_send", text, "run it again when Meta can be reached")
    code = f" ({verdict.code})" if verdict.code is not None else ""
    fix = f"wacampaign investigate-135000 {short}" if verdict.code == 135000 else ""
    return fail(
        "test_send",
        f"Meta refused the test message to {to}{code}: {why}",
        fix or "what Meta says above concerns all rows; put it right and test again",
    )


async def _status(sent_tests: SentTests, wamid: str, to: str, seconds: float) -> Line:
    deadline = time.monotonic() + seconds
    while True:
        statuses, received = await sent_tests.status(wamid)
        if statuses:
            return _told(statuses, to)
        if not received:
            return skipped(
                "test_status",
                "no status webhook has ever been written to this database",
                f"look at the phone {to}",
            )
        if time.monotonic() >= deadline:
            return skipped(
                "test_status",
                f"no status within {seconds:.0f} s: the phone may be off, or the webhook is late",
                f"look at the phone {to}",
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _told(statuses: list[dict[str, Any]], to: str) -> Line:
    for status in statuses:
        if status["status"] == "failed":
            code = f" ({status['code']})" if status["code"] is not None else ""
            return fail(
                "test_status",
                f"accepted, and then failed{code}: {status['text'] or 'without a reason'}",
                "what failed here will fail for all; put it right and test again",
            )
    return ok("test_status", f"{statuses[-1]['status']} to {to}")
