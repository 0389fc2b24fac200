"""`alert test`: whether an alert would reach anybody."""

import asyncio
from typing import Final

import typer

from wacampaign.alerting.trial import send_test_alert
from wacampaign.cli.options import AsJson, EnvFile
from wacampaign.cli.output import FINDING, print_json, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.session import read_settings
from wacampaign.extras import APPRISE, install_command
from wacampaign.problems import Misconfigured, Unreachable

app = typer.Typer(
    no_args_is_help=True,
    help="Tell people what stands; test whether that reaches them.",
)
_HOW_TO: Final = "see docs/how-to/be-told-when-something-is-wrong.md"


@app.command("test")
def send_test(as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Send a test alert to each address of WACAMPAIGN_ALERT_URLS, and say whether it was taken.

    No database is needed, nothing is noted, and no notification is written. Exit code 3: an address
    did not take it; 69: none did, and one at least gave no answer; 78: none is set, or one needs
    Apprise, which is not installed.

    Example: wacampaign alert test
    """
    settings = read_settings(env_file, None)
    if not settings.alert_urls:
        raise Misconfigured("WACAMPAIGN_ALERT_URLS is not set, so nobody is told", _HOW_TO)
    tries = asyncio.run(send_test_alert(settings.alert_urls))
    refused = [tried for tried in tries if not tried.taken]
    if as_json:
        print_json(
            {
                "addresses": [
                    {"address": t.shown, "taken": t.taken, "problem": t.problem} for t in tries
                ]
            }
        )
    else:
        for n, tried in enumerate(tries, 1):
            tell(f"{n}  {tried.shown}  {'taken' if tried.taken else tried.problem}")
    if not refused:
        if not as_json:
            show_next("wacampaign monitor")
        return
    if any(tried.needs_apprise for tried in refused):
        raise Misconfigured(
            "an address needs Apprise, which is not installed",
            install_command(APPRISE),
        )
    if len(refused) == len(tries) and any(tried.unreachable for tried in refused):
        raise Unreachable("no address took the test alert", _HOW_TO)
    if not as_json:
        say(f"{len(refused)} of {len(tries)} did not take the test alert: {_HOW_TO}")
    raise typer.Exit(FINDING)
