"""Repairs of header media over any transport: survey, begin, step, finish, undo."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from wacampaign.problems import Busy
from wacampaign.store.store import Store

#: Rows a step: less than a second, while workers wait for the campaign; REST allows 8 s.
REPAIR_STEP: Final = 10_000
#: Seconds without a step after which a repair counts as dead (as in the database).
DEAD_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Targets:
    """Which medium a row gets, by its template and the number that it is on."""

    #: (template, number's id in the database, medium); None: not uploaded yet.
    media: Sequence[tuple[str, str, str | None]]
    #: Id in the database of the number that the rows move to.
    number_to: str | None = None

    def parameters(self) -> dict[str, Any]:
        """As the database's functions take them."""
        return {
            "templates": [template for template, _, _ in self.media],
            "numbers": [number for _, number, _ in self.media],
            "media": [medium for _, _, medium in self.media],
            "number_to": self.number_to,
        }


@dataclass(frozen=True, slots=True)
class Begun:
    """A repair that may make its steps."""

    id: str
    #: It was interrupted, and goes on with the media that it was begun with.
    continued: bool
    #: Changed so far.
    rows: int
    media: Sequence[str] = field(default=())


class Repairs:
    """The repairs of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lanes(self, campaign_id: str) -> list[dict[str, Any]]:
        """Numbers and templates with rows to repair; raises `NoSuchCampaign`."""
        answer: list[dict[str, Any]] = await self._store.call(
            "repair_lanes", campaign_id=campaign_id
        )
        return answer

    async def survey(
        self, campaign_id: str, code: int | None, targets: Targets, *, kind: str | None = None
    ) -> dict[str, Any]:
        """What would change: `lanes`, `media`, `samples`, and `as_of` for `begin`.

        `kind` as in `begin`: `from_template` takes an address with another signature for the same.
        """
        answer: dict[str, Any] = await self._store.call(
            "repair_survey", campaign_id=campaign_id, code=code, kind=kind, **targets.parameters()
        )
        return answer

    async def begin(
        self,
        repair_id: UUID,
        campaign_id: str,
        *,
        kind: str,
        what: str,
        command: str,
        code: int | None,
        actor: str,
        targets: Targets,
        as_of: str | None = None,
    ) -> Begun:
        """Begins the repair, or goes on with the same one that was interrupted.

        `as_of`: the survey's; rows that came or failed later are left out (None: later than now).
        Raises `Busy` while somebody else repairs this campaign, `Refused` when it was cancelled.
        """
        answer = await self._store.call(
            "repair_begin",
            id=str(repair_id),
            campaign_id=campaign_id,
            kind=kind,
            what=what,
            command=command,
            code=code,
            actor=actor,
            as_of=as_of,
            **targets.parameters(),
        )
        _raise_if_busy(answer)
        return Begun(answer["id"], answer["continued"], answer["rows"], answer["media"])

    async def steps(
        self, repair_id: str, *, limit: int = REPAIR_STEP
    ) -> AsyncIterator[tuple[int, int]]:
        """Carries the repair out; rows changed and rows looked at, step by step."""
        async for step in self._steps("repair_step", repair_id, limit):
            yield step

    async def finish(self, repair_id: str, actor: str) -> int:
        """All rows have had their turn; rows changed in all."""
        answer = await self._store.call("repair_finish", repair_id=repair_id, actor=actor)
        return int(answer["rows"])

    async def restart(self, campaign_id: str, actor: str) -> bool:
        """Sets a campaign that is over back to running, if it has rows to send."""
        answer = await self._store.call("repair_restart", campaign_id=campaign_id, actor=actor)
        return bool(answer["changed"])

    async def of(self, campaign_id: str, beginning: str | None = None) -> list[dict[str, Any]]:
        """The campaign's repairs, newest first; those whose id begins so."""
        answer: list[dict[str, Any]] = await self._store.call(
            "repairs_of", campaign_id=campaign_id, text=beginning
        )
        return answer

    async def undo_survey(self, repair_id: str) -> dict[str, Any]:
        """`fates` of the repair's rows and five `samples` of those that can be given back."""
        answer: dict[str, Any] = await self._store.call("repair_undo_survey", repair_id=repair_id)
        return answer

    async def undo_begin(self, repair_id: str, actor: str) -> None:
        """Raises `Busy` while somebody else repairs this campaign."""
        _raise_if_busy(
            await self._store.call("repair_undo_begin", repair_id=repair_id, actor=actor)
        )

    async def undo_steps(
        self, repair_id: str, *, limit: int = REPAIR_STEP
    ) -> AsyncIterator[tuple[int, int]]:
        """Gives rows back; rows given back and rows looked at, step by step."""
        async for step in self._steps("repair_undo_step", repair_id, limit):
            yield step

    async def undo_finish(self, repair_id: str, actor: str) -> int:
        """All rows have had their turn; rows given back in all."""
        answer = await self._store.call("repair_undo_finish", repair_id=repair_id, actor=actor)
        return int(answer["rows"])

    async def _steps(
        self, function: str, repair_id: str, limit: int
    ) -> AsyncIterator[tuple[int, int]]:
        after: str | None = None
        while True:
            answer = await self._store.call(function, repair_id=repair_id, after=after, limit=limit)
            if answer["last"] is None:
                return
            after = answer["last"]
            yield answer["rows"], answer["seen"]


def _raise_if_busy(answer: dict[str, Any]) -> None:
    if answer["busy"]:
        doing = "undoes" if answer["undo"] else "carries out"
        raise Busy(
            f"{answer['actor']} {doing} the repair R{answer['id'][:6]} ({answer['what']}) of this"
            f" campaign; its last step was {answer['seconds']:.0f} s ago",
            f"wait until it has ended, or {DEAD_SECONDS} s after its last step if it was"
            " interrupted",
        )
