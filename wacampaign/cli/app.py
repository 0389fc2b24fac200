"""The command line's table of contents: every command, in the order of its help.

A new command is a function in a module of its own in `commands/`, which takes the shared options
(`options.py`), ends its docstring with an `Example:` paragraph, and gets one line here.
"""

from typing import Annotated, Final

import typer

from wacampaign import __version__
from wacampaign.cli.loading import Listed
from wacampaign.cli.program import Program

_SEND: Final = "Send"
_LOOK: Final = "Look"
_SET_UP: Final = "Set up"


class _Wacampaign(Program):
    listed = (
        Listed("create", _SEND, "create:create"),
        Listed("run-worker", _SEND, "run_worker:run_worker"),
        Listed("preflight", _SEND, "preflight:preflight"),
        Listed("start", _SEND, "life_cycle:start"),
        Listed("pause", _SEND, "life_cycle:pause"),
        Listed("resume", _SEND, "life_cycle:resume"),
        Listed("cancel", _SEND, "life_cycle:cancel"),
        Listed("daily-window", _SEND, "daily_window:daily_window"),
        Listed("webhook", _SEND, "webhook:app"),
        Listed("restart-stuck", _SEND, "restart_stuck:restart_stuck"),
        Listed("retry-failed", _SEND, "retry_failed:retry_failed"),
        Listed("fix-media", _SEND, "fix_media:fix_media"),
        Listed("optouts", _SEND, "optouts:app"),
        Listed("list", _LOOK, "campaign_list:list_campaigns"),
        Listed("status", _LOOK, "campaign_list:list_campaigns", is_alias=True),
        Listed("monitor", _LOOK, "monitor:monitor"),
        Listed("queue-stats", _LOOK, "queue_stats:queue_stats"),
        Listed("events", _LOOK, "campaign_events:events"),
        Listed("failures", _LOOK, "failures:failures"),
        Listed("report", _LOOK, "report:report"),
        Listed("results", _LOOK, "results:results"),
        Listed("inbox", _LOOK, "inbox:inbox"),
        Listed("investigate-135000", _LOOK, "investigate:investigate"),
        Listed("explain", _LOOK, "explain:explain"),
        Listed("audit", _LOOK, "audit:audit"),
        Listed("doctor", _LOOK, "doctor:doctor"),
        Listed("demo", _SET_UP, "demo:demo"),
        Listed("alert", _SET_UP, "alert:app"),
        Listed("sandbox", _SET_UP, "sandbox:app"),
        Listed("number", _SET_UP, "numbers:app"),
        Listed("templates", _SET_UP, "templates:app"),
        Listed("db", _SET_UP, "database:app"),
        Listed("pm2", _SET_UP, "pm2:pm2"),
        Listed("prune", _SET_UP, "prune:prune"),
    )


app = typer.Typer(
    name="wacampaign",
    cls=_Wacampaign,
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
