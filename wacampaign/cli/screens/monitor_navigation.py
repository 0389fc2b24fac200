"""What keys do on the live screen: choose and open campaigns, pause and resume them, leave."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from wacampaign.cli.screens.monitor_list import in_order
from wacampaign.core.campaign.state import Campaign
from wacampaign.operations import life_cycle
from wacampaign.operations.life_cycle import PAUSE, RESUME, Action, StatusChange
from wacampaign.operations.watch import Feed
from wacampaign.problems import Problem

if TYPE_CHECKING:
    from wacampaign.store.store import Store

_KEYS: Final = (
    "KEYS",
    "",
    "  up, down, k, j     choose a campaign",
    "  Enter              open it",
    "  Escape, Backspace  back to all campaigns",
    "  p                  pause the campaign: asks first",
    "  r                  resume it: asks first",
    "  ?                  this page; ? again: what stands where",
    "  q, Ctrl-C          leave; the campaign goes on",
    "  Ctrl-Z             stop the monitor; fg brings it back",
    "  any other key      back from this page",
    "",
)
_WORDS: Final = (
    "WHAT STANDS WHERE",
    "",
    "  ACCEPTED   taken by Meta's API; DELIVERED is what its statuses told since",
    "  RATE       rows done a second; a bar of the chart is 15 s, the newest right",
    "  ETA        at the last minute's rate; in brackets at its fastest and slowest",
    "  LIMITED    what binds the rate now, and when it would be done otherwise",
    "  STANDS     why no row is done; WAITS why it does not run",
    "  QUEUE      rows that wait, are being sent, or are not as they should be",
    "  ! text     what is wrong, with the command that acts on it below",
)
#: The second one is for terminals that are too short for the first.
_HELP_PAGES: Final = ((*_KEYS, *_WORDS), _WORDS)
_ASK: Final = ("?", "h")
_YES: Final = ("y", "Y")
_LEAVE: Final = ("q", "Q")
#: Seconds for which what came of a key is shown: later it may be true no longer.
_NOTICE_SECONDS: Final = 60.0


class Navigation:
    """Which campaign is shown, what is asked, and what came of it."""

    def __init__(self, feed: Feed, store: Store) -> None:
        self._feed = feed
        self._store = store
        self._chosen: str | None = None
        self._question: StatusChange | None = None
        #: What came of the last key, its style, and when.
        self._notice: tuple[str, str, float] | None = None
        #: What is being done at this moment.
        self._busy: str | None = None
        #: Whether that changes something.
        self._changes = False
        #: How many deleted campaigns were told of.
        self._told_deleted = 0
        self._help_page: int | None = None
        #: Whether a person opened what is open: then others do not close it.
        self._by_hand = False
        #: Whether somebody wants to leave, and by Ctrl-C.
        self.left = False
        self.interrupted = False

    @property
    def opened(self) -> str | None:
        """The campaign that has the whole screen."""
        campaigns = self._campaigns
        if not self._feed.watches_all:
            return campaigns[0].id if campaigns else None
        if not self._by_hand:
            self._feed.opened = campaigns[0].id if len(campaigns) == 1 else None
        return self._feed.opened

    @property
    def chosen(self) -> str | None:
        """The campaign that keys are about."""
        campaign = self._campaign
        return campaign.id if campaign else None

    @property
    def help_lines(self) -> tuple[str, ...]:
        """What the keys and the words mean, while somebody asks."""
        return () if self._help_page is None else _HELP_PAGES[self._help_page]

    @property
    def _campaigns(self) -> list[Campaign]:
        return in_order(self._feed.stats.campaigns) if self._feed.stats else []

    @property
    def _campaign(self) -> Campaign | None:
        campaigns = self._campaigns
        wanted = self.opened or self._chosen
        found = (one for one in campaigns if one.id == wanted)
        return next(found, campaigns[0] if campaigns else None)

    def footer(self, *, unicode: bool, width: int = 80) -> tuple[tuple[str, str], ...]:
        """The lines at the bottom: a question or what came of one, then the keys."""
        if self._question is not None:
            change = self._question
            what = f"{change.action.verb} {change.campaign}?"
            notes = [(note, "yellow") for note in change.plan.notes[-1:]]
            return (*notes, (f"{what}  y yes  any other key no", "bold yellow"))
        if deleted := self._feed.deleted[self._told_deleted :]:
            self._told_deleted += len(deleted)
            self._tell(f"deleted by somebody: {', '.join(map(str, deleted))}", "yellow")
        return (*self._shown(), (self._keys(width, unicode=unicode), "dim"))

    def _shown(self) -> Iterator[tuple[str, str]]:
        if self._busy is not None:
            yield self._busy, "yellow"
        elif self._notice is not None:
            text, style, at = self._notice
            if time.monotonic() - at < _NOTICE_SECONDS:
                yield text, style

    def _tell(self, text: str, style: str) -> None:
        self._notice = (text, style, time.monotonic())

    def _keys(self, width: int, *, unicode: bool) -> str:
        """On one line: of those that have no room the last go first, but never the help."""
        keys = ["q quit"]
        campaign = self._campaign
        if campaign is not None and not campaign.is_over:
            if self.opened is None:
                keys += ["↑ ↓ choose" if unicode else "j k choose", "Enter open"]
            keys.append("p pause" if campaign.status == "running" else "r resume")
        if self._feed.watches_all and self.opened is not None:
            keys.append("Esc all campaigns")
        while len("  ".join([*keys, "? help"])) >= width and keys[1:]:
            keys.pop()
        return "  ".join([*keys, "? help"])

    def press(self, key: str) -> Coroutine[Any, Any, None] | None:
        """What `key` leads to; what takes a while is given back to be run beside the screen."""
        if key == "ctrl-c":
            self.left = self.interrupted = True
            return None
        if self._busy is not None:
            # A look changes nothing: who leaves need not wait for a database that is away.
            self.left |= key in _LEAVE and not self._changes
            return None
        if self._question is not None:
            return self._answered(key)
        if self._help_page is not None:
            self._help_page = 1 if key in _ASK and self._help_page == 0 else None
            return None
        self._notice = None
        return self._act(key)

    def _act(self, key: str) -> Coroutine[Any, Any, None] | None:
        match key:
            case key if key in _LEAVE:
                self.left = True
            case _ if key in _ASK:
                self._help_page = 0
            case "up" | "k":
                self._move(-1)
            case "down" | "j":
                self._move(1)
            case "enter" if self._feed.watches_all and self.opened is None:
                self._by_hand = True
                self._feed.opened = self.chosen
            case "back" if self._feed.watches_all:
                self._chosen = self.opened or self._chosen
                self._by_hand = True
                self._feed.opened = None
            case "p" | "P":
                return self._look(PAUSE)
            case "r" | "R":
                return self._look(RESUME)
        return None

    def _move(self, by: int) -> None:
        if self.opened is not None:
            return
        ids = [campaign.id for campaign in self._campaigns]
        if self.chosen in ids:
            place = ids.index(self.chosen) + by
            self._chosen = ids[max(0, min(place, len(ids) - 1))]

    def _look(self, action: Action) -> Coroutine[Any, Any, None] | None:
        campaign = self._campaign
        if campaign is None:
            return None
        # From now on, not from when it begins: the next key may come in the same piece.
        self._busy = f"asking the database about {campaign}  q quit"
        return self._ask_about(action, campaign)

    async def _ask_about(self, action: Action, campaign: Campaign) -> None:
        """Asks whether to do it, or says why not."""
        command = f"wacampaign {action.verb} {campaign.short_id}"
        try:
            change = await life_cycle.look(self._store, action, campaign.id)
        except Problem as problem:
            self._tell(_told(problem), "bold red")
            return
        finally:
            self._busy = None
        if change.is_made:
            self._tell(f"{campaign.name} is {action.status} already", "yellow")
        elif action is RESUME and not change.before.start_time:
            command = f"wacampaign start {campaign.short_id}"
            self._tell(f"it was never started, which needs a preflight: {command}", "yellow")
        elif change.templates:
            self._tell(f"a template changed meanwhile: {command} shows what", "yellow")
        else:
            self._question = change

    def _answered(self, key: str) -> Coroutine[Any, Any, None] | None:
        change, self._question = self._question, None
        if key in _YES and change is not None:
            self._busy = f"{change.action.verb} {change.campaign}: no answer yet"
            self._changes = True
            return self._carry_out(change)
        self._tell("nothing was changed", "dim")
        return None

    async def _carry_out(self, change: StatusChange) -> None:
        try:
            done = await life_cycle.carry_out(self._store, change)
        except Problem as problem:
            self._tell(_told(problem), "bold red")
            return
        finally:
            self._busy, self._changes = None, False
        if done is None:
            self._tell(f"{change.campaign.name} was {change.action.done} already", "yellow")
        else:
            self._tell(f"{change.action.done}: {done.guarantee}", "bold green")
        # What is shown should be so at once; what keeps it from that the next look tells.
        with suppress(Problem):
            await self._feed.tick()


def _told(problem: Problem) -> str:
    return f"{problem.message}: {problem.suggestion}" if problem.suggestion else problem.message
