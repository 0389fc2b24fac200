"""A doctor's checks as people read them: the worst first, a fix that can be copied under each."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

from wacampaign.cli.output import arrow, tell_styled
from wacampaign.cli.screens.check_columns import CheckColumns
from wacampaign.core.display_width import broken
from wacampaign.core.doctor.model import Examined, Mending
from wacampaign.core.preflight.model import Check
from wacampaign.core.shown_text import one_line

_STYLES: Final = {Check.OK: "green", Check.WARN: "yellow", Check.FAIL: "bold red"}
#: Columns of a verdict, with the space after it.
_VERDICT_WIDTH: Final = 9
#: Wider lines are hard to read.
_WIDTH_MAX: Final = 110


def show_checks(checks: Sequence[Examined]) -> None:
    """All checks; what is to be typed or run is not broken over lines, whatever the width."""
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    name_width = max((len(one.id) for one in checks), default=0) + 1
    columns = CheckColumns(_VERDICT_WIDTH + name_width, width)
    for i, one in enumerate(checks):
        text = one_line(one.text)
        alike = [c for c in checks[i + 1 :] if (c.verdict, c.text) == (one.verdict, one.text)]
        if one.verdict is Check.SKIPPED and i and checks[i - 1].text == one.text:
            text = "as above"
        verdict = one.verdict.upper() if one.verdict is Check.FAIL else str(one.verdict)
        first, *rest = columns.text(text)
        style = _STYLES.get(one.verdict, "dim")
        name = one.id.ljust(name_width) if first else one.id
        tell_styled([(verdict.ljust(_VERDICT_WIDTH), style), (name + first, "")])
        for part in rest:
            tell_styled([(part, "")])
        if one.fix and not (one.verdict is Check.SKIPPED and alike):
            _show_fix(one, columns)


def _show_fix(check: Examined, columns: CheckColumns) -> None:
    sign = f"{arrow(sys.stdout)} "
    if check.mending is not Mending.WORDS:
        for line in _copied(check):
            tell_styled([(f"  {sign}", "dim"), (line, "bold")])
            sign = " " * len(sign)
        return
    for part in columns.fix(one_line(check.fix), sign):
        tell_styled([(part, "")])


def _copied(check: Examined) -> list[str]:
    """A fix in lines that may be copied: a command stays whole, SQL may go on in the next line."""
    lines = [one_line(line) for line in check.fix.splitlines()]
    if check.mending is not Mending.SQL or not sys.stdout.isatty():
        return lines
    width = max(1, shutil.get_terminal_size().columns - len("  -> "))
    return [part for line in lines for part in broken(line, width)]


def show_summary(checks: Sequence[Examined]) -> None:
    """The counts, with the ids of what was found."""
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    for line in broken(summary(checks), width):
        tell_styled([(line, "")])


def summary(checks: Sequence[Examined]) -> str:
    """`1 fail (guard), 2 warn (env_rights, kept_back), 30 ok`: the end is what a terminal shows."""
    parts = []
    for verdict in (Check.FAIL, Check.WARN, Check.SKIPPED, Check.OK):
        ids = [one.id for one in checks if one.verdict is verdict]
        named = f" ({', '.join(dict.fromkeys(ids))})" if verdict in (Check.FAIL, Check.WARN) else ""
        if ids:
            parts.append(f"{len(ids)} {verdict}{named}")
    return ", ".join(parts)


def checks_json(checks: Sequence[Examined]) -> list[dict[str, Any]]:
    """For `--json`; `fix_with` says where a fix is to be used."""
    return [
        {
            "id": one.id,
            "status": str(one.verdict),
            "text": one.text,
            "fix": one.fix or None,
            "fix_with": str(one.mending) if one.fix else None,
        }
        for one in checks
    ]
