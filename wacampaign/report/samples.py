"""Masked rows of the queue, for the appendix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from wacampaign.core.investigation.model import Sample
from wacampaign.report.document import Block, Code, Mark, Paragraph, Piece
from wacampaign.report.shown import Shown
from wacampaign.report.wording import when

#: Samples that are written out; more of them say nothing new.
_SAMPLES_MAX: Final = 20
#: Characters of one payload; the largest that Meta takes are far smaller.
_PAYLOAD_CHARS_MAX: Final = 8_000


def sample_blocks(samples: Sequence[Sample], shown: Shown) -> list[Block]:
    """Each sample with what it was, what became of it, and its payload as JSON."""
    if not samples:
        return [Paragraph((Piece("No row was taken as a sample."),))]
    blocks: list[Block] = []
    for one in samples[:_SAMPLES_MAX]:
        mark = Mark.GOOD if one.outcome == "sent" else Mark.BAD
        blocks.append(
            Paragraph(
                (
                    Piece(shown.text(one.phone), code=True),
                    Piece(" · template "),
                    Piece(shown.text(one.template), code=True),
                    Piece(f" · {when(one.at)} UTC · " if one.at else " · "),
                    Piece(shown.text(one.outcome), mark=mark),
                )
            )
        )
        payload = json.dumps(shown.values(one.payload), indent=2, ensure_ascii=False)
        if len(payload) > _PAYLOAD_CHARS_MAX:
            payload = f"{payload[:_PAYLOAD_CHARS_MAX]}\n… cut"
        blocks.append(Code(payload))
    if len(samples) > _SAMPLES_MAX:
        text = f"{len(samples) - _SAMPLES_MAX:,} more samples are not written out."
        blocks.append(Paragraph((Piece(text),)))
    return blocks
