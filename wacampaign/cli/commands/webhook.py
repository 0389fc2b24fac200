"""`webhook`: the receiver in the foreground, and what is set up at Meta for it."""

import logging
import sys
from typing import Annotated, Final, Literal

import typer

from wacampaign.cli.loading import LazyGroup, Listed
from wacampaign.cli.options import (
    LOOPBACK,
    EnvFile,
    MetricsHost,
    MetricsPort,
    ShowNumbers,
    StoreFlag,
)
from wacampaign.cli.session import run_quickly
from wacampaign.logs import set_up_logs
from wacampaign.metrics.address import MetricsAddress
from wacampaign.settings import load_settings

#: A port that nothing usual listens on, next to the sandbox's.
_PORT: Final = 8789

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class _Webhook(LazyGroup):
    listed = (Listed("subscribe", "Commands", "webhook_subscribe:subscribe"),)


COMMAND_CLASS = _Webhook
app = typer.Typer(cls=COMMAND_CLASS, invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def webhook(
    context: typer.Context,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; a proxy with TLS stands before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = (
        _PORT
    ),
    path: Annotated[
        str, typer.Option("--path", help="Where Meta's requests arrive.")
    ] = "/api/webhooks",
    forward: Annotated[
        str | None,
        typer.Option(
            "--forward",
            metavar="URL",
            help="Pass each body on to the backend, untouched, with its signature"
            " (WACAMPAIGN_WEBHOOK_FORWARD).",
            show_default=False,
        ),
    ] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = LOOPBACK,
    log_format: Annotated[
        Literal["logfmt", "json"], typer.Option("--log-format", help="Lines on stdout.")
    ] = "logfmt",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option("--log-level", help="Least level that is written."),
    ] = "info",
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Receive Meta's webhooks: statuses, replies, opt-outs, news of templates and accounts.

    Runs for ever and logs to stdout. A body is answered with 200 when it is in the database or,
    while that is away, in a file that survives a loss of power; the work on it comes after. It is
    verified with META_APP_SECRET and the app_secret of the numbers in the database. GET /healthz,
    beside it, tells how it stands. SIGINT or SIGTERM (Ctrl-C, `pm2 stop`) ends it in order.

    Example: wacampaign webhook

    Example: wacampaign webhook --forward http://127.0.0.1:8080/api/webhooks
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(env_file, store=store, webhook_forward=forward)
    # Here: a wrong setting is told before that is imported, and `subscribe` needs none of it.
    from wacampaign.store.schema import prepare_embedded
    from wacampaign.webhook.run import Listening, Receiver, checked_forward

    metrics = None if metrics_port is None else MetricsAddress(metrics_port, metrics_host)
    listening = Listening(host, port, path, settings.webhook_forward, metrics)
    checked_forward(listening)
    prepare_embedded(settings)
    set_up_logs(
        sys.stdout, log_format=log_format, level=_LEVELS[log_level], show_numbers=show_numbers
    )
    code = run_quickly(Receiver(settings, listening).run())
    if code:
        raise typer.Exit(code)
