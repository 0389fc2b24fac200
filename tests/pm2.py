"""A PM2 of the test's own, and the program laid out in a folder as the how-tos say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.servers import NODE_MODULES, node

#: Settings, and what a PM2 around the tests says: none of it is to reach the one of a test.
_NOT_INHERITED = ("PM2", "WACAMPAIGN", "SUPABASE", "META", "WHATSAPP", "DATABASE")


def install_command(folder: Path) -> None:
    """Writes `.venv/bin/wacampaign` as pip does; the package itself may lie anywhere."""
    command = folder / ".venv" / "bin" / "wacampaign"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n"
        "from wacampaign.__main__ import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)


def pm2_environment(folder: Path) -> dict[str, str]:
    """Of a shell that calls it: its home is in `folder`, and Node is found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    path = f"{Path(node()).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PM2_HOME": str(folder / "pm2"), "PATH": path}


def pm2_command(*arguments: str) -> list[str]:
    """The words that call it."""
    return [node(), str(NODE_MODULES / "pm2" / "bin" / "pm2"), *arguments]
