"""Error codes in a text as Meta, gateways and logs print them."""

import re
from typing import Final, NamedTuple

from wacampaign.core.errors.table import error_table


class Printed(NamedTuple):
    """A code, and the subcode beside it."""

    #: None: only a subcode is printed.
    code: int | None
    subcode: int | None = None

    def __str__(self) -> str:
        return "/".join(str(number) for number in self if number is not None)


#: Codes as Meta prints them have at most seven digits; what is longer is an id or a phone.
_NUMBER: Final = r"(\d{1,7})(?!\d)"
#: `"code":132000` in an answer or webhook, `code=132000` in a log, `code 132000`, `(#132000)`.
_MARKED: Final = re.compile(
    rf"(?:(?P<sub>(?:error[_ ]?)?sub[_ ]?code)|(?<!sub)(?<!sub[_ ])(?:error[_ ])?code|\berror"
    rf"|Exception|#)[\"\\']*\s*[:=#]?\s*[\"\\'(#]*{_NUMBER}(?:\s*/\s*#?{_NUMBER})?",
    re.IGNORECASE,
)
#: 100/33, 100.33, 100:33 and 100 33 alone.
_PAIR: Final = re.compile(rf"^\(?#?{_NUMBER}\s*([/.:,\s-])\s*#?{_NUMBER}\)?$")
#: 100 (subcode 33), with a code that nothing marks as one.
_UNMARKED_BEFORE_SUB: Final = re.compile(
    rf"(?<![\w.:/-]){_NUMBER}\W{{1,3}}(?=(?:error[_ ]?)?sub[_ ]?code)", re.IGNORECASE
)
#: 131047/2494055 somewhere in a line: a code of six digits and a subcode of seven.
_PAIR_IN_LINE: Final = re.compile(r"(?<![\w/])(\d{6})\s*/\s*(\d{7})(?![\w/])")
_AT_THE_START: Final = re.compile(rf"^\W*{_NUMBER}(?=\W|$)")
_ANYWHERE: Final = re.compile(rf"(?<![\w.:/-]){_NUMBER}(?![\w/-]|[.:]\d)")
#: Graph's own codes have subcodes; WhatsApp's have six digits.
_GRAPH_CODES_BELOW: Final = 1000
#: Digits of the subcodes that have no meaning as a code.
_SUBCODE_DIGITS: Final = 7
#: Codes from here on are hardly anything else, such as an hour, when they stand in a line.
_SURELY_A_CODE: Final = 1000
#: Letters of a title that is found in a text without any code.
_TITLE_LETTERS: Final = 10


def printed_codes(text: str) -> tuple[Printed, ...]:
    """The codes that `text` names, each once, in its order; none when it names no code."""
    text = " ".join(text.split())
    found = _marked(text) or _alone(text) or _by_title(text)
    return tuple(dict.fromkeys(found))


def _marked(text: str) -> list[Printed]:
    codes: list[Printed] = []
    if not any(match["sub"] is None for match in _MARKED.finditer(text)):
        text = _UNMARKED_BEFORE_SUB.sub(r"code \1 ", text)
    for match in _MARKED.finditer(text):
        number, beside = int(match[2]), match[3]
        if match["sub"] is None:
            codes.append(Printed(number, int(beside) if beside else None))
        elif codes and codes[-1].subcode is None:
            # An answer names the code twice, in its message and by itself; the subcode is of both.
            code = codes[-1].code
            codes = [Printed(code, number) if one.code == code else one for one in codes]
        else:
            codes.append(Printed(None, number))
    # A subcode that stands before its code.
    if len(codes) == 2 and codes[0].code is None and codes[1].subcode is None:
        codes = [Printed(codes[1].code, codes[0].subcode)]
    with_subcode = {one.code for one in codes if one.subcode is not None}
    return [one for one in codes if one.subcode is not None or one.code not in with_subcode]


def _alone(text: str) -> list[Printed]:
    known = error_table().entries
    if (pair := _PAIR.match(text)) is not None:
        code, other = int(pair[1]), int(pair[3])
        of_graph = code < _GRAPH_CODES_BELOW
        sub = (code, other) in error_table().subcodes or len(pair[3]) == _SUBCODE_DIGITS
        if pair[2] in "/.:-" or (of_graph and sub):
            return [Printed(code, other)]
        return [Printed(code), Printed(other)]
    if pairs := _PAIR_IN_LINE.findall(text):
        return [Printed(int(code), int(subcode)) for code, subcode in pairs]
    numbers = [int(match[1]) for match in _ANYWHERE.finditer(text)]
    if numbers and not re.search(r"[^\W\d_]", text):
        return [_one(number) for number in numbers]
    in_line = [_one(number) for number in numbers if number >= _SURELY_A_CODE and number in known]
    if (start := _AT_THE_START.match(text)) is not None and not in_line:
        return [_one(int(start[1]))]
    return in_line


def _one(number: int) -> Printed:
    if len(str(number)) == _SUBCODE_DIGITS and number not in error_table().entries:
        return Printed(None, number)
    return Printed(number)


def _by_title(text: str) -> list[Printed]:
    line = text.casefold()
    titles = {
        entry.title.casefold(): code
        for code, entry in error_table().entries.items()
        if len(entry.title) >= _TITLE_LETTERS and code not in error_table().old_codes
    }
    return [
        Printed(code)
        for title, code in titles.items()
        if re.search(rf"\b{re.escape(title)}(?!\w)", line)
    ][:1]
