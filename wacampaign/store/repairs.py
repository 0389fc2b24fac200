"""Repairs over any transport: survey, begin, step, finish, undo."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from wacampaign.core.reading import read
from wacampaign.problems import Busy
from wacampaign.store.store import Capability

#: Rows a step: less than a second, while workers wait for the campaign; REST allows 8 s.
REPAIR_STEP: Final = 10_000
#: Seconds without a step after which a repair counts as dead (as in the database).
REPAIR_DEAD_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Targets:
    """Which medium a row gets, by its template and the number that it is on."""

    #: (template, number's id in the database, medium); None: not uploaded yet.
    media: Sequence[tuple[str, str, str | None]]
    #: Id in the database of the number that the rows move to.
    number_to: str | None = None
    #: Template that the rows move to: they keep their media, and those above are None.
    template_to: str | None = None

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


@dataclass(frozen=True, slots=True)
class RepairLane:
    """Rows of one template on one number that may be repaired, and the template as known here."""

    number_id: str
    template: str
    ready: int
    failed: int
    #: None: the template is not known here.
    components: Any
    parameter_format: str | None
    template_status: str | None
    language: str | None
    category: str | None
    #: What the rows were made for: the template as the campaign was planned with it.
    row_components: Any = None
    row_format: str | None = None

    @property
    def rows(self) -> int:
        """Ready and failed ones."""
        return self.ready + self.failed


@dataclass(frozen=True, slots=True)
class SurveyedRows:
    """What a repair would do to the rows of one template, number and status, in rows."""

    template: str
    number_id: str
    status: str
    change: int
    #: They have the medium.
    already: int
    #: Their first variable is no medium.
    no_media: int
    #: They failed after they were accepted.
    accepted: int


@dataclass(frozen=True, slots=True)
class ReplacedMedia:
    """How many different media a template's rows have that change."""

    template: str
    media: int
    #: At least so many.
    many: bool

    @property
    def how_many(self) -> str:
        """Their number, as far as it was counted."""
        return "more than 1,000" if self.many else f"{self.media:,}"


@dataclass(frozen=True, slots=True)
class MediumSample:
    """One row's phone, its medium, and the one that it gets (a repair: None until uploaded).

    Of a repair that moves rows, their templates.
    """

    phone: str
    was: str | None
    becomes: str | None


@dataclass(frozen=True, slots=True)
class RepairSurvey:
    """What a repair would change."""

    lanes: Sequence[SurveyedRows] = ()
    media: Sequence[ReplacedMedia] = ()
    #: Five rows that change.
    samples: Sequence[MediumSample] = ()
    #: ISO 8601: when it was counted, for `begin`.
    as_of: str | None = None

    def count(self, fate: str) -> int:
        """Rows that `change`, have it `already`, have `no_media`, were `accepted`."""
        return sum(getattr(lane, fate) for lane in self.lanes)


@dataclass(frozen=True, slots=True)
class KnownRepair:
    """A repair of a campaign, as far as it has come."""

    id: str
    #: `template` (rows were moved to another), or how the medium was chosen.
    kind: str
    what: str
    command: str
    actor: str
    #: Changed so far; given back since.
    rows: int
    undone_rows: int
    finished: bool
    #: Another repair has ended it.
    closed: bool
    undo_begun: bool
    undone: bool

    @property
    def is_open(self) -> bool:
        """It was interrupted, and the same command goes on with it."""
        return not (self.finished or self.closed or self.undo_begun)


@dataclass(frozen=True, slots=True)
class RepairedRows:
    """So many rows of a repair had one status, have another, and can be given back or not."""

    #: `restorable`, or why not: sent, processing, repaired_again, changed, gone, undone.
    fate: str
    old_status: str
    status: str | None
    n: int


