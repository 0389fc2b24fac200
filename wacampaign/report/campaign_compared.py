"""A campaign beside another one: the same figures, of the recipients of each."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.campaign.client_report import ClientReport, ReportedCampaign
from wacampaign.core.words import seconds_between
from wacampaign.report.campaign_words import local, percent
from wacampaign.report.document import Block, Highlight, Paragraph, Piece, Table, words
from wacampaign.report.shown import Shown
from wacampaign.report.wording import NOTHING, duration

#: Seconds after the last message until most of what is read has been: before, an older campaign is
#: ahead by its age alone.
_RIPE: Final = 24 * 3600
_NOT_KNOWN: Final = "not known"


def compared(report: ClientReport, before: ReportedCampaign, shown: Shown) -> Iterator[Block]:
    """The other campaign's name and how it was chosen, the figures, and what is to be minded."""
    campaign = report.campaign
    how = (
        ""
        if report.before_is_named
        else (": the last one before this, from the same number or with one of its templates")
    )
    yield Paragraph(
        (
            Piece("Compared with "),
            Piece(shown.text(before.name) or "a campaign without a name", strong=True),
            Piece(f"{how}."),
        )
    )

    def line(title: str, name: str) -> tuple[Piece, ...]:
        return words(title, *(_of(one, getattr(one.fates, name)) for one in (campaign, before)))

    def heard(title: str, name: str) -> tuple[Piece, ...]:
        return words(
            title,
            *(
                _of(one, getattr(one.fates, name)) if one.is_heard else _NOT_KNOWN
                for one in (campaign, before)
            ),
        )

    both = (campaign, before)
    yield Table(
        words("What", "This one", "The other"),
        (
            words("Began", *(local(one.began_at) for one in both)),
            words("Recipients", *(f"{one.fates.recipients:,}" for one in both)),
            line("Sent", "sent"),
            heard("Delivered", "delivered"),
            heard("Read", "read"),
            words(
                "Replied",
                *(_of(one, one.replied) if one.replies_are_known else _NOT_KNOWN for one in both),
            ),
            line("Did not arrive", "failed"),
            words(
                "Half of the delivered within",
                *(
                    NOTHING if one.half_within_s is None else duration(one.half_within_s)
                    for one in both
                ),
            ),
        ),
        frozenset((1, 2)),
    )
    if not campaign.last_sent_at or not before.last_sent_at:
        return
    age = seconds_between(campaign.last_sent_at, report.at)
    if age < _RIPE and seconds_between(before.last_sent_at, campaign.last_sent_at) > 0:
        sentence = (
            f"This campaign's last message went out {duration(max(60, age))} ago. Most messages "
            "are read within a day, so the earlier campaign is ahead by its age."
        )
        yield Paragraph((Piece(sentence, mark=Highlight.OPEN),))


def _of(campaign: ReportedCampaign, count: int) -> str:
    return f"{count:,} ({percent(count, campaign.fates.recipients)})"
