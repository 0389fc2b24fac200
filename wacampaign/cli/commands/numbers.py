"""`number add`, `number set`, `number list`: what campaigns are sent from."""

import sys
from dataclasses import asdict, replace
from getpass import getpass
from typing import Annotated, Any, Final, Literal, TypeAlias

import typer

from wacampaign.cli.number_limit import set_limit
from wacampaign.cli.options import AsJson, DryRun, EnvFile, ShowNumbers, StoreFlag, Yes
from wacampaign.cli.output import at_terminal, print_json, say, tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.tables import print_table
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.budget import rate_above
from wacampaign.core.cells import solid
from wacampaign.core.masking import mask_phone
from wacampaign.core.numbers import RATE_DEFAULT, KnownNumber
from wacampaign.operations import number_settings
from wacampaign.operations.campaigns import actor
from wacampaign.operations.number_entry import (
    NumberEntry,
    enter_number,
    known_with_token,
    read_from_meta,
)
from wacampaign.operations.numbers import known_numbers
from wacampaign.problems import AccessRefused, Misconfigured, Usage
from wacampaign.settings import Settings

#: Messages a second: Meta's highest throughput.
_RATE_MAX: Final = 1000
#: Times a token is asked for before giving up.
_TOKEN_ATTEMPTS: Final = 3

_Mode: TypeAlias = Literal["off", "on", "auto"]
_Policy: TypeAlias = Literal["CLOUD_API_FALLBACK", "STRICT", "NONE"]

app = typer.Typer(no_args_is_help=True, help="Sending numbers: add, set, list.")


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
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.done(changed=False, added=False, phone_number_id=phone_number_id)
        if not agreed(entry.plan, yes=yes, dry_run=dry_run):
            return
        number, added = with_store(settings, enter_number, entry, actor())
        templates = len(entry.sync.read) if entry.sync else None
        told.done(added=added, number=_as_json(number, False), synced=templates)
        tell(f"{'added' if added else 'updated'}: {number.label}, {phone_number_id}")
        if entry.sync is None:
            show_next(f"wacampaign templates sync --number {phone_number_id}")
        else:
            tell(f"templates: {len(entry.sync.read):,} synced")
            show_next(f"wacampaign templates list --number {phone_number_id}")


@app.command("set")
def set_(
    phone_number_id: Annotated[
        str,
        typer.Argument(
            metavar="PHONE_NUMBER_ID", help="Meta's id of it (or its digits).", show_default=False
        ),
    ],
    marketing_endpoint: Annotated[
        _Mode | None,
        typer.Option(
            "--marketing-endpoint",
            help="Whether MARKETING templates go through Meta's /marketing_messages;"
            " auto: when the account is onboarded.",
            show_default=False,
        ),
    ] = None,
    product_policy: Annotated[
        _Policy | None,
        typer.Option(
            "--product-policy",
            help="What Meta does there with what it cannot optimise: send it by Cloud API, or"
            " refuse it (STRICT). NONE: say nothing of it.",
            show_default=False,
        ),
    ] = None,
    messaging_limit: Annotated[
        str | None,
        typer.Option(
            "--messaging-limit",
            metavar="N|meta|none",
            help="People that the number's portfolio may write to in 24 hours; meta: as Meta says.",
            show_default=False,
        ),
    ] = None,
    portfolio: Annotated[
        str | None,
        typer.Option(
            "--portfolio",
            metavar="NAME",
            help='What numbers that share a limit have in common ("": as Meta says).',
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Set a number's marketing endpoint (by itself: /messages), or its portfolio's limit.

    The endpoint is chosen by the template's category as it was synced last. Meta is asked whether
    the account is onboarded; templates sync and number add ask again. The messaging limit is that
    of all numbers of the portfolio; a word of yours beats Meta's.

    Example: wacampaign number set 200000000000001 --messaging-limit 2000
    """
    of_endpoint = marketing_endpoint is not None or product_policy is not None
    of_limit = messaging_limit is not None or portfolio is not None
    if not of_endpoint and not of_limit:
        raise Usage(
            "there is nothing to set: give --marketing-endpoint, --product-policy,"
            " --messaging-limit or --portfolio",
            f"wacampaign number set {phone_number_id} --messaging-limit 2000",
        )
    if of_endpoint and of_limit:
        raise Usage(
            "the endpoint and the messaging limit are set one after the other",
            f"wacampaign number set {phone_number_id} --marketing-endpoint auto    (first)",
        )
    settings = read_settings(env_file, store)
    if of_limit:
        set_limit(
            *(settings, phone_number_id, messaging_limit, portfolio),
            yes=yes,
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    policy = "" if product_policy == "NONE" else product_policy
    planned = with_store(
        settings, number_settings.look, settings, phone_number_id, marketing_endpoint, policy
    )
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        changed = False
        if not planned.changes:
            if not dry_run:
                # What Meta says of the account is remembered, as by a sync.
                with_store(settings, number_settings.carry_out, planned, actor())
            tell(f"nothing was changed: {planned.number.marketing.in_words}")
        elif agreed(planned.plan, yes=yes, dry_run=dry_run):
            changed = with_store(settings, number_settings.carry_out, planned, actor())
            tell(f"set: {planned.number.shown}, marketing endpoint {planned.becomes.in_words}")
            show_next("wacampaign number list")
        number = replace(planned.number, marketing=planned.becomes)
        told.done(changed=changed, number=_as_json(number, False))


@app.command("list")
def list_(
    show_numbers: ShowNumbers = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """List the sending numbers: rate now and configured, quality, templates, token.

    A number that Meta throttled is slower for a while; then its rate now is below the configured.
    The messaging limit is that of its portfolio: people in 24 hours, as Meta says or as it was set.

    Example: wacampaign number list
    """
    settings = read_settings(env_file, store)
    numbers = with_store(settings, known_numbers)
    if as_json:
        print_json({"numbers": [_as_json(number, show_numbers) for number in numbers]})
        return
    if not numbers:
        say("no sending numbers yet")
        show_next("wacampaign number add PHONE_NUMBER_ID --waba WABA_ID", sys.stderr)
        return
    fallback = "settings" if settings.access_token else "MISSING"
    print_table(
        (
            *("phone_number_id", "name", "number", "rate/s", "templates", "token", "active"),
            *("quality", "marketing", "messaging limit"),
        ),
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
                number.marketing.in_words,
                _limit(number),
            )
            for number in numbers
        ],
        right=("rate/s", "templates"),
    )
    for number in numbers:
        if note := rate_above(number.rate_configured, number.throughput):
            say(f"{number.shown}: {note}")


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


def _limit(number: KnownNumber) -> str:
    limit = number.limit
    if limit.people is None or limit.numbers == 1:
        return limit.in_words
    return f"{limit.in_words}, {limit.numbers} numbers"


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
        "marketing_endpoint": asdict(number.marketing),
        "throughput_per_second": number.throughput,
        "messaging_limit": asdict(number.limit),
    }
