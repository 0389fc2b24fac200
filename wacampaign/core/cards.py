"""Numbers, tokens and compiled templates, read once and kept a while: never a read a message."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Final

from wacampaign.core.ports import Queue, SendingNumber
from wacampaign.core.template_message import CompiledTemplate, compile_template
from wacampaign.core.template_shape import UnusableTemplate

#: Seconds a number's card is trusted: a changed token or a synced template is seen within a minute,
#: at one small read a number and minute.
CARD_SECONDS: Final = 60.0
#: What may stand in a header; anything else never leaves this machine, however often it is tried.
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Card:
    """What it takes to send one template from one number, or why it cannot be done."""

    phone_number_id: str
    token: str
    template: CompiledTemplate


@dataclass(frozen=True, slots=True)
class Missing:
    """Why nothing can be sent; `whole_number`: not only this template."""

    reason: str
    whole_number: bool


class Cards:
    """Cached cards of all numbers that this worker sends from."""

    def __init__(self, queue: Queue, fallback_token: str | None) -> None:
        self._queue = queue
        self._fallback_token = fallback_token
        self._numbers: dict[str, tuple[float, SendingNumber | None]] = {}
        self._compiled: dict[tuple[str, str], Card | Missing] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    def at_hand(self, number_id: str, template: str) -> Card | Missing | None:
        """The card if it is fresh, without waiting; None: ask `fetch`."""
        kept = self._numbers.get(number_id)
        if kept is None or time.monotonic() - kept[0] > CARD_SECONDS:
            return None
        return self._compiled.get((number_id, template)) or self._compile(
            kept[1], number_id, template
        )

    async def fetch(self, number_id: str, template: str) -> Card | Missing:
        """Reads the number anew if needed. Raises `DatabaseAway`."""
        async with self._reading.setdefault(number_id, asyncio.Lock()):
            card = self.at_hand(number_id, template)
            if not isinstance(card, Card):
                # What was missing may have been put right a moment ago.
                found = await self._queue.sending([number_id])
                self.forget(number_id)
                self._numbers[number_id] = (time.monotonic(), found[0] if found else None)
                card = self._compile(found[0] if found else None, number_id, template)
            return card

    def forget(self, number_id: str) -> None:
        """The next message of this number reads its token and templates anew."""
        self._numbers.pop(number_id, None)
        for key in [key for key in self._compiled if key[0] == number_id]:
            del self._compiled[key]

    def _compile(self, number: SendingNumber | None, number_id: str, name: str) -> Card | Missing:
        card = self._make(number, name)
        self._compiled[(number_id, name)] = card
        return card

    def _make(self, number: SendingNumber | None, name: str) -> Card | Missing:
        if number is None:
            return Missing("the number is not in the table whatsapp_numbers", True)
        if number.phone_number_id is None:
            return Missing("the number has no phone_number_id in the table whatsapp_numbers", True)
        token = number.access_token or self._fallback_token
        if token is None:
            return Missing("the number has no access token, and META_ACCESS_TOKEN is not set", True)
        if not _TOKEN.fullmatch(token):
            return Missing("the number's access token has characters that no token has", True)
        if not number.phone_number_id.isdecimal():
            return Missing("the number's phone_number_id is not a number", True)
        template = number.templates.get(name)
        if template is None:
            return Missing(
                f"the template {name} is not known for this number: wacampaign templates sync",
                False,
            )
        try:
            compiled = compile_template(
                name,
                template["language"],
                template["components"],
                template.get("parameter_format"),
            )
        except UnusableTemplate as error:
            return Missing(f"the template {name} cannot be used: {error}", False)
        return Card(number.phone_number_id, token, compiled)
