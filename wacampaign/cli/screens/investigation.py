"""An investigation on the screen: cause, comparison, verdicts, contradictions, options."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from wacampaign.cli.output import speaks_unicode, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.campaign_json import campaign_json
from wacampaign.cli.screens.tables import tell_wrapped
from wacampaign.core.investigation.model import (
    Beside,
    Hypothesis,
    Investigation,
    Likelihood,
    Probe,
)
from wacampaign.core.words import local_time, rows
from wacampaign.operations.investigation import Inquiry
from wacampaign.report.wording import CLAIMS, VERDICTS

#: Columns; wider lines are hard to read.
_WIDEST: Final = 120
#: Columns of the names on the left of the comparison.
_LABEL: Final = 10
#: Verdicts whose evidence is shown in full, up to so many sentences, and how many of the others';
#: all are in the report and in --json.
_TELLING: Final = (Likelihood.CONFIRMED, Likelihood.LIKELY)
_SHOWN: Final = 6
_SHOWN_OF_OTHERS: Final = 1
_DIFFERENCES_SHOWN: Final = 5

#: What the contract names, then more.
_IN_JSON: Final = (
    *("campaign", "code", "code_title", "failed", "hypotheses", "cause", "options"),
    *("at", "beside", "groups", "timeline", "facts", "differences", "probes"),
    *("contradictions", "not_checked"),
)

_MARKS: Final = {True: "  ok  ", False: "  BAD ", None: "  -   "}


def show_investigation(investigation: Investigation) -> None:
    """Everything on stdout, the conclusion first, the next command last."""
    page = _Page()
    failed = f"{rows(investigation.failed)} failed with {investigation.code}"
    page.write(f"{investigation.campaign}: {failed} {investigation.code_title}")
    tell()
    for line in _conclusion(investigation):
        page.write(line)
    if investigation.beside:
        page.compare(investigation.beside)
    page.section("test messages", (("  ", _probe(probe)) for probe in investigation.probes))
    messages = (moment for moment in investigation.timeline if moment.kind == "message")
    page.section("when", (("  ", f"{moment.at}  {moment.text}") for moment in messages))
    # What was seen of media and payload is among the evidence.
    facts = (fact for fact in investigation.facts if fact.about not in ("media", "payload"))
    looked_up = ((_MARKS[fact.ok], f"{fact.text} ({fact.source})") for fact in facts)
    page.section("looked up", looked_up, rest="      ")
    tell()
    tell("hypotheses")
    for hypothesis in investigation.hypotheses:
        tell(f"  {hypothesis.id:<19} {_verdict(hypothesis)}")
        n = _SHOWN if hypothesis.verdict in _TELLING else _SHOWN_OF_OTHERS
        for text in list(filter(None, hypothesis.evidence))[:n]:
            page.write(text, "      ", "      ")
    for title, texts in (
        ("differences from the template", investigation.differences[:_DIFFERENCES_SHOWN]),
        ("against the usual belief", investigation.contradictions),
        ("not looked at", investigation.not_checked),
    ):
        page.section(title, (("  - ", text) for text in texts))
    if investigation.options:
        tell()
        tell("options, best first")
        for option in investigation.options:
            page.write(f"{option.id:<2} {option.title}", "  ", "     ")
            tell(f"     {option.command}")
            page.write(option.why, "     ", "     ")
        tell()
    show_next(investigation.next_command)


def investigation_json(investigation: Investigation) -> dict[str, Any]:
    """The object of `--json`."""
    fields = {**asdict(investigation), "campaign": campaign_json(investigation.campaign)}
    failed = f"failed_{investigation.code}"
    return {failed if name == "failed" else name: fields[name] for name in _IN_JSON}


def show_nothing_failed(inquiry: Inquiry) -> None:
    """That there is nothing to look into, and what to run instead."""
    campaign, code, other = inquiry.campaign, inquiry.evidence.code, inquiry.other_code
    tell(f"{campaign}: no row has failed with {code}, so there is nothing to look into")
    if other is None:
        show_next(f"wacampaign queue-stats {campaign.short_id}")
        return
    tell(f"rows have failed with {other}")
    show_next(f"wacampaign investigate-135000 {campaign.short_id} --code {other}")


def nothing_failed_json(inquiry: Inquiry) -> dict[str, Any]:
    """The object of `--json` where no row has failed with the code."""
    code = inquiry.evidence.code
    return {
        "campaign": campaign_json(inquiry.campaign),
        "code": code,
        f"failed_{code}": 0,
        "hypotheses": [],
        "cause": None,
        "options": [],
    }


class _Page:
    """Lines on stdout, wrapped where the terminal ends."""

    def __init__(self) -> None:
        self._width = min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)

    def write(self, text: str, first: str = "", rest: str = "") -> None:
        """One paragraph."""
        if not speaks_unicode(sys.stdout):
            text = text.replace("…", "...")
        tell_wrapped(text, self._width, first, rest)

    def section(self, title: str, lines: Iterable[tuple[str, str]], rest: str = "    ") -> None:
        """Lines under a title, each with what stands before it; none: no title either."""
        for n, (first, text) in enumerate(lines):
            if n == 0:
                tell()
                tell(title)
            self.write(text, first, rest)

    def compare(self, columns: Sequence[Beside]) -> None:
        """Campaigns as columns; long values are broken into lines."""
        tell()
        room = max(20, (self._width - _LABEL - 2 * len(columns)) // len(columns))
        for label, values in (
            ("", [campaign.name for campaign in columns]),
            ("template", [campaign.template for campaign in columns]),
            ("number", [campaign.number for campaign in columns]),
            ("media host", [campaign.media_host or "none" for campaign in columns]),
            ("status", [campaign.status for campaign in columns]),
            ("result", [campaign.result for campaign in columns]),
        ):
            cells = [textwrap.wrap(value, room) or [""] for value in values]
            for n in range(max(map(len, cells))):
                parts = [(cell[n] if n < len(cell) else "").ljust(room) for cell in cells]
                tell(f"{label if n == 0 else '':<{_LABEL}}  {'  '.join(parts)}".rstrip())


def _conclusion(investigation: Investigation) -> Iterator[str]:
    cause = investigation.cause_hypothesis
    if cause is None:
        likely = [h.id for h in investigation.hypotheses if h.verdict is Likelihood.LIKELY]
        yield "no cause stands out" + (f"; likely are {', '.join(likely)}." if likely else ".")
        return
    yield f"cause: {cause.id} ({_verdict(cause)}): {CLAIMS[cause.id]}."
    also = [
        f"{hypothesis.id} ({_verdict(hypothesis)})"
        for hypothesis in investigation.hypotheses
        if hypothesis.id != cause.id and hypothesis.verdict in _TELLING
    ]
    if also:
        yield f"it takes part, or may: {', '.join(also)}."
    if investigation.options:
        yield f"best way out: {investigation.options[0].title}."


def _probe(probe: Probe) -> str:
    media = f", media {probe.media}" if probe.media else ""
    what = f"{probe.result}: {probe.title} ({probe.template}, number {probe.number}{media})"
    if probe.at:
        what += f", sent {local_time(probe.at)}"
    return what if probe.accepted and probe.answer == "accepted" else f"{what}: {probe.answer}"


def _verdict(hypothesis: Hypothesis) -> str:
    return VERDICTS[hypothesis.verdict].text
