"""systemd's socket for a service of `Type=notify`: ready, stopping, alive, and how it goes."""

from __future__ import annotations

import contextlib
import os
import socket


class SystemdSocket:
    """Sends datagrams of lines `NAME=VALUE` (sd_notify(3))."""

    def __init__(self, address: str, watchdog_seconds: float | None) -> None:
        # Abstract addresses are written with @.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        #: Without a sign of life for so long, systemd ends the process; None: it does not look.
        self.watchdog_seconds = watchdog_seconds
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    @classmethod
    def from_environment(cls) -> SystemdSocket | None:
        """The socket if systemd waits for word; what we start must not speak in our name."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        watched = os.environ.pop("WATCHDOG_PID", None) in (None, str(os.getpid()))
        if not address.startswith(("/", "@")):
            return None
        seconds = int(microseconds) / 1e6 if watched and microseconds.isdigit() else 0.0
        return cls(address, seconds or None)

    def tell(self, **said: str) -> None:
        """One datagram; what systemd does not take is lost, and nothing waits for it."""
        lines = "\n".join(f"{name}={value}" for name, value in said.items())
        with contextlib.suppress(OSError):
            self._socket.sendto(lines.encode(), self._address)

    def close(self) -> None:
        self._socket.close()
