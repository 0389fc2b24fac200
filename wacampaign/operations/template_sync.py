"""Taking over Meta's templates: what that changes for each number, and the change itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.plan import Change, Plan
from wacampaign.core.template_changes import TemplateUse
from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.core.words import counted
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import find_number, known_numbers, token_of
from wacampaign.problems import Problem, Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates


@dataclass(frozen=True, slots=True)
class Changed:
    """One language of a template that differs from what was synced last."""

    was: KnownTemplate
    now: Template

    @property
    def in_words(self) -> str:
        """`APPROVED → PAUSED, 3 variables → 2 variables`, or `wording`."""
        pairs = (
            (self.was.state, self.now.status),
            (self.was.category or "no category", self.now.category),
            (self.was.needs_in_words, self.now.needs_in_words),
        )
        return ", ".join(f"{was} → {now}" for was, now in pairs if was != now) or "wording"


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What taking over Meta's templates changes, language by language."""

    new: tuple[Template, ...]
    changed: tuple[Changed, ...]
    gone: tuple[KnownTemplate, ...]
    #: The language that the backend's table has of each name, by name.
    kept: tuple[Template, ...] = field(repr=False)
    #: The language that it has had so far, by name.
    standing: Mapping[str, str] = field(repr=False)
    #: All of Meta's pages: each language once.
    read: tuple[Template, ...] = field(repr=False)
    #: Names that were known before, in whatever language.
    known_names: frozenset[str] = frozenset()
    #: Campaigns with rows to send, and what this means for each of their templates.
    uses: tuple[TemplateUse, ...] = ()

    @property
    def unchanged(self) -> int:
        return len(self.read) - len(self.new) - len(self.changed)

    @property
    def not_approved(self) -> list[Template]:
        return [template for template in self.read if template.status != "APPROVED"]

    @property
    def languages(self) -> dict[str, list[Template]]:
        """The names that Meta has in several languages, with these, by their codes."""
        by_name: dict[str, list[Template]] = {}
        for template in self.read:
            by_name.setdefault(template.name, []).append(template)
        return {name: found for name, found in by_name.items() if len(found) > 1}

    @property
    def touched(self) -> frozenset[str]:
        """Names of which some language is new, changed or gone."""
        now = (*self.new, *(one.now for one in self.changed), *self.gone)
        return frozenset(template.name for template in now)

    @property
    def told_switches(self) -> list[str]:
        """Where the backend's next campaign goes out in another language, a line a name."""
        return [
            f"{template.name} is {template.language} in the backend's table from now on, and was "
            f"{was}"
            for template in self.kept
            if (was := self.standing.get(template.name, template.language)) != template.language
        ]

    @property
    def told_uses(self) -> list[str]:
        """What becomes of the campaigns that use what changed, a line each."""
        return [line for use in self.uses if (line := self._told(use)) is not None]

    def _told(self, use: TemplateUse) -> str | None:
        campaign, runs = use.campaign, use.campaign.status == "running"
        who = f"{campaign}, {campaign.status}"
        if use.reason is not None:
            return f"{who}, is held: {use.reason}" if runs else f"{who}: {use.reason}"
        if use.held:
            goes_on = "it goes on" if runs else f"wacampaign resume {campaign.short_id}"
            return f"{who}: {use.template} is as it was planned again: {goes_on}"
        if use.template in self.touched:
            return f"{who}, goes on with {use.template} in {use.language}"
        return None


@dataclass(frozen=True, slots=True)
class NumberSync:
    """One number's templates at Meta against those in the database."""

    number: KnownNumber
    #: None: they could not be read; `problem` says why.
    plan: SyncPlan | None
    problem: Problem | None = None
    #: Whether the account may use the marketing endpoint, in Meta's word; None: not asked.
    onboarding: str | None = None


async def look(store: Store, settings: Settings, number: str | None) -> list[NumberSync]:
    """Reads Meta's pages for the number that is meant, or for all active ones. Changes nothing.

    A number whose templates cannot be read has the reason beside it. Raises `Refused` for a number
    that is not known, or when there is no active one.
    """
    if number is not None:
        return [await _look(store, settings, await find_number(store, number))]
    numbers = [known for known in await known_numbers(store) if known.is_active]
    if not numbers:
        raise Refused(
            "there is no active sending number",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
        )
    return [await _look(store, settings, known) for known in numbers]


