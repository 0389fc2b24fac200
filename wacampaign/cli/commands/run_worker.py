"""`run-worker`: logs, campaigns, event loop; the rest is the worker's."""

import logging
import sys
from typing import Annotated, Final, Literal

import typer

from wacampaign.cli.options import (
    LOOPBACK,
    CampaignsArgument,
    EnvFile,
    MetricsHost,
    MetricsPort,
    ShowNumbers,
    StoreFlag,
)
from wacampaign.cli.session import read_settings, run_quickly, with_store
from wacampaign.logs import set_up_logs
from wacampaign.metrics.address import MetricsAddress
from wacampaign.operations.campaigns import resolve_campaigns

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def run_worker(
    campaigns: CampaignsArgument = None,
    until_idle: Annotated[
        bool,
        typer.Option("--until-idle", help="End when no running campaign has work left."),
    ] = False,
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
    """Send what running campaigns have in the queue.

    Runs for ever, for all campaigns or those named, and logs to stdout. SIGINT or SIGTERM (Ctrl-C,
    `pm2 stop`) ends it in order: what is on the wire is waited for. Any number of workers may run.

    Example: wacampaign run-worker

    Example: wacampaign run-worker Bajaj_market_2 --until-idle
    """
    settings = read_settings(env_file, store)
    # Also without campaigns: it brings the embedded database up to date.
    ids = with_store(settings, resolve_campaigns, campaigns)
    from wacampaign.worker.run import Worker  # 300 ms: a wrong setting or name is told before

    set_up_logs(
        sys.stdout, log_format=log_format, level=_LEVELS[log_level], show_numbers=show_numbers
    )
    metrics = None if metrics_port is None else MetricsAddress(metrics_port, metrics_host)
    worker = Worker(settings, campaign_ids=ids, until_idle=until_idle, metrics=metrics)
    code = run_quickly(worker.run())
    if code:
        raise typer.Exit(code)
