"""Start, pause, resume and cancel a campaign: whether it may be, what it means, the change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.failed_rows import LEFT_OUT
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.next_step import after_status_change
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.errors import without_step
from wacampaign.core.plan import Change, Plan
from wacampaign.core.template_changes import TemplateChange
from wacampaign.core.words import local_clock, rows
from wacampaign.operations.campaigns import actor, campaign_state, resolve_campaign
from wacampaign.problems import Refused
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.optouts import OptOuts
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates


@dataclass(frozen=True, slots=True)
class Action:
    """One change of a campaign's status. The database has the last word on `allowed`."""

    verb: str
    done: str
    status: str
    allowed: frozenset[str]


START: Final = Action("start", "started", "running", frozenset({"scheduled", "paused"}))
PAUSE: Final = Action("pause", "paused", "paused", frozenset({"running"}))
RESUME: Final = Action("resume", "resumed", "running", frozenset({"scheduled", "paused"}))
CANCEL: Final = Action(
    "cancel", "cancelled", "failed", frozenset({"scheduled", "paused", "running"})
)
ACTIONS: Final = (START, PAUSE, RESUME, CANCEL)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status that is possible, or was made already."""

    action: Action
    campaign: CampaignName
    #: As it was when it was looked at.
    before: Campaign
    #: What is no longer as it was planned, and goes out as it is now once this is agreed to.
    templates: tuple[TemplateChange, ...] = ()
    #: Unsent rows that are not sent though it runs: their people opted out of marketing, or rest.
    left_out: int = 0

    @property
    def is_made(self) -> bool:
        """Whether the campaign is so already, and nothing has to be changed."""
        return self.campaign.status == self.action.status and not self._changes_more

    @property
    def _changes_more(self) -> bool:
        """Whether it lifts what held the campaign, or takes away the time that it starts at."""
        if self.action is PAUSE:
            return self.campaign.status == "paused" and bool(self.before.scheduled_start_time)
        return self.action is RESUME and (self.before.is_held or bool(self.templates))

    @property
    def is_to_be_checked(self) -> bool:
        """Whether a preflight comes first: the rows may not be what goes out well."""
        return self.action is START or any(change.needs_other_rows for change in self.templates)

    @property
    def is_allowed(self) -> bool:
        return self.campaign.status in self.action.allowed or self._changes_more

    @property
    def plan(self) -> Plan:
        """What changes, and what will and will not be sent."""
        action, before = self.action, self.before
        reason = f" ({before.pause_reason})" if before.pause_reason else ""
        return Plan(
            title=f"{action.verb} {self.campaign}",
            steps=(Change(1, "campaign", self.campaign.status + reason, action.status),),
            notes=(
                "0 rows of the queue change",
                *self._notes(),
                _guarantee(action, before.counts, self.left_out, ahead=True),
            ),
            next_command=after_status_change(before, action.status),
        )

    def _notes(self) -> Iterator[str]:
        for change in self.templates:
            label = change.planned.label
            yield f"NOTE: the template {label} changed since this campaign was planned:"
            yield f"  {change.in_words}; {change.consequence}"
        if self.action.status != "running":
            return
        told = self.before.pause_reason or ""
        for hold in self.before.holds:
            # One that paused it stands in the step above, and a changed template's is noted.
            is_told = hold.scope == "changed" or told.startswith(hold.reason or told)
            if hold.until is not None or not is_told:
                what = f"template {hold.template}" if hold.template else "the number"
                how = f"waits until {local_clock(hold.until)}" if hold.until else "is held"
                yield f"NOTE: {what} {how}: {without_step(hold.reason or 'no reason given')}"
                yield f"  {self.action.verb} lifts that: its first message goes now"


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A change of status that was made."""

    holds_lifted: int
    #: The campaign's rows now.
    counts: Counts
    #: What will be sent and what will not, in rows.
    guarantee: str
    next_command: str


async def look(store: Store, action: Action, name: str) -> StatusChange:
    """What the action would change. Raises `Refused` when the campaign's status forbids it."""
    campaign = await resolve_campaign(store, name)
    state = await campaign_state(store, campaign)
    templates: tuple[TemplateChange, ...] = ()
    left_out = 0
    if action.status == "running":
        templates = tuple(await Templates(store).changes(campaign.id))
        left_out = sum((await OptOuts(store).left_out(campaign.id)).values())
    change = StatusChange(action, campaign, state, templates, left_out)
    if not change.is_made and not change.is_allowed:
        raise Refused(
            f"{campaign} is {campaign.status}, so it cannot be {action.done}",
            f"wacampaign queue-stats {campaign.short_id}",
        )
    return change


async def carry_out(
    store: Store, change: StatusChange, *, unchecked: bool = False
) -> StatusChanged | None:
    """Makes the change; None: somebody else was quicker. `unchecked`: see `set_running`."""
    action, campaign = change.action, change.campaign
    if change.templates:
        await Templates(store).take(campaign.id, change.templates, actor())
    if action is START:
        answer = await set_running(store, campaign.id, unchecked=unchecked)
    else:
        answer = await Campaigns(store).set_status(campaign.id, action.verb, actor())
    if not answer["changed"] and not change.templates:
        return None
    after = await campaign_state(store, campaign)
    return StatusChanged(
        holds_lifted=answer.get("holds_lifted") or 0,
        counts=after.counts,
        guarantee=_guarantee(action, after.counts, change.left_out),
        next_command=after_status_change(after, action.status),
    )


async def set_running(store: Store, campaign_id: str, *, unchecked: bool) -> dict[str, Any]:
    """Starts the campaign; `unchecked`: without a preflight, which its events then say."""
    if unchecked:
        return await Campaigns(store).start_unchecked(campaign_id, actor())
    return await Campaigns(store).set_status(campaign_id, "start", actor())


def _guarantee(action: Action, counts: Counts, left_out: int, *, ahead: bool = False) -> str:
    unsent = rows(counts.unsent)
    accepted = f"{counts.sent:,} already accepted will not be touched"
    if action.status == "running":
        later = f" ({counts.retry_later:,} of them later)" if counts.retry_later else ""
        failed = f"; {counts.failed:,} failed stay failed" if counts.failed else ""
        doubt = f"; {counts.in_doubt:,} in doubt are not sent again" if counts.in_doubt else ""
        subject = action.verb if ahead else "it"
        # A worker may have met some of them since they were counted.
        out = min(left_out, counts.unsent)
        goes = rows(counts.unsent - out)
        stays = f"; {out:,} of {unsent} will be left out ({LEFT_OUT})" if out else ""
        return f"{subject} will send {goes}{later}{stays}; {accepted}{failed}{doubt}"
    held = counts.processing
    last = f"; {rows(held)} in the hands of workers may still go out" if held else ""
    if action is PAUSE:
        return f"{unsent} wait until it is resumed{last}; {accepted}"
    return f"{unsent} will never be sent{last}; {accepted}"
