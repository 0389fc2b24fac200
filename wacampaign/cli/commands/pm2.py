"""`pm2`: what a process manager has to know to keep worker and receiver running."""

import shlex
import sys
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from wacampaign.cli.options import EnvFile
from wacampaign.cli.output import say, tell_data
from wacampaign.cli.plan import show_next
from wacampaign.cli.session import read_settings
from wacampaign.core.services.pm2_file import pm2_file
from wacampaign.core.services.service import Service, receiver, worker
from wacampaign.core.services.systemd_units import systemd_unit, unit_name
from wacampaign.operations.installation import find_installed, obstacles

#: Where an administrator's units lie.
_UNITS: Final = "/etc/systemd/system"


def pm2(
    with_receiver: Annotated[
        bool, typer.Option("--webhook", help="The receiver of webhooks as well.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            help="Where the receiver listens, when not at its usual port.",
            show_default=False,
        ),
    ] = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Unit files of systemd instead.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Print the ecosystem.config.cjs (or units) that keeps the worker running, for this folder.

    Call it in the folder with .env: the services run there, as you, with the program that you call.
    What they would miss is said on stderr, with the next commands; nothing is changed. No secret
    goes into what it prints, and PM2 is kept from copying those of your shell.

    Example: wacampaign pm2 > ecosystem.config.cjs

    Example: wacampaign pm2 --webhook --systemd
    """
    if port is not None and not with_receiver:
        raise typer.BadParameter("it is the receiver's: add --webhook", param_hint="--port")
    settings = read_settings(env_file, None)
    installed = find_installed(settings, env_file)
    services = [worker(), *([receiver(port)] if with_receiver else [])]
    if systemd:
        tell_data("\n".join(systemd_unit(installed, service) for service in services))
    else:
        tell_data(pm2_file(installed, services))
    for obstacle in obstacles(settings):
        say(f"NOTE: {obstacle}")
    given = ["--systemd"] if systemd else []
    given += ["--webhook"] if with_receiver else []
    given += [] if port is None else ["--port", str(port)]
    given += [] if env_file is None else ["--env-file", str(env_file)]
    typed = shlex.join(["wacampaign", "pm2", *given])
    for command in _next_units(typed, services) if systemd else _next_pm2(typed, services):
        show_next(command, sys.stderr)


def _next_pm2(typed: str, services: list[Service]) -> Iterator[str]:
    if sys.stdout.isatty():  # nobody has written it into the file yet
        yield f"{typed} > ecosystem.config.cjs"
    yield "pm2 start ecosystem.config.cjs && pm2 save"
    yield f"pm2 describe {services[0].name}"


def _next_units(typed: str, services: list[Service]) -> Iterator[str]:
    units = " ".join(unit_name(service) for service in services)
    dividing = f'/^# .*[.]service$/ {{file = "{_UNITS}/" $2}} {{print > file}}'
    yield f"{typed} | sudo awk '{dividing}'"
    yield f"sudo systemctl daemon-reload && sudo systemctl enable --now {units}"
    yield f"systemctl status {units}"
