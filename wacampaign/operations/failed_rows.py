"""Who failed in a campaign and why: refused at once, or accepted and undelivered.

Written into a file, one line a recipient, if wanted.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wacampaign.core.campaign.failed_rows import (
    LEFT_OUT,
    LEFT_OUT_STEP,
    FailedRow,
    Failure,
    Undelivered,
)
from wacampaign.core.campaign.name import CampaignName, names_number
from wacampaign.core.plan import SAMPLES_SHOWN
from wacampaign.core.recipient_forms import PHONE_CODES
from wacampaign.operations.campaigns import campaign_state, resolve_campaign
from wacampaign.operations.new_file import new_csv
from wacampaign.spreadsheet import harmless
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.results import Results
from wacampaign.store.store import Store

#: The first line of the file of `failures --csv`. `text` is what was answered or told, `what` says
#: what to do about it.
HEADINGS: Final = (
    *("phone", "template", "code", "text", "time"),
    *("kind", "title", "wamid", "accepted_at", "what"),
)

#: Rows of a code whose phones are looked at: enough to tell a cause that most of them share.
_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What failed in one campaign, of the code that was asked for or of all."""

    campaign: CampaignName
    #: None: all codes.
    code: int | None
    failures: Sequence[Failure]
    #: Accepted, and failed afterwards.
    undelivered: Sequence[Undelivered]
    #: The first rows of each kind, when one code was asked for.
    samples: Sequence[FailedRow]
    #: Rows written into the file.
    written: int

    @property
    def rows(self) -> int:
        """Failed rows."""
        return sum(failure.count for failure in self.failures)

    @property
    def left_out(self) -> int:
        """Part of `rows`: never sent, as their recipients want or get no marketing."""
        return sum(failure.left_out for failure in self.failures)

    @property
    def undelivered_rows(self) -> int:
        """Messages that were accepted and failed afterwards."""
        return sum(one.count for one in self.undelivered)


async def report_failures(
    store: Store, name: str, code: int | None, file: Path | None, *, show_numbers: bool
) -> FailureReport:
    """Who failed and why; all of them go into the new `file`, if one is given.

    Raises `NoSuchCampaign`, `Usage` for a name that several have, and for the file what
    `new_csv` raises.
    """
    campaign = await resolve_campaign(store, name)
    failures = [
        failure
        for failure in await read_failures(store, campaign, show_numbers=show_numbers)
        if code in (None, failure.code)
    ]
    for place, failure in enumerate(failures):
        if failure.code in PHONE_CODES:
            page = await FailedRows(store).page(campaign.id, failure.code, limit=_LOOKED_AT)
            phones = [row["phone"] or "" for row in page]
            failures[place] = failure.seen_in(phones, campaign.short_id)
    undelivered = [
        Undelivered.of(answer, campaign.short_id, show_numbers=show_numbers)
        for answer in await Results(store).undelivered(campaign.id)
        if code in (None, answer["code"])
    ]
    number = await _number_of(store, campaign, [*failures, *undelivered])
    failures = [one.from_number(number) for one in failures]
    undelivered = [one.from_number(number) for one in undelivered]
    samples: list[FailedRow] = []
    if code is not None:
        page = await FailedRows(store).page(campaign.id, code, limit=SAMPLES_SHOWN)
        page += await Results(store).undelivered_page(campaign.id, code, limit=SAMPLES_SHOWN)
        samples = [FailedRow.of(row, show_numbers=show_numbers) for row in page]
    report = FailureReport(campaign, code, failures, undelivered, samples, 0)
    if file is None:
        return report
    return replace(report, written=await _write(store, report, file, show_numbers))


async def _number_of(
    store: Store, campaign: CampaignName, steps: Sequence[Failure | Undelivered]
) -> str | None:
    """The phone number id of the campaign's number, where a command is for it."""
    if not any(names_number(one.next_step) for one in steps):
        return None
    return (await campaign_state(store, campaign)).number.phone_number_id


async def _write(store: Store, report: FailureReport, file: Path, show_numbers: bool) -> int:
    """One line a recipient into the new `file`; how many."""
    written = 0
    campaign_id = report.campaign.id
    with new_csv(file) as opened:
        lines = csv.writer(opened)
        lines.writerow(HEADINGS)
        of_codes: list[Failure | Undelivered] = [*report.failures, *report.undelivered]
        for one in of_codes:
            after: str | None = None
            while True:
                if isinstance(one, Failure):
                    page = await FailedRows(store).page(campaign_id, one.code, after=after)
                    after = page[-1]["id"] if page else None
                else:
                    page = await Results(store).undelivered_page(campaign_id, one.code, after=after)
                    after = page[-1]["wamid"] if page else None
                if not page:
                    break
                for given in page:
                    row = FailedRow.of(given, show_numbers=show_numbers)
                    cells = (
                        *(row.phone, row.template, str(one.code), row.text, row.at),
                        *(row.kind, LEFT_OUT if row.left_out else one.title),
                        *(row.wamid, row.accepted_at),
                        LEFT_OUT_STEP if row.left_out else one.next_step,
                    )
                    lines.writerow([harmless(cell or "") for cell in cells])
                written += len(page)
    return written


async def read_failures(
    store: Store, campaign: CampaignName, *, show_numbers: bool = False
) -> list[Failure]:
    """The campaign's failed rows by code, most first."""
    return [
        Failure.of(answer, campaign.short_id, show_numbers=show_numbers)
        for answer in await FailedRows(store).by_code(campaign.id)
    ]
