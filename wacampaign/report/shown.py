"""Text from data as a report may show it: clean, on one line, without phones and secrets.

The investigation masks already; this is the last line of defence before a file that is passed on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from wacampaign.core.investigation.model import Investigation
from wacampaign.core.masking import mask_secrets
from wacampaign.core.shown_text import one_line
from wacampaign.report.document import Highlight, Items, Piece

#: Ends before what an address would need escaped, or what usually closes it in a sentence.
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>|`\\^{}()\[\]]+", re.IGNORECASE)
#: The name of a file at the end of a path. `wa.me/447700900123` has none: it is a phone number.
_FILE: Final = re.compile(r"/[^/]+\.[a-z][a-z0-9]{1,4}$", re.IGNORECASE)


class Shown:
    """Makes text showable. `ids` are Meta's ids, which look like phones but are none."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = frozenset(ids)

    def text(self, value: object) -> str:
        """`value` on one line, masked; addresses of files and known ids stay readable."""
        line = clean(str(value))
        parts: list[str] = []
        end = 0
        for match in _ADDRESS.finditer(line):
            parts += self._masked(line[end : match.start()]), self._address(match[0])
            end = match.end()
        return "".join((*parts, self._masked(line[end:])))

    def piece(self, value: object, *, code: bool = False, mark: Highlight | None = None) -> Piece:
        """`value` as `text` gives it, as a run of text."""
        return Piece(self.text(value), code=code, mark=mark)

    def items(self, lines: Iterable[str]) -> Items:
        """A list of sentences."""
        return Items(tuple((self.piece(line),) for line in lines))

    def values(self, value: Any) -> Any:
        """A JSON value with every string in it, keys too, as `text` gives it."""
        if isinstance(value, Mapping):
            return {self.text(key): self.values(inner) for key, inner in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self.values(inner) for inner in value]
        if value is None or isinstance(value, bool):
            return value
        shown = self.text(value)
        # A number stays one, unless it was masked.
        return value if isinstance(value, int | float) and shown == str(value) else shown

    def _masked(self, text: str) -> str:
        return mask_secrets(text, ids=self._ids)

    def _address(self, text: str) -> str:
        try:
            path = urlsplit(text).path
        except ValueError:
            return self._masked(text)
        if not _FILE.search(path):
            return self._masked(text)
        # A password may stand before the host. A query may be a signature, and signatures have
        # no shape that masking could know.
        head, _, tail = text.partition(path)
        return self._masked(head) + path + (f"{tail[0]}…" if len(tail) > 1 else tail)


def shown_for(investigation: Investigation) -> Shown:
    """Keeps the ids that the investigation itself calls ids of numbers or media."""
    return Shown(
        filter(
            None,
            (
                investigation.campaign.number.phone_number_id,
                *(campaign.number for campaign in investigation.beside),
                *(probe.number for probe in investigation.probes),
                *(probe.media for probe in investigation.probes),
                *(g.value for g in investigation.groups if g.by in ("number", "media")),
            ),
        )
    )


def clean(text: str) -> str:
    """`text` on one line, with `�` for what cannot be shown."""
    return one_line(" ".join(text.split()))
