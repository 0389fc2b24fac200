"""The evidence: what was looked up, counted, compared and tried, and masked rows as samples."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.investigation.model import (
    Fact,
    Group,
    Investigation,
    Likelihood,
    Probe,
    Sample,
)
from wacampaign.report.document import (
    Block,
    CodeBlock,
    Heading,
    Highlight,
    Paragraph,
    Piece,
    Table,
    words,
)
from wacampaign.report.shown import Shown
from wacampaign.report.wording import NOTHING, in_words, share, when

#: Rows of one table of groups; a campaign may have a medium for each contact.
_GROUPS_MAX: Final = 20
#: Samples that are written out; more of them say nothing new.
_SAMPLES_MAX: Final = 20
#: Characters of one payload; the largest that Meta takes are far smaller.
_PAYLOAD_CHARS_MAX: Final = 8_000

_OK: Final = {
    True: Piece("in order", mark=Highlight.GOOD),
    False: Piece("a fault", strong=True, mark=Highlight.BAD),
    None: Piece(NOTHING),
}


def evidence_blocks(investigation: Investigation, shown: Shown) -> tuple[Block, ...]:
    """Contradictions first, as they change how the rest is read."""
    contradictions: tuple[Block, ...] = ()
    if investigation.contradictions:
        contradictions = Heading("Contradictions"), shown.items(investigation.contradictions)
    return (
        *contradictions,
        *_facts(investigation.facts, shown),
        Heading("Payload against template"),
        _differences(investigation, shown),
        *_groups(investigation.groups, shown),
        Heading("Messages to the test phone"),
        _probes(investigation.probes, shown),
    )


def _differences(investigation: Investigation, shown: Shown) -> Block:
    """No differences may mean that nobody looked."""
    if investigation.differences:
        return shown.items(investigation.differences)
    verdicts = {hypothesis.id: hypothesis.verdict for hypothesis in investigation.hypotheses}
    if verdicts.get("template_mismatch", Likelihood.NOT_CHECKED) is Likelihood.NOT_CHECKED:
        return Paragraph(words("The payload was not compared with its template."))
    return Paragraph(words("No differences: the payload fits its template."))


def _facts(facts: Sequence[Fact], shown: Shown) -> Iterator[Block]:
    if not facts:
        yield Heading("Facts")
        yield Paragraph(words("Nothing could be looked up."))
    for about in dict.fromkeys(fact.about for fact in facts):
        yield Heading(in_words(about))
        lines = tuple(
            (shown.piece(fact.text), _OK[fact.ok], shown.piece(fact.source))
            for fact in facts
            if fact.about == about
        )
        yield Table(words("Finding", "State", "Source"), lines)


def _groups(groups: Sequence[Group], shown: Shown) -> Iterator[Block]:
    if not groups:
        yield Heading("Outcomes by group")
        yield Paragraph(words("No outcomes are known."))
    head = words("Value", "Failed", "Sent", "Share failed")
    for by in dict.fromkeys(group.by for group in groups):
        same = sorted((g for g in groups if g.by == by), key=lambda group: -group.failed)
        lines = tuple(_group_line(group, shown) for group in same[:_GROUPS_MAX])
        kind = "sending number" if by == "number" else by.replace("_", " ")
        yield Heading(f"By {kind}")
        yield Table(head, lines, frozenset((1, 2, 3)))
        if rest := same[_GROUPS_MAX:]:
            failed, sent = sum(g.failed for g in rest), sum(g.sent for g in rest)
            text = f"{len(rest):,} more together: {failed:,} failed, {sent:,} sent."
            yield Paragraph(words(text))


def _group_line(group: Group, shown: Shown) -> tuple[Piece, ...]:
    value = shown.piece(group.value, code=True)
    failed = share(group.failed, group.failed + group.sent)
    numbers = words(f"{group.failed:,}", f"{group.sent:,}", failed)
    return (value if value.text else Piece(NOTHING), *numbers)


def _probes(probes: Sequence[Probe], shown: Shown) -> Block:
    if not probes:
        return Paragraph(words("None was sent."))
    marks = {True: Highlight.GOOD, False: Highlight.BAD}
    lines = tuple(
        (
            shown.piece(probe.title),
            shown.piece(probe.number, code=True),
            shown.piece(probe.template, code=True),
            shown.piece(probe.media, code=True) if probe.media else Piece(NOTHING),
            Piece(probe.result, mark=None if probe.unanswered else marks[probe.accepted]),
            shown.piece(probe.answer + (f" (sent {when(probe.at)})" if probe.at else "")),
        )
        for probe in probes
    )
    head = words("Message", "Number", "Template", "Media", "Result", "Meta's answer")
    return Table(head, lines)


def sample_blocks(samples: Sequence[Sample], shown: Shown) -> Iterator[Block]:
    """Each sample with what it was, what became of it, and its payload as JSON."""
    if not samples:
        yield Paragraph(words("No row was taken as a sample."))
    for sample in samples[:_SAMPLES_MAX]:
        mark = Highlight.GOOD if sample.outcome == "sent" else Highlight.BAD
        yield Paragraph(
            (
                shown.piece(sample.phone, code=True),
                Piece(" · template "),
                shown.piece(sample.template, code=True),
                Piece(f" · {when(sample.at)} UTC · " if sample.at else " · "),
                shown.piece(sample.outcome, mark=mark),
            )
        )
        payload = json.dumps(shown.values(sample.payload), indent=2, ensure_ascii=False)
        if len(payload) > _PAYLOAD_CHARS_MAX:
            payload = f"{payload[:_PAYLOAD_CHARS_MAX]}\n… cut"
        yield CodeBlock(payload)
    if len(samples) > _SAMPLES_MAX:
        left_out = len(samples) - _SAMPLES_MAX
        yield Paragraph(words(f"{left_out:,} more samples are not written out."))
