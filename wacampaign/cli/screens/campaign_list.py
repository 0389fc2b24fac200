"""How `list` shows campaigns: a line each."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from wacampaign.cli.output import cut_mark, say
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.tables import print_table
from wacampaign.core.campaign.listed import ListedCampaign
from wacampaign.core.campaign.name import for_campaign
from wacampaign.core.display_width import cut
from wacampaign.core.masking import mask_secrets
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import counted, duration, local_time, told_locally
from wacampaign.operations.campaign_list import CampaignList

_COUNTS: Final = ("rows", "accepted", "delivered", "failed", "in doubt")
_HEADINGS: Final = ("id", "name", "status", *_COUNTS, "started", "took", "number")
#: Columns of a terminal that all figures take beside a name, and those up to `failed`: what does
#: not fit stands below its line. A long name is known by its beginning, and whole in JSON.
_ALL_BESIDE: Final = 107
_COUNTS_BESIDE: Final = 62
_NAME_MIN: Final = 14
_NAME_MAX: Final = 40
#: Columns from which what a campaign waits for has a line below its own.
_CAUSE_FROM: Final = 60


def list_json(found: CampaignList, *, show_numbers: bool) -> dict[str, Any]:
    """The object of `list --json`."""
    return {
        "campaigns": [_json(_masked(one, show_numbers)) for one in found.campaigns],
        "more": found.more,
    }


def _json(campaign: ListedCampaign) -> dict[str, Any]:
    fields = asdict(campaign)
    if not campaign.delivery_known:
        fields["delivered"] = None
    del fields["waits"]
    waits, cause = campaign.waits, campaign.cause
    return fields | {
        "waits_for": cause and cause.text,
        "waits_until": cause and cause.until,
        "holds": [asdict(hold) for hold in waits.holds] if waits is not None else [],
    }


def _masked(campaign: ListedCampaign, show_numbers: bool) -> ListedCampaign:
    """With itself in commands for any campaign, and without phone numbers in what people and Meta
    wrote, unless they are asked for."""

    def shown(text: str | None) -> str | None:
        if text is None:
            return None
        text = for_campaign(text, campaign.short_id)
        return text if show_numbers else mask_secrets(text)

    waits = campaign.waits
    if waits is not None:
        holds = (replace(hold, reason=shown(hold.reason)) for hold in waits.holds)
        waits = replace(waits, holds=tuple(holds))
    return replace(
        campaign,
        pause_reason=shown(campaign.pause_reason),
        number=shown(campaign.number),
        waits=waits,
    )


def show_list(found: CampaignList, *, show_numbers: bool) -> None:
    """A table, the newest first; then whether there is more."""
    if not found.campaigns:
        say("no campaign is like that" if found.is_chosen else "no campaigns yet")
        show_next("wacampaign list" if found.is_chosen else "wacampaign create --help", sys.stderr)
        return
    campaigns = [_masked(one, show_numbers) for one in found.campaigns]
    if sys.stdout.isatty():
        _show_table(campaigns)
    else:
        _tell_lines(campaigns)
    if found.more:
        n = len(found.campaigns)
        say(f"{counted(n, 'campaign')} shown, there are older ones: --limit {2 * n} shows more")


def _show_table(campaigns: Sequence[ListedCampaign]) -> None:
    columns = shutil.get_terminal_size().columns
    room = columns - _ALL_BESIDE
    if room < _NAME_MIN:
        room = max(columns - _COUNTS_BESIDE, _NAME_MIN)
    room = min(room, _NAME_MAX)
    mark = cut_mark(sys.stdout)
    several = len({one.number for one in campaigns}) > 1
    print_table(
        _HEADINGS if several else _HEADINGS[:-1],
        [
            (
                one.short_id,
                cut(one_line(" ".join(one.name.split())), room, mark),
                one.status,
                f"{one.size:,}",
                f"{one.accepted:,}",
                f"{one.delivered:,}" if one.delivery_known else "unknown",
                f"{one.failed:,}",
                f"{one.in_doubt:,}" if one.in_doubt else "",
                local_time(one.start_time) if one.start_time else "",
                "" if one.took_seconds is None else duration(one.took_seconds),
                *([one.number] if several else []),
            )
            for one in campaigns
        ],
        right=_COUNTS,
        notes=[told_locally(one.cause.in_words) if one.cause else "" for one in campaigns]
        if columns >= _CAUSE_FROM
        else (),
    )


def _tell_lines(campaigns: Sequence[ListedCampaign]) -> None:
    """For programs: whole ids, digits only, UTC, seconds."""
    headings = [f"{one}_seconds" if one == "took" else one for one in _HEADINGS]
    print_table(
        [*headings, "waits_for", "waits_until"],
        [
            (
                *(one.id, one.name, one.status, one.size, one.accepted),
                one.delivered if one.delivery_known else "unknown",
                *(one.failed, one.in_doubt, one.start_time, one.took_seconds),
                *(one.number, one.cause and one.cause.text, one.cause and one.cause.until),
            )
            for one in campaigns
        ],
    )
