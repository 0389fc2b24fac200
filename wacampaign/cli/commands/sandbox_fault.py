"""`sandbox fault set|list|clear`: what the running sandbox is to play, typed."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from wacampaign.cli.options import AsJson, EnvFile, ShowNumbers
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.sandbox_faults import (
    fault_json,
    in_words,
    known_json,
    show_in_force,
    show_known,
    tell_set,
)
from wacampaign.cli.session import read_settings
from wacampaign.core.words import counted
from wacampaign.problems import Usage
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.known_faults import BY_NAME, OPTION_WORDS, FaultInForce, in_force, named
from wacampaign.sandbox.port import SANDBOX_PORT
from wacampaign.sandbox.running import running_sandbox
from wacampaign.settings import DEFAULT_API_URL

app = typer.Typer(
    no_args_is_help=True,
    help="What goes wrong in the running sandbox: set, list, clear.",
)

_Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The sandbox, when not the one that WHATSAPP_API_URL names.",
        show_default=False,
    ),
]


@app.command("set")
def set_fault(
    fault: Annotated[
        str,
        typer.Argument(
            metavar="FAULT",
            help="A name from `wacampaign sandbox fault list --known`, or one of Meta's codes.",
            show_default=False,
        ),
    ],
    code: Annotated[
        int | None,
        typer.Option("--code", metavar="N", min=0, help="Meta's code.", show_default=False),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", help="Details that come with the code.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=0, help="How much later.", show_default=False),
    ] = None,
    status: Annotated[
        int | None,
        typer.Option("--status", metavar="N", help="The answer's HTTP status.", show_default=False),
    ] = None,
    wording: Annotated[
        Literal["html", "json", "graph"] | None,
        typer.Option("--wording", help="What a gateway writes.", show_default=False),
    ] = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="The message is accepted all the same.")
    ] = False,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="STATUS,…",
            help="What comes before `failed`: sent, delivered, read.",
            show_default=False,
        ),
    ] = None,
    per_second: Annotated[
        int | None,
        typer.Option("--per-second", metavar="N", min=1, help="Messages.", show_default=False),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option("--copies", metavar="N", min=1, help="Of each webhook.", show_default=False),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="WORD", help="Meta's word for a rejection.", show_default=False
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template", metavar="NAME", help="Only messages of this one.", show_default=False
        ),
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            "--number",
            metavar="PHONE_NUMBER_ID",
            help="Only messages from this one.",
            show_default=False,
        ),
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(
            "--recipient", metavar="PHONE", help="Only messages to this one.", show_default=False
        ),
    ] = None,
    media_host: Annotated[
        str | None,
        typer.Option(
            "--media-host",
            metavar="HOST",
            help="Only messages whose header links to this host (or a part of its name).",
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            metavar="PERCENT",
            min=0,
            max=100,
            help="So many of them, by chance.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option("--every", metavar="N", min=1, help="Each N-th.", show_default=False),
    ] = None,
    times: Annotated[
        int | None,
        typer.Option("--times", metavar="N", min=1, help="So often, no more.", show_default=False),
    ] = None,
    url: _Url = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
) -> None:
    """Let something go wrong in the running sandbox, until it is cleared.

    FAULT is a name, or one of Meta's codes, which messages are then refused with. Of several
    faults that meet a message the first one that was set decides; `slow` comes on top. It changes
    nothing but the sandbox, so it does not ask.

    Example: wacampaign sandbox fault set 135000 --template demo_video

    Example: wacampaign sandbox fault set undelivered --code 131049 --share 20
    """
    options = {
        "code": code,
        "text": text,
        "seconds": seconds,
        "status": status,
        "wording": wording,
        "accepted": accepted or None,
        "before": before and [status.strip() for status in before.split(",")],
        "per-second": per_second,
        "copies": copies,
        "reason": reason,
        "template": template,
        "number": number,
        "recipient": recipient,
        "media-host": media_host,
        "share": share,
        "every": every,
        "times": times,
    }
    given = {option: value for option, value in options.items() if value is not None}
    name = fault
    if fault.isascii() and fault.isdecimal():
        name, given["code"] = "refuse", int(fault)
    _check(name, given)
    address = _address(url, env_file)
    with running_sandbox(address) as control:
        one, fresh = _begin(control, name, given)
    if as_json:
        shown = fault_json(one, show_numbers=show_numbers)
        print_json({"sandbox": address, "changed": fresh, "fault": shown})
        return
    tell_set(address, one, fresh=fresh, show_numbers=show_numbers)
    show_next(f"wacampaign sandbox fault clear {one.id}")


@app.command("list")
def list_faults(
    known: Annotated[
        bool, typer.Option("--known", help="All that can be set; needs no running sandbox.")
    ] = False,
    url: _Url = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
) -> None:
    """Show what goes wrong in the running sandbox now, or all that could.

    Example: wacampaign sandbox fault list --known
    """
    if known:
        if as_json:
            print_json({"known": known_json()})
        else:
            show_known()
            show_next("wacampaign sandbox fault set FAULT")
        return
    address = _address(url, env_file)
    with running_sandbox(address) as control:
        there = _there(control)
    if as_json:
        shown = [fault_json(one, show_numbers=show_numbers) for one in there]
        print_json({"sandbox": address, "faults": shown})
        return
    show_in_force(there, show_numbers=show_numbers)
    show_next(f"wacampaign sandbox fault {'clear' if there else 'list --known'}")


@app.command()
def clear(
    faults: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FAULT…]",
            help="Id, name, or code that is refused with. None: all.",
            show_default=False,
        ),
    ] = None,
    drop_held: Annotated[
        bool,
        typer.Option("--drop-held", help="Fail what `held` held back (132015); else it goes on."),
    ] = False,
    url: _Url = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """End faults of the running sandbox: what was there before them is back.

    Example: wacampaign sandbox fault clear 135000
    """
    address = _address(url, env_file)
    with running_sandbox(address) as control:
        there = _there(control)
        meant = list(there) if not faults else []
        for wanted in faults or ():
            if not wanted.isdecimal() and wanted not in BY_NAME:
                raise _unknown(wanted)
            meant += [one for one in named(wanted, there) if one not in meant]
        for one in reversed(meant):  # the last one first: each puts back what it found
            _end(control, one)
        held = 0
        if any(one.name == "held" for one in meant) or drop_held:
            held = control.end_of_held("drop" if drop_held else "release")
    if as_json:
        print_json({"sandbox": address, "cleared": [one.id for one in meant], "held": held})
        return
    if not meant:
        tell(f"{'none of these' if faults else 'no fault'} is in force: nothing was changed")
        show_next("wacampaign sandbox fault list")
    for one in meant:
        tell(f"cleared: {in_words(one, show_numbers=False)}")
    if held:
        ended = "failed with 132015" if drop_held else "released"
        say(f"{counted(held, 'held message')} {ended}")


def _unknown(name: str) -> Usage:
    return Usage(f"there is no fault {name!r}", "wacampaign sandbox fault list --known")


def _check(name: str, given: dict[str, Any]) -> None:
    """Raises `Usage` for an unknown fault, and for options that it lacks or does not take."""
    wanted = BY_NAME.get(name)
    if wanted is None:
        raise _unknown(name)
    if missing := [OPTION_WORDS[option] for option in wanted.needs if option not in given]:
        raise Usage(
            f"{name} needs {' and '.join(missing)}",
            f"wacampaign sandbox fault set {name} {' '.join(missing)}",
        )
    for option in given:
        if option not in wanted.options:
            word = OPTION_WORDS[option].split()[0]
            raise Usage(f"{name} takes no {word}", "wacampaign sandbox fault list --known")


def _address(url: str | None, env_file: Path | None) -> str:
    """Of the sandbox: as given, as the settings have it, else where it listens by itself.

    Never Meta's: settings that name none are no reason to ask there.
    """
    if url is None:
        url = read_settings(env_file, None).api_url
        if url == DEFAULT_API_URL:
            url = f"http://127.0.0.1:{SANDBOX_PORT}"
    return url.rstrip("/")


def _there(control: SandboxControl) -> list[FaultInForce]:
    return in_force(control.faults(), control.situations())


def _begin(control: SandboxControl, name: str, given: dict[str, Any]) -> tuple[FaultInForce, bool]:
    """The fault in force, and whether it was not before."""
    wanted = BY_NAME[name]
    before = _there(control)
    if wanted.situation is not None:
        control.begin_situation(wanted.situation, **wanted.fields(given))
        after = next(one for one in _there(control) if one.id == name)
        return after, after not in before
    assert wanted.action is not None
    added = str(control.add_fault(wanted.action, **wanted.fields(given)))
    after = next(one for one in _there(control) if one.id == added)
    same = (one for one in before if (one.name, one.conditions) == (name, after.conditions))
    if (former := next(same, None)) is not None:
        control.remove_fault(int(added))
        return former, False
    return after, True


def _end(control: SandboxControl, fault: FaultInForce) -> None:
    if fault.matched is None:
        control.end_situation(fault.name.replace("-", "_"))
    else:
        control.remove_fault(int(fault.id))
