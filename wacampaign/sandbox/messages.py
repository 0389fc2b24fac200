"""POST /{phone_number_id}/messages and /marketing_messages: check, limit, fault, accept."""

import json
import re
import time
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from wacampaign.sandbox.answers import (
    NO_TOKEN,
    WRONG_TOKEN,
    Refusal,
    no_such_object,
    parameter_required,
)
from wacampaign.sandbox.component_checks import check_components
from wacampaign.sandbox.faults import Fault, Wording
from wacampaign.sandbox.held import HELD, HeldMessage
from wacampaign.sandbox.http1 import Ending, Reply
from wacampaign.sandbox.limits import PAIR_LIMIT, RATE_LIMIT, rate_exceeded
from wacampaign.sandbox.marketing import check_marketing, is_onboarded
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.state import Message, Number
from wacampaign.sandbox.webhooks import Webhooks

#: Characters (Meta raised it from 256).
MAX_CALLBACK_DATA = 512
#: What Meta tolerates around the digits of `to`.
_SEPARATORS = str.maketrans("", "", " -()")
#: E.164: at most 15 digits, no leading zero; the shortest numbers in use have 7.
_RECIPIENT = re.compile(r"\+?([1-9][0-9]{6,14})")
#: What an overloaded front server answers: HTML, no error code.
_HTML_ERROR = b"<html><head><title>Error</title></head><body>Sorry, something went wrong.</body>"


