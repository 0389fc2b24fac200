"""What became of a campaign in words: the sections of the client's report, for every format."""

from collections.abc import Iterator
from typing import Final

from wacampaign import __version__
from wacampaign.core.campaign.client_report import ClientReport, Fates, ReportedCampaign
from wacampaign.core.words import counted
from wacampaign.report.campaign_compared import compared
from wacampaign.report.campaign_message import messages
from wacampaign.report.campaign_time import counts_of, early_bins, spans_of
from wacampaign.report.campaign_words import (
    DEFINITIONS,
    DELIVERED,
    FATES,
    NEVER_SENT,
    PRICE_TYPES,
    READ,
    SENT,
    UNDELIVERED,
    local,
    local_span,
    percent,
    zone_of,
)
from wacampaign.report.document import (
    Block,
    Document,
    Figure,
    Figures,
    Highlight,
    Items,
    Paragraph,
    Part,
    Parts,
    Piece,
    Section,
    Span,
    Table,
    TimeChart,
    words,
)
from wacampaign.report.shown import Shown
from wacampaign.report.wording import NOTHING, duration

#: Stretches of the picture: at 360 px one bar is then about 6 px wide.
_SPANS_MAX: Final = 56
#: Lines of the same as a table: a screen of a phone or two.
_LINES_MAX: Final = 24
#: Reasons that are named; the rest is summed.
_REASONS_MAX: Final = 12
#: Templates that are named; the rest is counted.
_TEMPLATES_MAX: Final = 30


def campaign_content(report: ClientReport) -> Document:
    """Everything of `report`, clean and masked, in the order in which it is read."""
    shown = Shown()
    campaign = report.campaign
    sections = [
        Section("summary", "Summary", tuple(_summary(report, shown))),
        Section("fates", "What became of the recipients", tuple(_fates(campaign))),
    ]
    if campaign.reasons:
        sections.append(
            Section("reasons", "Why messages did not arrive", tuple(_reasons(campaign, shown)))
        )
    sections.append(Section("times", "Over time", tuple(_times(report))))
    if len(report.templates) > 1:
        sections.append(Section("templates", "By template", tuple(_templates(report, shown))))
    if report.before is not None:
        title = "Beside another campaign" if report.before_is_named else "Beside the one before"
        sections.append(Section("beside", title, tuple(compared(report, report.before, shown))))
    sections.append(Section("message", "The message", tuple(messages(report.messages, shown))))
    if report.prices:
        sections.append(Section("charges", "What WhatsApp charges", tuple(_prices(report, shown))))
    sections.append(Section("counting", "How it is counted", tuple(_counting(report))))
    return Document(
        title=shown.text(campaign.name) or "Campaign without a name",
        subtitle=words(
            f"Campaign report · as of {local(report.at)} · all times are {zone_of(report.at)}"
        ),
        sections=tuple(sections),
    )


def _summary(report: ClientReport, shown: Shown) -> Iterator[Block]:
    campaign = report.campaign
    fates = campaign.fates
    yield Paragraph(words(_state(campaign, shown)))
    if fates.recipients:
        yield Figures(tuple(_figures(campaign)))
        yield Paragraph(
            words(f"Every per cent is of the {counted(fates.recipients, 'recipient')}.")
        )
    if notes := tuple(_notes(campaign)):
        yield Items(tuple((Piece(note, mark=Highlight.OPEN),) for note in notes))


