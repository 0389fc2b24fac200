"""Whoever keeps this process running, PM2 or systemd or nobody: what each is told and asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wacampaign.worker.process_manager import Pm2Channel, Trigger
from wacampaign.worker.systemd_socket import SystemdSocket

#: Seconds between two signs of life where systemd sets no shorter time.
ALIVE_SECONDS: Final = 10.0


class Supervisor:
    """Made by `from_environment`; says nothing where nobody listens."""

    def __init__(self, pm2: Pm2Channel | None, systemd: SystemdSocket | None) -> None:
        self._pm2 = pm2
        self._systemd = systemd

    @classmethod
    def from_environment(cls) -> Supervisor:
        return cls(Pm2Channel.from_environment(), SystemdSocket.from_environment())

    @property
    def waits_for_ready(self) -> bool:
        """Whether an end in order before that would be taken for a fault, and begun again (PM2)."""
        return self._pm2 is not None

    def watch(self, on_end: Callable[[str], None]) -> None:
        """Calls `on_end` with the reason when PM2 asks for the end, or is gone itself."""
        if self._pm2 is not None:
            self._pm2.watch(on_end)

    def offer(self, names: Sequence[str], on_trigger: Trigger) -> None:
        """What a person may ask for with `pm2 trigger`."""
        if self._pm2 is not None:
            self._pm2.offer(names, on_trigger)

    def ready(self) -> None:
        """The process does its work from now on. Not to be said after a stop was asked for."""
        if self._pm2 is not None:
            self._pm2.ready()
        if self._systemd is not None:
            self._systemd.tell(READY="1", STATUS="works")

    def publish(self, metrics: Mapping[str, tuple[float | str, str]]) -> None:
        """Values with their units by name: for `pm2 describe` and `systemctl status`."""
        if self._pm2 is not None:
            self._pm2.publish(metrics)
        if self._systemd is not None:
            told = (f"{name} {value} {unit}".strip() for name, (value, unit) in metrics.items())
            self._systemd.tell(STATUS=", ".join(told))

    def waits(self, what: str) -> None:
        """What keeps the process from being ready."""
        if self._systemd is not None:
            self._systemd.tell(STATUS=what)

    async def attend(self, stop: asyncio.Event) -> None:
        """Shows that the loop turns, and says once that it ends; until cancelled."""
        systemd = self._systemd
        if systemd is None:
            await stop.wait()
            return
        pause = min(ALIVE_SECONDS, (systemd.watchdog_seconds or ALIVE_SECONDS) / 3)
        while not stop.is_set():
            systemd.tell(WATCHDOG="1")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        systemd.tell(STOPPING="1", STATUS="waits for what is under way")
