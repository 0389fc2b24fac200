"""The referee: an exact record of every message that was given a wamid.

Columns instead of objects keep a million messages near 300 MB, most of it their callback data.
"""

from __future__ import annotations

import secrets
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from itertools import compress
from typing import Literal, get_args

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


class Referee:
    """Everything accepted since the last reset, in order of acceptance (`seq`, from 0)."""

    def __init__(self) -> None:
        #: Random, so that wamids stay unique over restarts of the sandbox.
        self._wamid_prefix = "wamid.HBg" + secrets.token_hex(8).upper()
        self._numbers: list[str] = []
        self._number_index: dict[str, int] = {}
        self._templates: list[tuple[str, str]] = []
        self._template_index: dict[tuple[str, str], int] = {}
        self._to = array("Q")
        self._time = array("d")
        self._number = array("H")
        self._template = array("I")
        self._callback: list[str | None] = []
        self._per_recipient: dict[int, int] = {}
        self._per_callback: dict[str, int] = {}
        self.repeated_recipients = 0
        self.repeated_callback_data = 0
        self.without_callback_data = 0
        self._rates: dict[str, NumberRate] = {}

    def __len__(self) -> int:
        return len(self._callback)

    def rate(self, phone_number_id: str) -> NumberRate:
        """The rate record of one number."""
        rate = self._rates.get(phone_number_id)
        if rate is None:
            rate = self._rates[phone_number_id] = NumberRate()
        return rate

    def rates(self) -> dict[str, NumberRate]:
        """The rate record of each number that was asked to send."""
        return self._rates

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
        count = self._per_recipient.get(recipient, 0) + 1
        self._per_recipient[recipient] = count
        if count == 2:
            self.repeated_recipients += 1
        if callback is None:
            self.without_callback_data += 1
        else:
            count = self._per_callback.get(callback, 0) + 1
            self._per_callback[callback] = count
            if count == 2:
                self.repeated_callback_data += 1
        number_index = self._number_index.get(number)
        if number_index is None:
            number_index = self._number_index[number] = len(self._numbers)
            self._numbers.append(number)
        template_index = self._template_index.get(template)
        if template_index is None:
            template_index = self._template_index[template] = len(self._templates)
            self._templates.append(template)
        self._to.append(recipient)
        self._time.append(unix)
        self._number.append(number_index)
        self._template.append(template_index)
        self._callback.append(callback)
        self.rate(number).accept(now, unix)
        return len(self._callback) - 1

    def wamid(self, seq: int) -> str:
        """The wamid of message `seq`."""
        return f"{self._wamid_prefix}{seq:010d}"

    def message(self, seq: int) -> dict[str, object]:
        """One accepted message as the control API shows it; `time` in Unix seconds."""
        name, language = self._templates[self._template[seq]]
        return {
            "seq": seq,
            "to": str(self._to[seq]),
            "callback_data": self._callback[seq],
            "wamid": self.wamid(seq),
            "phone_number_id": self._numbers[self._number[seq]],
            "template": name,
            "language": language,
            "time": self._time[seq],
        }

    def recipients(self) -> int:
        """Distinct recipients."""
        return len(self._per_recipient)

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
        data starts with a prefix (a campaign's). Messages without callback data are in no group
        of `callback_data` and `recipient_callback_data`.
        """
        keep: bytearray | None = None
        if phone_number_id is not None or template is not None or callback_prefix is not None:
            keep = self._keep(phone_number_id, template, callback_prefix)
        to, callback = self._to, self._callback
        if by == "recipient":
            per_recipient = Counter(compress(to, keep)) if keep else self._per_recipient
            for recipient, count in per_recipient.items():
                yield {"to": str(recipient)}, count
        elif by == "callback_data":
            per_callback = Counter(compress(callback, keep)) if keep else self._per_callback
            for data, count in per_callback.items():
                if data is not None:
                    yield {"callback_data": data}, count
        elif by == "recipient_template":
            # Whoever got one message only is a group of one: no need to hold a million of them.
            repeated: Counter[tuple[int, int]] = Counter()
            numbers = zip(to, self._template, strict=True)
            for recipient, index in compress(numbers, keep) if keep else numbers:
                if self._per_recipient[recipient] > 1:
                    repeated[recipient, index] += 1
                else:
                    yield self._recipient_template(recipient, index), 1
            for (recipient, index), count in repeated.items():
                yield self._recipient_template(recipient, index), count
        else:
            repeated_data: Counter[tuple[int, str]] = Counter()
            pairs = zip(to, callback, strict=True)
            for recipient, data in compress(pairs, keep) if keep else pairs:
                if data is None:
                    continue
                if self._per_callback[data] > 1:
                    repeated_data[recipient, data] += 1
                else:
                    yield {"to": str(recipient), "callback_data": data}, 1
            for (recipient, data), count in repeated_data.items():
                yield {"to": str(recipient), "callback_data": data}, count

    def _recipient_template(self, recipient: int, index: int) -> dict[str, str]:
        name, language = self._templates[index]
        return {"to": str(recipient), "template": name, "language": language}

    def _keep(
        self, phone_number_id: str | None, template: str | None, callback_prefix: str | None
    ) -> bytearray:
        number = None if phone_number_id is None else self._number_index.get(phone_number_id, -1)
        templates = (
            None
            if template is None
            else {index for index, (name, _) in enumerate(self._templates) if name == template}
        )
        return bytearray(
            (number is None or a == number)
            and (templates is None or b in templates)
            and (callback_prefix is None or (c is not None and c.startswith(callback_prefix)))
            for a, b, c in zip(self._number, self._template, self._callback, strict=True)
        )
