"""The command line's table of contents: every command, in the order of its help.

A new command is a function in a module of its own that takes the shared options (`options.py`),
ends its docstring with an `Example:` paragraph, and gets one line here. Modules of this package
import what reaches a database or the network inside their functions: `--help` must be quick.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from wacampaign import __version__
from wacampaign.cli import (
    audit,
    create,
    database,
    demo,
    explain,
    failures,
    fix_media,
    investigate,
    life_cycle,
    monitor,
    numbers,
    preflight,
    queue_stats,
    restart_stuck,
    retry_failed,
    run_worker,
    sandbox,
    templates,
)
from wacampaign.cli.program import Program

#: Headings of the help.
SEND: Final = "Send"
LOOK: Final = "Look"
SET_UP: Final = "Set up"

app = typer.Typer(
    name="wacampaign",
    cls=Program,
    rich_markup_mode=None,  # Rich help takes 300 ms to import
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,  # locals hold tokens
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"wacampaign {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Send WhatsApp template campaigns, watch them, repair them.

    Settings come from the environment and from .env in the working directory; without a database
    named there, campaigns are kept in an embedded PostgreSQL.

    Example: wacampaign queue-stats
    """


app.command("create", rich_help_panel=SEND)(create.create)
app.command("run-worker", rich_help_panel=SEND)(run_worker.run_worker)
app.command("preflight", rich_help_panel=SEND)(preflight.preflight)
app.command("start", rich_help_panel=SEND)(life_cycle.start)
app.command("pause", rich_help_panel=SEND)(life_cycle.pause)
app.command("resume", rich_help_panel=SEND)(life_cycle.resume)
app.command("cancel", rich_help_panel=SEND)(life_cycle.cancel)
app.command("restart-stuck", rich_help_panel=SEND)(restart_stuck.restart_stuck)
app.command("retry-failed", rich_help_panel=SEND)(retry_failed.retry_failed)
app.command("fix-media", rich_help_panel=SEND, cls=fix_media.FixMediaCommand)(fix_media.fix_media)
app.command("monitor", rich_help_panel=LOOK)(monitor.monitor)
app.command("queue-stats", rich_help_panel=LOOK)(queue_stats.queue_stats)
app.command("failures", rich_help_panel=LOOK)(failures.failures)
app.command("investigate-135000", rich_help_panel=LOOK)(investigate.investigate)
app.command("explain", rich_help_panel=LOOK)(explain.explain)
app.command("audit", rich_help_panel=LOOK)(audit.audit)
app.add_typer(numbers.app, name="number", rich_help_panel=SET_UP)
app.add_typer(templates.app, name="templates", rich_help_panel=SET_UP)
app.command("demo", rich_help_panel=SET_UP)(demo.demo)
app.command("sandbox", rich_help_panel=SET_UP)(sandbox.sandbox)
app.add_typer(database.app, name="db", rich_help_panel=SET_UP)
