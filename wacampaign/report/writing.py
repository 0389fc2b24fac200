"""A report into its file: whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from wacampaign.core.campaign.client_report import ClientReport
from wacampaign.core.investigation.model import Investigation
from wacampaign.problems import NotWritable, Usage
from wacampaign.report.campaign_content import campaign_content
from wacampaign.report.content import report_content
from wacampaign.report.html import html
from wacampaign.report.markdown import markdown

#: Columns of the client's Markdown, which is read as it is, too: in a terminal or a mail.
_COLUMNS: Final = 80

_FORMS: Final = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


class ReportNotWritten(NotWritable):
    """The report cannot be written."""

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message, f"name another file: {option} FILE.md or {option} FILE.html")


def report_form(path: Path, option: str = "--report") -> str:
    """`markdown` or `html`, as the name asks; for asking before the work. Raises `Usage` for
    other names; `option` is what it tells to give."""
    try:
        return _FORMS[path.suffix.lower()]
    except KeyError:
        raise Usage(
            f"A report is a .md (Markdown) or .html file; {path.name or path} is neither.",
            f"{option} FILE.md or {option} FILE.html",
        ) from None


def write_report(path: Path, investigation: Investigation) -> None:
    """Write the report as the suffix of `path` asks: `.md`, `.markdown`, `.html` or `.htm`.

    UTF-8. An earlier file is replaced when the new one is complete; phones and secrets are masked.
    Raises `Usage` for another suffix and `ReportNotWritten` when the file cannot be written; then
    an earlier file is as it was and nothing else is left.
    """
    form = report_form(path)
    document = report_content(investigation)
    _replace(path, html(document) if form == "html" else markdown(document), "--report")


def write_campaign_report(path: Path, report: ClientReport) -> None:
    """Write what became of a campaign, as `write_report` does with an investigation.

    Raises what that raises.
    """
    form = report_form(path, "--out")
    document = campaign_content(report)
    text = html(document) if form == "html" else markdown(document, width=_COLUMNS)
    _replace(path, text, "--out")


def _replace(path: Path, text: str, option: str) -> None:
    # Through a link, the file it names is replaced and the link stays.
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".wacampaign-report-{secrets.token_hex(6)}.tmp")
    try:
        if target.exists() and not (target.is_file() or target.is_dir()):
            # A device would be replaced by a file, for everybody on the machine.
            raise OSError("it is no ordinary file")
        # "x": never through a file or link that somebody put there.
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportNotWritten(
            f"The report cannot be written to {path}: {reason}.", option
        ) from None
    finally:
        # After the replacement there is none; after any error, Ctrl-C too, there may be one.
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
