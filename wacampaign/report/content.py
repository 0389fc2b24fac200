"""An investigation in words: the sections of the report, the same for every format."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from wacampaign import __version__
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.investigation.model import Beside, Investigation, Pace
from wacampaign.core.words import rows
from wacampaign.report.document import (
    Block,
    Chart,
    CodeBlock,
    Document,
    Heading,
    Highlight,
    Items,
    Paragraph,
    Piece,
    Section,
    Table,
    words,
)
from wacampaign.report.evidence import evidence_blocks, sample_blocks
from wacampaign.report.pace import moment, stretches
from wacampaign.report.shown import Shown, shown_for
from wacampaign.report.wording import (
    COUNTS,
    HYPOTHESIS_TITLES,
    NOTHING,
    VERDICTS,
    duration,
    in_words,
    stamp,
    when,
)

#: Codes of a campaign that are listed; the campaign's own command shows all.
_ERRORS_MAX: Final = 20
#: Bars of the chart, side by side: at 360 px one is then about 3 px wide.
_BARS_MAX: Final = 120
#: Lines of the same as a table: a screen of a phone or two.
_LINES_MAX: Final = 24


def report_content(investigation: Investigation) -> Document:
    """Everything of `investigation`, clean and masked, in the order in which it is read."""
    shown = shown_for(investigation)
    campaign = investigation.campaign
    return Document(
        title=f"Incident report: {shown.text(campaign.name or 'campaign without a name')}",
        subtitle=(
            Piece("Campaign "),
            shown.piece(campaign.id, code=True),
            Piece(f" · looked at {when(investigation.at)} UTC"),
        ),
        sections=(
            Section("summary", "Summary", (_summary(investigation, shown),)),
            Section("campaigns", "Campaigns side by side", _beside(investigation.beside, shown)),
            Section("timeline", "Timeline", _timeline(investigation, shown)),
            Section("evidence", "Evidence", evidence_blocks(investigation, shown)),
            Section("hypotheses", "Hypotheses", tuple(_hypotheses(investigation, shown))),
            Section("options", "Options", tuple(_options(investigation, shown))),
            Section("counts", "Current counts", tuple(_counts(campaign, shown))),
            Section("appendix", "Appendix", _appendix(investigation, shown)),
        ),
    )


def _summary(investigation: Investigation, shown: Shown) -> Items:
    code = f"#{investigation.code} {shown.text(investigation.code_title)}".strip()
    total = investigation.campaign.total_contacts
    of = f", of {total:,} in the campaign" if total else ""
    failed = Piece(f"{rows(investigation.failed)} with "), Piece(code, strong=True), Piece(of)
    points = [
        ("Cause", _cause(investigation, shown)),
        ("Failed", failed),
        ("First failure", words(_first_failure(investigation))),
        ("State now", words(_state(investigation.campaign, shown))),
    ]
    if investigation.options:
        best = investigation.options[0]
        step = Piece(f"option {shown.text(best.id)}, {shown.text(best.title)}: ")
        points.append(("Next", (step, shown.piece(best.command, code=best.is_typed))))
    return Items(tuple((Piece(f"{title}: ", strong=True), *pieces) for title, pieces in points))


def _cause(investigation: Investigation, shown: Shown) -> tuple[Piece, ...]:
    if investigation.cause is None:
        return words("none of the possible causes stands out; see the hypotheses.")
    id_ = shown.piece(investigation.cause, code=True)
    pieces = [Piece(f"{HYPOTHESIS_TITLES[investigation.cause]} (")]
    if (hypothesis := investigation.cause_hypothesis) is not None:
        pieces += VERDICTS[hypothesis.verdict], Piece(", ")
    return (*pieces, id_, Piece(")."))


def _first_failure(investigation: Investigation) -> str:
    """The stretch of the pace; without one, the earliest sample, which need not be the first."""
    bins = [
        (at, pace.seconds) for pace in investigation.pace if pace.failed and (at := moment(pace.at))
    ]
    if bins:
        begin, seconds = min(bins)
        return f"between {stamp(begin)} and {stamp(begin + timedelta(seconds=seconds))} UTC"
    failed = (sample for sample in investigation.samples if sample.outcome != "sent")
    times = [at for sample in failed if (at := moment(sample.at))]
    return f"{stamp(min(times))} UTC or before" if times else "not known"


def _state(campaign: Campaign, shown: Shown) -> str:
    status = shown.text(campaign.status or "not known")
    if campaign.pause_reason:
        status += f" ({shown.text(campaign.pause_reason)})"
    counts = ", ".join(f"{n:,} {name}" for name, n in campaign.counts.by_name().items() if n)
    return f"{status}; {counts or 'no rows'}"


def _beside(campaigns: Sequence[Beside], shown: Shown) -> tuple[Block, ...]:
    if not campaigns:
        return (Paragraph(words("No campaign to compare with was found.")),)

    def line(title: str, name: str, *, code: bool = False) -> tuple[Piece, ...]:
        values = [shown.text(getattr(c, name) or "") or NOTHING for c in campaigns]
        cells = (Piece(v, code=code and v != NOTHING, strong=v != values[0]) for v in values)
        return (Piece(title), *cells)

    results = (shown.piece(campaign.result, mark=_mark(campaign)) for campaign in campaigns)
    table = Table(
        (Piece("What"), *(shown.piece(campaign.name) for campaign in campaigns)),
        (
            (Piece("Result"), *results),
            (Piece("Id"), *(shown.piece(campaign.id, code=True) for campaign in campaigns)),
            line("Status", "status"),
            line("Template", "template", code=True),
            line("Number", "number", code=True),
            line("Header media", "media_host", code=True),
            words("Sent", *(f"{campaign.sent:,}" for campaign in campaigns)),
            words("Failed", *(f"{campaign.failed:,}" for campaign in campaigns)),
            words("Rows", *(f"{campaign.total:,}" for campaign in campaigns)),
        ),
    )
    if len(campaigns) == 1:
        return (table,)
    return table, Paragraph(words("What differs from the first campaign is in bold."))


def _mark(campaign: Beside) -> Highlight:
    if campaign.failed:
        return Highlight.BAD
    return Highlight.GOOD if campaign.total and campaign.sent == campaign.total else Highlight.OPEN


def _timeline(investigation: Investigation, shown: Shown) -> tuple[Block, ...]:
    chart = _chart(investigation.pace)
    if not investigation.timeline:
        return chart, Paragraph(words("No events are known."))
    lines = tuple(
        words(when(event.at), shown.text(event.kind), shown.text(event.text))
        for event in investigation.timeline
    )
    return chart, Table(words("Time (UTC)", "Kind", "What happened"), lines)


def _chart(pace: Sequence[Pace]) -> Chart:
    """Sent, failed and in doubt, in stretches that fit a picture and a table."""
    bars = stretches(pace, _BARS_MAX)
    description = "No outcomes are known."
    if bars:
        sent = sum(bar.sent for bar in bars)
        failed = sum(bar.failed for bar in bars)
        in_doubt = sum(bar.in_doubt for bar in bars)
        description = (
            f"{sent:,} sent, {failed:,} failed, {in_doubt:,} in doubt between"
            f" {stamp(bars[0].begin)} and {stamp(bars[-1].begin)} UTC;"
            f" one bar is {duration(bars[0].seconds)}."
        )
    return Chart("Outcomes over time", description, bars, stretches(pace, _LINES_MAX))


def _hypotheses(investigation: Investigation, shown: Shown) -> Iterator[Block]:
    if not investigation.hypotheses:
        yield Paragraph(words("No hypothesis was examined."))
    for hypothesis in investigation.hypotheses:
        id_ = shown.piece(hypothesis.id, code=True)
        yield Heading(HYPOTHESIS_TITLES[hypothesis.id])
        yield Paragraph((VERDICTS[hypothesis.verdict], Piece(" · "), id_))
        if hypothesis.evidence:
            yield shown.items(hypothesis.evidence)


def _options(investigation: Investigation, shown: Shown) -> Iterator[Block]:
    if not investigation.options:
        yield Paragraph(words("No way out is known; the evidence above is for Meta."))
        return
    yield Paragraph(words("The best one first."))
    for option in investigation.options:
        yield Heading(f"Option {shown.text(option.id)}: {shown.text(option.title)}")
        if option.why:
            yield Paragraph((shown.piece(option.why),))
        command = shown.text(option.command)
        yield CodeBlock(command) if option.is_typed else Paragraph(words(command))


def _counts(campaign: Campaign, shown: Shown) -> Iterator[Block]:
    yield Paragraph(words(f"State: {_state(campaign, shown)}."))
    counts = campaign.counts.by_name()
    lines = [words(in_words(name), f"{n:,}", COUNTS[name]) for name, n in counts.items()]
    total = Piece(f"{sum(counts.values()):,}", strong=True)
    lines.append((Piece("All", strong=True), total, Piece("every row is in one of these")))
    yield Table(words("State", "Rows", "Meaning"), tuple(lines), frozenset((1,)))
    if speed := _speed(campaign):
        yield Paragraph(words(speed))
    if campaign.errors:
        errors = tuple(
            words(shown.text(error.code), shown.text(error.title), f"{error.count:,}")
            for error in campaign.errors[:_ERRORS_MAX]
        )
        yield Table(words("Code", "Error", "Rows"), errors, frozenset((2,)))
    if len(campaign.errors) > _ERRORS_MAX:
        left_out = len(campaign.errors) - _ERRORS_MAX
        yield Paragraph(words(f"{left_out:,} more codes are not listed."))


def _speed(campaign: Campaign) -> str:
    parts: list[str] = []
    if campaign.rate_per_second:
        parts.append(f"Speed: {campaign.rate_per_second:,.1f} messages/s.")
    if campaign.eta_seconds:
        parts.append(f"Time left at this speed: {duration(campaign.eta_seconds)}.")
    if campaign.oldest_ready_seconds:
        parts.append(f"The oldest ready row has waited {duration(campaign.oldest_ready_seconds)}.")
    return " ".join(parts)


def _appendix(investigation: Investigation, shown: Shown) -> tuple[Block, ...]:
    not_checked: Block = Paragraph(words("Nothing is named that could not be looked at."))
    if investigation.not_checked:
        not_checked = shown.items(investigation.not_checked)
    made = f"wacampaign {__version__}, {when(investigation.at)} UTC by the investigation, with "
    command = f"wacampaign investigate-135000 {investigation.campaign.id}"
    counted = f"{rows(investigation.failed)} failed with #{investigation.code}"
    return (
        Heading("Masked samples"),
        *sample_blocks(investigation.samples, shown),
        Heading("What was not checked"),
        not_checked,
        Heading("How this was made"),
        Paragraph(
            (
                Piece(made),
                shown.piece(command, code=True),
                Piece(
                    f". It counted {counted}. All times are UTC. Phone numbers, tokens and the"
                    " queries of addresses are left out."
                ),
            )
        ),
    )
