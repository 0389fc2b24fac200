"""The app secrets that a body may be signed with: of the numbers it names, and of the settings.

The backend keeps a secret with each number, as its numbers may belong to several apps. A body that
names known numbers is not tried with another number's secret.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.engine.ports import EventLog
from wacampaign.core.masking import hide_secrets
from wacampaign.problems import Problem
from wacampaign.store.webhooks import AppSecret, Webhooks

#: Seconds between two looks into the database.
REFRESH_SECONDS: Final = 60.0
#: Seconds at least between two looks when signatures are wrong: a number may be new.
MISS_SECONDS: Final = 5.0
#: Inside a JSON text a quotation mark is escaped, so nothing that a person wrote looks like this.
_NAMED: Final = re.compile(rb'"phone_number_id"\s*:\s*"(\d{1,32})"')
#: Numbers that one body is looked through for; Meta sends one or a few.
_NAMED_MAX: Final = 50


class AppSecrets:
    """The known secrets, refreshed from the database."""

    def __init__(self, webhooks: Webhooks, configured: Sequence[str], log: EventLog) -> None:
        self._webhooks = webhooks
        self._configured = tuple(configured)
        self._log = log
        self._by_number: dict[str, tuple[str, ...]] = {}
        self._all: tuple[str, ...] = self._configured
        self._missed = asyncio.Event()
        #: Whether the database was asked with success once.
        self.known = False

    @property
    def any(self) -> bool:
        """Whether there is any secret at all."""
        return bool(self._all)

    def candidates(self, body: bytes) -> tuple[str, ...]:
        """What to try for this body, the likeliest first."""
        numbers = set(_named(body))
        of_numbers = [one for number in numbers for one in self._by_number.get(number, ())]
        if of_numbers:
            return tuple(dict.fromkeys([*of_numbers, *self._configured]))
        # It names none (templates, accounts), or one that is not in the database.
        return self._all

    def missed(self) -> None:
        """A signature fitted none: look soon whether there is a new secret."""
        self._missed.set()

    async def refresh(self) -> None:
        """Asks the database. Raises a `Problem`."""
        self._take(await self._webhooks.app_secrets())
        self.known = True

    def _take(self, found: Sequence[AppSecret]) -> None:
        hide_secrets(*(one.secret for one in found))
        by_number: dict[str, list[str]] = {}
        for one in found:
            if one.phone_number_id is not None:
                by_number.setdefault(one.phone_number_id, []).append(one.secret)
        self._by_number = {number: tuple(of_it) for number, of_it in by_number.items()}
        self._all = tuple(dict.fromkeys([*self._configured, *(one.secret for one in found)]))

    async def run(self) -> None:
        """Refreshes for ever; what was known stays while the database is away."""
        told = False
        while True:
            try:
                async with asyncio.timeout(REFRESH_SECONDS if self.known else MISS_SECONDS):
                    await self._missed.wait()
            except TimeoutError:
                pass
            self._missed.clear()
            try:
                await self.refresh()
                told = False
            except Problem as error:
                if not told:
                    self._log("app_secrets_not_read", level="warning", error=error)
                told = True
            await asyncio.sleep(MISS_SECONDS)


def _named(body: bytes) -> Iterator[str]:
    for count, found in enumerate(_NAMED.finditer(body)):
        if count >= _NAMED_MAX:
            return
        yield found[1].decode()
