"""An investigation on the screen: cause, comparison, verdicts, contradictions, options."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from wacampaign.cli.output import speaks_unicode, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.wording import rows
from wacampaign.core.moments import told_locally

if TYPE_CHECKING:
    from wacampaign.core.investigation.model import Beside, Hypothesis, Investigation, Probe

#: Columns; wider lines are hard to read.
_WIDEST: Final = 120
#: Columns of the names on the left of the comparison.
_LABEL: Final = 10
#: Sentences of evidence that are shown; all are in the report and in --json.
_SHOWN: Final = {"confirmed": 6, "likely": 6}
_SHOWN_OF_OTHERS: Final = 1

#: What each hypothesis claims.
CLAIMS: Final = {
    "account_restricted": "number or account is restricted",
    "template_status": "the template may not be sent",
    "template_mismatch": "the variables do not fit the template",
    "variables_illegal": "the variables hold characters or lengths that Meta refuses",
    "media_host_differs": "the header media is on another host than the approved sample",
    "media_unreachable": "the header media cannot be fetched",
    "media_invalid": "the header media is not what Meta takes",
    "media_expired": "the header media is no longer there",
    "number_specific": "it is this number, whatever it sends",
}


def print_investigation(made: Investigation, short_id: str) -> None:
    """Everything on stdout, the conclusion first, the next command last."""
    width = min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)
    name = made.campaign["name"]
    _write(
        f"{name} ({short_id}): {rows(made.failed)} failed with {made.code} {made.code_title}",
        width,
    )
    tell()
    for line in _conclusion(made):
        _write(line, width)
    if made.beside:
        tell()
        _compare(made.beside, width)
    if made.probes:
        tell()
        tell("test messages")
        for probe in made.probes:
            _write(_probe(probe), width, "  ", "    ")
    _facts(made, width)
    tell()
    tell("hypotheses")
    for one in made.hypotheses:
        _hypothesis(one, width)
    for title, texts in (
        ("differences from the template", made.differences[:5]),
        ("against the usual belief", made.contradictions),
        ("not looked at", made.not_checked),
    ):
        if texts:
            tell()
            tell(title)
            for text in texts:
                _write(text, width, "  - ", "    ")
    if made.options:
        tell()
        tell("options, best first")
        for option in made.options:
            _write(f"{option.id:<2} {option.title}", width, "  ", "     ")
            tell(f"     {option.command}")
            if option.why:
                _write(option.why, width, "     ", "     ")
        tell()
    show_next(_next(made, short_id))


def _conclusion(made: Investigation) -> Iterable[str]:
    if made.cause is None:
        likely = [one.id for one in made.hypotheses if one.verdict.value == "likely"]
        yield "no cause stands out" + (f"; likely are {', '.join(likely)}." if likely else ".")
        return
    cause = next(one for one in made.hypotheses if one.id == made.cause)
    yield f"cause: {cause.id} ({_words(cause)}): {CLAIMS[cause.id]}."
    also = [
        f"{one.id} ({_words(one)})"
        for one in made.hypotheses
        if one.id != cause.id and one.verdict.value in ("confirmed", "likely")
    ]
    if also:
        yield f"it takes part, or may: {', '.join(also)}."
    if made.options:
        yield f"best way out: {made.options[0].title}."


def _compare(columns: Sequence[Beside], width: int) -> None:
    """Campaigns as columns; long values are broken into lines."""
    room = max(20, (width - _LABEL - 2 * len(columns)) // len(columns))
    for label, values in (
        ("", [one.name for one in columns]),
        ("template", [one.template for one in columns]),
        ("number", [one.number for one in columns]),
        ("media host", [one.media_host or "none" for one in columns]),
        ("status", [one.status for one in columns]),
        ("result", [one.result for one in columns]),
    ):
        cells = [textwrap.wrap(value, room) or [""] for value in values]
        for n in range(max(map(len, cells))):
            parts = [(cell[n] if n < len(cell) else "").ljust(room) for cell in cells]
            tell(f"{label if n == 0 else '':<{_LABEL}}  {'  '.join(parts)}".rstrip())


def _facts(made: Investigation, width: int) -> None:
    """When it happened, and what was looked up; the media's facts are among the evidence."""
    when = [one for one in made.timeline if one.kind == "message"]
    facts = [one for one in made.facts if one.about not in ("media", "payload")]
    if when:
        tell()
        tell("when")
        for moment in when:
            _write(f"{moment.at}  {moment.text}", width, "  ", "    ")
    if facts:
        tell()
        tell("looked up")
        for fact in facts:
            mark = {True: "ok  ", False: "BAD ", None: "-   "}[fact.ok]
            _write(f"{fact.text} ({fact.source})", width, f"  {mark}", "      ")


def _hypothesis(one: Hypothesis, width: int) -> None:
    tell(f"  {one.id:<19} {_words(one)}")
    kept = _SHOWN.get(one.verdict.value, _SHOWN_OF_OTHERS)
    for text in [text for text in one.evidence if text][:kept]:
        _write(text, width, "      ", "      ")


def _probe(one: Probe) -> str:
    media = f", media {one.media}" if one.media else ""
    what = f"{one.result}: {one.title} ({one.template}, number {one.number}{media})"
    return what if one.accepted and one.answer == "accepted" else f"{what}: {one.answer}"


def _words(one: Hypothesis) -> str:
    return one.verdict.value.replace("_", " ")


def _next(made: Investigation, short_id: str) -> str:
    command = next(
        (option.command for option in made.options if option.command.startswith("wacampaign ")),
        f"wacampaign failures {short_id} --code {made.code}",
    )
    best = made.options[0].command if made.options else command
    return best if best.startswith(("wacampaign ", "open ")) else command


def _write(text: str, width: int, first: str = "", rest: str = "") -> None:
    """One paragraph, wrapped; long words stay whole, as people copy them."""
    if not speaks_unicode(sys.stdout):
        text = text.replace("…", "...")
    text = told_locally(text)
    for line in textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        tell(line)
