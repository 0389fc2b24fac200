"""From a queue row's payload to the body of POST /messages.

A row's payload is `{"var1": …, "var2": …}`. The variables fill the template's slots in one order:
header (media, the variable of a text header, or the parts of a location or product), body, offer,
buttons, cards. Counts must agree exactly: a variable too many or too few would shift all that
follow, and people would get each other's text. What a row may leave out has a key of its own, such
as `filename`.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from wacampaign.core.cells import BLANKS, cell
from wacampaign.core.errors.kinds import COUNT_HOLD_AFTER
from wacampaign.core.outcomes import TEXT_LENGTH, Outcome, Scope, Verdict
from wacampaign.core.template.more_cards import MoreCards
from wacampaign.core.template.parameters import (
    WRITERS,
    encode_string,
    file_name,
    template_form,
)
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.values import is_blank, is_link, variable_count

#: Characters of `biz_opaque_callback_data` (Meta).
CALLBACK_LENGTH: Final = 512

#: Whole floats up to here are written without a fraction, as the backend's JavaScript does.
_FLOAT_EXACT: Final = 2.0**53

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
#: What a message is made of before and after its recipient, as `_encode` writes it.
_BEFORE_PHONE: Final = '{"messaging_product":"whatsapp","recipient_type":"individual","to":"+'
_AFTER_PHONE: Final = '","type":"template","template":'


class PayloadMismatch(ValueError):  # noqa: N818 - an outcome of its row, not a bug
    """The row's variables do not fit the template; nothing was sent. The text is for people."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not sent: {why}")

    @property
    def verdict(self) -> Verdict:
        """The row fails; several in a row hold the template, as then it is what changed."""
        return Verdict(
            Outcome.FAILED,
            text=str(self)[:TEXT_LENGTH],
            hold_scope=Scope.TEMPLATE,
            hold_after=COUNT_HOLD_AFTER,
        )


class _Cut(NamedTuple):
    """The JSON of a template, cut at its values."""

    #: What is before the first value.
    first: str
    #: For each value its slot's position, how it is written, and what follows it.
    rest: tuple[tuple[int, Callable[[str], str], str], ...]


