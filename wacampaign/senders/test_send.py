"""A test message: the campaign's first row to a test phone, by the path that the worker takes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from wacampaign.core.masking import mask_phone
from wacampaign.core.preflight.facts import Lane, Readiness, TemplateFacts
from wacampaign.core.preflight.model import Check, Line
from wacampaign.core.preflight.row_checks import rules_of
from wacampaign.core.template_message import PayloadMismatch, compile_template
from wacampaign.core.template_shape import UnusableTemplate
from wacampaign.meta.test_message import TestAnswer, send_test_message
from wacampaign.problems import Refused
from wacampaign.senders.preflight import tokens_of
from wacampaign.settings import Settings
from wacampaign.store.readiness import ReadinessStore
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


async def test_message(
    store: Store, settings: Settings, campaign_id: str, phone: str
) -> TestMessage:
    """The first row of the campaign, addressed to `phone` (digits). Raises `Refused`."""
    ready = ReadinessStore(store)
    facts = await ready.readiness(campaign_id)
    if not facts.lanes:
        raise Refused("the campaign has no row to send, so there is nothing to test")
    lane = facts.lanes[0]
    number = next((one for one in facts.numbers if one.id == lane.number), None)
    known = facts.template(lane)
    token = (await tokens_of(store, settings, facts)).get(lane.number)
    if number is None or number.phone_number_id is None or known is None or token is None:
        short = campaign_id[:8]
        raise Refused("number, token or template is missing", f"wacampaign preflight {short}")
    test_id = str(uuid4())
    try:
        template = compile_template(
            known.name, known.language, known.components, known.parameter_format
        )
        body = template.body(phone, await _first(ready, facts, lane, known), f"test:{test_id}")
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
    )


async def _first(ready: ReadinessStore, facts: Readiness, lane: Lane, known: TemplateFacts) -> Any:
    return await ready.first_payload(
        facts.id, lane, rules_of(known.components, known.parameter_format)
    )


async def send_test(
    store: Store,
    settings: Settings,
    campaign_id: str,
    message: TestMessage,
    actor: str,
    *,
    status_seconds: float = STATUS_SECONDS,
) -> list[Line]:
    """Sends it once, writes that down, and waits for its status where statuses are received."""
    answer = await send_test_message(
        settings.api_url,
        settings.api_version,
        message.phone_number_id,
        message.token,
        message.body,
    )
    ready = ReadinessStore(store)
    await ready.test_sent(
        campaign_id,
        message.id,
        actor,
        number_id=message.number_id,
        phone=message.phone,
        template=message.template,
        wamid=answer.wamid,
        reason="accepted" if answer.accepted else answer.text,
    )
    to = mask_phone(message.phone)
    if not answer.accepted or answer.wamid is None:
        return [_not_accepted(answer, to, campaign_id[:8])]
    return [
        Line("test_send", Check.OK, f"Meta accepted {message.template} to {to}"),
        await _status(ready, answer.wamid, to, status_seconds),
    ]


def _not_accepted(answer: TestAnswer, to: str, short: str) -> Line:
    if answer.in_doubt:
        text = f"the test message to {to} may or may not have been sent: {answer.text}"
        return Line("test_send", Check.WARN, text, "look at the phone, then send another")
    if answer.http_status is None:
        text = f"the test message to {to} was not sent: {answer.text}"
        return Line("test_send", Check.SKIPPED, text, "run it again when Meta can be reached")
    code = f" ({answer.code})" if answer.code is not None else ""
    fix = f"wacampaign investigate-135000 {short}" if answer.code == 135000 else ""
    return Line(
        "test_send",
        Check.FAIL,
        f"Meta refused the test message to {to}{code}: {answer.text}",
        fix or "what Meta says above concerns all rows; put it right and test again",
    )


async def _status(ready: ReadinessStore, wamid: str, to: str, seconds: float) -> Line:
    deadline = time.monotonic() + seconds
    while True:
        statuses, received = await ready.test_status(wamid)
        if statuses:
            return _told(statuses, to)
        if not received:
            return Line(
                "test_status",
                Check.SKIPPED,
                "no status webhook has ever been written to this database",
                f"look at the phone {to}",
            )
        if time.monotonic() >= deadline:
            return Line(
                "test_status",
                Check.SKIPPED,
                f"no status within {seconds:.0f} s: the phone may be off, or the webhook is late",
                f"look at the phone {to}",
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _told(statuses: list[dict[str, Any]], to: str) -> Line:
    for one in statuses:
        if one["status"] == "failed":
            code = f" ({one['code']})" if one["code"] is not None else ""
            return Line(
                "test_status",
                Check.FAIL,
                f"accepted, and then failed{code}: {one['text'] or 'without a reason'}",
                "what failed here will fail for all; put it right and test again",
            )
    return Line("test_status", Check.OK, f"{statuses[-1]['status']} to {to}")