def _state(campaign: ReportedCampaign, shown: Shown) -> str:
    fates = campaign.fates
    of = f"{fates.sent:,} of {counted(fates.recipients, 'message')}"
    span = local_span(campaign.began_at, campaign.last_sent_at)
    by = f" from {shown.text(', '.join(campaign.senders))}" if campaign.senders else ""
    if not fates.recipients:
        return "This campaign has no recipients."
    if not fates.sent:
        begun = {
            "running": "The campaign runs; nothing has been accepted by WhatsApp yet.",
            "scheduled": "The campaign is scheduled; nothing has been sent yet.",
            "paused": "The campaign is paused; nothing has been sent yet.",
        }
        return begun.get(campaign.status, "The campaign has ended; nothing was sent.")
    went = f"{of} went out{by}, {span}."
    if campaign.status == "completed":
        return f"The campaign is finished. {went}"
    if campaign.status == "failed":
        return f"The campaign was stopped before its end. {went}"
    state = "is paused" if campaign.status == "paused" else "is still running"
    return f"The campaign {state}, so these figures will change. {went}"


def _figures(campaign: ReportedCampaign) -> Iterator[Figure]:
    fates = campaign.fates
    yield Figure("Recipients", f"{fates.recipients:,}")
    for label, count, is_known in (
        (SENT.label, fates.sent, True),
        (DELIVERED.label, fates.delivered, campaign.is_heard),
        (READ.label, fates.read, campaign.is_heard),
        ("Replied", campaign.replied, campaign.replies_are_known),
        ("Did not arrive", fates.failed, True),
    ):
        if is_known:
            yield Figure(label, f"{count:,}", percent(count, fates.recipients))
        else:
            yield Figure(label, NOTHING, "not known")
    yield Figure(
        "Opted out since", f"{campaign.opted_out:,}", percent(campaign.opted_out, fates.recipients)
    )


def _notes(campaign: ReportedCampaign) -> Iterator[str]:
    """What a reader has to know before he believes the figures."""
    fates = campaign.fates
    if fates.sent and not campaign.is_heard:
        yield (
            "WhatsApp has told nothing about the messages of this number, so what was delivered "
            "and read is not known."
        )
    elif fates.silent:
        yield (
            f"Of {counted(fates.silent, 'message')} WhatsApp has told nothing since it took them; "
            "they may have arrived."
        )
    if fates.held:
        yield (
            f"WhatsApp holds {counted(fates.held, 'message')} back while it looks at the quality "
            "of the template; it delivers or drops them later."
        )
    if fates.in_doubt:
        yield (
            f"Whether {counted(fates.in_doubt, 'message')} went out is not known: the connection "
            "broke before WhatsApp's answer. None is sent a second time by itself."
        )
    if campaign.contradicted:
        yield (
            "WhatsApp told both arrival and failure of "
            f"{counted(campaign.contradicted, 'message')}; these count as delivered."
        )
    if campaign.unusable:
        yield (
            "1 entry of the list had no usable phone number and is no recipient."
            if campaign.unusable == 1
            else f"{campaign.unusable:,} entries of the list had no usable phone number and are no "
            "recipients."
        )


def _fates(campaign: ReportedCampaign) -> Iterator[Block]:
    fates = campaign.fates
    if not fates.recipients:
        yield Paragraph(words("There are no recipients."))
        return
    kinds = FATES | ({"waiting": NEVER_SENT} if campaign.is_over else {})
    counts = {name: getattr(fates, name, 0) for name in kinds}
    counts["unread"] = fates.delivered - fates.read
    yield Parts(
        "Recipients",
        tuple(
            Part(kind, counts[name], percent(counts[name], fates.recipients))
            for name, kind in kinds.items()
            if counts[name]
        ),
        fates.recipients,
    )


def _reasons(campaign: ReportedCampaign, shown: Shown) -> Iterator[Block]:
    total = campaign.fates.recipients
    named, rest = campaign.reasons[:_REASONS_MAX], campaign.reasons[_REASONS_MAX:]
    lines = [
        (shown.piece(reason.text), *words(f"{reason.count:,}", percent(reason.count, total)))
        for reason in named
    ]
    if rest:
        count = sum(reason.count for reason in rest)
        lines.append(words("Other reasons together", f"{count:,}", percent(count, total)))
    yield Table(words("Reason", "Recipients", "Share"), tuple(lines), frozenset((1, 2)))


