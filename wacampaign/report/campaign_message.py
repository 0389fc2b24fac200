"""The campaign's message as its recipients saw it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from wacampaign.core.campaign.client_report import SampleMessage
from wacampaign.core.template.preview import Bubble
from wacampaign.core.words import counted
from wacampaign.report.document import Block, Heading, Message, Paragraph, words
from wacampaign.report.shown import Shown

#: The id of an upload says nothing to a client, and looks like a phone number.
_UPLOAD: Final = re.compile(r": media id \d+(?=\])| \(media id \d+\)(?=\])")
#: Messages that are shown whole; the others are counted.
_MESSAGES_MAX: Final = 5


def messages(given: Sequence[SampleMessage], shown: Shown) -> Iterator[Block]:
    """Each template once, with what all of its recipients got."""
    if not given:
        yield Paragraph(words("No message is known."))
        return
    for sample in given[:_MESSAGES_MAX]:
        language = f" ({sample.language})" if sample.language else ""
        yield Heading(shown.text(sample.template + language))
        if sample.preview is None:
            yield Paragraph(words("Its text is not known here."))
            continue
        yield _bubble(sample.preview.bubble, shown, sample.preview.offer)
        for card in sample.preview.cards:
            yield _bubble(card, shown)
    if (more := len(given) - _MESSAGES_MAX) > 0:
        yield Paragraph(words(f"{counted(more, 'message')} more are not shown."))
    yield Paragraph(
        words(
            "What differs between recipients is shown as in the approved template: as its sample, "
            "or as its place, such as {{1}}."
        )
    )


def _bubble(bubble: Bubble, shown: Shown, offer: str | None = None) -> Message:
    lines = [shown.text(line) for line in bubble.body.splitlines()]
    if offer:
        lines.append(shown.text(offer))
    return Message(
        None if bubble.header is None else shown.text(_UPLOAD.sub("", bubble.header)),
        tuple(lines),
        None if bubble.footer is None else shown.text(bubble.footer),
        tuple(map(shown.text, bubble.buttons)),
    )
