"""Whether rows failed for how their phones are written: some programs send them as they stand."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.cells import cell
from wacampaign.core.phones import recipient
from wacampaign.core.words import rows, were

#: What Meta answers to a recipient that is no number: 131009, and 100 from older versions.
PHONE_CODES: Final = frozenset({100, 131009})

#: What Meta itself reads: plus signs, hyphens, parentheses and spaces beside the digits (Cloud
#: API, phone number formats).
_META_READS: Final = re.compile(r"^\+?[ (]*[1-9][0-9 ()-]*$", re.ASCII)
#: Samples shown, and characters of each.
_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 48


@dataclass(frozen=True, slots=True)
class RecipientForms:
    """How the phones of failed rows are written."""

    #: Failed rows that were looked at.
    compared: int = 0
    #: Of these, in a form that Meta does not read; of those again, no number that can be sent to.
    wrong: int = 0
    unreadable: int = 0
    #: Rows that were sent in such a form.
    sent_wrong: int = 0
    #: Some of them, all digits but the first and last two hidden.
    samples: tuple[str, ...] = ()

    @property
    def explains_all(self) -> bool:
        """Whether every failed row has such a phone, and none like it was sent."""
        return bool(self.wrong) and self.wrong == self.compared and not self.sent_wrong

    @property
    def readable(self) -> int:
        """Those that a worker reads as numbers before it sends."""
        return self.wrong - self.unreadable

    def sentences(self) -> tuple[str, ...]:
        """What was found, for people."""
        if not self.wrong:
            return ()
        found = [
            f"the phones of {self.wrong:,} of {self.compared:,} failed rows are written in a form "
            f"that Meta does not read (such as {', '.join(self.samples)})"
        ]
        if self.sent_wrong:
            found.append(f"{rows(self.sent_wrong)} with such phones {were(self.sent_wrong)} sent")
        if self.readable:
            found.append(
                f"{rows(self.readable)} of them went out as they stood: a worker of this version "
                "reads such phones as numbers"
            )
        if self.unreadable:
            found.append(f"{rows(self.unreadable)} of them have no number that can be sent to")
        return tuple(found)

    def step(self, campaign: str, code: int) -> str:
        """What to do about the failed rows."""
        if self.readable:
            return f"wacampaign retry-failed {campaign} --code {code}"
        return f"wacampaign failures {campaign} --code {code} --csv failed.csv"


def recipient_forms(failed: Sequence[str], sent: Iterable[str] = ()) -> RecipientForms:
    """Looks at the phones of failed rows, as they are written, and of rows that were sent."""
    wrong = [phone for phone in failed if _is_wrong(phone)]
    return RecipientForms(
        compared=len(failed),
        wrong=len(wrong),
        unreadable=sum(_is_unreadable(phone) for phone in wrong),
        sent_wrong=sum(map(_is_wrong, sent)),
        samples=tuple(dict.fromkeys(map(_shown, wrong)))[:_SAMPLES],
    )


def _is_unreadable(phone: str) -> bool:
    try:
        recipient(phone)
    except BadPhone:
        return True
    return False


def _is_wrong(phone: str) -> bool:
    return _META_READS.match(cell(phone)) is None or _is_unreadable(phone)


def _shown(phone: str) -> str:
    """The form without the number: `whatsapp:+44********23`."""
    digits = sum(map(str.isdigit, phone))
    seen = 0
    shown = []
    for char in phone[:_SAMPLE_CHARS]:
        if char.isdigit():
            seen += 1
            shown.append(char if seen <= 2 or seen > digits - 2 else "*")
        else:
            shown.append(char)
    return f"“{''.join(shown)}”"
