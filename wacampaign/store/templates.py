"""Templates in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wacampaign.core.reading import read
from wacampaign.core.templates import KnownTemplate, Template
from wacampaign.store.store import Capability


class Templates(Capability):
    """Rows of `templates`."""

    async def of(self, number_id: str | None = None) -> list[KnownTemplate]:
        """The templates of one number, or of all; gone ones included.

        Their components are as they are, perhaps damaged.
        """
        rows = await self._store.call_list("templates", number_id=number_id)
        return [known_template(row, id="", quality=row["quality_score"]) for row in rows]

    async def put(self, number_id: str, templates: Sequence[Template], actor: str) -> None:
        """These are all that Meta has for the number; those that are not among them are gone."""
        await self._store.call(
            "put_templates",
            number_id=number_id,
            templates=json.dumps([_row(template) for template in templates], ensure_ascii=False),
            actor=actor,
        )


def known_template(row: Mapping[str, Any], **named: Any) -> KnownTemplate:
    """As the database has it; `named`: the fields that are not in `row` under their names."""
    texts = {name: row[name] or "" for name in ("language", "status", "category")}
    return read(KnownTemplate, row, **texts, **named)


def whole(known: KnownTemplate) -> KnownTemplate:
    """Components that another writer damaged are none, and what nobody called gone is there."""
    components = known.components if isinstance(known.components, list) else ()
    return replace(known, components=components, is_active=known.is_active is not False)


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    row["quality_score"] = row.pop("quality")
    return row
