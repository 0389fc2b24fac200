"""`wacampaign doctor` in terminals of all widths, and where it is stopped before its end."""

from __future__ import annotations

import os

import pytest

from tests.doctor.faults import other_env, sent_made_ready
from tests.doctor.rig import Installation
from tests.terminal import Terminal


def break_much(installation: Installation) -> None:
    other_env(installation)
    sent_made_ready(installation)
    installation.env_file.chmod(0o666)
    installation.write_pm2(kill_timeout=1600, stop_exit_codes=[], autorestart=False)
    installation.run_sql("drop index wacampaign_queue_fresh")
    installation.run_sql("alter table send_queue disable trigger wacampaign_guard_row")
    installation.worker("0.0.1")
    installation.meta.revoke_token(installation.settings["META_ACCESS_TOKEN"])


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_many_findings_keep_to_the_terminal(installation: Installation, columns: int) -> None:
    """On 40 columns texts stand below the names. Only what is copied may be wider: it is whole."""
    break_much(installation)
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    environment |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
    screen = Terminal("wacampaign doctor", installation.folder, environment, columns)
    printed = screen.until_its_end()
    screen.close()
    assert screen.code == 3
    path = str(installation.env_file)
    assert f"\n  → chmod 600 {path}\n" in printed
    for line in printed.splitlines():
        *_, last = words = line.split()
        is_one_long_word = len(words) <= 3 and len(last) > 24
        assert len(line) <= columns or "→" in line[:3] or is_one_long_word, line
        assert line == line.rstrip()
    # A path in a sentence, too.
    assert printed.count(path) > 2
    # What a small terminal shows at the end: the counts, and what to do next.
    end = " ".join(printed.split()).rpartition(" 6 fail (")[2]
    assert end.startswith("env_files, env_rights, pm2_kill_timeout, guard, indexes, token), ")
    assert end.endswith("→ wacampaign doctor (once that is put right)")
