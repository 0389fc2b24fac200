"""What `doctor` asks of a database: its server, its schema by content, its traffic."""

import asyncio
import re
from typing import Any, Final

from wacampaign.core.doctor.facts import (
    Deviating,
    HeldTable,
    Index,
    OpenTable,
    Schema,
    Server,
    Traffic,
)
from wacampaign.core.reading import read
from wacampaign.store import connecting, schema_steps
from wacampaign.store.schema import LOCK_SECONDS, compare
from wacampaign.store.schema_difference import Deviation, compared, jit_left_on, seen_in
from wacampaign.store.sql_files import expected_version, sql_files
from wacampaign.store.store import Capability

_INDEX: Final = re.compile(r"index (\w+)")


class Diagnosis(Capability):
    """The database's part of a doctor. Raises what `Store.call` raises."""

    async def version(self) -> str:
        """The version that the schema says of itself: the least that can be asked."""
        return str((await self._store.call("schema_version"))["version"])

    async def server(self) -> tuple[Server, float]:
        """The server, and its time in Unix seconds."""
        answer = await self._store.call("server")
        sizes = tuple(HeldTable(*one) for one in answer["sizes"])
        return read(Server, answer, sizes=sizes), float(answer["at"])

    async def schema(self) -> Schema:
        """The schema, compared part by part with the one of this program."""
        answer, open_tables = await asyncio.gather(
            self._store.call("catalogue"), self._store.call_list("open_tables")
        )
        seen = seen_in(answer)
        return schema_facts(
            answer["version"],
            compared(seen),
            indexes=tuple(_index(*one) for one in answer["indexes"]),
            bare=tuple(answer["bare"]),
            switched_off=tuple((table, name) for table, name in answer["switched_off"]),
            # An older schema does not tell it.
            not_firing=tuple((place, who) for place, who in answer.get("not_firing", ())),
            not_firing_here=answer.get("not_firing_here"),
            jit_left_on=tuple(jit_left_on(seen)),
            open_tables=tuple(read(OpenTable, one) for one in open_tables),
        )

    async def traffic(self, stale_days: int) -> Traffic:
        """Who works, who else writes, what nobody takes."""
        return read(Traffic, await self._store.call("traffic", stale_days=stale_days))


def schema_facts(version: str | None, deviations: list[Deviation], **more: Any) -> Schema:
    """A comparison, with the statements that make what may be missing.

    `version`: None: the database has no function of ours that could be asked.
    """
    made = {
        found[1]: " ".join(step.sql.split())
        for step in schema_steps.steps(sql_files(), LOCK_SECONDS)
        if (found := _INDEX.fullmatch(step.title))
    }
    return Schema(
        version=version,
        expected_version=expected_version(),
        deviations=tuple(Deviating(one.kind, one.name, one.text) for one in deviations),
        index_statements=made,
        **more,
    )


def _index(
    name: str, table: str, valid: bool, unique: bool, whole: bool, columns: list[str | None]
) -> Index:
    return Index(name, table, valid, unique, whole, tuple(columns))


def compared_directly(url: str) -> Schema:
    """The comparison without any function of ours. Raises a `Problem`."""
    return schema_facts(None, compare(url))


def keeps_session(url: str) -> bool:
    """Whether what is set on a connection stays on it; a pooler in transaction mode shares them."""
    if connecting.address_of(url).transaction_pooler:  # the address itself says so
        return False
    with connecting.connect_at_once(url, connecting.CONNECT_SECONDS) as connection:
        return connecting.keeps_its_session_at_once(connection, url)
