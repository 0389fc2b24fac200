"""The sandbox as a process and in-process, with TLS, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trustme

from tests.servers import wait_until
from wacampaign.problems import Misconfigured
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN
from wacampaign.sandbox.process import SandboxNotStarted, SandboxProcess
from wacampaign.sandbox.server import SandboxOptions, SandboxServer

Build = Callable[..., dict[str, Any]]
HEADERS = {"Authorization": f"Bearer {DEMO_TOKEN}"}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Certificate, key and CA files for 127.0.0.1."""
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    cert, key, trusted = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    ca.cert_pem.write_to_path(trusted)
    return cert, key, trusted


def test_tls(certificate: tuple[Path, Path, Path], message: Build) -> None:
    cert, key, ca = certificate
    with SandboxProcess(tls_cert=cert, tls_key=key, tls_ca=ca) as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        with httpx.Client(
            base_url=sandbox.url, verify=_trust(ca), headers=HEADERS, trust_env=False
        ) as http:
            path = f"/v25.0/{DEMO_PHONE_NUMBER_ID}"
            assert http.post(f"{path}/messages", json=message()).status_code == 200
            sandbox.control.add_fault("reset")
            # Python's blocking TLS socket reports a reset as the end of the stream.
            with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
                http.post(f"{path}/messages", json=message())
            media_id = sandbox.control.put_media(DEMO_PHONE_NUMBER_ID, b"x", "image/png")
            assert http.get(f"/v25.0/{media_id}").json()["url"].startswith("https://")
        assert sandbox.control.totals()["accepted"] == 1


def _trust(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_stop_and_kill_end_the_process() -> None:
    for end in (SandboxProcess.stop, SandboxProcess.kill):
        sandbox = SandboxProcess()
        sandbox.start()
        process = psutil.Process(sandbox.pid)
        end(sandbox)
        assert not process.is_running()
        end(sandbox)  # again: nothing happens


def test_a_clean_stop_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with SandboxProcess():
        pass
    assert capfd.readouterr() == ("", "")


def test_it_ends_when_its_parent_is_killed() -> None:
    program = (
        "import sys, time\n"
        "from wacampaign.sandbox.process import SandboxProcess\n"
        "sandbox = SandboxProcess()\n"
        "sandbox.start()\n"
        "print(sandbox.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    sandbox = psutil.Process(int(parent.stdout.readline()))
    assert sandbox.is_running()
    parent.kill()
    parent.communicate()
    psutil.wait_procs([sandbox], timeout=60)
    assert not sandbox.is_running()


def test_the_ready_line() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "wacampaign.sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    announced = json.loads(process.stdout.readline())
    assert set(announced) == {"url"}
    assert httpx.get(f"{announced['url']}/_sandbox/ready", trust_env=False).json() == {
        "ready": True
    }
    process.terminate()
    process.communicate()
    assert process.returncode == 0


def test_what_cannot_be_started(sandbox: SandboxProcess, tmp_path: Path) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    absent = tmp_path / "absent.pem"
    for wrong in (
        SandboxProcess(port=port),
        SandboxProcess(tls_cert=absent),
        SandboxProcess(tls_cert=absent, tls_key=absent),
    ):
        with pytest.raises(SandboxNotStarted, match="78"):
            wrong.start()
        wrong.stop()


def test_in_process(message: Build) -> None:
    async def play() -> None:
        options = SandboxOptions(settings={"latency_ms": 1})
        async with SandboxServer(options) as server:
            async with httpx.AsyncClient(
                base_url=server.url, headers=HEADERS, trust_env=False
            ) as http:
                path = f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages"
                assert (await http.post(path, json=message())).status_code == 200
            assert server.simulation.totals()["accepted"] == 1
            port = int(server.url.rpartition(":")[2])
            with pytest.raises(Misconfigured):
                await SandboxServer(SandboxOptions(port=port)).start()

    asyncio.run(play())


def test_it_tells_when_it_stood_still(sandbox_process: SandboxProcess) -> None:
    before = time.time()
    os.kill(sandbox_process.pid, signal.SIGSTOP)
    stopped = psutil.Process(sandbox_process.pid)
    wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, what="it stands still")
    since = time.time()
    wait_until(lambda: time.time() > since + 0.1)
    until = time.time()
    os.kill(sandbox_process.pid, signal.SIGCONT)
    wait_until(
        lambda: any(
            before - 1 < start <= since and until <= end
            for start, end in sandbox_process.control.stalls()
        ),
        what="it has told",
    )
