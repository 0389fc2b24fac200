"""What failed, as it may be shown: by code with what the error table says, and one by one.

Three kinds are told apart: refused rows, which Meta did not accept; undelivered ones, which it
accepted and then failed; and those left out, to people who want or get no marketing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from wacampaign.core.campaign.error_counts import error_count
from wacampaign.core.campaign.name import from_number
from wacampaign.core.errors import ErrorEntry, lookup
from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens
from wacampaign.core.recipient_forms import PHONE_CODES, recipient_forms

#: Rows whose text names no code of Meta's.
NO_CODE: Final = 0


#: What those left out are called, and what to do about them.
LEFT_OUT: Final = "opted out of marketing, or rest from it"
LEFT_OUT_STEP: Final = (
    "nothing: retry-failed takes them once that has ended; wacampaign optouts list shows since when"
)


def written_again(short_id: str) -> str:
    """What makes a list of the undelivered ones, for a new campaign."""
    return f"wacampaign results {short_id} --state undelivered --show-numbers --csv FILE"


@dataclass(frozen=True, slots=True)
class Failure:
    """The failed rows of one code, and what the error table says of it."""

    #: 0: the rows' texts name no code.
    code: int
    #: Failed rows; how many of them were accepted first and failed later (never sent again).
    count: int
    accepted: int
    entry: ErrorEntry
    #: The entry's, with the campaign's short id in its commands.
    next_step: str
    #: The text of one row, masked.
    text: str | None
    #: Part of those without a code: never sent, as the recipient wants or gets no marketing.
    left_out: int = 0
    #: What the rows themselves show of the cause, one sentence each.
    cause: tuple[str, ...] = ()

    def seen_in(self, phones: Sequence[str], short_id: str) -> Failure:
        """The same with the cause, when it is how the phones of these failed rows are written."""
        if self.code not in PHONE_CODES:
            return self
        forms = recipient_forms(phones)
        if forms.wrong * 2 <= forms.compared:
            return self
        step = forms.step(short_id, self.code)
        return replace(self, cause=forms.sentences(), next_step=step)

    @classmethod
    def of(cls, answer: Mapping[str, Any], short_id: str, *, show_numbers: bool = False) -> Failure:
        """From one element of the database's `failures`; `short_id` goes into commands."""
        code = int(answer["code"])
        # 0 is Meta's AuthException, too, but that never fails a row: it is kept until a person
        # resumes. Without a code nobody knows whether the message left: another sender's timeout.
        entry = lookup(None if code == NO_CODE else code, 400)
        return cls(
            code,
            int(answer["count"]),
            int(answer["accepted"]),
            entry,
            entry.next_step.replace("CAMPAIGN", short_id),
            _masked(answer["text"], show_numbers),
            int(answer["left_out"]),
        )

    def from_number(self, phone_number_id: str | None) -> Failure:
        """The same with the campaign's number in its commands; None: it is not known."""
        return replace(self, next_step=from_number(self.next_step, phone_number_id))

    @property
    def refused(self) -> int:
        """Rows that Meta, or whoever sent them, did not take."""
        return self.count - self.left_out

    @property
    def title(self) -> str:
        """What the error is called."""
        return self.entry.title

    @property
    def never_accepted(self) -> int:
        """Rows that may be tried again."""
        return self.count - self.accepted


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The messages of one code that were accepted and failed afterwards."""

    code: int
    count: int
    #: Meta's own where the error table has none.
    title: str
    entry: ErrorEntry
    #: The entry's, with the campaign's short id in its commands.
    next_step: str
    #: What Meta said of one of them, masked.
    text: str | None

    @classmethod
    def of(
        cls, answer: Mapping[str, Any], short_id: str, *, show_numbers: bool = False
    ) -> Undelivered:
        """From one element of the database's `undelivered`; `short_id` goes into commands."""
        error = error_count(answer)
        entry = lookup(error.code or None, 400)
        return cls(
            error.code,
            error.count,
            error.title,
            entry,
            # What is tried again is what was refused.
            entry.next_step.replace(
                f"wacampaign retry-failed CAMPAIGN --code {error.code}", written_again(short_id)
            ).replace("CAMPAIGN", short_id),
            _masked(answer["text"], show_numbers),
        )

    def from_number(self, phone_number_id: str | None) -> Undelivered:
        """As a `Failure`'s."""
        return replace(self, next_step=from_number(self.next_step, phone_number_id))


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One failed row, or one message that failed after it was accepted."""

    phone: str
    template: str | None
    text: str | None
    #: When it failed, and when it had been accepted. ISO 8601, UTC.
    at: str | None
    accepted_at: str | None
    #: None: it was never accepted.
    wamid: str | None
    #: Never sent, as the recipient wants or gets no marketing.
    left_out: bool

    @property
    def kind(self) -> str:
        """`refused`, `left out` or `undelivered`."""
        if self.left_out:
            return "left out"
        return "refused" if self.wamid is None else "undelivered"

    @classmethod
    def of(cls, row: Mapping[str, Any], *, show_numbers: bool = False) -> FailedRow:
        """From one row of the database's `failed_rows` or `undelivered_rows`; phones masked unless
        `show_numbers`."""
        phone = row["phone"] or ""
        return cls(
            phone if show_numbers else mask_phone(phone),
            row["template"],
            _masked(row["text"], show_numbers),
            row["at"],
            row["accepted_at"],
            row["wamid"],
            row["left_out"],
        )


def _masked(text: str | None, show_numbers: bool) -> str | None:
    """A row's error text on one line, without secrets."""
    if text is None:
        return None
    line = " ".join(text.split())
    return mask_tokens(line) if show_numbers else mask_secrets(line)