def _gateway(status: int, wording: Wording, delay_s: float) -> Reply:
    """What something between the client and Meta says when it gives up on an answer."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    if wording == "html":
        page = f"<html><head><title>{status} {phrase}</title></head><body>{phrase}</body></html>"
        return Reply(page.encode(), status, "text/html", delay_s)
    error: dict[str, object] = {"code": status, "message": phrase}
    if wording == "graph":
        text = "(#2) Service temporarily unavailable"
        error = {"message": text, "type": "OAuthException", "code": 2}
    return Reply(json.dumps({"error": error}).encode(), status, "application/json", delay_s)


class MessageEndpoint:
    """Answers messages. Nothing here waits: the reply says how long the connection does."""

    def __init__(self, simulation: Simulation, webhooks: Webhooks) -> None:
        self._simulation = simulation
        self._webhooks = webhooks

    def send(
        self, number_id: str, token: str | None, body: bytes, *, marketing: bool = False
    ) -> Reply:
        """One message; `token` is None when the request brought none.

        `marketing`: it came to the endpoint of that name.
        """
        simulation = self._simulation
        counters = simulation.counters
        counters.message_requests += 1
        counters.in_flight += 1
        counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
        number = self._number(number_id, token)
        message = number if isinstance(number, Refusal) else self._check(number, body, marketing)
        reply = self._refuse(message) if isinstance(message, Refusal) else self._decide(message)
        reply.on_end = counters.message_ended
        return reply

    def _number(self, number_id: str, token: str | None) -> Number | Refusal:
        account = self._simulation.account
        if token is None:
            return NO_TOKEN
        if token not in account.tokens:
            return WRONG_TOKEN
        number = account.numbers.get(number_id)
        if number is None or not account.may(token, number.waba_id):
            return no_such_object(number_id, "POST")
        return number

    def _refuse(self, refusal: Refusal, extra_ms: float = 0.0) -> Reply:
        self._simulation.counters.refused[refusal.code] += 1
        delay = self._simulation.delay_s(extra_ms)
        return Reply(refusal.body(), refusal.http_status, delay_s=delay)

    def _decide(self, message: Message) -> Reply:
        simulation, number = self._simulation, message.number
        settings = simulation.settings
        now = time.monotonic()
        in_last_second = simulation.referee.rate(number.id).in_last_second(now)
        if rate_exceeded(in_last_second, number.mps, settings.tolerance):
            return self._refuse(RATE_LIMIT)
        if settings.pair_limit and simulation.pairs.exceeded(number.id, message.recipient, now):
            return self._refuse(PAIR_LIMIT)
        fault, extra_ms = simulation.faults.strike(message)
        if fault is None:
            return self._accept(message, now, None, extra_ms)
        failure = Refusal(fault.code, fault.details)
        if fault.action == "error":
            return self._refuse(failure, extra_ms)
        if fault.action == "fail_later":
            return self._accept(message, now, failure, extra_ms, before=fault.before)
        if fault.action == "hold":
            return self._accept(message, now, None, extra_ms, held=True)
        if fault.accept or fault.action in ("drop_answer", "gateway"):
            self._accept(message, now, None, extra_ms)
            simulation.counters.answers_dropped += 1
        return self._spoil(fault, extra_ms)

    def _spoil(self, fault: Fault, extra_ms: float) -> Reply:
        """The missing or broken answer of a fault."""
        delay = self._simulation.delay_s(extra_ms)
        if fault.action == "http_5xx":
            return Reply(_HTML_ERROR, fault.status, "text/html; charset=utf-8", delay)
        if fault.action == "gateway":
            return _gateway(fault.status, fault.wording, delay)
        if fault.action == "hang":
            self._simulation.counters.hung += 1
            return Reply(ending=Ending.HANG)
        ending = Ending.CLOSE if fault.action == "drop_answer" else Ending.RESET
        return Reply(delay_s=delay, ending=ending)

    def _accept(
        self,
        message: Message,
        now: float,
        failure: Refusal | None,
        extra_ms: float,
        *,
        before: tuple[str, ...] = (),
        held: bool = False,
    ) -> Reply:
        simulation, number_id = self._simulation, message.number.id
        referee = simulation.referee
        seq = referee.accept(
            message.recipient, message.callback, number_id, message.template, now, time.time()
        )
        edge = "marketing_messages" if message.marketing else "messages"
        simulation.counters.accepted_by_endpoint[edge] += 1
        simulation.latest.append({"to": message.recipient, "template": message.given})
        if simulation.settings.pair_limit:
            simulation.pairs.accept(number_id, message.recipient, now)
        wamid = referee.wamid(seq)
        if held:
            simulation.held.append(HeldMessage(message, wamid))
        else:
            self._webhooks.enqueue(message, wamid, failure, before)
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": message.to, "wa_id": message.recipient}],
            "messages": [{"id": wamid, "message_status": HELD if held else "accepted"}],
        }
        return Reply(json.dumps(answer).encode(), delay_s=simulation.delay_s(extra_ms))

    def _check(self, number: Number, body: bytes, marketing: bool) -> Message | Refusal:
        try:
            request = json.loads(body)
        except ValueError:
            return Refusal(1, "The body is not JSON")
        if not isinstance(request, dict):
            return Refusal(1, "The body is not a JSON object")
        if request.get("messaging_product") != "whatsapp":
            return parameter_required("messaging_product")
        to = request.get("to")
        if not isinstance(to, str) or not to:
            return parameter_required("to")
        digits = _RECIPIENT.fullmatch(to.translate(_SEPARATORS))
        if digits is None:
            return Refusal(131009, "Recipient phone number is not valid")
        recipient = digits[1]
        if recipient == number.digits:
            return Refusal(131021, "Recipient phone number is the sender's")
        if request.get("type") != "template":
            if marketing:
                return Refusal(100, "Message must be a template message")
            return Refusal(131051, "The sandbox plays template messages only")
        callback = request.get("biz_opaque_callback_data")
        if callback is not None and (
            not isinstance(callback, str) or len(callback) > MAX_CALLBACK_DATA
        ):
            return Refusal(
                100, f"biz_opaque_callback_data must be a string of up to {MAX_CALLBACK_DATA}"
            )
        if number.fields["status"] != "CONNECTED":
            return Refusal(133010, f"The phone number's status is {number.fields['status']}")
        message = self._check_template(
            number, request.get("template"), to, recipient, callback, marketing
        )
        if isinstance(message, Refusal):
            return message
        waba = self._simulation.account.wabas[number.waba_id]
        refusal = check_marketing(request, message.category, waba, marketing=marketing)
        if refusal is not None:
            return refusal
        if marketing and is_onboarded(waba):
            # As statuses say of what went by the endpoint of its own (Meta, pricing).
            return replace(message, category="marketing_lite", marketing=True)
        return replace(message, marketing=marketing)

    def _check_template(
        self,
        number: Number,
        given: object,
        to: str,
        recipient: str,
        callback: str | None,
        marketing: bool,
    ) -> Message | Refusal:
        if not isinstance(given, dict):
            return parameter_required("template")
        name = given.get("name")
        language = given.get("language")
        code = language.get("code") if isinstance(language, dict) else None
        if not isinstance(name, str) or not isinstance(code, str):
            missing = "name" if isinstance(code, str) else "language"
            return parameter_required(f"template['{missing}']")
        template = self._simulation.account.templates.get((number.waba_id, name, code))
        status = template.fields["status"] if template is not None else None
        if status == "PAUSED":
            return Refusal(132015, f"template name ({name}) is paused for low quality")
        if status == "DISABLED":
            return Refusal(132016, f"template name ({name}) is disabled")
        if template is None or status != "APPROVED":
            return Refusal(132001, f"template name ({name}) does not exist in {code}")
        components = given.get("components", [])
        refusal = check_components(
            template.shape, components, partial(self._check_media, number), marketing=marketing
        )
        if refusal is not None:
            return refusal
        link = _first_link(components)
        category = str(template.fields["category"]).lower()
        return Message(number, to, recipient, (name, code), category, link, callback, given)

    def _check_media(self, number: Number, value: dict[str, Any]) -> Refusal | None:
        media_id, link = value.get("id"), value.get("link")
        if (media_id is None) == (link is None):
            return Refusal(131008, "header: exactly one of id and link is required")
        if media_id is None:
            if isinstance(link, str) and re.match(r"https?://[^/\s]+", link):
                return None
            return Refusal(131009, "header: link is not a valid URL")
        media = self._simulation.account.media.get(str(media_id))
        if media is None:
            return no_such_object(str(media_id), "POST")
        if media.phone_number_id != number.id:
            return Refusal(131009, f"Media id {media_id} belongs to another phone number")
        return None


def _first_link(components: list[dict[str, Any]]) -> str | None:
    """The first link to media, in the (checked) header or on a card; None: all are ids, if any."""
    for component in components:
        kind = str(component.get("type", "")).lower()
        if kind == "header":
            for parameter in component.get("parameters", ()):
                value = parameter.get(str(parameter.get("type")))
                if isinstance(value, dict) and isinstance(value.get("link"), str):
                    return str(value["link"])
        elif kind == "carousel":
            for card in component["cards"]:
                if link := _first_link(card["components"]):
                    return link
    return None
