"""A preflight as people read it: a line a check, the fix under each that needs one."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final, TextIO

from wacampaign.cli.gate import console
from wacampaign.cli.output import arrow, tell
from wacampaign.cli.screens.check_columns import CheckColumns
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.preflight.model import Check, Line, Preflight
from wacampaign.core.shown_text import one_line
from wacampaign.core.template.preview import ShownMessage

_STYLES: Final = {Check.OK: "green", Check.WARN: "yellow", Check.FAIL: "bold red"}
#: Columns of verdict and id, each with the space after it; a longer id moves the texts.
_VERDICT_WIDTH: Final = 9
_ID_WIDTH: Final = 17
#: Wider lines are hard to read.
_WIDTH_MAX: Final = 120


def show_lines(lines: Iterable[Line], stream: TextIO | None = None) -> None:
    """The lines, wrapped to the terminal; colour only there.

    What several lines in a row have in common, their text or fix, is written once.
    """
    from rich.text import Text  # 50 ms; most commands show no preflight

    stream = stream or sys.stdout
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    terminal = console(stream, markup=False, emoji=False, soft_wrap=True, width=width)
    shown = list(lines)
    id_width = max([_ID_WIDTH, *(len(line.id) + 1 for line in shown)])
    columns = CheckColumns(_VERDICT_WIDTH + id_width, width)
    for i, line in enumerate(shown):
        before = shown[i - 1] if i else None
        after = shown[i + 1] if i + 1 < len(shown) else None
        text = "as above" if before is not None and before.text == line.text else line.text
        text = one_line(text)
        verdict = line.verdict.upper() if line.verdict is Check.FAIL else str(line.verdict)
        style = _STYLES.get(line.verdict, "dim")
        first, *rest = columns.text(text)
        head = (verdict.ljust(_VERDICT_WIDTH), style)
        terminal.print(Text.assemble(head, line.id.ljust(id_width) if first else line.id, first))
        for part in rest:
            terminal.print(Text(part))
        alike = after is not None and (after.id, after.fix) == (line.id, line.fix)
        alike = alike or (after is not None and (after.text, after.fix) == (line.text, line.fix))
        if line.fix and line.verdict is not Check.OK and not alike:
            for part in columns.fix(one_line(line.fix), f"{arrow(stream)} "):
                terminal.print(Text(part))


def show_compact(preflight: Preflight, stream: TextIO | None = None) -> None:
    """One line for all, then only those that are not ok; the same trouble of several once."""
    tell(f"preflight: {preflight.summary}", stream=stream)
    skipped: dict[str, list[Line]] = {}
    for line in preflight.having(Check.SKIPPED):
        skipped.setdefault(f"{line.text}\n{line.fix}", []).append(line)
    show_lines(preflight.having(Check.FAIL, Check.WARN), stream)
    # An API that is away skips six checks for one reason.
    show_lines(
        (
            Line(
                alike[0].id if len(alike) == 1 else f"{len(alike)} checks",
                Check.SKIPPED,
                alike[0].text,
                alike[0].fix,
            )
            for alike in skipped.values()
        ),
        stream,
    )


def preflight_json(
    preflight: Preflight, campaign: CampaignName, messages: Sequence[ShownMessage]
) -> dict[str, Any]:
    """For `--json`; `messages` are those that were to be shown."""
    return {
        "campaign": asdict(campaign),
        "ready": not preflight.failures,
        "lines": [asdict(line) | {"fix": line.fix or None} for line in preflight.lines],
        "messages": [asdict(message) for message in messages],
    }
