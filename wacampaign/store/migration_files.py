"""The migrations of this package, as files."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, named as the Supabase CLI names them."""

    #: `20261123000100`.
    version: str
    #: `20261123000100_backend_tables.sql`.
    file_name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """All migrations in the order in which they are applied. Each may be applied again."""
    folder = resources.files("wacampaign") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(name.partition("_")[0], name, (folder / name).read_text("utf-8"))
        for name in names
    )


def expected_version() -> str:
    """The version that `wacampaign_schema_version` answers when all migrations are applied."""
    return migrations()[-1].version
