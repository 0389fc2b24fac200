"""`python -m wacampaign.sandbox`: run the sandbox; prints `{"url": …}` as soon as it listens."""

import argparse
import json
import os
import sys
from pathlib import Path

from wacampaign.problems import Problem
from wacampaign.sandbox.server import SandboxOptions, run_sandbox


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal (or the end of standard input); the exit code."""
    parser = argparse.ArgumentParser(prog="wacampaign.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--tls-cert", type=Path, help="PEM file; needs --tls-key")
    parser.add_argument("--tls-key", type=Path, help="PEM file; needs --tls-cert")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="wait before each answer")
    parser.add_argument("--jitter-ms", type=float, default=0.0, help="spread of the wait, ±")
    parser.add_argument("--webhook-url", help="where signed status webhooks go")
    parser.add_argument("--app-secret", default="", help="signs the webhooks")
    parser.add_argument("--cpu", type=int, help="run on this processor only (Linux)")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when standard input ends"
    )
    given = parser.parse_args(arguments)
    if given.cpu is not None:
        if not hasattr(os, "sched_setaffinity"):
            parser.error("--cpu needs Linux")
        try:
            os.sched_setaffinity(0, {given.cpu})
        except OSError:
            parser.error(f"there is no processor {given.cpu}")
    options = SandboxOptions(
        host=given.host,
        port=given.port,
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
        settings={"latency_ms": given.latency_ms, "jitter_ms": given.jitter_ms},
        webhook={"url": given.webhook_url, "app_secret": given.app_secret},
    )
    try:
        run_sandbox(
            options,
            lambda url: print(json.dumps({"url": url}), flush=True),
            until_stdin_closes=given.until_stdin_closes,
        )
    except Problem as problem:
        print(problem.message, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
