"""Finding the sandbox that runs, for the commands that tell it what to play."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from wacampaign.problems import Unreachable, Usage
from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.port import SANDBOX_PORT


class NoSandbox(Unreachable):
    """No sandbox answers."""

    code = "no_sandbox"
    default_suggestion = "wacampaign sandbox    (in a terminal that stays open)"


@contextmanager
def running_sandbox(url: str) -> Iterator[SandboxControl]:
    """Control of the sandbox at `url`; raises `NoSandbox`, and `Usage` for what it refuses."""
    tls = ssl.create_default_context() if url.startswith("https:") else None
    try:
        control = SandboxControl(url, tls)
    except httpx.InvalidURL as error:
        raise _no_address(url) from error
    try:
        if not control.is_ready():
            raise NoSandbox(f"what answers at {url} is no sandbox")
        yield control
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise _no_address(url) from error
    except httpx.HTTPError as error:
        raise NoSandbox(f"no sandbox answers at {url}") from error
    except ControlRefused as refused:
        # Its own words, without the request that a person did not type.
        raise Usage(
            refused.message.partition(": ")[2], "wacampaign sandbox fault list --known"
        ) from refused
    finally:
        control.close()


def _no_address(url: str) -> Usage:
    return Usage(f"{url} is no address", f"--url http://127.0.0.1:{SANDBOX_PORT}")
