"""Who failed in a campaign and why; written into a file, one line a failed row, if wanted."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from wacampaign.core.campaign.failed_rows import FailedRow, Failure
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.plan import SAMPLES_SHOWN
from wacampaign.core.recipient_forms import PHONE_CODES
from wacampaign.operations.campaigns import resolve_campaign
from wacampaign.problems import NotWritable, Refused
from wacampaign.spreadsheet import harmless
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.store import Store

#: The first line of the file of `failures --csv`.
HEADINGS: Final = ("phone", "template", "code", "text", "time")

#: Rows of a code whose phones are looked at: enough to tell a cause that most of them share.
_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What failed in one campaign, of the code that was asked for or of all."""

    campaign: CampaignName
    #: None: all codes.
    code: int | None
    failures: Sequence[Failure]
    #: The first rows, when one code was asked for.
    samples: Sequence[FailedRow]
    #: Rows written into the file.
    written: int

    @property
    def rows(self) -> int:
        """Failed rows."""
        return sum(failure.count for failure in self.failures)


async def report_failures(
    store: Store, name: str, code: int | None, file: Path | None, *, show_numbers: bool
) -> FailureReport:
    """Who failed and why; all of them go into the new `file`, if one is given.

    Raises `NoSuchCampaign`, `Usage` for a name that several have, and for the file what
    `_new_file` raises.
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
    samples: list[FailedRow] = []
    if code is not None:
        page = await FailedRows(store).page(campaign.id, code, limit=SAMPLES_SHOWN)
        samples = [FailedRow.of(row, show_numbers=show_numbers) for row in page]
    written = 0
    if file is not None:
        with _new_file(file) as opened:
            lines = csv.writer(opened)
            lines.writerow(HEADINGS)
            for failure in failures:
                after: str | None = None
                while page := await FailedRows(store).page(campaign.id, failure.code, after=after):
                    for given in page:
                        row = FailedRow.of(given, show_numbers=show_numbers)
                        cells = (row.phone, row.template, str(failure.code), row.text, row.at)
                        lines.writerow([harmless(cell or "") for cell in cells])
                    written += len(page)
                    after = page[-1]["id"]
    return FailureReport(campaign, code, failures, samples, written)


async def read_failures(
    store: Store, campaign: CampaignName, *, show_numbers: bool = False
) -> list[Failure]:
    """The campaign's failed rows by code, most first."""
    return [
        Failure.of(answer, campaign.short_id, show_numbers=show_numbers)
        for answer in await FailedRows(store).by_code(campaign.id)
    ]


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """A new file `phone,template,code,text,time`; of a run that fails nothing is left.

    UTF-8 with BOM, as spreadsheets need; readable by its owner alone, as it may hold phones.
    Raises `Refused` when the file exists already, `NotWritable` when it cannot be written.
    """
    try:
        file = open(  # noqa: SIM115 - closed below; pathlib takes no opener
            path, "x", encoding="utf-8-sig", newline="", opener=_for_owner
        )
    except FileExistsError:
        raise Refused(
            f"{path} exists already, and nothing is written over it",
            f"give --csv another name, such as {_free_name(path)}",
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def _unwritable(path: Path, error: OSError) -> NotWritable:
    return NotWritable(
        f"{path} cannot be written: {error.strerror or error}",
        "give --csv a name in a folder that can be written",
    )


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free_name(path: Path) -> Path:
    """`failed.csv` → `failed-2.csv`, the first that is free."""
    n = 2
    while (free := path.with_name(f"{path.stem}-{n}{path.suffix}")).exists():
        n += 1
    return free
