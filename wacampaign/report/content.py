"""An investigation in words: the sections of the report, the same for every format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from wacampaign import __version__
from wacampaign.core.investigation.model import Beside, Investigation
from wacampaign.report.document import (
    Block,
    Code,
    Document,
    Heading,
    Items,
    Mark,
    Paragraph,
    Piece,
    Section,
    Table,
)
from wacampaign.report.evidence import evidence_section
from wacampaign.report.over_time import outcomes_chart
from wacampaign.report.pace import moment
from wacampaign.report.samples import sample_blocks
from wacampaign.report.shown import Shown, shown_for
from wacampaign.report.wording import (
    COUNTS,
    NOTHING,
    VERDICTS,
    duration,
    hypothesis_title,
    in_words,
    rows,
    stamp,
    when,
)

#: Codes of a campaign that are listed; the campaign's own command shows all.
_ERRORS_MAX: Final = 20


def report_content(investigation: Investigation) -> Document:
    """Everything of `investigation`, clean and masked, in the order in which it is read."""
    shown = shown_for(investigation)
    name = shown.text(investigation.campaign.get("name") or "campaign without a name")
    return Document(
        title=f"Incident report: {name}",
        subtitle=(
            Piece("Campaign "),
            Piece(shown.text(investigation.campaign.get("id") or "unknown"), code=True),
            Piece(f" · looked at {when(investigation.at)} UTC"),
        ),
        sections=(
            _summary(investigation, shown),
            _side_by_side(investigation.beside, shown),
            _timeline(investigation, shown),
            evidence_section(investigation, shown),
            _hypotheses(investigation, shown),
            _options(investigation, shown),
            _counts(investigation.campaign, shown),
            _appendix(investigation, shown),
        ),
    )


def _summary(found: Investigation, shown: Shown) -> Section:
    code = Piece(f"#{found.code} {shown.text(found.code_title)}".strip(), strong=True)
    points: list[tuple[Piece, ...]] = [(Piece("Cause: ", strong=True), *_cause(found, shown))]
    total = found.campaign.get("total_contacts")
    of = f", of {total:,} in the campaign" if total else ""
    failed = Piece(f"{rows(found.failed)} with ")
    points.append((Piece("Failed: ", strong=True), failed, code, Piece(of)))
    points.append((Piece("First failure: ", strong=True), Piece(_first_failure(found))))
    points.append((Piece("State now: ", strong=True), Piece(_state(found.campaign, shown))))
    if found.options:
        first = found.options[0]
        next_step = f"option {shown.text(first.id)}, {shown.text(first.title)}: "
        command = shown.text(first.command)
        points.append(
            (
                Piece("Next: ", strong=True),
                Piece(next_step),
                Piece(command, code=_typed(command)),
            )
        )
    return Section("summary", "Summary", (Items(tuple(points)),))


def _cause(found: Investigation, shown: Shown) -> tuple[Piece, ...]:
    if found.cause is None:
        return (Piece("none of the possible causes stands out; see the hypotheses."),)
    pieces = [Piece(f"{hypothesis_title(shown.text(found.cause))} (")]
    verdict = next((one.verdict for one in found.hypotheses if one.id == found.cause), None)
    if verdict is not None:
        pieces += VERDICTS[verdict], Piece(", ")
    return (*pieces, Piece(shown.text(found.cause), code=True), Piece(")."))


def _first_failure(found: Investigation) -> str:
    """The stretch of the pace; without one, the earliest sample, which need not be the first."""
    bins = [(at, one.seconds) for one in found.pace if one.failed and (at := moment(one.at))]
    if bins:
        begin, seconds = min(bins)
        return f"between {stamp(begin)} and {stamp(begin + timedelta(seconds=seconds))} UTC"
    samples = [at for one in found.samples if one.outcome != "sent" and (at := moment(one.at))]
    return f"{stamp(min(samples))} UTC or before" if samples else "not known"


def _state(campaign: Mapping[str, Any], shown: Shown) -> str:
    status = shown.text(campaign.get("status") or "not known")
    if reason := campaign.get("pause_reason"):
        status += f" ({shown.text(reason)})"
    counts: Mapping[str, int] = campaign.get("counts") or {}
    present = [f"{counts[name]:,} {name}" for name in COUNTS if counts.get(name)]
    return "; ".join((status, ", ".join(present) or "no rows"))


def _side_by_side(beside: Sequence[Beside], shown: Shown) -> Section:
    if not beside:
        nothing = Paragraph((Piece("No campaign to compare with was found."),))
        return Section("campaigns", "Campaigns side by side", (nothing,))
    head = (Piece("What"), *(Piece(shown.text(one.name)) for one in beside))

    def line(title: str, values: Sequence[str], *, code: bool = False) -> tuple[Piece, ...]:
        cells = (Piece(v, code=code and v != NOTHING, strong=v != values[0]) for v in values)
        return (Piece(title), *cells)

    def text(name: str) -> list[str]:
        return [shown.text(getattr(one, name) or "") or NOTHING for one in beside]

    result = (
        Piece("Result"),
        *(Piece(shown.text(one.result), mark=_mark(one)) for one in beside),
    )
    table = Table(
        head,
        (
            result,
            (Piece("Id"), *(Piece(shown.text(one.id), code=True) for one in beside)),
            line("Status", text("status")),
            line("Template", text("template"), code=True),
            line("Number", text("number"), code=True),
            line("Header media", text("media_host"), code=True),
            (Piece("Sent"), *(Piece(f"{one.sent:,}") for one in beside)),
            (Piece("Failed"), *(Piece(f"{one.failed:,}") for one in beside)),
            (Piece("Rows"), *(Piece(f"{one.total:,}") for one in beside)),
        ),
    )
    blocks: tuple[Block, ...] = (table,)
    if len(beside) > 1:
        note = "What differs from the first campaign is in bold."
        blocks = (*blocks, Paragraph((Piece(note),)))
    return Section("campaigns", "Campaigns side by side", blocks)


def _mark(campaign: Beside) -> Mark | None:
    if campaign.failed:
        return Mark.BAD
    return Mark.GOOD if campaign.total and campaign.sent == campaign.total else Mark.OPEN


def _timeline(found: Investigation, shown: Shown) -> Section:
    blocks: list[Block] = [outcomes_chart(found.pace)]
    if found.timeline:
        head = (Piece("Time (UTC)"), Piece("Kind"), Piece("What happened"))
        blocks.append(
            Table(
                head,
                tuple(
                    (Piece(when(one.at)), Piece(shown.text(one.kind)), Piece(shown.text(one.text)))
                    for one in found.timeline
                ),
            )
        )
    else:
        blocks.append(Paragraph((Piece("No events are known."),)))
    return Section("timeline", "Timeline", tuple(blocks))


def _hypotheses(found: Investigation, shown: Shown) -> Section:
    blocks: list[Block] = []
    for one in found.hypotheses:
        id_ = shown.text(one.id)
        verdict = (VERDICTS[one.verdict], Piece(" · "), Piece(id_, code=True))
        blocks += Heading(hypothesis_title(id_)), Paragraph(verdict)
        if one.evidence:
            blocks.append(Items(tuple((Piece(shown.text(line)),) for line in one.evidence)))
    if not blocks:
        blocks.append(Paragraph((Piece("No hypothesis was examined."),)))
    return Section("hypotheses", "Hypotheses", tuple(blocks))


def _options(found: Investigation, shown: Shown) -> Section:
    if not found.options:
        nothing = Paragraph((Piece("No way out is known; the evidence above is for Meta."),))
        return Section("options", "Options", (nothing,))
    blocks: list[Block] = [Paragraph((Piece("The best one first."),))]
    for one in found.options:
        blocks.append(Heading(f"Option {shown.text(one.id)}: {shown.text(one.title)}"))
        if one.why:
            blocks.append(Paragraph((Piece(shown.text(one.why)),)))
        command = shown.text(one.command)
        blocks.append(Code(command) if _typed(command) else Paragraph((Piece(command),)))
    return Section("options", "Options", tuple(blocks))


def _typed(command: str) -> bool:
    """Whether it is typed; if not, it is a sentence on what to do at Meta."""
    return command.startswith("wacampaign ")


def _counts(campaign: Mapping[str, Any], shown: Shown) -> Section:
    counts: Mapping[str, int] = campaign.get("counts") or {}
    blocks: list[Block] = [Paragraph((Piece(f"State: {_state(campaign, shown)}."),))]
    if counts:
        lines = [
            (Piece(in_words(name)), Piece(f"{counts.get(name, 0):,}"), Piece(meaning))
            for name, meaning in COUNTS.items()
        ]
        whole = sum(counts.get(name, 0) for name in COUNTS)
        lines.append(
            (
                Piece("All", strong=True),
                Piece(f"{whole:,}", strong=True),
                Piece("every row is in one of these"),
            )
        )
        head = (Piece("State"), Piece("Rows"), Piece("Meaning"))
        blocks.append(Table(head, tuple(lines), frozenset((1,))))
    if speed := _speed(campaign):
        blocks.append(Paragraph((Piece(speed),)))
    if errors := campaign.get("errors"):
        head = (Piece("Code"), Piece("Error"), Piece("Rows"))
        lines = [
            (
                Piece(shown.text(one.get("code"))),
                Piece(shown.text(one.get("title") or "")),
                Piece(f"{one.get('count', 0):,}"),
            )
            for one in errors[:_ERRORS_MAX]
        ]
        blocks.append(Table(head, tuple(lines), frozenset((2,))))
        if len(errors) > _ERRORS_MAX:
            more = f"{len(errors) - _ERRORS_MAX:,} more codes are not listed."
            blocks.append(Paragraph((Piece(more),)))
    return Section("counts", "Current counts", tuple(blocks))


def _speed(campaign: Mapping[str, Any]) -> str:
    parts: list[str] = []
    if rate := campaign.get("rate_per_second"):
        parts.append(f"Speed: {rate:,.1f} messages/s.")
    if eta := campaign.get("eta_seconds"):
        parts.append(f"Time left at this speed: {duration(eta)}.")
    if oldest := campaign.get("oldest_ready_seconds"):
        parts.append(f"The oldest ready row has waited {duration(oldest)}.")
    return " ".join(parts)


def _appendix(found: Investigation, shown: Shown) -> Section:
    not_checked: Block = (
        Items(tuple((Piece(shown.text(one)),) for one in found.not_checked))
        if found.not_checked
        else Paragraph((Piece("Nothing is named that could not be looked at."),))
    )
    command = f"wacampaign investigate-135000 {shown.text(found.campaign.get('id') or 'CAMPAIGN')}"
    made = (
        Piece(f"wacampaign {__version__}, {when(found.at)} UTC by the investigation, with "),
        Piece(command, code=True),
        Piece(
            f". It counted {rows(found.failed)} failed with #{found.code}. All times are UTC. Phone"
            " numbers, tokens and the queries of addresses are left out."
        ),
    )
    return Section(
        "appendix",
        "Appendix",
        (
            Heading("Masked samples"),
            *sample_blocks(found.samples, shown),
            Heading("What was not checked"),
            not_checked,
            Heading("How this was made"),
            Paragraph(made),
        ),
    )
