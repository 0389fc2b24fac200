"""One row's values against the places that they go to: what is sent, or why it cannot be.

It is asked for every row of a list, so nearly all of them leave after some looks at the whole row.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from wacampaign.core.masking import mask_secrets
from wacampaign.core.template.filled import FilledText, addresses_before, filled_texts
from wacampaign.core.template.kinds import PROSE
from wacampaign.core.template.moments import milliseconds_of
from wacampaign.core.template.more_cards import MoreCards
from wacampaign.core.template.parameters import WRITERS
from wacampaign.core.template.shape import Shape, Slot
from wacampaign.core.template.unmeant import Unmeant, unmeant
from wacampaign.core.template.url_ending import ending_of
from wacampaign.core.template.values import faults_of_value, is_media_id, is_url

#: Characters of a value that is shown.
_SHOWN: Final = 40

# Looks at a whole row, a line break before each value. Together they see all that `unmeant` and
# `faults_of_value` find, and some that is sound: what they see is looked at value by value.
# Each is one class of characters or begins with one, which is ten times as fast as alternatives.
#: Characters that neither names nor plain texts have; signs of text that was decoded wrongly.
_ODD: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\\{}<>*_@=+\[\]\u0080-\u009f\u2028\u2029\ufffd]")
_ODD_PAIR: Final = re.compile(
    r"[#&%$?](?:(?<=#)[^0-9]|(?<=[&$])[#A-Za-z_{]|(?<=%)[%A-Za-z0-9$_\u00c0-\ud7a3]|(?<=\?)[a-z])"
)
_EXPONENT: Final = re.compile("[eE]-[0-9]")
_ODD_LETTERS: Final = re.compile(
    "[\u00c2-\u00c5\u00ce-\u00d1\u00d7-\u00d9\u00e0\u00e2-\u00e9\u00ef\u00f0\u201a\u221a\u0420\u0421]"
    "(?:[^\x00-\x7f\u0410-\u044f]|(?<=\u00c3)(?:\\s|$))"
)
_ODD_LATIN: Final = re.compile(
    "[\u00a3\u00b3\u00bf\u00c0-\u00ff](?:(?<=[\u00a3\u00b3\u00bf])[a-z]|(?<=[\u00c0-\u00ff])[\u00c0-\u00ff]{3})"
)
#: Values of which the looks above see nothing: most rows of plain words, told at one go.
_PLAIN: Final = re.compile(
    r"(?:\n[A-Za-z0-9][A-Za-z0-9 .,!()/]*(?:[%?](?=[ \n.,!?)]|\Z)[A-Za-z0-9 .,!()/]*)*)+"
)
_ODD_START: Final = re.compile(r"\n[^\w\n]")
#: Whole values, in small letters; `unmeant` knows which spellings are names.
_ODD_VALUES: Final = frozenset(
    [
        *("nan", "nat", "null", "none", "nil", "undefined", "n/a", "n.a", "n.a."),
        *("inf", "infinity", "invalid date", "n/d", "s/d", "\u043d/\u0434", "n.v.t."),
        *("k.a.", "k. a."),
    ]
)
_MEDIUM: Final = re.compile(r"[0-9]+|https?://[^\s/]\S*", re.IGNORECASE)
_CODE: Final = re.compile(r"[A-Za-z0-9]+")


class RowFault(NamedTuple):
    """Why a row cannot be sent as it is."""

    #: For people: the place and what is wrong there.
    text: str
    #: It could be sent, and looks like nobody's words. None: it cannot.
    unmeant: Unmeant | None = None


class RowCheck:
    """The places of one template, made ready to look at many rows.

    Values are those of the required slots (var1, var2, …) and of the optional ones behind them, ""
    where the row leaves one out; without outer white space.
    """

    def __init__(
        self,
        components: Sequence[Mapping[str, Any]],
        shape: Shape,
        allowed: Collection[Unmeant] = (),
        now: datetime | None = None,
    ) -> None:
        """`allowed`: kinds of values that are sent though they look like nobody's words.

        `now`: what ends before it is over; None: this moment.
        """
        required = tuple(shape.slots())
        self._count = len(required)
        self._slots: tuple[Slot, ...] = (*required, *shape.optional())
        self._allowed = frozenset(allowed)
        self._texts: tuple[FilledText, ...] = filled_texts(components, shape)
        #: What a text of a value may have; a one-time password has less than its text.
        of_texts = {at: text.limit for text in self._texts for at in text.slots}
        self._limits = tuple(
            (at, slot.limit)
            for at, slot in enumerate(self._slots)
            if slot.limit < of_texts.get(at, slot.limit + 1)
        )
        rooms = [text.room // len(text.slots) for text in self._texts]
        #: Characters of a whole row within which nothing is too long.
        self._enough = min([*rooms, *(limit for _, limit in self._limits)], default=0)
        #: Values with a form of their own, by position.
        self._forms = tuple(
            (at, form)
            for at, slot in enumerate(self._slots)
            if (form := _FORMS.get(slot.role)) is not None
        )
        #: Values that are not sent as they stand, by position.
        before = addresses_before(self._texts)
        self._endings = tuple(
            (at, before.get(at, "")) for at, slot in enumerate(self._slots) if slot.role == "suffix"
        )

        self._ends = tuple(at for at, slot in enumerate(self._slots) if slot.role == "expires")
        self._now = now or datetime.now().astimezone()
        self._more_cards = MoreCards(shape, self._slots)

    def turned(self, values: list[str]) -> list[str]:
        """The values as they are sent: endings of URLs encoded, and cut out of whole addresses; the
        end of an offer in milliseconds.

        Raises `ValueError`, whose text is for people.
        """
        if not self._endings and not self._ends:
            return values
        values = list(values)
        at = 0
        try:
            for at, address in self._endings:
                if values[at]:
                    values[at] = ending_of(values[at], address)
            for at in self._ends:
                if values[at]:
                    values[at] = milliseconds_of(values[at], self._now)
        except ValueError as why:
            raise ValueError(f"{self._slots[at].label} {why}") from None
        return values

    def fault_of_all(self, at: int, value: str) -> str | None:
        """What is wrong with a value that all rows have at this place (from 0), or None."""
        values = [""] * len(self._slots)
        values[at] = value
        try:
            fault = self._fault_of(self._slots[at], self.turned(values)[at])
        except ValueError as why:
            return str(why)
        return None if fault is None else fault.text

    def fault(self, values: Sequence[str]) -> RowFault | None:
        """The first thing wrong with a row of these values, or None."""
        row = "\n" + "\n".join(values)
        if (
            row.count("\n") == len(values)
            and "     " not in row
            and (_PLAIN.fullmatch(row) is not None or self._is_plain(row, values))
            and _ODD_VALUES.isdisjoint(row.lower().split("\n"))
            # Years of dates that are none; `unmeant` knows how they are written.
            and not ("1900" in row or "1899" in row or "0001" in row or "0000" in row)
            and (len(row) <= self._enough or self._is_short(values))
            and (not self._forms or self._have_forms(values))
            and not (self._more_cards and self._more_cards.fault(values))
        ):
            return None
        return self._fault(values)

    def _is_plain(self, row: str, values: Sequence[str]) -> bool:
        return (
            _ODD.search(row) is None
            and _ODD_START.search(row) is None
            and "Err:" not in row
            and "" not in values[: self._count]
            and _ODD_PAIR.search(row) is None
            and ("-" not in row or _EXPONENT.search(row) is None)
            and (
                row.isascii()
                or (_ODD_LETTERS.search(row) is None and _ODD_LATIN.search(row) is None)
            )
        )

    def _have_forms(self, values: Sequence[str]) -> bool:
        return all(is_form(value) for at, is_form in self._forms if (value := values[at]))

    def _is_short(self, values: Sequence[str]) -> bool:
        for at, limit in self._limits:
            if len(values[at]) > limit:
                return False
        return all(text.length(values) <= text.limit for text in self._texts)

    def _fault(self, values: Sequence[str]) -> RowFault | None:
        for at, (slot, value) in enumerate(zip(self._slots, values, strict=True)):
            is_left_out = not value and at >= self._count
            if not is_left_out and (fault := self._fault_of(slot, value)) is not None:
                return fault
        for text in self._texts:
            length = text.length(values)
            if length > text.limit:
                its = "value" if len(text.slots) == 1 else "values"
                return RowFault(
                    f"{text.label} has {length:,} characters with its {its}, at most "
                    f"{text.limit:,} are possible"
                )
        cards = self._more_cards.fault(values)
        return None if cards is None else RowFault(cards)

    def _fault_of(self, slot: Slot, value: str) -> RowFault | None:
        limit = slot.limit
        for code, what, _ in faults_of_value(value, limit, coupon=slot.role == "coupon"):
            most = f", at most {limit:,} are possible" if code == "too_long" else ""
            return RowFault(f"{slot.label} {what}{most}")
        # Braces of a flow's data are JSON's.
        found = None if slot.role == "flow_data" else unmeant(value, prose=slot.role in PROSE)
        if found is not None and found.kind not in self._allowed:
            return RowFault(f"{slot.label}: “{_shown(value)}” {found.what}", found.kind)
        is_form = _FORMS.get(slot.role)
        if is_form is None or is_form(value):
            return None
        if slot.role == "media":
            return RowFault(f"{slot.label}: “{_shown(value)}” is neither a URL nor a media id")
        return RowFault(f"{slot.label} {_why_not_written(slot.role, value)}")


def _is_medium(value: str) -> bool:
    return is_media_id(value) or (is_url(value) and _MEDIUM.fullmatch(value) is not None)


def _written(role: str) -> Callable[[str], bool]:
    return lambda value: _why_not_written(role, value) is None


def _why_not_written(role: str, value: str) -> str | None:
    try:
        WRITERS[role](value)
    except ValueError as why:
        return str(why)
    return None


#: Whether a value has the form that its place takes, by role.
_FORMS: Final[Mapping[str, Callable[[str], object]]] = {
    **{role: _written(role) for role in WRITERS if role != "suffix"},
    "media": _is_medium,
    "coupon": _CODE.fullmatch,
}


def _shown(value: str) -> str:
    text = mask_secrets(" ".join(value.split()))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