def _times(report: ClientReport) -> Iterator[Block]:
    campaign = report.campaign
    shown_bins = early_bins(report.bins)
    spans, rows = spans_of(shown_bins, _SPANS_MAX), spans_of(shown_bins, _LINES_MAX)
    if not spans:
        yield Paragraph(words("Nothing has been sent yet."))
        return
    all_kinds = (SENT, DELIVERED, READ, UNDELIVERED)
    there = [n for n in range(len(all_kinds)) if any(span.counts[n] for span in spans)]
    kinds = tuple(all_kinds[n] for n in there)

    def only(some: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(
            Span(span.begin, span.seconds, tuple(span.counts[n] for n in there)) for span in some
        )

    sums = [sum(span.counts[n] for span in spans) for n in there]
    description = (
        ", ".join(f"{n:,} {kind.label.lower()}" for n, kind in zip(sums, kinds, strict=True))
        + f". One bar is {duration(spans[0].seconds)}; each row has its own scale."
    )
    yield TimeChart("When it happened", description, kinds, only(spans), only(rows))
    late = report.bins[len(shown_bins) :]
    if late:
        later = [sum(column) for column in zip(*map(counts_of, late), strict=True)]
        told = ", ".join(
            f"{n:,} {kind.label.lower()}" for n, kind in zip(later, all_kinds, strict=True) if n
        )
        yield Paragraph(words(f"Later, until {local(late[-1].at)}: {told}."))
    if campaign.half_within_s is not None and campaign.most_within_s is not None:
        yield Paragraph(
            words(
                f"Half of the delivered messages arrived within "
                f"{duration(campaign.half_within_s)} of being sent, 95 of 100 within "
                f"{duration(campaign.most_within_s)}."
            )
        )


def _templates(report: ClientReport, shown: Shown) -> Iterator[Block]:
    def line(name: str, fates: Fates) -> tuple[Piece, ...]:
        heard = (
            (f"{fates.delivered:,}", f"{fates.read:,}")
            if report.campaign.is_heard
            else (NOTHING, NOTHING)
        )
        sent = f"{fates.recipients:,}", f"{fates.sent:,}"
        return (shown.piece(name), *words(*sent, *heard, f"{fates.failed:,}"))

    head = words("Template", "Recipients", "Sent", "Delivered", "Read", "Failed")
    lines = tuple(line(one.name, one.fates) for one in report.templates[:_TEMPLATES_MAX])
    yield Table(head, lines, frozenset(range(1, len(head))))
    if (more := len(report.templates) - _TEMPLATES_MAX) > 0:
        yield Paragraph(words(f"{counted(more, 'template')} with fewer recipients not shown."))
    yield Paragraph(words("Failed: refused, or sent and not delivered."))


def _prices(report: ClientReport, shown: Shown) -> Iterator[Block]:
    total = sum(price.count for price in report.prices)
    charged = sum(price.count for price in report.prices if price.billable)
    yield Paragraph(
        words(
            f"WhatsApp has told the price category of {counted(total, 'message')}, and charges "
            f"{charged:,} of them. Its prices differ by country and are not in this report."
        )
    )
    said = {True: "yes", False: "no", None: "not said"}
    lines = tuple(
        words(
            shown.text((price.category or "not said").replace("_", " ")),
            shown.text(PRICE_TYPES.get(price.type or "", price.type or "not said")),
            said[price.billable],
            f"{price.count:,}",
        )
        for price in report.prices
    )
    yield Table(words("Category", "Type", "Charged", "Messages"), lines, frozenset((3,)))


def _counting(report: ClientReport) -> Iterator[Block]:
    yield Items(
        tuple((Piece(f"{name}: ", strong=True), Piece(f"{text}.")) for name, text in DEFINITIONS)
    )
    yield Paragraph(
        words(
            "Each message counts once, however often WhatsApp told of it. Phone numbers are "
            f"masked. Made by wacampaign {__version__} from what was known on {local(report.at)}."
        )
    )
