"""A doctor finds each planted fault by its check, and nothing where all is well."""

from __future__ import annotations

import re

import pytest

from tests.doctor.faults import AS_PRINTED, FAULTS, Fault, Typed, Worded
from tests.doctor.rig import Installation
from wacampaign import __version__
from wacampaign.core.doctor.model import ONE_BY_ONE, Examined, Mending
from wacampaign.core.preflight.model import Check

#: Commands that ask before they change something, and the word that answers.
ASKING = ("db migrate", "restart-stuck", "webhook subscribe", "templates sync")


def apply(installation: Installation, found: list[Examined]) -> None:
    """Does what the fix says, as it is printed."""
    for one in found:
        if one.mending is Mending.SQL:
            # Supabase's editor makes one transaction of what is run together; they refuse any.
            alone = re.search("concurrently|vacuum", one.fix) is not None
            assert one.fix.startswith(ONE_BY_ONE) is alone, one.fix
            installation.run_sql_anew(one.fix)
        elif one.fix.startswith("wacampaign db sql > "):
            installation.type(one.fix)
            text = (installation.folder / one.fix.partition(" > ")[2]).read_text("utf-8")
            installation.sql.execute(text.encode())
        else:
            assert one.mending is Mending.SHELL, one
            asks = any(command in one.fix for command in ASKING)
            installation.type(f"{one.fix} --yes" if asks else one.fix)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_its_fix_mends_it(
    installation: Installation, name: str
) -> None:
    fault: Fault = FAULTS[name]
    if fault.only not in (None, installation.store):
        pytest.skip(f"there is none over {installation.store}")
    fault.plant(installation)
    wrong = installation.wrong()
    found = [one for one in wrong if one.id == fault.check]
    assert found, wrong
    assert found[0].verdict is fault.verdict
    assert fault.said in found[0].text
    assert all(one.fix for one in wrong), "a finding without a fix"
    if fault.mend is None:
        return
    assert {one.id for one in wrong} <= {fault.check, *fault.also}
    if fault.mend == AS_PRINTED:
        apply(installation, found)
    elif isinstance(fault.mend, Typed):
        installation.type(f"{found[0].fix} {fault.mend.more}")
    elif isinstance(fault.mend, Worded):
        command = re.search(fault.mend.pattern, found[0].fix)
        assert command is not None, found[0].fix
        installation.type(f"{command[0]} {fault.mend.more}")
    else:
        assert callable(fault.mend)
        fault.mend(installation)
    assert installation.found(fault.check) == []


def test_nothing_is_found_on_a_sound_installation(installation: Installation) -> None:
    checks = installation.examine()
    assert [one for one in checks if one.verdict is not Check.OK] == []
    assert len({one.id for one in checks}) > 35


def test_who_is_alive_is_told_with_the_version(installation: Installation) -> None:
    installation.worker(__version__)
    installation.run_sql(
        "insert into wacampaign_receivers (id, host, pid, version, last_beat_at)"
        f" values (gen_random_uuid(), 'app1', 77, '{__version__}', clock_timestamp())"
    )
    told = {one.id: one.text for one in installation.examine()}
    assert told["workers"] == f"1 worker alive, version {__version__}"
    assert told["receivers"] == f"1 receiver alive, version {__version__}"
