"""Reads containers in a process of its own: no file can crash, hang or fill the tool's."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from wacampaign.core.media.ports import Container, Track

#: Seconds for one file.
_DEADLINE_S: Final = 20.0
#: Decoders at a time. Each takes 40 MB for most films, 56 MB for one of 3840×2160, and 0.1 s: two
#: beside each other would win little.
_SIDE_BY_SIDE: Final = 1
#: Bytes of a decoder's answer; a film of two tracks takes some hundred.
_ANSWER: Final = 256 * 1024
#: What the decoder learns of our environment: where Python and its libraries are. No secrets.
_ENVIRONMENT: Final = frozenset(
    {"PATH", "HOME", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "LD_LIBRARY_PATH"}
    | {"SYSTEMROOT", "APPDATA", "USERPROFILE"}
)
#: Isolated from the current folder: a file there must not pass for one of Python's modules.
_COMMAND: Final = (sys.executable, "-P", "-B", "-m", "wacampaign.media.inspect_file")


class ProcessReader:
    """The `ContainerReader` that asks `wacampaign.media.inspect_file`.

    `command` takes the path and the MIME type and prints the facts; it is for tests.
    """

    def __init__(
        self, deadline_s: float = _DEADLINE_S, *, command: Sequence[str] = _COMMAND
    ) -> None:
        self._deadline_s = deadline_s
        self._command = tuple(command)
        self._gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def read(self, path: Path, mime_type: str) -> Container:
        """See `ContainerReader.read`."""
        async with self._gate:
            try:
                output, code = await self._ask(path, mime_type)
            except TimeoutError:
                return _failed(f"no result after {self._deadline_s:g} s")
            except OSError as error:
                return _failed(f"no decoder could be started: {error.strerror or error}")
        try:
            facts: dict[str, Any] = json.loads(output)
            tracks = tuple(Track(**track) for track in facts.pop("tracks", ()))
            return Container(tracks=tracks, **facts)
        except (ValueError, TypeError, AttributeError):
            return _failed(f"the decoder ended with {code}")

    async def _ask(self, path: Path, mime_type: str) -> tuple[bytes, int | None]:
        """What it printed, and its exit code. Raises TimeoutError and OSError."""
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *self._command,
                str(path),
                mime_type,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
            )
        )
        output = b""
        try:
            # Shielded: cancelled half-way, uvloop forgets the process that it has started.
            process = await asyncio.shield(starting)
            assert process.stdout is not None
            async with asyncio.timeout(self._deadline_s):
                try:
                    output = await process.stdout.readexactly(_ANSWER)
                except asyncio.IncompleteReadError as end:
                    output = end.partial
                    await process.wait()
        finally:
            process = await starting
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                # Not `wait`: asyncio's waits for the pipe's end, too, which it does not see behind
                # more output than it takes unread.
                await process.communicate()
        return output, process.returncode


def _failed(why: str) -> Container:
    return Container(damage=why, decoder_failed=True)
