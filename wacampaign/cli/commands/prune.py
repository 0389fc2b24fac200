"""`prune`: takes away what is old, in small steps."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, TypeAlias

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import say, tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.pruning import FLOOR_DAYS, PARTS, PruneAges, days_of, told_bytes
from wacampaign.core.words import counted, rows
from wacampaign.operations import prune as operation
from wacampaign.operations.prune import PruneDone, PruneSurvey
from wacampaign.store.store import Store

#: More than a century is a slip of the key.
_DAYS_MAX = 36_500

_Details: TypeAlias = Annotated[
    int,
    typer.Option(
        "--details",
        metavar="DAYS",
        min=FLOOR_DAYS,
        max=_DAYS_MAX,
        help="Meta's own words on messages; states, times, prices and errors stay.",
    ),
]
_Results: TypeAlias = Annotated[
    int,
    typer.Option(
        "--results",
        metavar="DAYS",
        min=FLOOR_DAYS,
        max=_DAYS_MAX,
        help="What became of each recipient, and replies; the counts stay.",
    ),
]
_History: TypeAlias = Annotated[
    int,
    typer.Option(
        "--history",
        metavar="DAYS",
        min=FLOOR_DAYS,
        max=_DAYS_MAX,
        help="Pauses, holds, workers that came and went; starts, ends and evidence stay.",
    ),
]
_Webhooks: TypeAlias = Annotated[
    int,
    typer.Option(
        "--webhooks", metavar="DAYS", min=1, max=_DAYS_MAX, help="Webhooks that were worked off."
    ),
]
_Files: TypeAlias = Annotated[
    int,
    typer.Option(
        "--files",
        metavar="DAYS",
        min=FLOOR_DAYS,
        max=_DAYS_MAX,
        help="Files in WACAMPAIGN_HOME that nobody needs any more.",
    ),
]
_AGES = PruneAges()


def prune(
    details: _Details = _AGES.details,
    results: _Results = _AGES.results,
    history: _History = _AGES.history,
    webhooks: _Webhooks = _AGES.webhooks,
    files: _Files = _AGES.files,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Take away what is old, in small steps beside running campaigns.

    A campaign's days count from when nothing happened to it any more; one with a row that is being
    sent or in doubt is never touched. Never taken: opt-outs, counts, evidence of messages sent
    twice, the backend's tables. Ctrl-C loses nothing, and the same command goes on. Safe in cron.

    Example: wacampaign prune --dry-run

    Example: wacampaign prune --yes --results 200
    """
    settings = read_settings(env_file, store)
    ages = PruneAges(details, results, history, webhooks, files)
    survey = with_store(settings, operation.look, settings.home, ages)
    done = PruneDone()

    async def act(opened: Store) -> None:
        with progress_bar("prune") as progress:
            await operation.carry_out(opened, survey, done, progress)

    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.done(changed=False, **_as_json(survey, done))
        if survey.is_empty:
            _show_nothing(survey)
            return
        if not agreed(operation.prune_plan(survey), yes=yes, dry_run=dry_run):
            return
        try:
            with_store(settings, act)
        except KeyboardInterrupt:
            say(f"stopped: {rows(done.total)} went; the same command goes on")
            raise
        told.done(changed=bool(done.total or done.files), **_as_json(survey, done))
        _show_done(done)


def _show_nothing(survey: PruneSurvey) -> None:
    tell(
        f"nothing is old enough; wacampaign's tables have "
        f"{told_bytes(survey.due.size(ours=True))}, the backend's "
        f"{told_bytes(survey.due.size(ours=False))}"
    )


def _show_done(done: PruneDone) -> None:
    for part in PARTS:
        if n := done.rows.get(part.name):
            tell(f"{counted(n, part.what)}: {part.becomes}")
    if done.files:
        tell(f"{counted(done.files, 'file')}: removed")
    if not done.total and not done.files:
        tell("nothing was left to take")
    show_next("wacampaign prune --dry-run")


def _as_json(survey: PruneSurvey, done: PruneDone) -> dict[str, Any]:
    due = {one.part: one for one in survey.due.parts}
    return {
        "parts": [
            {
                "part": part.name,
                "table": due[part.name].table,
                "days": days_of(part, survey.ages),
                "rows_due": due[part.name].rows,
                "bytes_due": due[part.name].bytes,
                "rows_done": done.rows.get(part.name, 0),
            }
            for part in PARTS
        ],
        "files_due": len(survey.files),
        "files_done": done.files,
        "waits_for_log": survey.due.reading,
        "tables": [asdict(table) for table in survey.due.tables],
    }
