"""What a person says of a number's portfolio: its limit in people a day, and its name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wacampaign.core.budget import HOURS, MessagingLimit
from wacampaign.core.numbers import KnownNumber, tier_limit
from wacampaign.core.plan import Change, Plan
from wacampaign.operations.messaging_limits import read_limits
from wacampaign.operations.numbers import find_number
from wacampaign.settings import Settings
from wacampaign.store.budgets import Budgets
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store

#: Instead of a number of people: no limit, and as Meta says.
NO_LIMIT: Final = 0
AS_META_SAYS: Final = -1


@dataclass(frozen=True, slots=True)
class PlannedLimit:
    """A number, and what is to be said of its portfolio; None: that stays as it is."""

    number: KnownNumber
    #: People in 24 hours, `NO_LIMIT` or `AS_META_SAYS`.
    people: int | None
    #: Empty: no name of a person's.
    portfolio: str | None
    #: Other phone numbers that share the limit as it is now.
    sharing: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything becomes different; Meta is asked all the same."""
        return bool(self.steps)

    @property
    def steps(self) -> tuple[Change, ...]:
        """The changes."""
        was, steps = self.number.limit, []
        if self.portfolio is not None and self.portfolio != (was.named or ""):
            becomes = self.portfolio or "as Meta says, else the account"
            steps.append(Change(1, "portfolio", was.portfolio or "unknown", becomes))
        if self._sets_people:
            steps.append(Change(1, "messaging limit", was.in_words, self._becomes))
        return tuple(steps)

    @property
    def _sets_people(self) -> bool:
        was = self.number.limit
        if self.people is None:
            return False
        if self.people == AS_META_SAYS:
            return was.source == "person"
        return was.source != "person" or (was.people or NO_LIMIT) != self.people

    @property
    def _becomes(self) -> str:
        if self.people == AS_META_SAYS:
            return "as Meta says"
        return f"{self.people:,} (set)" if self.people else "none (set)"

    @property
    def plan(self) -> Plan:
        """The change, and what it means."""
        return Plan(
            title=f"set the portfolio of the number {self.number.shown}",
            steps=self.steps,
            notes=tuple(self._notes()),
            next_command="wacampaign number list",
        )

    def _notes(self) -> Iterator[str]:
        yield (
            f"it counts people in {HOURS} h outside of open windows, over all numbers of the"
            " portfolio"
        )
        if self.sharing:
            yield f"shared with {', '.join(self.sharing)}"
        tier = self.number.limit.tier or ""
        most = tier_limit(tier)
        if most is not None and (self.people == NO_LIMIT or (self.people or 0) > most):
            yield f"NOTE: Meta says {tier}: what goes beyond {most:,} it may refuse"
        if self.portfolio:
            yield "the name holds for all numbers of the account; give others the same to join them"
        yield "workers keep to it from their next claim on"


async def look(
    store: Store, number: str, people: int | None, portfolio: str | None
) -> PlannedLimit:
    """What would be set. Changes nothing. Raises `Refused` for a number that is not known."""
    known = await find_number(store, number)
    sharing = [
        other.label
        for other in await Numbers(store).all()
        if other.limit.key == known.limit.key
        and (other.phone_number_id or other.id) != (known.phone_number_id or known.id)
    ]
    name = None if portfolio is None else portfolio.strip()
    return PlannedLimit(known, people, name, tuple(dict.fromkeys(sharing)))


async def carry_out(
    store: Store, settings: Settings, planned: PlannedLimit, actor: str
) -> tuple[bool, MessagingLimit]:
    """Sets it, and asks Meta where its word is wanted; whether anything changed, and what is now.

    Trouble with Meta is no trouble here: workers ask it again.
    """
    number = planned.number.id
    if planned.people == AS_META_SAYS:
        await read_limits(store, settings, [number])
    return await Budgets(store).set(
        number, actor, people=planned.people, portfolio=planned.portfolio
    )
