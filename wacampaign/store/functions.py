"""The database's functions, as the SQL of this package defines them: one place for both transports.

Tests compare them with `pg_proc` of a migrated database.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from wacampaign.store.sql_files import SqlFile, texts

_FUNCTION: Final = re.compile(
    r"^create or replace function public\.wacampaign_(\w+)\s*\((.*?)\)\s*\n(returns (\w+)\b.*?)"
    r"\bas \$\$(.*?)\$\$;",
    re.DOTALL | re.MULTILINE,
)
_PARAMETER: Final = re.compile(r"p_(\w+) ([\w ]+?(?:\[\])?)(?: default [^,]*)?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class SqlFunction:
    """One function of ours."""

    #: Parameter (without its `p_`) → PostgreSQL type, in their order.
    parameters: dict[str, str]
    returns: str
    #: From what it returns to its last setting.
    head: str
    body: str


@cache
def functions() -> dict[str, SqlFunction]:
    """All functions by their names without `wacampaign_`; triggers are among them."""
    return functions_of(texts())


def functions_of(files: tuple[SqlFile, ...]) -> dict[str, SqlFunction]:
    """The functions that these files define."""
    return {
        name: SqlFunction(dict(_PARAMETER.findall(parameters)), returns, head, body)
        for file in files
        for name, parameters, head, returns, body in _FUNCTION.findall(file.sql)
    }
