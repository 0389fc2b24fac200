"""docs/how-to/receive-webhooks.md: its entry for the real PM2, its tables against the program."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.docs.pages import section, table_rows
from tests.pm2 import install_command, pm2_command, pm2_environment
from tests.servers import wait_until
from tests.webhook.rig import ReceiverRig, status_body

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "receive-webhooks.md").read_text("utf-8")


def test_the_entry_for_pm2(rig: ReceiverRig, tmp_path: Path) -> None:
    folder = tmp_path / "installed"
    install_command(folder)
    (entry,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    # The usual port may be taken on this machine.
    entry = entry.replace("args: ['webhook']", f"args: ['webhook', '--port', '{rig.port}']")
    (folder / "ecosystem.config.cjs").write_text(f"module.exports = {{ apps: [{entry}] }};")
    wanted = ("DATABASE_URL", "WACAMPAIGN_STORE", "WACAMPAIGN_HOME", "META_APP_SECRET")
    settings = {name: rig.environment()[name] for name in wanted}
    (folder / ".env").write_text("".join(f"{k}='{v}'\n" for k, v in settings.items()))

    def pm2(*arguments: str) -> str:
        return subprocess.run(
            pm2_command(*arguments),
            env=pm2_environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        ).stdout

    def app() -> dict[str, object]:
        said = pm2("jlist")
        found: dict[str, object] = json.loads(said[said.index("[{") :])[0]["pm2_env"]
        return found

    try:
        pm2("start", "ecosystem.config.cjs")
        # `wait_ready`: it listens when the command returns.
        assert rig.post(status_body("wamid.A")) == 200
        assert (app()["status"], app()["restart_time"]) == ("online", 0)
        pm2("stop", "wacampaign-webhook")
        wait_until(lambda: app()["status"] == "stopped", 60, "it has stopped")
        assert app()["exit_code"] == 0
        assert rig.stored() == [status_body("wamid.A")]
    finally:
        pm2("kill")


def test_every_event_of_its_log_is_explained() -> None:
    rows = table_rows(section(PAGE, "Its log"))
    explained = {
        name
        for line in section(PAGE, "Its log").splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split(" | ")[0])
    }
    assert rows
    written = set()
    for module in (ROOT / "wacampaign" / "webhook").glob("*.py"):
        text = module.read_text("utf-8")
        written |= set(re.findall(r"\b_?(?:log|tell)\(\s*\"(\w+)\"", text))
        for ending in re.findall(r"_log\(\s*f\"\{self\._kind\}(\w+)\"", text):
            written |= {f"spool{ending}", f"forward{ending}"}
    assert explained == written


def test_every_status_of_its_health_is_explained() -> None:
    text = (ROOT / "wacampaign" / "webhook" / "health.py").read_text("utf-8")
    known = set(re.findall(r"\"([a-z]+)\"", text.partition("def _status")[2]))
    rows = table_rows(section(PAGE, "/healthz"))
    assert known == {row[0] for row in rows} - {"status"}
