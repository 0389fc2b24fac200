"""Each number that somebody may want to change is defined once; other spellings say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import wacampaign
from wacampaign.core.campaign.in_doubt import IN_DOUBT_MINUTES
from wacampaign.core.engine.claim_size import AHEAD_MS
from wacampaign.core.engine.deadlines import DEAD_SECONDS, LEASE_SECONDS
from wacampaign.core.numbers import RATE_DEFAULT
from wacampaign.core.optouts import REST_HOURS
from wacampaign.settings import STATUS_WAIT_SECONDS
from wacampaign.store.failed_rows import FAILED_PAGE, RETRY_STEP
from wacampaign.store.repairs import REPAIR_DEAD_SECONDS
from wacampaign.store.transport import IDLE_POLL_SECONDS

PACKAGE = Path(wacampaign.__file__).parent
DOCS = PACKAGE.parent / "docs"
#: Names that a literal may stand beside in one module only, and that module.
DEFINED = {
    "lease_seconds": "core/engine/deadlines.py",
    "in_doubt_minutes": "core/campaign/in_doubt.py",
    "rest_hours": "core/optouts.py",
    "rate_default": "core/numbers.py",
    "ahead_ms": "core/engine/claim_size.py",
    "idle_poll_seconds": "store/transport.py",
    "failed_page": "store/failed_rows.py",
    "retry_step": "store/failed_rows.py",
    "repair_step": "store/repairs.py",
}
SQL = "store/sql/functions/*.sql"
#: Where another language spells a value: files, a pattern of every spelling there, the value.
SPELT: list[tuple[Path, str, str, float]] = [
    (PACKAGE, SQL, r"p_lease_seconds int default (\d+)", LEASE_SECONDS),
    (DOCS, "**/*.md", r"lease \((\d+) s\)", LEASE_SECONDS),
    (DOCS, "**/*.md", r"A lease of\s+(\d+) s", LEASE_SECONDS),
    (PACKAGE, SQL, r"p_in_doubt_minutes double precision default (\d+)", IN_DOUBT_MINUTES),
    (DOCS, "reference/settings.md", r"IN_DOUBT_MINUTES.*\| `(\d+)` \|", IN_DOUBT_MINUTES),
    (PACKAGE, SQL, r"p_rest_hours double precision default (\d+)", REST_HOURS),
    (DOCS, "reference/settings.md", r"REST_HOURS.*\| `(\d+)` \|", REST_HOURS),
    (PACKAGE.parent, ".env.example", r"REST_HOURS=(\d+)", REST_HOURS),
    (PACKAGE.parent, ".env.example", r"IN_DOUBT_MINUTES=(\d+)", IN_DOUBT_MINUTES),
    (DOCS, "reference/settings.md", r"STATUS_WAIT_SECONDS.*\| `(\d+)` \|", STATUS_WAIT_SECONDS),
    (PACKAGE.parent, ".env.example", r"STATUS_WAIT_SECONDS=(\d+)", STATUS_WAIT_SECONDS),
    (PACKAGE, "store/sql/functions/workers.sql", r"select interval '(\d+) seconds'", DEAD_SECONDS),
    (DOCS, "reference/schema.md", r"after (\d+) s without one the worker counts", DEAD_SECONDS),
    (DOCS, "reference/schema.md", r"beaten within (\d+) s", DEAD_SECONDS),
    (DOCS, "explanation/**/*.md", r"no beat for (\d+) s", DEAD_SECONDS),
    (PACKAGE, SQL, r"\Wbeat_at (?:<|>=) \S+ - interval '(\d+) minute'", REPAIR_DEAD_SECONDS / 60),
    (PACKAGE, SQL, r"coalesce\(p_rate, (\d+)\)", RATE_DEFAULT),
    (PACKAGE, "store/sql/tables/*.sql", r"rate_per_sec int not null default (\d+)", RATE_DEFAULT),
    (PACKAGE, SQL, r"p_ahead_ms int default (\d+)", AHEAD_MS),
    (PACKAGE, "store/sql/functions/failures.sql", r"least\(p_limit, (\d+)\)", FAILED_PAGE),
    (PACKAGE, "store/sql/functions/retry.sql", r"greatest\(p_limit, 1\), (\d+)\)", RETRY_STEP),
    (DOCS, "how-to/read-the-worker-log.md", r"looks every 0.1 to (\d+) s", IDLE_POLL_SECONDS),
]


def literals(module: Path) -> list[str]:
    """Lower-case names that this module gives a number: variables, fields, parameters, keywords."""
    named: list[str] = []

    def is_number(value: ast.expr | None) -> bool:
        return isinstance(value, ast.Constant) and isinstance(value.value, int | float)

    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_number(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named += [getattr(target, "id", getattr(target, "attr", "")) for target in targets]
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            pairs = [
                *zip(plain[len(plain) - len(node.defaults) :], node.defaults, strict=True),
                *zip(node.kwonlyargs, node.kw_defaults, strict=True),
            ]
            named += [argument.arg for argument, default in pairs if is_number(default)]
        elif isinstance(node, ast.keyword) and is_number(node.value):
            named.append(node.arg or "")
    return [name.lower().lstrip("_") for name in named]


def test_each_is_defined_in_one_module() -> None:
    spelt = {
        (name, module.relative_to(PACKAGE).as_posix())
        for module in PACKAGE.rglob("*.py")
        if "sandbox" not in module.parts
        for name in literals(module)
        if name in DEFINED
    }
    assert spelt == set(DEFINED.items())


@pytest.mark.parametrize(("folder", "files", "pattern", "value"), SPELT)
def test_other_spellings_say_the_same(folder: Path, files: str, pattern: str, value: float) -> None:
    found = {
        f"{file.relative_to(PACKAGE.parent)}: {spelling[0]}": float(spelling[1])
        for file in sorted(folder.glob(files))
        for spelling in re.finditer(pattern, file.read_text("utf-8"))
    }
    assert found, "nothing is spelt like that any more"
    assert {place: number for place, number in found.items() if number != value} == {}


def test_the_ramp_is_defined_once() -> None:
    sql = [file.read_text("utf-8") for file in PACKAGE.glob("store/sql/**/*.sql")]
    for constant in ("c_ramp_first", "c_ramp_total"):
        assert sum(len(re.findall(rf"{constant} constant", text)) for text in sql) == 1
