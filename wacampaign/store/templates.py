"""Templates in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.store.store import Capability


class Templates(Capability):
    """Rows of `templates`."""

    async def of(self, number_id: str | None = None) -> list[KnownTemplate]:
        """The templates of one number, or of all; gone ones included.

        Their components are as they are, perhaps damaged.
        """
        rows = await self._store.call_list("templates", number_id=number_id)
        return [_known(row) for row in rows]

    async def put(self, number_id: str, templates: Sequence[Template], actor: str) -> None:
        """These are all that Meta has for the number; those that are not among them are gone."""
        await self._store.call(
            "put_templates",
            number_id=number_id,
            templates=json.dumps([_row(template) for template in templates], ensure_ascii=False),
            actor=actor,
        )


def _known(row: Mapping[str, Any]) -> KnownTemplate:
    return KnownTemplate(
        id="",
        name=row["name"],
        language=row["language"] or "",
        status=row["status"] or "",
        category=row["category"] or "",
        components=row["components"],
        parameter_format=row["parameter_format"],
        quality=row["quality_score"],
        number_id=row["number_id"],
        phone_number_id=row["phone_number_id"],
        is_active=row["is_active"],
        last_synced=row["last_synced"],
    )


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    row["quality_score"] = row.pop("quality")
    return row