async def _look(store: Store, settings: Settings, number: KnownNumber) -> NumberSync:
    try:
        if number.waba_id is None:
            raise Refused(
                f"{number.label} has no WABA id",
                f"wacampaign number add {number.phone_number_id or 'PHONE_NUMBER_ID'} --waba ID",
            )
        token = await token_of(store, settings, number)
        async with CloudApi(settings.api_url, settings.api_version, token) as api:
            plan = await plan_sync(store, api, number.waba_id, number.id)
            asked = number.marketing.mode != "off"
            onboarding = await api.onboarding(number.waba_id) if asked else None
            return NumberSync(number, plan, onboarding=onboarding)
    except Problem as problem:
        problem.message = f"{number.label}: {problem.message}"
        return NumberSync(number, None, problem)


def plan_of(syncs: Sequence[NumberSync]) -> Plan:
    """What the sync of all numbers that could be read changes."""
    plans = [(sync.number, sync.plan) for sync in syncs if sync.plan is not None]
    counts = (
        (sum(len(plan.new) for _, plan in plans), "unknown", "as at Meta"),
        (sum(len(plan.changed) for _, plan in plans), "as synced last", "as at Meta now"),
        (sum(len(plan.gone) for _, plan in plans), "in use", "out of use: Meta has it no more"),
    )
    return Plan(
        title=f"sync the templates of {counted(len(plans), 'number')}",
        steps=tuple(Change(n, "template", was, becomes) for n, was, becomes in counts if n),
        samples=[
            f"gone: {template.label} of {number.label}"
            for number, plan in plans
            for template in plan.gone
        ],
        notes=[line for _, plan in plans for line in (*plan.told_switches, *plan.told_uses)]
        if any(n for n, _, _ in counts)
        else ("nothing differs",),
        next_command="wacampaign templates list",
    )


async def carry_out(store: Store, syncs: Sequence[NumberSync], actor: str) -> None:
    """Takes over what `look` read."""
    for sync in syncs:
        if sync.plan is not None:
            await Templates(store).put(sync.number.id, sync.plan.read, actor)
        if sync.onboarding is not None:
            await Numbers(store).set(sync.number.id, actor, onboarding=sync.onboarding)


async def plan_sync(store: Store, api: CloudApi, waba_id: str, number_id: str | None) -> SyncPlan:
    """Read every page of the account's templates, compare with the number's. Changes nothing.

    `number_id` None: the number is not in the database yet. Raises what `CloudApi` raises.
    """
    pages = {t.label: t async for t in api.templates(waba_id)}
    read = tuple(sorted(pages.values(), key=lambda t: (t.name, t.language)))
    there = [] if number_id is None else await Templates(store).of(number_id)
    known = {template.label: template for template in there if template.is_active}
    # As `wacampaign_put_templates` chooses: the language that is there, while it can be sent or is
    # paused for some hours; else the approved one, then the first by code.
    standing = {t.name: t.language for t in there if t.is_standing and t.language}
    kept: dict[str, Template] = {}
    for template in sorted(
        read,
        key=lambda t: (
            t.language != standing.get(t.name) or t.status not in ("APPROVED", "PAUSED"),
            t.status != "APPROVED",
            t.language,
        ),
    ):
        kept.setdefault(template.name, template)
    old = ((known[t.label], t) for t in read if t.label in known)
    return SyncPlan(
        new=tuple(t for t in read if t.label not in known),
        changed=tuple(Changed(was, now) for was, now in old if not _same(now, was)),
        gone=tuple(t for label, t in sorted(known.items()) if label not in pages),
        kept=tuple(kept[name] for name in sorted(kept)),
        standing=standing,
        read=read,
        known_names=frozenset(template.name for template in known.values()),
        uses=() if number_id is None else tuple(await Templates(store).uses(number_id, read)),
    )


def _same(read: Template, known: KnownTemplate) -> bool:
    return (
        read.language == known.language
        and read.status == known.status
        and read.category == known.category
        and list(read.components) == known.components
        and read.parameter_format == (known.parameter_format or "POSITIONAL")
    )
