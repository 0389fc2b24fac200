"""Numbers, tokens and compiled templates, read once and kept a while: never a read a message."""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Final

from wacampaign.core.engine.ports import Queue, SendingNumber
from wacampaign.core.template.message import CompiledTemplate
from wacampaign.core.template.shape import UnusableTemplate

#: Seconds for which what was read is used: a changed token or a synced template is seen within a
#: minute, at one small read a number and minute.
KEPT_SECONDS: Final = 60.0
#: An access token, as it may stand in a header: anything else would break the request or inject
#: into it, so it never leaves this machine.
TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What it takes to send one template from one number."""

    phone_number_id: str
    token: str
    template: CompiledTemplate


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why nothing can be sent; `whole_number`: by no template of the number."""

    reason: str
    whole_number: bool = True


class CredentialsCache:
    """The credentials of all numbers that this worker sends from."""

    def __init__(self, queue: Queue, fallback_token: str | None) -> None:
        self._queue = queue
        self._fallback_token = fallback_token
        self._numbers: dict[str, tuple[float, SendingNumber | None]] = {}
        self._compiled: dict[tuple[str, str], Credentials | Unusable] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    def cached(self, number_id: str, template: str) -> Credentials | Unusable | None:
        """The credentials if they are fresh, without waiting; None: ask `fetch`."""
        kept = self._numbers.get(number_id)
        if kept is None or time.monotonic() - kept[0] > KEPT_SECONDS:
            return None
        return self._compiled.get((number_id, template)) or self._compile(
            kept[1], number_id, template
        )

    async def fetch(self, number_id: str, template: str) -> Credentials | Unusable:
        """Reads the number anew if needed. Raises `DatabaseAway`."""
        async with self._reading.setdefault(number_id, asyncio.Lock()):
            credentials = self.cached(number_id, template)
            if not isinstance(credentials, Credentials):
                # What was missing may have been put right a moment ago.
                number = next(iter(await self._queue.sending([number_id])), None)
                self.forget(number_id)
                self._numbers[number_id] = (time.monotonic(), number)
                credentials = self._compile(number, number_id, template)
            return credentials

    def forget(self, number_id: str) -> None:
        """The next message of this number reads its token and templates anew."""
        self._numbers.pop(number_id, None)
        for key in [key for key in self._compiled if key[0] == number_id]:
            del self._compiled[key]

    def _compile(
        self, number: SendingNumber | None, number_id: str, name: str
    ) -> Credentials | Unusable:
        credentials = self._compiled[number_id, name] = self._make(number, name)
        return credentials

    def _make(self, number: SendingNumber | None, name: str) -> Credentials | Unusable:
        if number is None:
            return Unusable("the number is not in the table whatsapp_numbers")
        if number.phone_number_id is None:
            return Unusable("the number has no phone_number_id in the table whatsapp_numbers")
        token = number.access_token or self._fallback_token
        if token is None:
            return Unusable("the number has no access token, and META_ACCESS_TOKEN is not set")
        if not TOKEN.fullmatch(token):
            return Unusable("the number's access token has characters that no token has")
        if not number.phone_number_id.isdecimal():
            return Unusable("the number's phone_number_id is not a number")
        template = number.templates.get(name)
        if template is None:
            return Unusable(
                f"the template {name} is not known for this number: wacampaign templates sync",
                False,
            )
        try:
            compiled = CompiledTemplate(
                name,
                template["language"],
                template["components"],
                template.get("parameter_format"),
            )
        except UnusableTemplate as error:
            return Unusable(f"the template {name} cannot be used: {error}", False)
        return Credentials(number.phone_number_id, token, compiled)
