"""Unit files of systemd for our processes, which may write in WACAMPAIGN_HOME and nowhere else.

Why each line stands there: docs/how-to/run-under-systemd.md.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wacampaign.core.services.service import (
    KILL_SECONDS,
    MEMORY_MIB,
    STOPPED_EARLY,
    WRONG_SETTING,
    Installed,
    Service,
    words,
)

#: Seconds before a restart.
RESTART_SECONDS: Final = 2
#: Seconds without a sign of the event loop after which systemd ends a process: twice what the
#: process gives itself (`Deadlines.stall`), which also says where it stood.
WATCHDOG_SECONDS: Final = 60
#: Folders that `ProtectHome=true` empties for a service.
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
#: What neither of our processes needs.
_HARDENING: Final = (
    "NoNewPrivileges=true",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "PrivateDevices=true",
    "ProtectClock=true",
    "ProtectControlGroups=true",
    "ProtectHostname=true",
    "ProtectKernelLogs=true",
    "ProtectKernelModules=true",
    "ProtectKernelTunables=true",
    "LockPersonality=true",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=true",
    "RestrictRealtime=true",
    "RestrictSUIDSGID=true",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    # Refused, not killed: a library that tries one goes on without.
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
)


def unit_name(service: Service) -> str:
    return f"{service.name}.service"


def systemd_unit(installed: Installed, service: Service) -> str:
    """One unit file; its first line is a comment with its name."""
    return "\n".join(
        (
            f"# {unit_name(service)}",
            "# Made by `wacampaign pm2 --systemd`. Settings and secrets belong into .env.",
            "[Unit]",
            f"Description=wacampaign: {service.purpose}",
            "Wants=network-online.target",
            "After=network-online.target",
            # Restarts go on for ever: a fault may last a night.
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            *_service(installed, service),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        )
    )


def _service(installed: Installed, service: Service) -> Iterator[str]:
    command = words(installed, service)
    # A colon: no `$` is a variable.
    prefix = ":" if any("$" in word for word in command) else ""
    yield "Type=notify"
    yield f"User={installed.user}"
    yield f"WorkingDirectory={_path(installed.folder)}"
    yield f"ExecStart={prefix}{' '.join(map(_word, command))}"
    yield "Environment=PYTHONUNBUFFERED=1"
    if service.waits_for_database:
        yield "TimeoutStartSec=infinity"
    yield f"TimeoutStopSec={KILL_SECONDS}"
    yield f"WatchdogSec={WATCHDOG_SECONDS}"
    yield "Restart=always"
    yield f"RestartSec={RESTART_SECONDS}"
    yield f"RestartPreventExitStatus={WRONG_SETTING}"
    yield f"SuccessExitStatus={STOPPED_EARLY}"
    if installed.embedded:
        # The server is everybody's who uses it, and ends by itself after the last of them.
        yield "KillMode=process"
    else:
        yield "KillMode=mixed"
        yield f"MemoryMax={MEMORY_MIB}M"
        yield "PrivateTmp=true"
        yield "MemoryDenyWriteExecute=true"
    yield f"ReadWritePaths={_word(str(installed.home))}"
    yield f"ProtectHome={_protect_home(installed)}"
    yield from _HARDENING


def _protect_home(installed: Installed) -> str:
    """`true` empties people's folders; where something of ours lies there they stay, to be read."""
    needed = [installed.folder, installed.home, *map(Path, installed.program[:1])]
    if installed.env_file is not None:
        needed.append(installed.env_file)
    needed += [path.resolve() for path in needed]
    inside = any(path.is_relative_to(home) for path in needed for home in _HOMES)
    return "read-only" if inside else "true"


def _path(path: Path) -> str:
    """For settings that take the rest of the line: only specifiers mean something there."""
    return str(path).replace("%", "%%")


def _word(word: str) -> str:
    """One word of several, quoted as systemd reads it (systemd.syntax)."""
    escaped = word.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    plain = word and all(character.isalnum() or character in "/._-+=,@%" for character in word)
    return escaped if plain else f'"{escaped}"'
