"""The section of evidence: what was looked up, counted, compared and tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wacampaign.core.investigation.model import Fact, Group, Investigation, Probe, Verdict
from wacampaign.report.document import Block, Heading, Items, Mark, Paragraph, Piece, Section, Table
from wacampaign.report.shown import Shown
from wacampaign.report.wording import ABOUT, GROUPED_BY, NOTHING, in_words, share

#: Rows of one table of groups; a campaign may have a medium for each contact.
_GROUPS_MAX: Final = 20

_OK: Final = {
    True: Piece("in order", mark=Mark.GOOD),
    False: Piece("a fault", strong=True, mark=Mark.BAD),
    None: Piece(NOTHING),
}


def evidence_section(found: Investigation, shown: Shown) -> Section:
    """Contradictions first, as they change how the rest is read."""
    blocks: list[Block] = []
    if found.contradictions:
        blocks += Heading("Contradictions"), _sentences(found.contradictions, shown)
    blocks += _facts(found.facts, shown)
    blocks.append(Heading("Payload against template"))
    if found.differences:
        blocks.append(_sentences(found.differences, shown))
    else:
        blocks.append(Paragraph((Piece(_no_differences(found)),)))
    blocks += _groups(found.groups, shown)
    blocks += _probes(found.probes, shown)
    return Section("evidence", "Evidence", tuple(blocks))


def _no_differences(found: Investigation) -> str:
    """No differences may mean that nobody looked."""
    looked = {one.id for one in found.hypotheses if one.verdict is not Verdict.NOT_CHECKED}
    if "template_mismatch" in looked:
        return "No differences: the payload fits its template."
    return "The payload was not compared with its template."


def _sentences(lines: Sequence[str], shown: Shown) -> Items:
    return Items(tuple((Piece(shown.text(line)),) for line in lines))


def _facts(facts: Sequence[Fact], shown: Shown) -> list[Block]:
    if not facts:
        return [Heading("Facts"), Paragraph((Piece("Nothing could be looked up."),))]
    blocks: list[Block] = []
    head = (Piece("Finding"), Piece("State"), Piece("Source"))
    for about in dict.fromkeys(one.about for one in facts):
        lines = tuple(
            (Piece(shown.text(one.text)), _OK[one.ok], Piece(shown.text(one.source)))
            for one in facts
            if one.about == about
        )
        title = ABOUT.get(about) or in_words(shown.text(about))
        blocks += Heading(title), Table(head, lines)
    return blocks


def _groups(groups: Sequence[Group], shown: Shown) -> list[Block]:
    if not groups:
        return [Heading("Outcomes by group"), Paragraph((Piece("No outcomes are known."),))]
    blocks: list[Block] = []
    head = (Piece("Value"), Piece("Failed"), Piece("Sent"), Piece("Share failed"))
    for by in dict.fromkeys(one.by for one in groups):
        same = sorted((one for one in groups if one.by == by), key=lambda one: -one.failed)
        lines = tuple(
            (
                Piece(value, code=True) if (value := shown.text(one.value)) else Piece(NOTHING),
                Piece(f"{one.failed:,}"),
                Piece(f"{one.sent:,}"),
                Piece(share(one.failed, one.failed + one.sent)),
            )
            for one in same[:_GROUPS_MAX]
        )
        blocks.append(Heading(GROUPED_BY.get(by) or f"By {shown.text(by).replace('_', ' ')}"))
        blocks.append(Table(head, lines, frozenset((1, 2, 3))))
        if rest := same[_GROUPS_MAX:]:
            failed, sent = sum(one.failed for one in rest), sum(one.sent for one in rest)
            text = f"{len(rest):,} more together: {failed:,} failed, {sent:,} sent."
            blocks.append(Paragraph((Piece(text),)))
    return blocks


def _result(one: Probe) -> Piece:
    if one.unanswered:
        return Piece(one.result)
    return Piece(one.result, mark=Mark.GOOD if one.accepted else Mark.BAD)


def _probes(probes: Sequence[Probe], shown: Shown) -> list[Block]:
    blocks: list[Block] = [Heading("Messages to the test phone")]
    if not probes:
        return [*blocks, Paragraph((Piece("None was sent."),))]
    head = tuple(map(Piece, ("Message", "Number", "Template", "Media", "Result", "Meta's answer")))
    lines = tuple(
        (
            Piece(shown.text(one.title)),
            Piece(shown.text(one.number), code=True),
            Piece(shown.text(one.template), code=True),
            Piece(shown.text(one.media), code=True) if one.media else Piece(NOTHING),
            _result(one),
            Piece(shown.text(one.answer)),
        )
        for one in probes
    )
    return [*blocks, Table(head, lines)]
