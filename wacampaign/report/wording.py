"""The report's own words: titles, verdicts, times, lengths of time."""

from datetime import datetime
from typing import Final

from wacampaign.core.campaign import in_doubt
from wacampaign.core.investigation.model import Likelihood
from wacampaign.report.document import Highlight, Piece
from wacampaign.report.pace import moment
from wacampaign.report.shown import clean

#: A hypothesis in words, by its id.
HYPOTHESIS_TITLES: Final = {
    "account_restricted": "The account or the number is restricted",
    "template_status": "The template is not approved",
    "template_mismatch": "The payload does not fit the template",
    "variables_illegal": "A variable holds what Meta does not allow",
    "media_host_differs": "The media is on another host than the template's approved media",
    "media_unreachable": "Meta cannot fetch the media",
    "media_invalid": "The media file itself is not acceptable",
    "media_expired": "The media id or address has expired",
    "number_specific": "Only this number is refused",
}

#: What each hypothesis claims, in few words.
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

VERDICTS: Final = {
    Likelihood.CONFIRMED: Piece("confirmed", strong=True, mark=Highlight.BAD),
    Likelihood.LIKELY: Piece("likely", strong=True, mark=Highlight.OPEN),
    Likelihood.UNLIKELY: Piece("unlikely"),
    Likelihood.RULED_OUT: Piece("ruled out", mark=Highlight.GOOD),
    Likelihood.NOT_CHECKED: Piece("not checked", mark=Highlight.OPEN),
}

#: What each count of a campaign's rows means.
COUNTS: Final = {
    "pending": "waiting to be made ready",
    "ready": "may go now",
    "retry_later": "wait for their next try",
    "processing": "taken by a live worker",
    "in_doubt": f"{in_doubt.UNSURE}; never sent again by itself",
    "sent": "accepted by Meta",
    "failed": "refused, or given up",
}

NOTHING: Final = "—"


def in_words(name: str) -> str:
    """`media_host` → `Media host`."""
    words = clean(name).replace("_", " ")
    return words[:1].upper() + words[1:]


def when(at: str | None) -> str:
    """A time as `2025-11-10 15:46:09` (UTC); what is no time stays as it is."""
    known = moment(at)
    if known is not None:
        return stamp(known)
    return clean(at) if at else NOTHING


def stamp(at: datetime) -> str:
    """`2025-11-10 15:46:09`; the caller says that it is UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """`9 s`, `2 min`, `1 h 5 min`, `3 d 4 h`: two units at most, the rest is cut off.

    Stretches of a chart are whole units: `core.words.duration` would call them `2 min 00 s`.
    """
    left = int(seconds)
    if left == 0 and seconds > 0:
        return f"{seconds:.1f} s"
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def share(part: int, whole: int) -> str:
    """A percentage that says 0 % and 100 % only when it is exactly that."""
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"
