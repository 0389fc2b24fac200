"""`failures`: who failed, why, and what to do about it, code by code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wacampaign.cli.failed_csv import FailedCsv
from wacampaign.cli.options import AsJson, Campaign, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import print_json, say, tell
from wacampaign.cli.plan import SAMPLES_SHOWN, show_next
from wacampaign.cli.session import CampaignName, read_settings, resolve_campaign, with_store
from wacampaign.cli.wording import rows
from wacampaign.core.error_table import lookup
from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens
from wacampaign.core.moments import local_time

if TYPE_CHECKING:
    from wacampaign.store.store import Store

#: Rows whose text names no code of Meta's.
NO_CODE: Final = 0
#: What names the cause of errors that say nothing, and the code that it looks for by itself.
_INVESTIGATE: Final = "investigate-135000"
_OPAQUE: Final = 135000

Code = Annotated[
    int | None,
    typer.Option(
        "--code",
        metavar="N",
        min=0,
        max=2_147_483_647,
        help="Only rows that failed with this code (0: without one).",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Failure:
    """The failed rows of one code, and what the error table says of it."""

    #: 0: the rows' texts name no code.
    code: int
    #: Failed rows; how many of them were accepted first and failed later (never sent again).
    count: int
    accepted: int
    title: str
    #: What the error asks for and concerns, in the error table's words.
    handling: str
    scope: str
    #: Whether trying again may help once the cause is gone.
    retryable: bool
    worker_action: str
    next_step: str
    #: The text of one row, masked.
    text: str | None

    @property
    def never_accepted(self) -> int:
        """Rows that may be tried again."""
        return self.count - self.accepted


def read_failures(
    answer: Sequence[Mapping[str, Any]], short_id: str, *, show_numbers: bool = False
) -> list[Failure]:
    """The database's `failures` with the error table's words; `short_id` goes into commands."""
    return [_failure(one, short_id, show_numbers) for one in answer]


def _failure(given: Mapping[str, Any], short_id: str, show_numbers: bool) -> Failure:
    code = int(given["code"])
    # 0 is Meta's AuthException, too, but that never fails a row: it is kept until a person resumes.
    entry = lookup(None if code == NO_CODE else code, 400)
    return Failure(
        code=code,
        count=int(given["count"]),
        accepted=int(given["accepted"]),
        title=entry.title,
        handling=str(entry.handling),
        scope=str(entry.scope),
        # Without a code nobody knows whether the message left: a timeout of another sender's.
        retryable=entry.retryable,
        worker_action=entry.worker_action,
        next_step=entry.next_step.replace("CAMPAIGN", short_id),
        text=masked_text(given["text"], show_numbers=show_numbers),
    )


def masked_text(text: str | None, *, show_numbers: bool) -> str | None:
    """A row's error text as it may be shown: on one line, without secrets."""
    if text is None:
        return None
    line = " ".join(text.split())
    return mask_tokens(line) if show_numbers else mask_secrets(line)


def masked_row(row: Mapping[str, Any], *, show_numbers: bool) -> dict[str, Any]:
    """A failed row as it may be shown: phone, template, text, time (ISO 8601, UTC)."""
    phone = row["phone"] or ""
    return {
        "phone": phone if show_numbers else mask_phone(phone),
        "template": row["template"],
        "text": masked_text(row["text"], show_numbers=show_numbers),
        "at": row["at"],
    }


