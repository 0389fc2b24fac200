"""A sandbox in a process of its own, so that it never competes for the sender's core."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path

from wacampaign.problems import Problem
from wacampaign.sandbox.client import SandboxControl

#: Seconds that a stopping sandbox gets before it is killed.
_STOP_S = 5.0


class SandboxNotStarted(Problem):
    """The sandbox did not start."""

    code = "sandbox_not_started"


class SandboxProcess:
    """Starts `python -m wacampaign.sandbox`, and ends it: `with SandboxProcess() as sandbox: …`.

    `sandbox.url` is the API's base URL, `sandbox.control` the control client. The process ends
    with its parent, however that dies: its standard input ends then. `cpu` binds it to one
    processor (Linux). With TLS, `tls_ca` (PEM) is what the control client trusts; by default the
    certificate itself.
    """

    url: str
    control: SandboxControl

    def __init__(
        self,
        *,
        latency_ms: float = 0.0,
        jitter_ms: float = 0.0,
        tls_cert: Path | None = None,
        tls_key: Path | None = None,
        tls_ca: Path | None = None,
        port: int = 0,
        cpu: int | None = None,
    ) -> None:
        self._arguments: list[str] = [
            *(sys.executable, "-m", "wacampaign.sandbox", "--until-stdin-closes"),
            *("--port", str(port), "--latency-ms", str(latency_ms), "--jitter-ms", str(jitter_ms)),
        ]
        for flag, value in (("--tls-cert", tls_cert), ("--tls-key", tls_key), ("--cpu", cpu)):
            if value is not None:
                self._arguments += [flag, str(value)]
        self._trusted = tls_ca or tls_cert
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running sandbox."""
        if self._process is None:
            raise SandboxNotStarted()
        return self._process.pid

    def __enter__(self) -> SandboxProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        process = subprocess.Popen(
            self._arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        # Its first line comes when it listens; an empty one means that it ended before.
        line = process.stdout.readline()
        if not line:
            with process:  # closes its pipes
                code = process.wait()
            raise SandboxNotStarted(f"the sandbox ended with exit code {code}", "see its error")
        self._process = process
        self.url = str(json.loads(line)["url"])
        tls = None
        if self._trusted is not None:
            tls = ssl.create_default_context(cafile=str(self._trusted))
        self.control = SandboxControl(self.url, tls)

    def stop(self) -> None:
        """End the process and wait for its end; nothing happens when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        self.control.close()
        with process:  # closes its pipes and waits
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def kill(self) -> None:
        """Kill it at once (SIGKILL), as a crash of the API would: open connections are reset."""
        if self._process is not None:
            self._process.kill()
        self.stop()
