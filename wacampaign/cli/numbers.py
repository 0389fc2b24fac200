"""`number add`, `number list`: what campaigns are sent from."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, ShowNumbers, StoreFlag, Yes
from wacampaign.cli.output import arrow, print_json, say, tell
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.session import actor, read_settings, with_store
from wacampaign.cli.tables import print_table
from wacampaign.core.cells import solid
from wacampaign.problems import AccessRefused, Misconfigured, Usage

if TYPE_CHECKING:
    from wacampaign.meta.objects import Number
    from wacampaign.senders.numbers import KnownNumber
    from wacampaign.senders.templates import SyncPlan
    from wacampaign.settings import Settings
    from wacampaign.store.store import Store

#: Messages a second: Meta's highest throughput, and what a number without --rate begins with.
_RATE_MAX: Final = 1000
_RATE_DEFAULT: Final = 60
#: Messages a second that Meta takes, by the number's throughput (whatsapp-cloud-api 2.1).
_LIMITS: Final = {"STANDARD": 80, "HIGH": 1000}
#: Times a token is asked for before giving up.
_TOKEN_ATTEMPTS: Final = 3

app = typer.Typer(no_args_is_help=True, help="Sending numbers: add, list.")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is going to be entered."""

    known: KnownNumber | None
    #: None with --offline.
    described: Number | None
    #: What goes into the database; None leaves what is there.
    token: str | None
    sync: SyncPlan | None


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
            help=f"Messages a second, all workers together (a new number's: {_RATE_DEFAULT}).",
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
    entry = _look(settings, phone_number_id, waba, new_token=new_token, offline=offline)
    plan = _plan(entry, phone_number_id, waba, rate)
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        goes_on = agreed(plan, yes=yes, dry_run=dry_run)
    if not goes_on:
        if as_json:
            print_json({"added": False, "phone_number_id": phone_number_id, "dry_run": dry_run})
        return

    async def work(opened: Store) -> tuple[KnownNumber, bool]:
        from wacampaign.senders import numbers, templates

        number, added = await numbers.add_number(
            opened,
            phone_number_id,
            waba,
            described=entry.described,
            token=entry.token,
            rate=rate,
            actor=actor(),
        )
        if entry.sync is not None:
            await templates.apply_sync(opened, number.id, entry.sync, actor())
        return number, added

    number, added = with_store(settings, work)
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
    from wacampaign.senders.numbers import known_numbers

    settings = read_settings(env_file, store)
    numbers = with_store(settings, known_numbers)
    if as_json:
        print_json({"numbers": [_as_json(number, show_numbers) for number in numbers]})
        return
    if not numbers:
        say("no sending numbers yet")
        say(f"{arrow(sys.stderr)} wacampaign number add PHONE_NUMBER_ID --waba WABA_ID")
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


def _look(
    settings: Settings, phone_number_id: str, waba: str, *, new_token: bool, offline: bool
) -> _Entry:
    """Reads the number and its templates from Meta, asking for a token where one is missing."""

    async def known(opened: Store) -> tuple[KnownNumber | None, str | None]:
        from wacampaign.senders.numbers import known_numbers

        for number in await known_numbers(opened):
            if number.phone_number_id == phone_number_id:
                kept = [sending.access_token for sending in await opened.sending([number.id])]
                return number, next(iter(kept), None)
        return None, None

    number, kept = with_store(settings, known)
    token = kept or settings.access_token
    asked = new_token or (token is None and not offline)
    if asked and not _can_ask():
        raise Misconfigured(
            "there is no access token, and no terminal to ask for one",
            "set META_ACCESS_TOKEN in .env",
        )
    if offline:
        return _Entry(number, None, _ask_token() if new_token else None, None)
    for attempt in range(1, _TOKEN_ATTEMPTS + 1):
        if asked:
            token = _ask_token()
        try:
            described, sync = _read(settings, token or "", phone_number_id, waba, number)
        except AccessRefused as refused:
            if not asked or attempt == _TOKEN_ATTEMPTS:
                if kept and not asked:
                    refused.suggestion = "run it again with --new-token"
                raise
            say(refused.message)
        else:
            return _Entry(number, described, token if asked else None, sync)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _read(
    settings: Settings, token: str, phone_number_id: str, waba: str, known: KnownNumber | None
) -> tuple[Number, SyncPlan]:
    from wacampaign.meta.client import CloudApi
    from wacampaign.senders.numbers import read_number
    from wacampaign.senders.templates import plan_sync

    async def work(opened: Store) -> tuple[Number, SyncPlan]:
        async with CloudApi(settings.api_url, settings.api_version, token) as api:
            described = await read_number(api, phone_number_id, waba)
            return described, await plan_sync(opened, api, waba, known.id if known else None)

    return with_store(settings, work)


def _plan(entry: _Entry, phone_number_id: str, waba: str, rate: int | None) -> Plan:
    known, described, sync = entry.known, entry.described, entry.sync
    was = f"{known.rate_configured:.0f}/s" if known else "none"
    becomes = f"{rate or (known.rate_configured if known else _RATE_DEFAULT):.0f}/s"
    steps = [Step(1, "number", was, becomes)]
    notes = [f"phone number id {phone_number_id}, account {waba}"]
    if described is None:
        notes.append("Meta is not asked: name, quality and templates stay unknown")
    else:
        notes.append(
            f"{described.verified_name or 'without a name'}: {described.status}, quality "
            f"{described.quality_rating}, throughput {described.throughput or 'unknown'}"
        )
        limit = _LIMITS.get(described.throughput)
        wanted = rate or (known.rate_configured if known else _RATE_DEFAULT)
        if limit is not None and wanted > limit:
            notes.append(f"NOTE: Meta takes at most {limit:,} a second from it, not {wanted:,.0f}")
    if sync is not None:
        n, gone = len(sync.new) + len(sync.changed), len(sync.gone)
        steps += [Step(n, "template", "at Meta", "in the database")] if n else []
        steps += [Step(gone, "template", "active", "inactive, as Meta has it no more")] * bool(gone)
    if entry.token is not None:
        notes.append("the token you typed is kept in the database, with the number")
    elif not (known and known.has_token):
        notes.append("no token is kept in the database: META_ACCESS_TOKEN is used")
    return Plan(
        title=f"{'update' if known else 'add'} the number {phone_number_id}",
        steps=tuple(steps),
        notes=tuple(notes),
        samples=tuple(f"template {name}" for name in (*sync.new, *sync.changed)) if sync else (),
        next_command="wacampaign templates list",
    )


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_token() -> str:
    """A token from the terminal, not echoed."""
    from getpass import getpass

    try:
        token = solid(getpass("access token (not shown): ", stream=sys.stderr))
    except EOFError:
        token = ""
    if not token:
        raise Misconfigured("no access token was given", "set META_ACCESS_TOKEN in .env")
    return token


def _digits(number: KnownNumber, show: bool) -> str:
    from wacampaign.core.masking import mask_phone

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
