"""Taking over Meta's templates: what that changes for each number, and the change itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.plan import Change, Plan
from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.core.words import counted
from wacampaign.meta.client import CloudApi
from wacampaign.operations.numbers import find_number, token_of
from wacampaign.problems import Problem, Refused
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What taking over Meta's templates changes, by name."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    #: The template that each name stands for, by name.
    kept: tuple[Template, ...] = field(repr=False)
    #: All of Meta's pages, other languages of a name included.
    read: tuple[Template, ...] = field(repr=False)

    @property
    def unchanged(self) -> int:
        return len(self.kept) - len(self.new) - len(self.changed)

    @property
    def not_approved(self) -> list[Template]:
        return [template for template in self.kept if template.status != "APPROVED"]


@dataclass(frozen=True, slots=True)
class NumberSync:
    """One number's templates at Meta against those in the database."""

    number: KnownNumber
    #: None: they could not be read; `problem` says why.
    plan: SyncPlan | None
    problem: Problem | None = None


async def look(store: Store, settings: Settings, number: str | None) -> list[NumberSync]:
    """Reads Meta's pages for the number that is meant, or for all active ones. Changes nothing.

    A number whose templates cannot be read has the reason beside it. Raises `Refused` for a number
    that is not known, or when there is no active one.
    """
    if number is not None:
        return [await _look(store, settings, await find_number(store, number))]
    numbers = [known for known in await Numbers(store).all() if known.is_active]
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
            return NumberSync(number, await plan_sync(store, api, number.waba_id, number.id))
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
        samples=[f"gone: {name} of {number.label}" for number, plan in plans for name in plan.gone],
        notes=() if any(n for n, _, _ in counts) else ("nothing differs",),
        next_command="wacampaign templates list",
    )


async def carry_out(store: Store, syncs: Sequence[NumberSync], actor: str) -> None:
    """Takes over what `look` read."""
    for sync in syncs:
        if sync.plan is not None:
            await Templates(store).put(sync.number.id, sync.plan.read, actor)


async def plan_sync(store: Store, api: CloudApi, waba_id: str, number_id: str | None) -> SyncPlan:
    """Read every page of the account's templates, compare with the number's. Changes nothing.

    `number_id` None: the number is not in the database yet. Raises what `CloudApi` raises.
    """
    read = [template async for template in api.templates(waba_id)]
    there = [] if number_id is None else await Templates(store).of(number_id)
    known = {template.name: template for template in there if template.is_active}
    # As `wacampaign_put_templates` chooses: the approved language, then the first by code.
    kept: dict[str, Template] = {}
    for template in sorted(read, key=lambda t: (t.status != "APPROVED", t.language)):
        kept.setdefault(template.name, template)
    names = sorted(kept)
    return SyncPlan(
        new=tuple(name for name in names if name not in known),
        changed=tuple(n for n in names if n in known and not _same(kept[n], known[n])),
        gone=tuple(sorted(known.keys() - kept.keys())),
        kept=tuple(kept[name] for name in names),
        read=tuple(read),
    )


def _same(read: Template, known: KnownTemplate) -> bool:
    return (
        read.language == known.language
        and read.status == known.status
        and read.category == known.category
        and list(read.components) == known.components
        and read.parameter_format == (known.parameter_format or "POSITIONAL")
    )