class CompiledTemplate:
    """A template in one language, made ready to be filled many times."""

    __slots__ = (
        "_count",
        "_cuts",
        "_keys",
        "_more_cards",
        "_names_file",
        "_optional",
        "_shape",
        "_slots",
        "language",
        "name",
    )

    def __init__(
        self,
        name: str,
        language: str,
        components: Sequence[Mapping[str, Any]],
        parameter_format: str | None = None,
    ) -> None:
        """`components` as Meta returns them; `parameter_format` is `NAMED` or `POSITIONAL`, found
        out from the components when None. Raises `UnusableTemplate` for what cannot be sent.
        """
        self.name = name
        self.language = language
        self._shape = shape_of(components, parameter_format)
        required, optional = tuple(self._shape.slots()), tuple(self._shape.optional())
        #: Those that a row must fill, in the order of the variables, then those that it may.
        self._slots = required + optional
        self._keys = tuple(f"var{n}" for n in range(1, len(required) + 1))
        self._count = len(required)
        self._optional = tuple(slot.key or "" for slot in optional)
        self._names_file = any(slot.role == "filename" for slot in optional)
        self._more_cards = MoreCards(self._shape, self._slots)
        #: By the optional values that a row brings: nearly all rows of a campaign bring the same.
        self._cuts: dict[tuple[bool, ...], _Cut] = {}

    def _cut(self, brings: tuple[bool, ...]) -> _Cut:
        """`brings`: which of the optional values a row has."""
        cut = self._cuts.get(brings)
        if cut is None:
            mark = uuid4().hex  # in no template
            there = (*(True,) * self._count, *brings)
            marks = {slot: f"{mark}{i}" for i, slot in enumerate(self._slots) if there[i]}
            form = template_form(self.name, self.language, self._shape, marks.get)
            first, *places = re.split(rf'"{mark}(\d+)"(?::0)?', _encode(form))
            rest = (
                (int(i), WRITERS.get(self._slots[int(i)].role, encode_string), after)
                for i, after in zip(places[::2], places[1::2], strict=True)
            )
            cut = self._cuts[brings] = _Cut(_AFTER_PHONE + first, tuple(rest))
        return cut

    def template_object(self, payload: object) -> dict[str, Any]:
        """The `template` of a message for this payload. Raises `PayloadMismatch`."""
        values, brings = self._values(payload)
        pieces: list[str] = []
        self._write(pieces, values, self._cut(brings))
        written: dict[str, Any] = json.loads("".join(pieces)[len(_AFTER_PHONE) :])
        return written

    def body(self, to: str, payload: object, callback_data: str | None = None) -> bytes:
        """The JSON of POST /messages, as UTF-8 bytes.

        `to` is the phone with its country code; the plus that Meta needs (it would put the sender's
        country code in front otherwise) is added when missing. `callback_data` comes back in every
        status webhook, at most 512 characters. Only the row's own parts are written anew for each
        message.

        Raises `PayloadMismatch` for an empty phone and what `template_object` refuses, `ValueError`
        for callback data that is too long.
        """
        values, brings = self._values(payload)
        digits = cell(to).lstrip("+")
        if not digits:
            raise PayloadMismatch("the row has no phone number")
        pieces = [_BEFORE_PHONE, encode_string(digits)[1:-1]]
        self._write(pieces, values, self._cuts.get(brings) or self._cut(brings))
        if callback_data is not None:
            if len(callback_data) > CALLBACK_LENGTH:
                raise ValueError(f"callback data of more than {CALLBACK_LENGTH} characters")
            pieces.append(',"biz_opaque_callback_data":')
            pieces.append(encode_string(callback_data))
        pieces.append("}")
        return "".join(pieces).encode("ascii")

    def _write(self, pieces: list[str], values: Sequence[str], cut: _Cut) -> None:
        """Adds the template's JSON, its values in."""
        pieces.append(cut.first)
        for i, write, after in cut.rest:
            try:
                pieces.append(write(values[i]))
            except ValueError as why:
                raise PayloadMismatch(f"{self._what(i)} {why}") from None
            pieces.append(after)

    def _what(self, i: int) -> str:
        """The value at `i` for people: `var1 for body {{1}}`."""
        key = self._keys[i] if i < self._count else self._slots[i].key
        return f"{key} for {self._slots[i].label}"

    def _values(self, payload: object) -> tuple[list[str], tuple[bool, ...]]:
        """The values of all slots as text, "" for one left out; which optional ones are there."""
        if payload is None:
            payload = {}
        if not isinstance(payload, dict):
            raise PayloadMismatch("the payload is no object of variables")
        values = [payload.get(key) for key in self._keys]
        if len(payload) != self._count or None in values:
            self._check_names(payload)
        texts = [
            value if type(value) is str and value.strip(BLANKS) else self._text(i, value)
            for i, value in enumerate(values)
        ]
        if not self._optional:
            return texts, ()
        for i, key in enumerate(self._optional, start=self._count):
            value = payload.get(key)
            texts.append("" if is_blank(value) else self._text(i, value))
        if self._names_file:
            self._name_file(texts)
        if self._more_cards and (fault := self._more_cards.fault(texts)):
            raise PayloadMismatch(fault)
        return texts, tuple(map(bool, texts[self._count :]))

    def _name_file(self, values: list[str]) -> None:
        """A document without a name has that of its address: "Untitled" is nothing to read."""
        for i, slot in enumerate(self._slots):
            if slot.role == "filename" and not values[i]:
                values[i] = file_name(values[0]) if is_link(cell(values[0])) else ""

    def _check_names(self, payload: dict[Any, Any]) -> None:
        """Raises unless all variables are there and none is left over.

        Empty ones left over (blank columns at the end of a CSV) take nobody's place; keys that
        name no variable are other people's.
        """
        given = [k for k in payload if isinstance(k, str) and k[:3] == "var" and k[3:].isdecimal()]
        missing = [i for i, key in enumerate(self._keys) if payload.get(key) is None]
        surplus = [k for k in given if k not in self._keys and not is_blank(payload[k])]
        if not missing and not surplus:
            return
        present = sum(not is_blank(payload[key]) for key in given)
        text = f"the template takes {variable_count(self._count)}"
        if self._count:
            text += f" ({', '.join(self._shape.names)})"
        text += f", the row has {present}"
        if missing:
            gaps = ", ".join(f"{self._keys[i]} for {self._shape.names[i]}" for i in missing)
            text += f"; missing: {gaps}"
        if surplus:
            surplus.sort(key=lambda key: (len(key), key))
            text += f"; left over: {', '.join(surplus)}"
        raise PayloadMismatch(text)

    def _text(self, i: int, value: object) -> str:
        """Text of a value that is not plain text."""
        what = self._what(i)
        if isinstance(value, str):
            if cell(value):
                return value
            raise PayloadMismatch(f"{what} is empty")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PayloadMismatch(f"{what} is neither text nor a number")
        if isinstance(value, int):
            return str(value)
        if not math.isfinite(value):
            raise PayloadMismatch(f"{what} is no number that can be written")
        return str(int(value)) if value.is_integer() and abs(value) <= _FLOAT_EXACT else str(value)
