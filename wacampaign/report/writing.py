"""A report into its file: whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from wacampaign.core.investigation.model import Investigation
from wacampaign.problems import NotWritable, Usage
from wacampaign.report.content import report_content
from wacampaign.report.html import html
from wacampaign.report.markdown import markdown

_FORMS: Final = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


class ReportNotWritten(NotWritable):
    """The report cannot be written."""

    default_suggestion = "name another file: --report FILE.md or --report FILE.html"


def report_form(path: Path) -> str:
    """`markdown` or `html`, as the name asks; for asking before the work. Raises `Usage` for
    other names."""
    try:
        return _FORMS[path.suffix.lower()]
    except KeyError:
        raise Usage(
            f"A report is a .md (Markdown) or .html file; {path.name or path} is neither.",
            "--report FILE.md or --report FILE.html",
        ) from None


def write_report(path: Path, investigation: Investigation) -> None:
    """Write the report as the suffix of `path` asks: `.md`, `.markdown`, `.html` or `.htm`.

    UTF-8. An earlier file is replaced when the new one is complete; phones and secrets are masked.
    Raises `Usage` for another suffix and `ReportNotWritten` when the file cannot be written; then
    an earlier file is as it was and nothing else is left.
    """
    form = report_form(path)
    document = report_content(investigation)
    _replace(path, html(document) if form == "html" else markdown(document))


def _replace(path: Path, text: str) -> None:
    # Through a link, the file it names is replaced and the link stays.
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".wacampaign-report-{secrets.token_hex(6)}.tmp")
    if target.exists() and not (target.is_file() or target.is_dir()):
        # A device would be replaced by a file, for everybody on the machine.
        raise ReportNotWritten(f"The report cannot be written to {path}: it is no ordinary file.")
    try:
        # "x": never through a file or link that somebody put there.
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportNotWritten(f"The report cannot be written to {path}: {reason}.") from None
    finally:
        # After the replacement there is none; after any error, Ctrl-C too, there may be one.
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