@dataclass(frozen=True, slots=True)
class UndoSurvey:
    """What an undo would give back."""

    fates: Sequence[RepairedRows]
    #: Five rows that can be given back.
    samples: Sequence[MediumSample]

    def count(self, *fates: str) -> int:
        """Rows with one of these fates; all without one."""
        return sum(rows.n for rows in self.fates if not fates or rows.fate in fates)


def repair_name(repair_id: str) -> str:
    """How a repair is named to people."""
    return f"R{repair_id[:6]}"


class Repairs(Capability):
    """The repairs of one store."""

    async def lanes(self, campaign_id: str) -> list[RepairLane]:
        """Numbers and templates with rows to repair; raises `NoSuchCampaign`."""
        answer = await self._store.call_list("repair_lanes", campaign_id=campaign_id)
        return [read(RepairLane, lane) for lane in answer]

    async def survey(
        self, campaign_id: str, code: int | None, targets: Targets, *, kind: str | None = None
    ) -> RepairSurvey:
        """What would change.

        `kind` as in `begin`: `from_template` takes an address with another signature for the same.
        """
        if targets.template_to is not None:
            given = targets.parameters()
            answer = await self._store.call(
                "repair_move_survey",
                campaign_id=campaign_id,
                code=code,
                templates=given["templates"],
                numbers=given["numbers"],
                template_to=targets.template_to,
            )
            return read(RepairSurvey, answer)
        answer = await self._store.call(
            "repair_survey", campaign_id=campaign_id, code=code, kind=kind, **targets.parameters()
        )
        return read(RepairSurvey, answer)

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
            **({} if targets.template_to is None else {"template_to": targets.template_to}),
            **targets.parameters(),
        )
        _raise_if_busy(answer)
        return read(Begun, answer)

    def steps(self, repair_id: str, *, limit: int = REPAIR_STEP) -> AsyncIterator[tuple[int, int]]:
        """Carries the repair out; rows changed and rows looked at, step by step."""
        return self._steps("repair_step", repair_id, limit)

    async def finish(self, repair_id: str, actor: str) -> int:
        """All rows have had their turn; rows changed in all."""
        answer = await self._store.call("repair_finish", repair_id=repair_id, actor=actor)
        return int(answer["rows"])

    async def restart(self, campaign_id: str, actor: str) -> bool:
        """Sets a campaign that is over back to running, if it has rows to send."""
        answer = await self._store.call("repair_restart", campaign_id=campaign_id, actor=actor)
        return bool(answer["changed"])

    async def of(self, campaign_id: str, beginning: str | None = None) -> list[KnownRepair]:
        """The campaign's repairs, newest first; those whose id begins so."""
        answer = await self._store.call_list("repairs_of", campaign_id=campaign_id, text=beginning)
        return [read(KnownRepair, repair) for repair in answer]

    async def undo_survey(self, repair_id: str) -> UndoSurvey:
        """Which of the repair's rows can be given back."""
        return read(UndoSurvey, await self._store.call("repair_undo_survey", repair_id=repair_id))

    async def undo_begin(self, repair_id: str, actor: str) -> None:
        """Raises `Busy` while somebody else repairs this campaign."""
        _raise_if_busy(
            await self._store.call("repair_undo_begin", repair_id=repair_id, actor=actor)
        )

    def undo_steps(
        self, repair_id: str, *, limit: int = REPAIR_STEP
    ) -> AsyncIterator[tuple[int, int]]:
        """Gives rows back; rows given back and rows looked at, step by step."""
        return self._steps("repair_undo_step", repair_id, limit)

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


def _raise_if_busy(answer: Mapping[str, Any]) -> None:
    if answer["busy"]:
        doing = "undoes" if answer["undo"] else "carries out"
        raise Busy(
            f"{answer['actor']} {doing} the repair {repair_name(answer['id'])} ({answer['what']})"
            f" of this campaign; its last step was {answer['seconds']:.0f} s ago",
            f"wait until it has ended, or {REPAIR_DEAD_SECONDS} s after its last step if it was"
            " interrupted",
        )
