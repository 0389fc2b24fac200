"""Where a sandbox listens by itself; apart, as the help of commands needs nothing else."""

from typing import Final

#: A port that nothing usual listens on, always the same: a rehearsal's .env stays right.
SANDBOX_PORT: Final = 8788
