"""Who works, as the monitor shows it: a line each, wide ones under their headings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from wacampaign.cli.screens.monitor_layout import WIDE, View, column, labelled
from wacampaign.core.campaign.worker_state import WorkerState
from wacampaign.core.display_width import width as width_of
from wacampaign.core.words import (
    duration,
    milliseconds,
    rough_duration,
    seconds_between,
    short_id,
)

#: Columns of a worker's name, at most: a machine's name may be anything.
_NAME_MAX: Final = 34
#: Columns that the number of live and lost ones takes above the names.
_TITLE_COLUMNS: Final = 22
_HEADINGS: Final = (
    ("rate", 8), ("in flight", 9), ("beat", 6), ("Meta half/95 %", 15), ("database half/95 %", 18),
    ("memory", 7), ("up", 7), ("last error", 13),
)  # fmt: skip


def worker_lines(view: View, width: int) -> list[Text]:
    """How many live, and each of them: the lost ones first."""
    workers = sorted(view.stats.workers, key=lambda worker: worker.alive)
    live, lost = view.stats.live_workers, len(workers) - view.stats.live_workers
    title = labelled("WORKERS", style="bold")
    if view.stale:
        title.append("as they were: ", style="dim")
    title.append(f"{live} alive", style="" if live else "bold red")
    if lost:
        title.append(f"  {lost} LOST", style="bold red")
    columns = min(max((width_of(str(worker)) for worker in workers), default=0), _NAME_MAX)
    if width >= WIDE:
        columns = max(columns, _TITLE_COLUMNS)
    if width >= WIDE and live:
        title.append(" " * max(2, columns + 5 - title.cell_len))
        title.append("  ".join(f"{name:<{size}}" for name, size in _HEADINGS).rstrip(), style="dim")
    return [title, *(_worker(view, one, columns, wide=width >= WIDE) for one in workers)]


def _worker(view: View, worker: WorkerState, columns: int, *, wide: bool) -> Text:
    name = column(str(worker), columns, view.unicode)
    beat = rough_duration(worker.beat_age_seconds)
    if not worker.alive:
        text = f"LOST, last beat {duration(worker.beat_age_seconds)} ago"
        if worker.in_flight:
            text += f"; had {worker.in_flight:,} in flight"
        return Text(f"   {name}  {text}", style="red")
    facts = worker.facts
    rate = "-" if facts.done_per_second is None else f"{facts.done_per_second:.1f}/s"
    away = facts.api_away_seconds
    style = "" if away is None else "yellow"
    if not wide:
        parts = [rate, f"{worker.in_flight:,} in flight", f"beat {beat}"]
        if away is not None:
            parts.append(f"Meta away {rough_duration(away)}")
        elif facts.answers_p50_ms is not None:
            parts.append(f"Meta {milliseconds(facts.answers_p50_ms)}")
        if facts.database_p50_ms is not None:
            parts.append(f"database {milliseconds(facts.database_p50_ms)}")
        return Text(f"   {name}  {'  '.join(parts)}", style=style)
    answers = _span(facts.answers_p50_ms, facts.answers_p95_ms)
    cells: Sequence[str] = (
        rate,
        f"{worker.in_flight:,}",
        beat,
        answers if away is None else f"away {rough_duration(away)}",
        _span(facts.database_p50_ms, facts.database_p95_ms),
        "-" if facts.memory_mb is None else f"{facts.memory_mb:.0f} MB",
        rough_duration(seconds_between(worker.started_at, view.stats.at)),
        _last_error(worker),
    )
    line = "  ".join(f"{cell:<{size}}" for cell, (_, size) in zip(cells, _HEADINGS, strict=True))
    return Text(f"   {name}  {line}  {short_id(worker.id)}", style=style)


def _span(half: float | None, most: float | None) -> str:
    if half is None or most is None:
        return "-"
    return f"{milliseconds(half)} / {milliseconds(most)}"


def _last_error(worker: WorkerState) -> str:
    code, ago = worker.facts.last_code, worker.facts.last_code_seconds
    return "none" if code is None or ago is None else f"{code} {rough_duration(ago)} ago"
