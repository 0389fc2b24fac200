"""Names of campaigns for the shell: quick, silent, and never what starts a database."""

from __future__ import annotations

import io
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from threading import Timer
from typing import TYPE_CHECKING, Any, Final

import typer

from wacampaign.cli.output import tell_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from wacampaign.core.campaign.name import CampaignName

#: Set by the shell's completion script: what it asks for, such as `complete_bash`.
ASKED: Final = "_WACAMPAIGN_COMPLETE"
#: Seconds for the answer: a person who presses Tab waits no longer for a name.
DEADLINE_SECONDS: Final = 1.5
#: Names that are offered: more than a terminal shows at a glance.
_OFFERED_MAX: Final = 50
#: Characters of an id from which it is completed: below, every beginning is a word, too.
_ID_TYPED_MIN: Final = 4
#: What one of the shells' scripts damages, or a terminal must not see: such a name's id is offered.
_DAMAGED: Final = re.compile(r"""['"\\`$!\t\n]|  |^[-~\s]|\s$""")
#: What bash would not take as part of a word.
_SPECIAL: Final = re.compile(r"([^\w%+,./@^-])")
_SPECIAL_IN_QUOTES: Final = re.compile(r'(["$`\\])')


def campaign_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of campaigns that begin so, the newest first; ids of those whose name cannot be typed.

    Empty when the database does not answer in time: then the process ends at once, whatever still
    waits for it.
    """
    timer = Timer(DEADLINE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    try:
        with redirect_stderr(io.StringIO()):
            found = _look(context, incomplete)
    except (Exception, SystemExit):
        return []
    finally:
        timer.cancel()
    return offered(incomplete, found)


def offered(typed: str, campaigns: Sequence[CampaignName]) -> list[str]:
    """What a shell is offered: names that mean one campaign and can be typed, else ids."""
    from wacampaign.core.shown_text import one_line

    times = Counter(one.name for one in campaigns)
    ids_too = not typed or len(typed) >= _ID_TYPED_MIN
    words = []
    for one in campaigns:
        name = one.name
        is_typable = not _DAMAGED.search(name) and one_line(name) == name and _has_letters(name)
        if times[name] == 1 and is_typable:
            words.append(name)
        elif ids_too:
            words.append(one.short_id)
    if typed and ids_too:
        words += [one.short_id for one in campaigns if one.id.startswith(typed)]
    return list(dict.fromkeys(words))


def _has_letters(name: str) -> bool:
    """Whether the terminal's encoding has all of the name's characters."""
    try:
        name.encode((sys.__stdout__ and sys.__stdout__.encoding) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _look(context: typer.Context, incomplete: str) -> list[CampaignName]:
    # Imported here: to complete a command or an option, none of it is needed.
    import asyncio

    from wacampaign.cli.session import read_settings
    from wacampaign.store.campaigns import Campaigns
    from wacampaign.store.embedded import is_in_use
    from wacampaign.store.opening import open_store

    settings = read_settings(context.params.get("env_file"), context.params.get("store"))
    if settings.require_store() == "embedded" and not is_in_use(settings.home):
        return []

    async def ask() -> list[CampaignName]:
        store = open_store(settings, patience_seconds=0)
        try:
            return await Campaigns(store).names(incomplete, _OFFERED_MAX)
        finally:
            await store.close()

    return asyncio.run(ask())


def quoted_for_bash(answer: Callable[[], Any]) -> Any:
    """Runs Typer's `answer` to bash, and prints its lines so that each is one word there.

    Typer prints names as they are, and bash takes what is printed as if it was typed.
    """
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            return answer()
    finally:
        opening = _opening_quote()
        for line in printed.getvalue().splitlines():
            tell_data(f"{_in_bash(line, opening)}\n")


def _opening_quote() -> str:
    """The quote that the word at the cursor begins with; empty: none."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    at = os.environ.get("COMP_CWORD", "")
    word = words[int(at)] if at.isdecimal() and int(at) < len(words) else ""
    return word[:1] if word[:1] in ("'", '"') else ""


def _in_bash(word: str, opening: str) -> str:
    """`word` as it goes on from an opening quote, which bash closes itself."""
    if opening == "'":
        return word
    special = _SPECIAL_IN_QUOTES if opening else _SPECIAL
    return special.sub(r"\\\1", word)
