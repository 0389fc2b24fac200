"""What the queue processor needs of the world, as small Protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from wacampaign.core.campaign.completion import CompletionVerdict
from wacampaign.core.marketing import OFF, MarketingEndpoint
from wacampaign.core.outcomes import Verdict


class DatabaseAway(Exception):  # noqa: N818 - the words of the field
    """The database cannot be reached or is busy; the same call may be repeated."""


@dataclass(slots=True, eq=False)
class ClaimedRow:
    """One row that this worker may send, and its slot (`due`: boot seconds, `boot_clock`).

    `due` is minus infinity when the slot cannot be placed: then it is taken for missed.
    """

    id: str
    claim_id: str
    campaign_id: str
    number_id: str
    template: str
    phone: str
    payload: Any
    due: float

    @property
    def lane(self) -> tuple[str, str]:
        """Number and template: what one fault stops."""
        return (self.number_id, self.template)

    @property
    def sender(self) -> tuple[str, str, str]:
        """Number, campaign and template: what says how the message is made."""
        return (self.number_id, self.campaign_id, self.template)


@dataclass(frozen=True, slots=True)
class CampaignWork:
    """What is left of a running campaign: rows ready now or later, rows held by live claims.

    `planned`: when its templates were written down last (epoch seconds), None: never.
    """

    id: str
    unsent: int
    in_flight: int
    planned: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """Rows to send, when to look again (milliseconds, None: nothing is waiting), what is left.

    `rates`: messages a second, now, of each number that has rows to send. `alone_at`: when
    this was asked (boot seconds), if no other worker lived then.
    """

    rows: list[ClaimedRow]
    next_ms: int | None
    campaigns: list[CampaignWork]
    rates: Mapping[str, float] = field(default_factory=dict)
    alone_at: float | None = None


@dataclass(frozen=True, slots=True)
class SettleAnswer:
    """What `settle` wrote, and what must not be sent any more.

    `lost`: row ids whose claim was taken away. `held`: number and template (None: all templates).
    """

    settled: int
    lost: frozenset[str] = frozenset()
    stopped_campaigns: frozenset[str] = frozenset()
    held: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """One row's verdict, with a sentence for people when it may stop more than the row."""

    row: ClaimedRow
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SendingNumber:
    """A number as the worker needs it; `templates` by campaign (None: of all) and name.

    Not `KnownNumber`: it has the token, which nothing that is listed or shown may hold, and the
    components that are compiled once; what people see of a number is not read for it.
    """

    id: str
    phone_number_id: str | None
    access_token: str | None = field(repr=False)
    templates: Mapping[tuple[str | None, str], Mapping[str, Any]]
    marketing: MarketingEndpoint = OFF


class Queue(Protocol):
    """The database's rules. Each method is one SQL function and safe to repeat."""

    #: Longest sleep between two looks for work, in seconds.
    idle_poll_seconds: float

    async def claim(
        self,
        worker_id: UUID,
        claim_id: UUID,
        limit: int,
        *,
        ahead_ms: int,
        lead_ms: int,
        beside_ms: int,
        campaign_ids: Sequence[str] | None,
        stalled: Sequence[tuple[str, str]],
    ) -> ClaimAnswer: ...

    async def begin(self, worker_id: UUID, claim_id: str) -> frozenset[str] | None: ...

    async def release(self, worker_id: UUID, rows: Sequence[ClaimedRow]) -> int: ...

    async def settle(self, worker_id: UUID, batch: Sequence[Settlement]) -> SettleAnswer: ...

    async def recover(self, worker_id: UUID, known: Sequence[KnownOutcome]) -> dict[str, int]: ...

    async def complete(self, campaign_id: str, actor: str) -> CompletionVerdict: ...

    async def sending(self, number_ids: Sequence[str]) -> list[SendingNumber]: ...

    async def wait_for_work(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """What a journal knows of a row: `sent` with wamid, `failed`, `unsent` (it never left), or
    `begun` (it may have left, and no answer will ever come)."""

    row_id: str
    claim_id: str
    outcome: str
    wamid: str | None = None
    code: int | None = None
    text: str | None = None


class HttpAnswer(NamedTuple):
    """What came back. `from_meta`: with headers that only Meta's servers set."""

    status: int
    body: bytes
    from_meta: bool = False


class Sender(Protocol):
    """The one POST. Raises `NotSent` or `MaybeSent` when there is no answer."""

    async def post(
        self,
        phone_number_id: str,
        token: str,
        body: bytes,
        may_leave: Callable[[], bool],
        edge: str = "messages",
    ) -> HttpAnswer:
        """`may_leave` is asked at the last instant; False: nothing leaves, `Withheld`.

        `edge`: last part of the endpoint's path.
        """
        ...


class NotSent(Exception):  # noqa: N818 - the words of the field
    """No byte of the request left this machine."""


class Unconnected(NotSent):
    """No connection to the API could be made."""


class Withheld(NotSent):
    """It was not to leave any more when everything was ready."""


class MaybeSent(Exception):  # noqa: N818
    """The request went out, or may have; the answer never came."""


class Journal(Protocol):
    """The local record of what was begun and answered; survives a kill of this process."""

    def begun(self, rows: Sequence[ClaimedRow]) -> None: ...

    def answered(self, row: ClaimedRow, verdict: Verdict) -> None: ...

    def settled(self, rows: Sequence[ClaimedRow]) -> None: ...


class EventLog(Protocol):
    """Hears of each event: its name, its level (debug to error) and its fields."""

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None: ...
