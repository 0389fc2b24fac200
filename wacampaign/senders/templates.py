"""A number's templates: those the database has, those Meta has, and which a campaign may use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wacampaign.core.template_message import UnusableTemplate, VariableNeeds, variables_needed
from wacampaign.meta.client import CloudApi
from wacampaign.meta.objects import Template
from wacampaign.problems import Refused, Usage
from wacampaign.senders.numbers import KnownNumber
from wacampaign.store.store import Store


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """One row of `templates`: one language of a name (the approved one, if any is)."""

    number_id: str
    phone_number_id: str | None
    name: str
    language: str
    status: str
    category: str
    quality: str | None
    #: False: Meta no longer has it.
    is_active: bool
    #: ISO 8601, or None when it was never synced.
    last_synced: str | None
    parameter_format: str | None
    components: Any = field(repr=False)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> KnownTemplate:
        """From one element of `wacampaign_templates`."""
        return cls(
            number_id=row["number_id"],
            phone_number_id=row["phone_number_id"],
            name=row["name"],
            language=row["language"] or "",
            status=row["status"] or "",
            category=row["category"] or "",
            quality=row["quality_score"],
            is_active=row["is_active"],
            last_synced=row["last_synced"],
            parameter_format=row["parameter_format"],
            components=row["components"],
        )

    @property
    def needs(self) -> VariableNeeds:
        """What a row must bring. Raises `UnusableTemplate`."""
        return variables_needed(self.components or (), self.parameter_format)

    @property
    def needs_in_words(self) -> str:
        """`video + 2 variables`, or why it cannot be used."""
        try:
            needs = self.needs
        except UnusableTemplate as why:
            return f"unusable: {why}"
        texts = needs.count - (needs.header_media is not None)
        parts = [needs.header_media] if needs.header_media else []
        if texts or not parts:
            parts.append(f"{texts or 'no'} variable{'' if texts == 1 else 's'}")
        return " + ".join(parts)


async def known_templates(store: Store, number: KnownNumber | None = None) -> list[KnownTemplate]:
    """The templates of one number, or of all; gone ones included."""
    rows = await store.call("templates", number_id=number.id if number else None)
    return [KnownTemplate.of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Choice:
    """Templates that one list of contacts can fill."""

    templates: tuple[KnownTemplate, ...]
    needs: VariableNeeds

    @property
    def names(self) -> list[str]:
        return [template.name for template in self.templates]

    @property
    def columns(self) -> int:
        """Columns of a list for it, the phone included."""
        return 1 + self.needs.count


def choose_templates(
    known: Sequence[KnownTemplate], number: KnownNumber, names: Sequence[str]
) -> Choice:
    """The templates named, if one list can fill them all.

    Raises `Refused` for one that is unknown or cannot be sent, `Usage` for a name given twice and
    for templates that need different columns.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise Usage(f"the template {repeated[0]} is given twice", "name each template once")
    by_name = {template.name: template for template in known}
    sync = f"wacampaign templates sync --number {number.phone_number_id}"
    chosen: list[KnownTemplate] = []
    needs: list[VariableNeeds] = []
    for name in names:
        template = by_name.get(name)
        if template is None:
            raise Refused(f"{number.label} has no template {name!r} that is known here", sync)
        if not template.is_active:
            raise Refused(f"Meta no longer has the template {name!r} (by the last sync)", sync)
        if template.status != "APPROVED":
            raise Refused(
                f"the template {name!r} is {template.status or 'of unknown status'}, "
                "only an APPROVED one can be sent",
                f"wait for Meta's approval, then: {sync}",
            )
        try:
            needs.append(template.needs)
        except UnusableTemplate as why:
            raise Refused(f"the template {name!r} cannot be used: {why}", sync) from None
        chosen.append(template)
    shapes = {(need.count, need.header_media) for need in needs}
    if len(shapes) > 1:
        listed = "; ".join(f"{template.name}: {template.needs_in_words}" for template in chosen)
        raise Usage(
            f"the templates need different columns, so one list cannot fill them all ({listed})",
            "one campaign for each kind, or choose templates with the same variables",
        )
    return Choice(tuple(chosen), needs[0])


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
    def changes(self) -> int:
        return len(self.new) + len(self.changed) + len(self.gone)

    @property
    def not_approved(self) -> list[Template]:
        return [template for template in self.kept if template.status != "APPROVED"]


async def plan_sync(store: Store, api: CloudApi, waba_id: str, number_id: str | None) -> SyncPlan:
    """Read every page of the account's templates, compare with the number's. Changes nothing.

    `number_id` None: the number is not in the database yet. Raises what `CloudApi` raises.
    """
    read = [template async for template in api.templates(waba_id)]
    rows = [] if number_id is None else await store.call("templates", number_id=number_id)
    known = {t.name: t for t in map(KnownTemplate.of, rows) if t.is_active}
    kept = _one_a_name(read)
    names = sorted(kept)
    return SyncPlan(
        new=tuple(name for name in names if name not in known),
        changed=tuple(n for n in names if n in known and not _same(kept[n], known[n])),
        gone=tuple(sorted(known.keys() - kept.keys())),
        kept=tuple(kept[name] for name in names),
        read=tuple(read),
    )


async def apply_sync(store: Store, number_id: str, plan: SyncPlan, actor: str) -> None:
    """Take over what `plan_sync` read."""
    await store.call(
        "put_templates",
        number_id=number_id,
        templates=json.dumps([_row(template) for template in plan.read], ensure_ascii=False),
        actor=actor,
    )


def _one_a_name(templates: Sequence[Template]) -> dict[str, Template]:
    """As `wacampaign_put_templates` chooses: the approved language, then the first by code."""
    kept: dict[str, Template] = {}
    for template in sorted(templates, key=lambda t: (t.status != "APPROVED", t.language)):
        kept.setdefault(template.name, template)
    return kept


def _same(read: Template, known: KnownTemplate) -> bool:
    return (
        read.language == known.language
        and read.status == known.status
        and read.category == known.category
        and list(read.components) == known.components
        and read.parameter_format == (known.parameter_format or "POSITIONAL")
    )


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    row["quality_score"] = row.pop("quality")
    return row
