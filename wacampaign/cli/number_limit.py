"""`number set --messaging-limit` and `--portfolio`: what is typed, the question, what was done."""

import shlex
from dataclasses import asdict
from typing import Final

from wacampaign.cli.output import tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.session import with_store
from wacampaign.operations import number_limit
from wacampaign.operations.campaigns import actor
from wacampaign.operations.number_limit import AS_META_SAYS, NO_LIMIT
from wacampaign.problems import Usage
from wacampaign.settings import Settings

_WORDS: Final = {"meta": AS_META_SAYS, "none": NO_LIMIT}
#: People: more than there are phones.
_MOST: Final = 2_000_000_000


def people_of(text: str, number: str) -> int:
    """The people that `2000`, `2,000`, `2K`, `meta` or `none` means. Raises `Usage`, suggesting
    what can be typed for this `number`."""
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    thousands = 1000 if word.endswith("k") else 1
    digits = word.removesuffix("k").replace(",", "").replace("_", "")
    if digits.isascii() and digits.isdigit() and 0 < (n := int(digits) * thousands) <= _MOST:
        return n
    raise Usage(
        "--messaging-limit takes a number of people in 24 hours, or `meta`, or `none`",
        f"wacampaign number set {shlex.quote(number)} --messaging-limit 2000",
    )


def set_limit(
    settings: Settings,
    number: str,
    messaging_limit: str | None,
    portfolio: str | None,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Shows what becomes of the portfolio, asks, sets it and says so."""
    people = None if messaging_limit is None else people_of(messaging_limit, number)
    planned = with_store(settings, number_limit.look, number, people, portfolio)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        changed, limit = False, planned.number.limit
        if not planned.changes:
            tell(f"nothing was changed: messaging limit {limit.in_words}")
        elif agreed(planned.plan, yes=yes, dry_run=dry_run):
            changed, limit = with_store(
                settings, number_limit.carry_out, settings, planned, actor()
            )
            tell(
                f"set: {planned.number.shown}, portfolio {limit.portfolio},"
                f" messaging limit {limit.in_words}"
            )
            show_next("wacampaign number list")
        told.done(changed=changed, messaging_limit=asdict(limit))
