"""`sandbox`: a simulated Cloud API in the foreground, its faults, and how to rehearse with it."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from wacampaign.cli.gate import check_arrived
from wacampaign.cli.loading import LazyGroup, Listed
from wacampaign.cli.options import AsJson, EnvFile
from wacampaign.cli.output import arrow, print_json, say, tell
from wacampaign.cli.session import read_settings
from wacampaign.problems import Usage
from wacampaign.sandbox.demo import (
    DEMO_APP_SECRET,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)
from wacampaign.sandbox.port import SANDBOX_PORT
from wacampaign.sandbox.server import SandboxOptions, run_sandbox

#: It asks for no verification; without one the receiver would say that it cannot answer Meta's.
_VERIFY_TOKEN: Final = "rehearsal"


class _Sandbox(LazyGroup):
    listed = (Listed("fault", "Commands", "sandbox_fault:app"),)


COMMAND_CLASS = _Sandbox
app = typer.Typer(cls=COMMAND_CLASS, invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def sandbox(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = (
        SANDBOX_PORT
    ),
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; it asks nobody for a password.")
    ] = "127.0.0.1",
    latency_ms: Annotated[
        float, typer.Option("--latency-ms", min=0, help="Wait before each answer to a message.")
    ] = 150.0,
    jitter_ms: Annotated[
        float, typer.Option("--jitter-ms", min=0, help="The wait varies by so much, up and down.")
    ] = 50.0,
    webhook_url: Annotated[
        str | None,
        typer.Option(
            "--webhook-url",
            metavar="URL",
            help="Where signed webhooks go (secret: META_APP_SECRET).",
            show_default=False,
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", help="Serve HTTPS with this PEM file.", show_default=False),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Its key, PEM.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Run a simulated Cloud API until Ctrl-C: answers like Meta's, sends to nobody.

    It knows one account with one number and some templates, forgets everything when it ends, and
    counts what it accepted. What goes wrong is set by `wacampaign sandbox fault`; replies, opt-outs
    and decisions of Meta are played by its control API (docs/reference/sandbox.md). Prints the
    settings that lead a rehearsal to it, with a database of its own: never point the settings of a
    real database at a sandbox, its rows would count as sent.

    Example: wacampaign sandbox --latency-ms 300
    """
    if context.invoked_subcommand is not None:
        return
    if webhook_url is not None and not webhook_url.startswith(("http://", "https://")):
        raise Usage(
            f"--webhook-url {webhook_url} is no address: it begins with http:// or https://",
            "--webhook-url http://127.0.0.1:8789/api/webhooks",
        )
    app_secret = next(iter(read_settings(env_file, None).app_secrets), DEMO_APP_SECRET)
    options = SandboxOptions(
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        settings={"latency_ms": latency_ms, "jitter_ms": jitter_ms},
        webhook={"url": webhook_url, "app_secret": app_secret},
    )
    shown = {}
    if webhook_url and app_secret == DEMO_APP_SECRET:
        shown = {"META_APP_SECRET": app_secret, "META_WEBHOOK_VERIFY_TOKEN": _VERIFY_TOKEN}
    run_sandbox(
        options, lambda url: _announce_json(url, shown) if as_json else _announce(url, shown)
    )
    say("")
    say("the sandbox has ended; what it accepted is forgotten")


def _announce(url: str, webhooks: dict[str, str]) -> None:
    """The settings on stdout, what to do with them on stderr.

    `webhooks`: what a receiver of its webhooks needs; the operator's own secret is not told.
    """
    where = (
        "For a rehearsal, put into .env of an empty folder:"
        if sys.stdout.isatty()
        else "Its settings are on stdout, for .env of an empty folder."
    )
    say(f"sandbox: {url} (Ctrl-C ends it). {where}")
    for name, value in (_settings(url) | webhooks).items():
        tell(f"{name}={value}")
    check_arrived()
    to = arrow(sys.stderr)
    say("and in another terminal, in that folder:")
    say(f"{to} wacampaign number add {DEMO_PHONE_NUMBER_ID} --waba {DEMO_WABA_ID}")
    say(
        f"{to} wacampaign create --csv FILE --number {DEMO_PHONE_NUMBER_ID} --template demo_text "
        "--start"
    )
    if webhooks:
        say(f"{to} wacampaign webhook    (in a terminal that stays open)")
    say(f"{to} wacampaign run-worker --until-idle")
    say("to let something go wrong: wacampaign sandbox fault list --known")
    say(f"what it accepted: {url}/_sandbox/totals")


def _announce_json(url: str, webhooks: dict[str, str]) -> None:
    print_json(
        {
            "url": url,
            "env": _settings(url) | webhooks,
            "phone_number_id": DEMO_PHONE_NUMBER_ID,
            "waba_id": DEMO_WABA_ID,
        },
        one_line=True,
    )


def _settings(url: str) -> dict[str, str]:
    """What a rehearsal's .env holds."""
    return {
        "WHATSAPP_API_URL": url,
        "META_ACCESS_TOKEN": DEMO_TOKEN,
        "WACAMPAIGN_STORE": "embedded",
        "WACAMPAIGN_HOME": "rehearsal",
    }
