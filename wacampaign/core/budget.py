"""The budget of a portfolio: people that its numbers may still write to within 24 hours.

Source: Meta, messaging limits (whatsapp-cloud-api, 2.3): unique users outside of open windows in a
rolling 24 hours, over all numbers of the business portfolio.
"""

from dataclasses import dataclass
from typing import Final

from wacampaign.core.words import local_clock

#: Hours in which people are counted.
HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class MessagingLimit:
    """The limit of a number's portfolio. All None: nothing is known."""

    #: What tells it from others.
    key: str | None = None
    #: As people know it: a person's name, Meta's business, or the account.
    portfolio: str | None = None
    #: A person's name for it.
    named: str | None = None
    #: People in 24 hours; None: no limit, or none known.
    people: int | None = None
    #: Who said so: `person` or `meta`; None: nobody.
    source: str | None = None
    #: Meta's word, and when it said it last (ISO 8601).
    tier: str | None = None
    told_at: str | None = None
    #: Phone numbers that share it.
    numbers: int = 1

    @property
    def in_words(self) -> str:
        """`2,000 (TIER_2K)`, `2,000 (set)`, `none (TIER_UNLIMITED)`, `unknown`."""
        if self.source is None:
            return "unknown"
        said = "set" if self.source == "person" else self.tier
        return f"{'none' if self.people is None else f'{self.people:,}'} ({said})"


#: Of a number of which nobody has said anything.
UNKNOWN_LIMIT: Final = MessagingLimit()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign's portfolio has used of its limit at one moment."""

    #: People in 24 hours, those written to already, and those that may still be written to.
    limit: int
    used: int
    left: int
    #: `person` or `meta`.
    source: str
    #: When the next place is free (ISO 8601), while none is left.
    frees_at: str | None
    portfolio: str = ""
    tier: str | None = None
    #: Phone numbers that share it.
    numbers: int = 1
    #: Running campaigns with rows ready beside this one.
    others: int = 0

    @property
    def is_used_up(self) -> bool:
        """Whether nobody new may be written to now."""
        return self.left <= 0

    @property
    def share(self) -> int:
        """Places for one campaign, as rows are dealt out evenly to those that run."""
        return -(-self.left // (1 + self.others))

    @property
    def in_words(self) -> str:
        """`budget of the portfolio: 2,000 of 2,000 used, next place at 14:10 IST`."""
        text = f"budget of the portfolio: {self.used:,} of {self.limit:,} used"
        return f"{text}, {self.next_place}" if self.is_used_up else text

    @property
    def next_place(self) -> str:
        """`next place at 14:10 IST`; without that while nobody has counted."""
        return f"next place at {local_clock(self.frees_at)}" if self.frees_at else "no place left"

    @property
    def of_whom(self) -> str:
        """`people in 24 h, TIER_2K, 2 numbers`: what is counted, who says so, over how many."""
        said = "set" if self.source == "person" else self.tier or "Meta"
        shared = f", {self.numbers} numbers" if self.numbers > 1 else ""
        return f"people in {HOURS} h, {said}{shared}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a budget stops a campaign, unless places are freed before."""

    #: The last recipient that is still written to, counted from the campaign's first.
    recipient: int
    #: Seconds until then: 0 where it has stopped; None: nothing moves.
    seconds: float | None

    def in_words(self, at: str) -> str:
        """`stops at recipient 8,214 at 14:10 IST`; `at`: now, in ISO 8601."""
        if self.seconds == 0:
            return f"stopped at recipient {self.recipient:,}"
        when = f" at {local_clock(at, plus_seconds=self.seconds)}" if self.seconds else ""
        return f"stops at recipient {self.recipient:,}{when}"


def stop_of(budget: Budget | None, taken: int, unsent: int, rate: float) -> Stop | None:
    """Where the budget stops a campaign; None: nowhere, there are places for all.

    `taken`: rows that were handed out; `unsent`: those that were not. `rate`: messages a second.
    """
    if budget is None or unsent <= budget.share:
        return None
    if budget.is_used_up:
        return Stop(taken, 0.0)
    return Stop(taken + budget.share, budget.share / rate if rate > 0 else None)


def days_needed(people: int, limit: int, left: int) -> int:
    """Days over which a campaign goes: the first has what is left, each other the whole limit."""
    return 1 + -(-max(0, people - left) // limit)


def rate_above(configured: float, throughput: int | None) -> str | None:
    """That a number is set to more than Meta takes; None: it is not, or nobody knows."""
    if throughput is None or configured <= throughput:
        return None
    return (
        f"rate {configured:g}/s is above the number's throughput {throughput}/s:"
        f" {throughput}/s is used"
    )
