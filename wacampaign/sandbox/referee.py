"""The referee: an exact record of every message that was given a wamid.

Columns instead of objects keep a million messages near 300 MB, most of it their callback data.
"""

import secrets
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, Literal, get_args

from wacampaign.core.callback_data import callback_data, row_and_claim

CountBy = Literal["recipient", "callback_data", "recipient_template", "recipient_callback_data"]
COUNT_BY: tuple[str, ...] = get_args(CountBy)


class NumberRate:
    """Accepted messages of one number over time: the sliding second and whole seconds."""

    __slots__ = ("max_in_any_second", "seconds", "window")

    def __init__(self) -> None:
        #: Monotonic seconds of each message accepted within the last second.
        self.window: deque[float] = deque()
        #: Most messages accepted within any one sliding second.
        self.max_in_any_second = 0
        #: Unix second: messages accepted in it.
        self.seconds: dict[int, int] = {}

    def in_last_second(self, now: float) -> int:
        """Messages accepted in the second that ends at `now` (monotonic seconds)."""
        window = self.window
        while window and now - window[0] >= 1.0:
            window.popleft()
        return len(window)

    def accept(self, now: float, unix: float) -> None:
        """Enter one message."""
        count = self.in_last_second(now) + 1
        self.window.append(now)
        if count > self.max_in_any_second:
            self.max_in_any_second = count
        second = int(unix)
        self.seconds[second] = self.seconds.get(second, 0) + 1

    def shown(self) -> dict[str, object]:
        """The record as the control API shows it."""
        seconds = sorted(self.seconds.items())
        return {"max_in_any_second": self.max_in_any_second, "seconds": seconds}


class Referee:
    """Everything accepted since the last reset, in order of acceptance (`seq`, from 0)."""

    def __init__(self) -> None:
        #: Random, so that wamids stay unique over restarts of the sandbox.
        self._wamid_prefix = "wamid.HBg" + secrets.token_hex(8).upper()
        #: Phone number ids, and templates' names and languages, each with its place in the order.
        self._numbers: dict[str, int] = {}
        self._templates: dict[tuple[str, str], int] = {}
        self._to = array("Q")
        self._time = array("d")
        self._number = array("H")
        self._template = array("I")
        #: The row's part of each message's callback data, by which attempts at a row are one, and
        #: the claim's part. A claim's rows share one string.
        self._row: list[str | None] = []
        self._claim: list[str | None] = []
        self._claims: dict[str, str] = {}
        self.per_recipient: dict[int, int] = {}
        self._per_row: dict[str, int] = {}
        self.repeated_recipients = 0
        self.repeated_callback_data = 0
        self.without_callback_data = 0
        #: By phone number id, of each number that was asked to send.
        self.rates: dict[str, NumberRate] = {}

    def __len__(self) -> int:
        return len(self._row)

    def rate(self, phone_number_id: str) -> NumberRate:
        """The rate record of one number."""
        rate = self.rates.get(phone_number_id)
        if rate is None:
            rate = self.rates[phone_number_id] = NumberRate()
        return rate

    def accept(
        self,
        to: str,
        callback: str | None,
        number: str,
        template: tuple[str, str],
        now: float,
        unix: float,
    ) -> int:
        """Enter one accepted message and give its `seq`.

        `to` is the recipient's digits without a leading zero, `template` (name, language), `now`
        monotonic and `unix` wall-clock seconds.
        """
        recipient = int(to)
        count = self.per_recipient.get(recipient, 0) + 1
        self.per_recipient[recipient] = count
        if count == 2:
            self.repeated_recipients += 1
        row, claim = (None, None) if callback is None else row_and_claim(callback)
        if row is None:
            self.without_callback_data += 1
        else:
            count = self._per_row.get(row, 0) + 1
            self._per_row[row] = count
            if count == 2:
                self.repeated_callback_data += 1
        self._to.append(recipient)
        self._time.append(unix)
        self._number.append(self._numbers.setdefault(number, len(self._numbers)))
        self._template.append(self._templates.setdefault(template, len(self._templates)))
        self._row.append(row)
        self._claim.append(None if claim is None else self._claims.setdefault(claim, claim))
        self.rate(number).accept(now, unix)
        return len(self) - 1

    def wamid(self, seq: int) -> str:
        """The wamid of message `seq`."""
        return f"{self._wamid_prefix}{seq:010d}"

    def message(self, seq: int) -> dict[str, object]:
        """One accepted message as the control API shows it; `time` in Unix seconds."""
        name, language = tuple(self._templates)[self._template[seq]]
        return {
            "seq": seq,
            "to": str(self._to[seq]),
            "callback_data": self._callback(seq),
            "wamid": self.wamid(seq),
            "phone_number_id": tuple(self._numbers)[self._number[seq]],
            "template": name,
            "language": language,
            "time": self._time[seq],
        }

    def _callback(self, seq: int) -> str | None:
        row, claim = self._row[seq], self._claim[seq]
        return row if row is None or claim is None else callback_data(row, claim)

    def counts(
        self,
        by: CountBy,
        *,
        phone_number_id: str | None = None,
        template: str | None = None,
        callback_prefix: str | None = None,
    ) -> Iterator[tuple[dict[str, str], int]]:
        """Accepted messages per group, with the group's key in words.

        The filters keep the messages of one number, one template name, or those whose callback
        data starts with a prefix (a campaign's). All attempts at a row are in one group of
        `callback_data` and `recipient_callback_data`; messages without callback data are in none.
        """
        keep: bytearray | None = None
        if phone_number_id is not None or template is not None or callback_prefix is not None:
            keep = self._keep(phone_number_id, template, callback_prefix)
        to, rows = self._to, self._row
        if by == "recipient":
            per_recipient = Counter(compress(to, keep)) if keep else self.per_recipient
            for recipient, count in per_recipient.items():
                yield {"to": str(recipient)}, count
        elif by == "callback_data":
            per_row = Counter(compress(rows, keep)) if keep else self._per_row
            for row, count in per_row.items():
                if row is not None:
                    yield {"callback_data": row}, count
        else:
            # Whoever got one message only is a group of one: no need to hold a million of them.
            repeated: Counter[tuple[int, Any]] = Counter()
            by_template = by == "recipient_template"
            others: Sequence[Any] = self._template if by_template else rows
            pairs = zip(to, others, strict=True)
            for pair in compress(pairs, keep) if keep else pairs:
                recipient, other = pair
                if other is None:
                    continue
                if (self.per_recipient[recipient] if by_template else self._per_row[other]) > 1:
                    repeated[pair] += 1
                else:
                    yield self._group(recipient, other), 1
            for pair, count in repeated.items():
                yield self._group(*pair), count

    def _group(self, recipient: int, other: int | str) -> dict[str, str]:
        """A recipient with a template, by its place, or with a row's callback data."""
        if isinstance(other, str):
            return {"to": str(recipient), "callback_data": other}
        name, language = tuple(self._templates)[other]
        return {"to": str(recipient), "template": name, "language": language}

    def _keep(
        self, phone_number_id: str | None, template: str | None, callback_prefix: str | None
    ) -> bytearray:
        number = self._numbers.get(phone_number_id or "", -1)
        templates = {index for (name, _), index in self._templates.items() if name == template}
        return bytearray(
            (phone_number_id is None or a == number)
            and (template is None or b in templates)
            and (
                callback_prefix is None
                or ((data := self._callback(seq)) is not None and data.startswith(callback_prefix))
            )
            for seq, (a, b) in enumerate(zip(self._number, self._template, strict=True))
        )
