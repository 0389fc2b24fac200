"""`number add`, `number list`: what campaigns are sent from."""

import sys
from dataclasses import replace
from getpass import getpass
from typing import Annotated, Any, Final

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, ShowNumbers, StoreFlag, Yes
from wacampaign.cli.output import at_terminal, print_json, say, tell
from wacampaign.cli.plan import agreed, show_next
from wacampaign.cli.screens.tables import print_table
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.cells import solid
from wacampaign.core.masking import mask_phone
from wacampaign.core.numbers import RATE_DEFAULT, KnownNumber
from wacampaign.operations.campaigns import actor
from wacampaign.operations.number_entry import (
    NumberEntry,
    enter_number,
    known_with_token,
    read_from_meta,
)
from wacampaign.problems import AccessRefused, Misconfigured, Usage
from wacampaign.settings import Settings
from wacampaign.store.numbers import Numbers

#: Messages a second: Meta's highest throughput.
_RATE_MAX: Final = 1000
#: Times a token is asked for before giving up.
_TOKEN_ATTEMPTS: Final = 3

app = typer.Typer(no_args_is_help=True, help="Sending numbers: add, list.")


@app.command()
def add(
    phone_number_id: Annotated[
        str,
        typer.Argument(metavar="PHONE_NUMBER_ID", help="Meta's id of it.", show_default=False),
    ],
    waba: Annotated[
        str,
        typer.Option("--waba", metavar="WABA_ID", help="Id of its WhatsApp Business account."),
    ],
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            min=1,
            max=_RATE_MAX,
            help=f"Messages a second, all workers together (a new number's: {RATE_DEFAULT}).",
            show_default=False,
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Ask for a token, also if there is one.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Enter it without asking Meta about it.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Enter a sending number, or update one, and sync its templates.

    The access token is META_ACCESS_TOKEN, and is then kept nowhere else. Without it you are asked
    for one, which is kept in the database, with the number.

    Example: wacampaign number add 200000000000001 --waba 100000000000001 --rate 80
    """
    phone_number_id, waba = solid(phone_number_id), solid(waba)
    for what, text in (("PHONE_NUMBER_ID", phone_number_id), ("--waba", waba)):
        if not (text.isascii() and text.isdigit()):
            raise Usage(f"{what} must be an id of Meta's: digits only", "wacampaign number add -h")
    settings = read_settings(env_file, store)
    known, kept = with_store(settings, known_with_token, phone_number_id)
    entry = NumberEntry(phone_number_id, waba, rate, known)
    entry = _complete(settings, entry, kept, new_token=new_token, offline=offline)
    if not agreed(entry.plan, yes=yes, dry_run=dry_run, as_json=as_json):
        if as_json:
            print_json({"added": False, "phone_number_id": phone_number_id, "dry_run": dry_run})
        return
    number, added = with_store(settings, enter_number, entry, actor())
    if as_json:
        templates = len(entry.sync.kept) if entry.sync else None
        print_json({"added": added, "number": _as_json(number, False), "synced": templates})
        return
    tell(f"{'added' if added else 'updated'}: {number.label}, {phone_number_id}")
    if entry.sync is None:
        show_next(f"wacampaign templates sync --number {phone_number_id}")
    else:
        tell(f"templates: {len(entry.sync.kept):,} synced")
        show_next(f"wacampaign templates list --number {phone_number_id}")


@app.command("list")
def list_(
    show_numbers: ShowNumbers = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """List the sending numbers: rate now and configured, quality, templates, token.

    A number that Meta throttled is slower for a while; then its rate now is below the configured.

    Example: wacampaign number list
    """
    settings = read_settings(env_file, store)
    numbers = with_store(settings, lambda opened: Numbers(opened).all())
    if as_json:
        print_json({"numbers": [_as_json(number, show_numbers) for number in numbers]})
        return
    if not numbers:
        say("no sending numbers yet")
        show_next("wacampaign number add PHONE_NUMBER_ID --waba WABA_ID", sys.stderr)
        return
    fallback = "settings" if settings.access_token else "MISSING"
    print_table(
        ("phone_number_id", "name", "number", "rate/s", "templates", "token", "active", "quality"),
        [
            (
                number.phone_number_id,
                number.display_name,
                _digits(number, show_numbers),
                _rate(number),
                number.templates,
                "database" if number.has_token else fallback,
                "yes" if number.is_active else "no",
                number.quality,
            )
            for number in numbers
        ],
        right=("rate/s", "templates"),
    )


def _complete(
    settings: Settings, entry: NumberEntry, kept: str | None, *, new_token: bool, offline: bool
) -> NumberEntry:
    """The entry with what Meta says of it, asking for a token where one is missing.

    `kept` is the token that the database has.
    """
    token = kept or settings.access_token
    asked = new_token or (token is None and not offline)
    if asked and not at_terminal():
        raise Misconfigured(
            "there is no access token, and no terminal to ask for one",
            "set META_ACCESS_TOKEN in .env",
        )
    if offline:
        return replace(entry, token=_ask_token() if new_token else None)
    for attempt in range(1, _TOKEN_ATTEMPTS + 1):
        if asked:
            token = _ask_token()
        try:
            described = with_store(settings, read_from_meta, settings, entry, token or "")
        except AccessRefused as refused:
            if not asked or attempt == _TOKEN_ATTEMPTS:
                if kept and not asked:
                    refused.suggestion = "run it again with --new-token"
                raise
            say(refused.message)
        else:
            return replace(described, token=token) if asked else described
    raise AssertionError("unreachable: the last attempt returns or raises")


def _ask_token() -> str:
    """A token from the terminal, not echoed."""
    try:
        token = solid(getpass("access token (not shown): ", stream=sys.stderr))
    except EOFError:
        token = ""
    if not token:
        raise Misconfigured("no access token was given", "set META_ACCESS_TOKEN in .env")
    return token


def _digits(number: KnownNumber, show: bool) -> str:
    # Entered offline: the id stands in for digits that nobody knows.
    if number.digits == number.phone_number_id:
        return "unknown"
    return number.digits if show else mask_phone(number.digits)


def _rate(number: KnownNumber) -> str:
    now, configured = f"{number.rate_now:g}", f"{number.rate_configured:g}"
    return configured if now == configured else f"{now} of {configured}"


def _as_json(number: KnownNumber, show: bool) -> dict[str, Any]:
    return {
        "id": number.id,
        "phone_number_id": number.phone_number_id,
        "waba_id": number.waba_id,
        "name": number.display_name,
        "number": _digits(number, show),
        "quality": number.quality,
        "rate_per_second": number.rate_now,
        "configured_rate_per_second": number.rate_configured,
        "templates": number.templates,
        "token_in_database": number.has_token,
        "active": number.is_active,
    }
