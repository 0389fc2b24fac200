"""docs/reference/doctor.md explains each check of a doctor, and no other."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS, ROOT
from tests.doctor.faults import FAULTS
from wacampaign.core.doctor import checks
from wacampaign.core.doctor.database_checks import OF_THE_SERVER
from wacampaign.core.doctor.meta_checks import OF_META
from wacampaign.core.doctor.schema_checks import OF_THE_SCHEMA
from wacampaign.core.doctor.traffic_checks import OF_THE_TRAFFIC

PAGE = (DOCS / "reference" / "doctor.md").read_text("utf-8")
#: A check, made: its name is the first word of the call, or stands in `name`.
MADE = re.compile(
    r"\b(?:passed|wanting|failing|unseen|make)\(\s*\"(\w+)\"|\bname(?:, \w+)? = \"(\w+)\""
    r"|else \"(open_\w+)\""
)
#: What is a preflight's line as well.
SHARED = {"token", "number", "quality", "throughput", "health"}


def made() -> dict[str, set[str]]:
    modules = (ROOT / "wacampaign" / "core" / "doctor").glob("*_checks.py")
    return {
        module.stem: {
            name for found in MADE.findall(module.read_text("utf-8")) for name in found if name
        }
        for module in modules
    }


def explained() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


def test_the_checks_are_listed_where_they_are_put_together() -> None:
    text = re.sub(r"\n  +", " ", checks.__doc__ or "")
    listed = {
        module: set(names.split(", "))
        for module, names in re.findall(r"^- `(\w+)`: (.+)$", text, re.MULTILINE)
    }
    there = made()
    there["meta_checks"] |= SHARED
    there["database_checks"] |= {"clock", "jit"}
    assert listed == there


def test_each_check_is_explained_and_no_other() -> None:
    assert explained() == set.union(*made().values()) | SHARED


def test_what_is_skipped_together_is_there() -> None:
    assert {*OF_THE_SERVER, *OF_THE_SCHEMA, *OF_THE_TRAFFIC, *OF_META} <= explained()


def test_faults_are_planted_for_nearly_all() -> None:
    # The others need a machine that is full, slow or of another kind: tests/core/test_doctor.py.
    assert explained() - {fault.check for fault in FAULTS.values()} == {
        *("environment", "key", "disk", "database_speed", "connections", "table_sizes", "jit"),
        "quality",
    }
