"""`sandbox fault`: typed, shown, cleared, and where no sandbox is."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.sandbox.conftest import build_message
from tests.servers import free_port
from wacampaign.cli.app import app
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN
from wacampaign.sandbox.known_faults import KNOWN
from wacampaign.sandbox.process import SandboxProcess


@pytest.fixture
def environment(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return {"WHATSAPP_API_URL": sandbox.url, "NO_COLOR": "1"}


class Fault:
    """`wacampaign sandbox fault …` inside this process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> Result:
        given = self._environment if env is None else env
        return CliRunner().invoke(app, ["sandbox", "fault", *words], env=given)

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def fault(environment: dict[str, str]) -> Fault:
    return Fault(environment)


def test_set_list_clear(fault: Fault, sandbox: SandboxProcess) -> None:
    done = fault("set", "135000", "--template", "demo_video", "--share", "20", "--times", "3")
    assert done.stdout.splitlines()[0] == (
        "set: refuse --code 135000 (Generic user error) --template demo_video --share 20 --times 3"
    )
    (one,) = sandbox.control.faults()
    assert (one["action"], one["code"], one["template"]) == ("error", 135000, "demo_video")
    assert (one["probability"], one["times"]) == (0.2, 3)
    assert done.stdout.splitlines()[-1].endswith(f" wacampaign sandbox fault clear {one['id']}")

    again = fault("set", "135000", "--times", "3", "--share", "20", "--template", "demo_video")
    assert again.stdout.startswith("in force already: refuse --code 135000")
    assert len(sandbox.control.faults()) == 1

    fault("set", "webhooks-off")  # refused: there are none
    fault("set", "token-expired")
    shown = [line.split("\t") for line in fault("list").stdout.splitlines()]
    assert shown[0] == ["id", "fault", "met", "given"]
    assert [row[1] for row in shown[1:3]] == ["refuse", "token-expired"]

    assert fault("clear", "135000").stdout.startswith("cleared: refuse --code 135000")
    assert fault("clear", "135000").stdout.startswith("none of these is in force: nothing was")
    assert [row["fault"] for row in fault.json("list")["faults"]] == ["token-expired"]
    assert fault("clear").stdout == "cleared: token-expired\n"
    assert fault("clear").stdout.startswith("no fault is in force: nothing was changed")
    assert sandbox.control.situations() == []


@pytest.mark.parametrize(
    ("words", "name", "given"),
    [
        (["slow", "--seconds", "1.5"], "slow", {"seconds": 1.5}),
        (["gateway"], "gateway", {"status": 504}),
        (["server-error", "--accepted"], "server-error", {"status": 503, "accepted": True}),
        (
            ["undelivered", "--before", "sent,delivered", "--every", "10"],
            "undelivered",
            {"code": 131026, "before": ["sent", "delivered"], "every": 10},
        ),
        (["throttled", "--per-second", "7"], "throttled", {"per_second": 7}),
        (
            ["media-unfetchable", "--media-host", "scontent"],
            "media-unfetchable",
            {"media_host": "scontent"},
        ),
        (["number-disconnected", "--number", "200000000000001"], "number-disconnected",
         {"number": "200000000000001"}),
    ],
)  # fmt: skip
def test_what_was_given_is_what_is_shown(
    fault: Fault, words: list[str], name: str, given: dict[str, Any]
) -> None:
    first = fault.json("set", *words)
    assert (first["schema_version"], first["changed"]) == (1, True)
    assert (first["fault"]["fault"], first["fault"]["given"]) == (name, given)
    again = fault.json("set", *words)
    assert (again["changed"], again["fault"]) == (False, first["fault"])
    assert fault.json("list")["faults"] == [first["fault"]]
    assert fault.json("clear", first["fault"]["id"])["cleared"] == [first["fault"]["id"]]


def test_a_recipient_is_masked(fault: Fault) -> None:
    words = ["set", "130429", "--recipient", "+44 7700 900123"]
    for done in (fault(*words), fault("list"), fault("list", "--json"), fault("clear", "1")):
        assert "+44***0123" in done.stdout
        assert "900123" not in done.stdout
    fault(*words)
    assert "447700900123" in fault("list", "--show-numbers").stdout


def test_of_two_faults_of_one_name_an_id_clears_one(fault: Fault) -> None:
    ids = [fault.json("set", "lost-answer", "--every", n)["fault"]["id"] for n in "23"]
    assert fault.json("clear", ids[0])["cleared"] == ids[:1]
    assert fault.json("clear", "lost-answer")["cleared"] == ids[1:]


@pytest.mark.parametrize(("more", "end"), [([], "released"), (["--drop-held"], "failed")])
def test_what_was_held_goes_on_or_fails(
    fault: Fault, sandbox: SandboxProcess, more: list[str], end: str
) -> None:
    fault("set", "held")
    httpx.post(
        f"{sandbox.url}/v25.0/{DEMO_PHONE_NUMBER_ID}/messages",
        json=build_message(),
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
        trust_env=False,
    ).raise_for_status()
    assert fault.json("list")["faults"][0]["struck"] == 1
    assert f"1 held message {end}" in fault("clear", *more).stderr
    assert sandbox.control.totals()["held"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "nothing"], "there is no fault 'nothing'"),
        (["clear", "nothing"], "there is no fault 'nothing'"),
        (["set", "slow"], "slow needs --seconds S"),
        (["set", "hang", "--copies", "2"], "hang takes no --copies"),
        (["set", "webhooks-off"], "start it with --webhook-url"),
        (["set", "template-paused", "--template", "none"], "no approved template 'none'"),
        (["set", "undelivered", "--before", "x"], "before takes statuses among"),
        (["set", "gateway", "--status", "200"], "status must lie between 300 and 599"),
        (["list", "--url", "nonsense"], "nonsense is no address"),
    ],
)
def test_what_makes_no_sense_is_told(fault: Fault, words: list[str], message: str) -> None:
    done = fault(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "wacampaign sandbox fault" in done.stderr.splitlines()[-1] or "--url" in done.stderr


def test_no_sandbox_is_told_with_how_to_start_one(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    for words in (["list"], ["set", "hang"], ["clear"]):
        done = fault(*words, "--url", closed)
        assert done.exit_code == 69
        assert f"no sandbox answers at {closed}" in done.stderr
        assert "wacampaign sandbox    (in a terminal" in done.stderr
    # Something else may have taken its port, and never say a word.
    monkeypatch.setattr("wacampaign.sandbox.client._READY_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = fault("list", "--url", mute)
    assert (done.exit_code, f"no sandbox answers at {mute}" in done.stderr) == (69, True)
    # Settings that name no API mean Meta's: it is not asked.
    port = free_port()
    monkeypatch.setattr("wacampaign.cli.commands.sandbox_fault.SANDBOX_PORT", port)
    done = fault("list", env={})
    assert f"no sandbox answers at http://127.0.0.1:{port}" in done.stderr


def test_another_server_is_no_sandbox(fault: Fault, sandbox: SandboxProcess) -> None:
    # The simulated API itself answers with Graph's error below another path.
    done = fault("list", "--url", f"{sandbox.url}/v25.0")
    assert done.exit_code == 69
    assert "is no sandbox" in done.stderr


def test_all_that_is_known_needs_no_sandbox(fault: Fault) -> None:
    done = fault("list", "--known", env={})
    assert done.exit_code == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[1:-1] == [known.name for known in KNOWN]
    assert [one["fault"] for one in fault.json("list", "--known")["known"]] == names[1:-1]
