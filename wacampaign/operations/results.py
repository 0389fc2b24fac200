"""What became of each recipient of a campaign: read page by page, shown or written as CSV."""

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.recipient import COLUMNS, recipient, variables_in_order
from wacampaign.core.plan import Progress
from wacampaign.operations.campaigns import campaign_state, resolve_campaign
from wacampaign.operations.new_file import new_csv
from wacampaign.spreadsheet import harmless
from wacampaign.store.results import Results
from wacampaign.store.store import Store

_CARRIAGE_RETURN: Final = re.compile("\r\n?")


@dataclass(slots=True)
class RecipientsRead:
    """What was read of one campaign: how many recipients, and how many are in each state."""

    campaign: CampaignName
    recipients: int = 0
    states: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RecipientsWanted:
    """Which recipients, and how they are shown."""

    #: Empty: all. Words of `core.campaign.recipient.STATES`.
    states: Collection[str] = ()
    show_numbers: bool = False


async def show_results(
    store: Store, name: str, wanted: RecipientsWanted, show: Callable[[Mapping[str, Any]], bool]
) -> RecipientsRead:
    """Hands the recipients to `show` one by one until it answers False: nobody reads on.

    Raises `NoSuchCampaign`, `Usage` for a name that several have.
    """
    written = RecipientsRead(await resolve_campaign(store, name))
    async for page in _pages(store, written, wanted):
        for one in page:
            if not show(one):
                return written
    return written


async def print_results(
    store: Store, name: str, wanted: RecipientsWanted, show: Callable[[str], bool]
) -> RecipientsRead:
    """As `show_results`, in lines of CSV: a page of them at once, the headings first."""
    written = RecipientsRead(await resolve_campaign(store, name))
    variables = variables_in_order(await Results(store).variables(written.campaign.id))
    going_on = show(_csv([_headings(variables)]))
    async for page in _pages(store, written, wanted):
        going_on = going_on and show(_csv([_cells(one, variables) for one in page]))
        if not going_on:
            break
    return written


async def write_results(
    store: Store, name: str, wanted: RecipientsWanted, file: Path, progress: Progress
) -> RecipientsRead:
    """Writes the recipients into the new `file`; `progress` hears how many of how many were read.

    Raises what `show_results` raises, and for the file what `new_csv` raises.
    """
    written = RecipientsRead(await resolve_campaign(store, name))
    rows = (await campaign_state(store, written.campaign)).counts.total
    read = 0
    with new_csv(file) as opened:
        variables = variables_in_order(await Results(store).variables(written.campaign.id))
        lines = csv.writer(opened)
        lines.writerow(_headings(variables))
        async for page in _pages(store, written, wanted):
            lines.writerows(_cells(one, variables) for one in page)
            read += len(page)
            if progress is not None:
                progress(read, rows)
    return written


async def _pages(
    store: Store, written: RecipientsRead, wanted: RecipientsWanted
) -> AsyncIterator[list[dict[str, Any]]]:
    """The campaign's recipients; the database reads the next page while this one is worked on."""
    results, campaign = Results(store), written.campaign.id
    reading = asyncio.ensure_future(results.page(campaign))
    try:
        while page := await reading:
            reading = asyncio.ensure_future(results.page(campaign, after=page[-1]["id"]))
            if wanted.states:
                page = [one for one in page if one["state"] in wanted.states]
            written.recipients += len(page)
            written.states.update(one["state"] for one in page)
            yield [recipient(one, show_numbers=wanted.show_numbers) for one in page]
    finally:
        reading.cancel()


def _headings(variables: Sequence[str]) -> list[str]:
    return [*COLUMNS, *(harmless(v) if v not in COLUMNS else f"{v} (value)" for v in variables)]


def _cells(one: Mapping[str, Any], variables: Sequence[str]) -> list[str]:
    values = one["values"]
    cells = [_cell(one[name]) for name in COLUMNS]
    return cells + [harmless(values.get(name, "")) for name in variables]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(value if isinstance(value, str) else str(value))


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    # What goes to a terminal has no carriage returns.
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_CARRIAGE_RETURN.sub("\n", cell) for cell in line] for line in lines)
    return text.getvalue()
