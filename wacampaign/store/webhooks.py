"""Bodies of Meta's webhooks in the database, and the receivers that bring them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wacampaign.core.cells import solid
from wacampaign.core.shown_text import one_line
from wacampaign.core.webhook.received import ReceivedBody, encoded
from wacampaign.store.store import Capability


@dataclass(frozen=True, slots=True)
class LeasedBody:
    """A stored body that nobody else works on for now."""

    id: str
    encoding: str
    text: str
    #: How often it was leased, this time too.
    takes: int


@dataclass(frozen=True, slots=True)
class AppSecret:
    """A secret that Meta may sign with, of one number. The number's id may be missing."""

    phone_number_id: str | None
    secret: str


class Webhooks(Capability):
    """Rows of `wacampaign_webhooks` and `wacampaign_receivers`."""

    async def keep(self, bodies: Sequence[ReceivedBody]) -> int:
        """Stores bodies, each once however often it is called; how many were new."""
        texts = [encoded(one.body) for one in bodies]
        answer = await self._store.call(
            "webhooks_keep",
            ids=[one.id for one in bodies],
            received_at=[one.received_at.isoformat() for one in bodies],
            encodings=[encoding for encoding, _ in texts],
            bodies=[text for _, text in texts],
        )
        return int(answer["stored"])

    async def lease(self, limit: int, chars: int, seconds: float) -> list[LeasedBody]:
        """The oldest bodies that wait: at most `limit` with so many characters, one at least."""
        answer = await self._store.call("webhooks_lease", limit=limit, chars=chars, seconds=seconds)
        return [
            LeasedBody(one["id"], one["encoding"], one["body"], one["takes"])
            for one in answer["bodies"]
        ]

    async def taken(self, ids: Sequence[str], faults: Mapping[str, Sequence[str]]) -> None:
        """These are done; `faults`: what of them could not be taken, by id."""
        # What a fault quotes may hold what no database takes: NUL, half characters.
        said = {one: [*map(one_line, of_one)] for one, of_one in faults.items() if of_one}
        await self._store.call("webhooks_taken", ids=list(ids), faults=json.dumps(said))

    async def give_back(self, ids: Sequence[str], seconds: float) -> None:
        """These wait again, for `seconds` at least."""
        await self._store.call("webhooks_give_back", ids=list(ids), seconds=seconds)

    async def state(self) -> dict[str, Any]:
        """`waiting`, `lag_seconds`, `last_received_at`, `with_faults`, `receiver_alive`."""
        return await self._store.call("webhooks_state")

    async def app_secrets(self) -> list[AppSecret]:
        """The secrets that are kept with numbers, without what a page put into them."""
        return [
            AppSecret(solid(row["phone_number_id"] or "") or None, solid(row["app_secret"]))
            for row in await self._store.call_list("app_secrets")
        ]

    async def beat(
        self, receiver_id: UUID, host: str, pid: int, version: str, health: Mapping[str, Any]
    ) -> None:
        """A receiver begins, or lives."""
        await self._store.call(
            "receiver_beat",
            receiver_id=str(receiver_id),
            host=host,
            pid=pid,
            version=version,
            health=json.dumps(health),
        )

    async def goodbye(self, receiver_id: UUID) -> None:
        """A receiver ends."""
        await self._store.call("receiver_goodbye", receiver_id=str(receiver_id))
