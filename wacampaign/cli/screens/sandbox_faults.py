"""The sandbox's faults for people and for programs."""

import shutil
import sys
from typing import Any, Final

from wacampaign.cli.output import say, tell
from wacampaign.cli.screens.tables import print_table, tell_wrapped
from wacampaign.core.errors import lookup
from wacampaign.core.masking import mask_phone
from wacampaign.sandbox.known_faults import KNOWN, OF_MESSAGES, OPTION_WORDS, FaultInForce

_INDENT: Final = "    "


def show_in_force(faults: list[FaultInForce], *, show_numbers: bool) -> None:
    """What is played now."""
    if not faults:
        say("no fault is in force")
        return
    rows = [(one.id, one.name, _met(one), given(one, show_numbers=show_numbers)) for one in faults]
    print_table(("id", "fault", "met", "given"), rows)


def _met(fault: FaultInForce) -> str:
    """Messages that it met, of those that it could have met."""
    return "" if fault.matched is None else f"{fault.struck:,} of {fault.matched:,}"


def show_known() -> None:
    """What can be played, each with the options of its own."""
    if not sys.stdout.isatty():
        print_table(("fault", "what happens"), [(one.usage, one.happens) for one in KNOWN])
        return
    columns = shutil.get_terminal_size().columns
    for one in KNOWN:
        tell(one.usage)
        tell_wrapped(one.happens, columns, _INDENT, _INDENT)
    options = " ".join(f"[{OPTION_WORDS[option]}]" for option in OF_MESSAGES)
    tell()
    tell_wrapped(f"refuse to held also take: {options}", columns, "", _INDENT)


def in_words(fault: FaultInForce, *, show_numbers: bool) -> str:
    """On one line: what was set."""
    return f"{fault.name} {given(fault, show_numbers=show_numbers)}".rstrip()


def given(fault: FaultInForce, *, show_numbers: bool) -> str:
    """Its options; a code with its title."""
    words = []
    for option, value in _shown(fault, show_numbers=show_numbers).items():
        word = OPTION_WORDS[option].split()[0]
        if option == "code":
            words.append(f"{word} {value} ({lookup(value, 400).title})")
        elif value is True:
            words.append(word)
        else:
            text = ",".join(value) if isinstance(value, list) else value
            words.append(f"{word} {text:g}" if isinstance(value, float) else f"{word} {text}")
    return " ".join(words)


def fault_json(fault: FaultInForce, *, show_numbers: bool) -> dict[str, Any]:
    """One fault of `--json`."""
    return {
        "id": fault.id,
        "fault": fault.name,
        "given": {
            option.replace("-", "_"): value
            for option, value in _shown(fault, show_numbers=show_numbers).items()
        },
        "matched": fault.matched,
        "struck": fault.struck,
    }


def known_json() -> list[dict[str, Any]]:
    """What can be played, for `--json`."""
    return [
        {
            "fault": one.name,
            "happens": one.happens,
            "needs": list(one.needs),
            "takes": [option for option in one.options if option not in one.needs],
        }
        for one in KNOWN
    ]


def tell_set(url: str, fault: FaultInForce, *, fresh: bool, show_numbers: bool) -> None:
    """What is in force now, by this call or before it."""
    said = in_words(fault, show_numbers=show_numbers)
    if fresh:
        tell(f"set: {said}")
    else:
        tell(f"in force already: {said}")
    say(f"in the sandbox at {url}, until it is cleared")


def _shown(fault: FaultInForce, *, show_numbers: bool) -> dict[str, Any]:
    return {
        option: mask_phone(value) if option == "recipient" and not show_numbers else value
        for option, value in fault.conditions.items()
    }
