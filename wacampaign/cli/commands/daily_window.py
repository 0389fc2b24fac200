"""`daily-window`: when a campaign sends by its recipients' clocks, shown and changed."""

import shlex
from typing import Annotated

import typer

from wacampaign.cli.options import (
    AsJson,
    CampaignArgument,
    DryRun,
    EnvFile,
    StoreFlag,
    Yes,
    Zone,
)
from wacampaign.cli.output import print_json
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.daily_window import Window
from wacampaign.core.window_words import in_hours, summary
from wacampaign.operations import windows

#: What is typed for no hours.
_OFF = "off"


def daily_window(
    campaign: CampaignArgument,
    hours: Annotated[
        str | None,
        typer.Argument(
            metavar="[HH:MM-HH:MM|off]",
            help="Such as 09:00-20:00, or 20:00-02:00 over midnight; off: at any time.",
            show_default=False,
        ),
    ] = None,
    zone: Zone = None,
    as_json: AsJson = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show or change when a campaign sends, by the clocks of its recipients.

    A row goes only while it is between the two times where its recipient is; the phone tells. Where
    it may be in several time zones, it is to be the hour in all of them. Phones of which no zone is
    known go by --zone; without it by the zone that was set before, else by this machine's. A change
    holds for what is not in a worker's hands.

    Example: wacampaign daily-window Bajaj_market_2

    Example: wacampaign daily-window Bajaj_market_2 09:00-20:00 --zone Asia/Kolkata

    Example: wacampaign daily-window Bajaj_market_2 off
    """
    settings = read_settings(env_file, store)
    if hours is None:
        found = with_store(settings, windows.shown, campaign)
        if as_json:
            print_json({"campaign": found.id, "window": _shown(found.window)})
        else:
            now = summary(found.window) if found.window else "sends at any time of day"
            tell_indented("", f"{found} {now}")
            show_next(f"wacampaign queue-stats {found.short_id}")
        return
    wanted = (
        None
        if hours.strip().lower() == _OFF
        else windows.hours_and_zone(hours, zone, f"wacampaign daily-window {shlex.quote(campaign)}")
    )
    change = with_store(settings, windows.look, campaign, wanted)
    named = change.campaign
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.plan = None if change.is_made else change.plan
        told.done(changed=False, campaign=named.id, window=_shown(change.window))
        if not change.is_made:
            if not agreed(change.plan, yes=yes, dry_run=dry_run):
                return
            told.changed = with_store(settings, windows.carry_out, change)
        becomes = (
            f"sends {in_hours(change.window)}" if change.window else "sends at any time of day"
        )
        tell_indented(
            "", f"{named} {becomes}" + ("" if told.changed else " already: nothing was changed")
        )
        show_next(f"wacampaign queue-stats {named.short_id}")


def _shown(window: Window | None) -> dict[str, object] | None:
    if window is None:
        return None
    return {
        "opens": window.opens,
        "closes": window.closes,
        "zone": window.zone,
        "zones": [
            {"zones": group.zones, "rows": group.rows, "open": group.open}
            | {"changes_at": group.changes_at}
            for group in window.zones
        ],
    }
