"""The schema as a file of a `supabase/migrations` folder.

`supabase db push` knows a file by the digits that its name begins with: one that it has applied it
applies no more, whatever is in it, and it refuses to push when one is missing or an older one comes
in between. So what is there stays, and a schema that is new gets a new file, after all others.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wacampaign.problems import NotWritable
from wacampaign.store.schema_steps import for_editor
from wacampaign.store.sql_files import sql_files

_VERSION: Final = re.compile(r"(\d+)_.*\.sql")
_OURS: Final = "_wacampaign.sql"


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """The file that brings a database up to this version."""

    path: Path
    #: False: it was there already.
    written: bool
    #: Names of files with parts of our schema that earlier versions wrote.
    earlier: tuple[str, ...]


def write_schema(folder: Path) -> SchemaFile:
    """Writes the schema into a new file of `folder`, unless the newest one there has it already.

    Makes the folder. Raises `NotWritable`.
    """
    text = for_editor(sql_files())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {
            int(version[1]): path
            for path in folder.iterdir()
            if (version := _VERSION.fullmatch(path.name))
        }
        ours = [there[version] for version in sorted(there) if _is_ours(there[version])]
        if ours and ours[-1].read_text("utf-8") == text:
            return SchemaFile(ours[-1], False, tuple(path.name for path in ours[:-1]))
        now = int(f"{datetime.now(UTC):%Y%m%d%H%M%S}")
        path = folder / f"{max([now, *(version + 1 for version in there)])}{_OURS}"
        path.write_text(text, "utf-8")
        return SchemaFile(path, True, tuple(one.name for one in ours))
    except OSError as error:
        raise NotWritable(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            "wacampaign db sql > wacampaign.sql",
        ) from None


def _is_ours(path: Path) -> bool:
    """Also a file of a version that wrote several, each of which ended with this call."""
    return path.name.endswith(_OURS) or "public.wacampaign_keep_rights()" in path.read_text("utf-8")
