"""From a queue row's payload to the body of POST /messages.

A row's payload is `{"var1": …, "var2": …}`. The variables fill the template's slots in one order:
header (media, or the variable of a text header), body, buttons. Counts must agree exactly: a
variable too many or too few would shift all that follow, and people would get each other's text.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from wacampaign.core.cells import BLANKS, cell
from wacampaign.core.errors.kinds import COUNT_HOLD_AFTER
from wacampaign.core.outcomes import TEXT_LENGTH, Outcome, Scope, Verdict
from wacampaign.core.template.shape import Slot, shape_of
from wacampaign.core.template.values import is_blank, is_link, variable_count

#: Characters of `biz_opaque_callback_data` (Meta).
CALLBACK_LENGTH: Final = 512

#: Whole floats up to here are written without a fraction, as the backend's JavaScript does.
_FLOAT_EXACT: Final = 2.0**53

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
#: A string as `_encode` writes it, at a tenth of the cost.
_encode_string: Final = json.encoder.encode_basestring_ascii
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


class CompiledTemplate:
    """A template in one language, made ready to be filled many times."""

    __slots__ = (
        "_count",
        "_first",
        "_keys",
        "_language",
        "_rest",
        "_shape",
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
        self._language = {"code": language}
        self._keys = tuple(f"var{n}" for n in range(1, self._shape.count + 1))
        self._count = len(self._keys)
        self._first, self._rest = self._parts()

    def _parts(self) -> tuple[str, list[tuple[int, bool, str]]]:
        """The JSON of `template_object` cut at its values: what is before the first, then for each
        value its number, whether it is a medium, and what follows it."""
        # A link, so that a medium takes it, and one that is in no template.
        mark = f"https://{uuid4().hex}/"
        filled = self.template_object({key: f"{mark}{i}" for i, key in enumerate(self._keys)})
        first, *places = re.split(rf'("{mark}\d+")', _encode(filled))
        rest = []
        before = first
        for place, after in zip(places[::2], places[1::2], strict=True):
            i = int(place[len(mark) + 1 : -1])
            medium = before.endswith('{"link":')
            rest.append((i, medium, after))
            before = after
        return _AFTER_PHONE + first, rest

    def template_object(self, payload: object) -> dict[str, Any]:
        """The `template` of a message for this payload. Raises `PayloadMismatch`."""
        values = self._values(payload)
        shape = self._shape
        components: list[dict[str, Any]] = []
        at = 0
        if shape.header is not None:
            components.append(
                {"type": "header", "parameters": [_parameter(shape.header, values[0])]}
            )
            at = 1
        body = shape.body
        if body:
            parameters = [_parameter(body[i], values[at + i]) for i in range(len(body))]
            components.append({"type": "body", "parameters": parameters})
        code_at = at
        at += len(body)
        for button in shape.buttons:
            component: dict[str, Any] = {
                "type": "button",
                "sub_type": button.sub_type,
                "index": button.index,
            }
            slot = button.slot
            if slot is not None:
                if button.repeats_code:
                    value = values[code_at]
                else:
                    value = values[at]
                    at += 1
                component["parameters"] = [_parameter(slot, value)]
            components.append(component)
        template = {"name": self.name, "language": self._language}
        return template | {"components": components} if components else template

    def body(self, to: str, payload: object, callback_data: str | None = None) -> bytes:
        """The JSON of POST /messages, as UTF-8 bytes.

        `to` is the phone with its country code; the plus that Meta needs (it would put the sender's
        country code in front otherwise) is added when missing. `callback_data` comes back in every
        status webhook, at most 512 characters. Only the row's own parts are written anew for each
        message.

        Raises `PayloadMismatch` for an empty phone and what `template_object` refuses, `ValueError`
        for callback data that is too long.
        """
        values = self._values(payload)
        digits = cell(to).lstrip("+")
        if not digits:
            raise PayloadMismatch("the row has no phone number")
        pieces = [_BEFORE_PHONE, _encode_string(digits)[1:-1], self._first]
        for i, medium, after in self._rest:
            value = values[i]
            if medium:
                where, value = _medium(value)
                if where == "id":
                    pieces[-1] = pieces[-1][: -len('"link":')] + '"id":'
            pieces.append(_encode_string(value))
            pieces.append(after)
        if callback_data is not None:
            if len(callback_data) > CALLBACK_LENGTH:
                raise ValueError(f"callback data of more than {CALLBACK_LENGTH} characters")
            pieces.append(',"biz_opaque_callback_data":')
            pieces.append(_encode_string(callback_data))
        pieces.append("}")
        return "".join(pieces).encode("ascii")

    def _values(self, payload: object) -> list[str]:
        """The values of var1 … varN as text."""
        if payload is None:
            payload = {}
        if not isinstance(payload, dict):
            raise PayloadMismatch("the payload is no object of variables")
        values = [payload.get(key) for key in self._keys]
        if len(payload) != self._count or None in values:
            self._check_names(payload)
        return [
            value if type(value) is str and value.strip(BLANKS) else self._text(i, value)
            for i, value in enumerate(values)
        ]

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
        what = f"{self._keys[i]} for {self._shape.names[i]}"
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


def _medium(value: str) -> tuple[str, str]:
    """By which word a header's medium is given, and the medium."""
    value = cell(value)
    return ("link" if is_link(value) else "id"), value


def _parameter(slot: Slot, value: str) -> dict[str, Any]:
    if slot.role == "media":
        where, value = _medium(value)
        return {"type": slot.type, slot.type: {where: value}}
    if slot.parameter_name is not None:
        return {"type": "text", "parameter_name": slot.parameter_name, "text": value}
    return {"type": slot.type, slot.type: value}
