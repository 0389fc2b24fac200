"""Failed rows as they may be shown: by code with what the error table says, and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from wacampaign.core.errors import ErrorEntry, lookup
from wacampaign.core.masking import mask_phone, mask_secrets, mask_tokens
from wacampaign.core.recipient_forms import PHONE_CODES, recipient_forms

#: Rows whose text names no code of Meta's.
NO_CODE: Final = 0


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
        )

    @property
    def never_accepted(self) -> int:
        """Rows that may be tried again."""
        return self.count - self.accepted


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One failed row."""

    phone: str
    template: str | None
    text: str | None
    #: ISO 8601, UTC.
    at: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any], *, show_numbers: bool = False) -> FailedRow:
        """From one row of the database's `failed_rows`; phones masked unless `show_numbers`."""
        phone = row["phone"] or ""
        return cls(
            phone if show_numbers else mask_phone(phone),
            row["template"],
            _masked(row["text"], show_numbers),
            row["at"],
        )


def _masked(text: str | None, show_numbers: bool) -> str | None:
    """A row's error text on one line, without secrets."""
    if text is None:
        return None
    line = " ".join(text.split())
    return mask_tokens(line) if show_numbers else mask_secrets(line)