def failures(
    campaign: Campaign,
    code: Code = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write every failed row into this new file: phone, template, code, text, time.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show which rows failed, why, and what to do about it.

    Code by code with Meta's title, one row's text, and the command that acts on it. With --code:
    five rows of it, too. Phones are masked, in the file as well, unless --show-numbers is given.

    Example: wacampaign failures Bajaj_market_2

    Example: wacampaign failures Bajaj_market_2 --code 131026 --csv undeliverable.csv
    """
    settings = read_settings(env_file, store)

    async def work(opened: Store) -> tuple[CampaignName, list[Failure], list[dict[str, Any]], int]:
        found = await resolve_campaign(opened, campaign)
        failed = read_failures(
            await opened.failures(found.id), found.short_id, show_numbers=show_numbers
        )
        wanted = [one for one in failed if code in (None, one.code)]
        samples = []
        if code is not None:
            page = await opened.failed_rows(found.id, code, limit=SAMPLES_SHOWN)
            samples = [masked_row(row, show_numbers=show_numbers) for row in page]
        written = 0
        if csv is not None:
            with FailedCsv(csv) as file:
                for one in wanted:
                    await _export(opened, found.id, one.code, file, show_numbers)
            written = file.rows
        return found, wanted, samples, written

    found, wanted, samples, written = with_store(settings, work)
    if as_json:
        print_json(_as_json(found, wanted, samples, csv, written))
    else:
        _print(found, code, wanted, samples)
    if csv is not None:
        masked = "" if show_numbers else "; phones are masked, --show-numbers writes them whole"
        say(f"written: {csv}, {rows(written)}{masked}")


async def _export(
    store: Store, campaign_id: str, code: int, file: FailedCsv, show_numbers: bool
) -> None:
    """Writes all failed rows of one code, a page at a time."""
    after: str | None = None
    while page := await store.failed_rows(campaign_id, code, after=after):
        for row in page:
            file.add(code, masked_row(row, show_numbers=show_numbers))
        after = page[-1]["id"]


def _as_json(
    campaign: CampaignName,
    failed: Sequence[Failure],
    samples: Sequence[Mapping[str, Any]],
    csv: Path | None,
    written: int,
) -> dict[str, Any]:
    return {
        "campaign": {"id": campaign.id, "name": campaign.name, "status": campaign.status},
        "failed": sum(one.count for one in failed),
        "errors": [
            {
                "code": one.code,
                "title": one.title,
                "count": one.count,
                "accepted_before": one.accepted,
                "handling": one.handling,
                "scope": one.scope,
                "retryable": one.retryable,
                "worker_action": one.worker_action,
                "next_step": one.next_step,
                "text": one.text,
            }
            for one in failed
        ],
        "samples": list(samples),
        "csv": None if csv is None else {"file": str(csv), "rows": written},
    }


def _print(
    campaign: CampaignName,
    code: int | None,
    failed: Sequence[Failure],
    samples: Sequence[Mapping[str, Any]],
) -> None:
    if not failed:
        which = "" if code is None else f" with code {code}"
        tell(f"{campaign}: no row has failed{which}")
        show_next(f"wacampaign queue-stats {campaign.short_id}")
        return
    tell(f"{campaign} {campaign.status}: {rows(sum(one.count for one in failed))} failed")
    for one in failed:
        tell()
        again = "may be tried again" if one.retryable else "not tried again by itself"
        label = f"{one.code} {one.title}" if one.code != NO_CODE else one.title
        tell(f"  {label}: {rows(one.count)}, {one.handling} ({one.scope}), {again}")
        if one.accepted:
            tell(f"    {rows(one.accepted)} accepted first and failed later: never sent again")
        if one.text:
            tell(f"    for example: {one.text}")
        if one.code != NO_CODE:
            tell(f"    the worker {one.worker_action}")
        tell(f"    you: {one.next_step}")
    if samples:
        tell()
        tell("  the first rows:")
    for row in samples:
        at = local_time(row["at"]) if row["at"] else "-"
        tell(f"    {row['phone']}  {row['template']}  {at}  {row['text'] or '-'}")
    tell()
    cause_unknown = next((f for f in failed if _INVESTIGATE in f.next_step), None)
    if cause_unknown is not None:
        # Trying again what nobody understands only fails again.
        which = "" if cause_unknown.code == _OPAQUE else f" --code {cause_unknown.code}"
        show_next(f"wacampaign {_INVESTIGATE} {campaign.short_id}{which}")
    elif campaign.status != "failed" and any(f.retryable and f.never_accepted for f in failed):
        show_next(_retry_command(campaign, code))
    else:
        show_next(f"wacampaign queue-stats {campaign.short_id}")


def _retry_command(campaign: CampaignName, code: int | None) -> str:
    only = "" if code is None else f" --code {code}"
    return f"wacampaign retry-failed {campaign.short_id}{only} --dry-run"
