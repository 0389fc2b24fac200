"""The workers that the database knows: who lives, and what the dead ones left."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from wacampaign.store.store import Capability


class Workers(Capability):
    """Signs of life, and what becomes of a worker's rows without them."""

    async def register(self, worker_id: UUID, host: str, pid: int, version: str) -> dict[str, int]:
        """Announces a worker; gives up what dead ones held. Returns rows released and in doubt."""
        return await self._store.call(
            "register", worker_id=str(worker_id), host=host, pid=pid, version=version
        )

    async def heartbeat(self, worker_id: UUID, in_flight: int) -> dict[str, Any]:
        """Says that the worker lives. `known` is False when it was given up as dead."""
        return await self._store.call("heartbeat", worker_id=str(worker_id), in_flight=in_flight)

    async def measured(self, worker_id: UUID, facts: Mapping[str, Any]) -> None:
        """Says what the worker measured lately."""
        await self._store.call("measured", worker_id=str(worker_id), facts=json.dumps(facts))

    async def goodbye(self, worker_id: UUID) -> None:
        """The worker ends; what it still holds is given up."""
        await self._store.call("goodbye", worker_id=str(worker_id))

    async def reap(self, dead: Sequence[str]) -> dict[str, int]:
        """Gives up what these workers (known to be dead) and other dead ones held."""
        return await self._store.call("reap", dead=list(dead))

    async def doubts(self, worker_id: str) -> list[tuple[str, str]]:
        """Row and claim ids in doubt because this worker died."""
        answer = await self._store.call_list("doubts", worker_id=worker_id)
        return [(row["id"], row["claim"]) for row in answer]

    async def is_settled(self, worker_id: str) -> bool:
        """Whether this database knows the worker, it is gone, and none of its rows is open."""
        answer = await self._store.call("worker_settled", worker_id=worker_id)
        return bool(answer["settled"])
