"""Templates in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.reading import read
from wacampaign.core.template_changes import TemplateChange, TemplateUse
from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.store.store import Capability


class Templates(Capability):
    """What is known of templates: all their languages."""

    async def of(self, number_id: str | None = None) -> list[KnownTemplate]:
        """Each language of the templates of one number, or of all; gone ones included.

        Their components are as they are, perhaps damaged.
        """
        rows = await self._store.call_list("templates", number_id=number_id)
        return [
            known_template(row, id=row["id"] or "", quality=row["quality_score"]) for row in rows
        ]

    async def of_campaign(self, campaign_id: str) -> list[KnownTemplate]:
        """What a campaign's rows go out as, each template in the campaign's language."""
        rows = await self._store.call_list("templates_of", campaign_id=campaign_id)
        return [known_template(row, id=row["id"] or "") for row in rows]

    async def changes(self, campaign_id: str) -> list[TemplateChange]:
        """What is no longer as the campaign was planned. Raises `NoSuchCampaign`."""
        rows = await self._store.call_list("template_changes", campaign_id=campaign_id)
        return [
            read(
                TemplateChange,
                row,
                planned=_state(row, row["planned"]),
                now=_state(row, row["now"]),
            )
            for row in rows
        ]

    async def take(self, campaign_id: str, changes: Sequence[TemplateChange], actor: str) -> None:
        """The campaign goes on with its templates as they are now; these changes were shown."""
        await self._store.call(
            "take_templates",
            campaign_id=campaign_id,
            seen=[change.token for change in changes],
            actor=actor,
        )

    async def uses(self, number_id: str, pages: Sequence[Template]) -> list[TemplateUse]:
        """What it means for campaigns when these are all that Meta has for the number."""
        rows = await self._store.call_list(
            "template_uses", number_id=number_id, pages=_pages(pages)
        )
        return [read(TemplateUse, row, campaign=read(CampaignName, row)) for row in rows]

    async def put(self, number_id: str, templates: Sequence[Template], actor: str) -> None:
        """These are all that Meta has for the number; those that are not among them are gone."""
        await self._store.call(
            "put_templates",
            number_id=number_id,
            templates=_pages(templates),
            actor=actor,
        )


def known_template(row: Mapping[str, Any], **named: Any) -> KnownTemplate:
    """As the database has it; `named`: the fields that are not in `row` under their names."""
    texts = {name: row.get(name) or "" for name in ("language", "status", "category")}
    return read(KnownTemplate, row, **(texts | named))


def whole(known: KnownTemplate) -> KnownTemplate:
    """Components that another writer damaged are none, and what nobody called gone is there."""
    components = known.components if isinstance(known.components, list) else ()
    return replace(known, components=components, is_active=known.is_active is not False)


def _state(change: Mapping[str, Any], state: Mapping[str, Any]) -> KnownTemplate:
    """One of the two states of a change."""
    return whole(
        known_template(
            {"parameter_format": None, **state},
            id="",
            name=change["template"],
            language=change["language"],
            number_id=change["number_id"],
        )
    )


def _pages(templates: Sequence[Template]) -> str:
    return json.dumps([_row(template) for template in templates], ensure_ascii=False)


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    row["quality_score"] = row.pop("quality")
    return row
