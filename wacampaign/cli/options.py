"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from wacampaign.cli.completion import campaign_names
from wacampaign.store_name import StoreName

_CAMPAIGN_HELP = "Id, the beginning of an id (6 characters or more), or exact name."

CampaignArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="CAMPAIGN",
        help=_CAMPAIGN_HELP,
        show_default=False,
        autocompletion=campaign_names,
    ),
]
OptionalCampaign: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="CAMPAIGN",
        help=_CAMPAIGN_HELP,
        show_default=False,
        autocompletion=campaign_names,
    ),
]
#: None when no campaign was named.
CampaignsArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CAMPAIGN…",
        help=_CAMPAIGN_HELP,
        show_default=False,
        autocompletion=campaign_names,
    ),
]

_SETTINGS = "Settings"
EnvFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        metavar="PATH",
        help="Read settings from this file instead of .env in the working directory.",
        rich_help_panel=_SETTINGS,
        show_default=False,
    ),
]
StoreFlag: TypeAlias = Annotated[
    StoreName | None,
    typer.Option(
        "--store",
        help="Where the campaigns are, when not as WACAMPAIGN_STORE or the other settings say.",
        rich_help_panel=_SETTINGS,
        show_default=False,
    ),
]

#: Nobody but this machine.
LOOPBACK: Final = "127.0.0.1"
MetricsPort: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        min=0,
        max=65535,
        help="Serve metrics for Prometheus at /metrics on this port; 0 takes a free one.",
        show_default=False,
    ),
]
MetricsHost: TypeAlias = Annotated[
    str, typer.Option("--metrics-host", help="Address for them; they tell the campaigns' names.")
]

DailyWindow: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--daily-window",
        metavar="HH:MM-HH:MM",
        help="Send only then by the recipients' clocks, such as 09:00-20:00, each day.",
        show_default=False,
    ),
]
#: Of times that are typed, and of phones whose own zone nobody knows.
Zone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--zone",
        metavar="ZONE",
        help="Whose clock counts where nothing else says so, such as Asia/Kolkata.",
        show_default=False,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout, errors as JSON on stderr.")
]
Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Print the plan, change nothing.")
]
ShowNumbers: TypeAlias = Annotated[
    bool, typer.Option("--show-numbers", help="Show phone numbers whole instead of masked.")
]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only since then: 2026-11-26, '2026-11-26 18:00', or 90min, 24h, 7d ago.",
        show_default=False,
    ),
]
Code: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--code",
        metavar="N",
        min=0,
        max=2_147_483_647,
        help="Only rows that failed with this code (0: without one).",
        show_default=False,
    ),
]
SkipPreflight: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--skip-preflight", help="Start without looking; the campaign's events say so then."
    ),
]
AllowPlaceholders: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-placeholders", help="Send values such as None, #N/A, - and {{name}} as well."
    ),
]
AllowMarkup: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-markup", help="Send values with HTML, \\n or wrongly decoded letters as well."
    ),
]
#: Messages that are shown whole, at most: more is no reading.
SHOWN_MAX: Final = 50
