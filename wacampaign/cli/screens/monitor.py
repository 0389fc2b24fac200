"""One frame of the live view: lines that fit a terminal of any size, what matters most first."""

import re
from collections.abc import Iterable
from dataclasses import replace

from rich.text import Text

from wacampaign.cli.screens.monitor_campaign import campaign_blocks
from wacampaign.cli.screens.monitor_layout import View, cut, fit
from wacampaign.cli.screens.monitor_list import list_blocks
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.display_width import wrapped
from wacampaign.core.shown_text import every_line, one_line


def frame(view: View, width: int, height: int) -> list[Text]:
    """The lines of one frame, at most `height` of at most `width` columns."""
    # Cleaned before it is measured.
    view = replace(view, stats=every_line(view.stats))
    footer = [
        Text(f" {part}", style=style)
        for text, style in view.footer
        for part in wrapped(one_line(text), max(width - 1, 10))
    ][-height:]
    room = height - len(footer)
    campaign = _opened(view)
    if view.help_lines:
        lines = [Text(line) for line in _help(view.help_lines, width, room)][:room]
    else:
        blocks = (
            list_blocks(view, width, room)
            if campaign is None
            else campaign_blocks(view, campaign, width)
        )
        lines = fit(blocks, room, view.marks)
    if footer:
        lines += [Text()] * (room - len(lines))
        lines += footer
    return [cut(line, width, view.unicode) for line in lines]


def _help(given: Iterable[str], width: int, room: int) -> list[str]:
    """Lines of a text below its word; without the empty ones where there is no room for them."""
    lines = []
    for line in given:
        told = re.match(r" +\S.*? {2,}", line)
        before = told[0] if told else ""
        for part in wrapped(line[len(before) :], max(width - len(before) - 2, 10)):
            lines.append(f" {before}{part}")
            before = " " * len(before)
    return lines if len(lines) <= room else [line for line in lines if line.strip()]


def _opened(view: View) -> Campaign | None:
    campaigns = view.stats.campaigns
    return next((one for one in campaigns if one.id == view.opened), None)
