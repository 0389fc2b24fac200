"""Numbers, tokens and compiled templates, read once and kept a while: never a read a message."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.engine.ports import CampaignWork, Queue, SendingNumber
from wacampaign.core.marketing import PLAIN_ROUTE, Route
from wacampaign.core.outcomes import Scope
from wacampaign.core.template.header_media import header_media
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
    route: Route = PLAIN_ROUTE


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why nothing can be sent, and what that concerns."""

    reason: str
    scope: Scope = Scope.NUMBER


class CredentialsCache:
    """The credentials of all numbers that this worker sends from, by campaign and template."""

    def __init__(self, queue: Queue, fallback_token: str | None) -> None:
        self._queue = queue
        self._fallback_token = fallback_token
        self._numbers: dict[str, tuple[float, SendingNumber | None]] = {}
        #: By number, campaign and template.
        self._compiled: dict[tuple[str, str, str], Credentials | Unusable] = {}
        self._reading: dict[str, asyncio.Lock] = {}
        #: When each campaign's templates were written down, by the last claims.
        self._planned: dict[str, float | None] = {}

    def learn(self, campaigns: Sequence[CampaignWork]) -> None:
        """What a claim says of its campaigns: where their templates were taken anew since, nothing
        is sent as it was read before."""
        for campaign in campaigns:
            if self._planned.get(campaign.id, campaign.planned) != campaign.planned:
                for key in [key for key in self._compiled if key[1] == campaign.id]:
                    self.forget(key[0])
        self._planned = {campaign.id: campaign.planned for campaign in campaigns}

    def cached(
        self, number_id: str, campaign_id: str, template: str
    ) -> Credentials | Unusable | None:
        """The credentials if they are fresh, without waiting; None: ask `fetch`."""
        kept = self._numbers.get(number_id)
        if kept is None or time.monotonic() - kept[0] > KEPT_SECONDS:
            return None
        return self._compiled.get((number_id, campaign_id, template)) or self._compile(
            kept[1], number_id, campaign_id, template
        )

    async def fetch(
        self, number_id: str, campaign_id: str, template: str
    ) -> Credentials | Unusable:
        """Reads the number anew if needed. Raises `DatabaseAway`."""
        async with self._reading.setdefault(number_id, asyncio.Lock()):
            credentials = self.cached(number_id, campaign_id, template)
            if not isinstance(credentials, Credentials):
                # What was missing may have been put right a moment ago.
                number = next(iter(await self._queue.sending([number_id])), None)
                self.forget(number_id)
                self._numbers[number_id] = (time.monotonic(), number)
                credentials = self._compile(number, number_id, campaign_id, template)
            return credentials

    def forget(self, number_id: str) -> None:
        """The next message of this number reads its token and templates anew."""
        self._numbers.pop(number_id, None)
        for key in [key for key in self._compiled if key[0] == number_id]:
            del self._compiled[key]

    def _compile(
        self, number: SendingNumber | None, number_id: str, campaign_id: str, name: str
    ) -> Credentials | Unusable:
        credentials = self._compiled[number_id, campaign_id, name] = self._make(
            number, campaign_id, name
        )
        return credentials

    def _make(
        self, number: SendingNumber | None, campaign_id: str, name: str
    ) -> Credentials | Unusable:
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
        of_all = number.templates.get((None, name))
        template = number.templates.get((campaign_id, name), of_all)
        if template is None:
            return Unusable(
                f"the template {name} is not known for this number, or not in the language of "
                "the campaign: wacampaign templates sync",
                Scope.TEMPLATE,
            )
        if (changed := template.get("changed")) is not None:
            return Unusable(changed, Scope.CHANGED)
        try:
            compiled = CompiledTemplate(
                name,
                template["language"],
                template["components"],
                template.get("parameter_format"),
            )
        except UnusableTemplate as error:
            return Unusable(f"the template {name} cannot be used: {error}", Scope.TEMPLATE)
        category = template.get("category")
        media = header_media(template["components"], template.get("parameter_format"))
        if (refusal := number.marketing.refuses(category, media)) is not None:
            return Unusable(
                f"the template {name} cannot be sent: {refusal}; wacampaign number set "
                f"{number.phone_number_id} --marketing-endpoint on",
                Scope.TEMPLATE,
            )
        route = number.marketing.route(category)
        return Credentials(number.phone_number_id, token, compiled, route)
