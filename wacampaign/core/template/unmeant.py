"""Values that nobody meant to send: what spreadsheets, exporters and other programs leave behind.

Each is sound text for Meta, and goes out; the recipient reads "Hello #N/A". The patterns are in the
common part of Python's and PostgreSQL's expressions: the database marks rows with them, too.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Unmeant(StrEnum):
    """Kinds of such values, each with its own way to be allowed."""

    #: No value, a spreadsheet's error, or a variable that nobody filled.
    PLACEHOLDER = "placeholder"
    #: Text that another program should have turned into what it stands for.
    MARKUP = "markup"

    @property
    def flag(self) -> str:
        """What a person says to send them all the same."""
        return "--allow-placeholders" if self is Unmeant.PLACEHOLDER else "--allow-markup"


def allowed_kinds(*, placeholders: bool, markup: bool) -> frozenset[Unmeant]:
    """The kinds that a person's flags allow."""
    flags = ((Unmeant.PLACEHOLDER, placeholders), (Unmeant.MARKUP, markup))
    return frozenset(kind for kind, is_allowed in flags if is_allowed)


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that gives such a value away."""

    kind: Unmeant
    #: What the value is or holds, after the value: `“#N/A” is a spreadsheet's error`.
    what: str
    pattern: str
    #: Only in text that people read: elsewhere it may be part of a code or an address.
    is_of_prose: bool = False


#: As programs write "nothing". Names such as Nan, Null and Nil are people's, so their spelling
#: counts: a name begins with one capital.
_NOTHING: Final = (
    r"-?nan|NaN|NAN|NaT|null|NULL|none|None|NONE|nil|NIL|undefined|Undefined|UNDEFINED|"
    r"[nN]/[aA]|[nN]\.[aA]\.?|<NA>|\\N|[-+]?inf|[-+]Infinity|Invalid [dD]ate|"
    r"[nNsS]/[dD]|[\u043d\u041d]/[\u0434\u0414]|[kK]\. ?[aA]\.|n\.v\.t\.|"
    # No date, as databases, Excel and .NET have it.
    r"(?:0000-00-00|1899-12-30|0001-01-01)(?:[ T]00:00(?::00)?)?|1900-01-00|"
    r"0?[01][/.]0?[01][/.](?:0000|0001)(?: 0?0:00(?::00)?)?|(?:00[/.]01|0?1/00?)[/.]1900|"
    r"(?:30[/.]12|12/30)[/.]1899|"
    r"[(<\[](?:[nN]ull|NULL|[bB]lank|[eE]mpty|[nN]one|NONE|[uU]ndefined|[nN]o value)[)>\]]|"
    # Excel's name for empty cells.
    r"\((?:[lL]eer|[vV]ide|[vV]ac\u00edo|en blanco|[vV]uoto|[vV]azio|em branco|[pP]uste|[lL]eeg|"
    r"[bB]o\u015f|[\u043f\u041f]\u0443\u0441\u0442\u043e|\u7a7a\u767d)\)|"
    r"\[object [A-Za-z]+\]"
)
#: Errors in the languages that spreadsheets speak; those with ! or ? all look alike.
_ERROR_WITHOUT_END: Final = (
    "N/A|GETTING_DATA|DIV/0|REF|VALUE|N/D|NV|N/B|I/T|YOK|BRAK|N\u00c9V|PUUTTUU|HI\u00c1NYZIK|NEN\u00cd_K_DISPOZICI|"
    "\u041d/\u0414|\u0417\u041d\u0410\u0427"
)
_ERROR_INSIDE: Final = (
    r"#N/A|#(?:REF|VALUE|DIV/0|NULL|NUM|SPILL|CALC|BEZUG|WERT|ZAHL|VALEUR|VALOR|RIF)!|#NAME\?"
)
#: What a continuation byte of UTF-8 looks like when it is read as Windows-1252; those that may
#: follow a capital in sound text (quotation marks, dashes) are apart.
_TAIL: Final = (
    r"\u0080-\u009f\u20ac\u0192\u201e\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u02dc\u0161"
    r"\u203a\u0153\u017e\u0178\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u00bf"
)
_MARKS: Final = r"\u2018\u2019\u201a\u201c\u201d\u2013\u2014\u2022\u2026\u2122"
_ANY_TAIL: Final = f"[{_TAIL}{_MARKS}\\u00a0\\u00ab\\u00bb]"
#: The same of Windows-1251.
_CYRILLIC_TAIL: Final = (
    r"[\u0402\u0403\u0453\u0409\u040a\u040c\u040b\u040f\u0452\u0459\u045a\u045c\u045b\u045f\u040e"
    r"\u045e\u0408\u0490\u0401\u0404\u0407\u0406\u0456\u0491\u0451\u0454\u0458\u0405\u0455\u0457"
    r"\u2018-\u2026\u2030\u2039\u203a\u20ac\u2116\u2122\u00a0-\u00bb]"
)
_DOUBLY: Final = "|".join(
    (
        f"[\\u00c2-\\u00c5][{_TAIL}]",  # é as Ã©, ° as Â°, ş as ÅŸ
        f"[\\u00c2-\\u00c5][{_MARKS}](?=[a-z])",  # Österreich as Ã–sterreich
        r"[a-z\u00df-\u00f6\u00f8-\u00ff][\u00c3](?=[\s\u00a0]|$)",  # voilà as voilÃ
        r"[a-z]\u00c3[\u00ab\u00bb]|\u00c3[\u00ab\u00bb][a-z]",
        r"\u00e2[\u20ac\u0080\u201a\u201e]",  # ’ as â€™
        *(f"(?:{lead}{_ANY_TAIL}){{2}}" for lead in (
            r"[\u00ce\u00cf]", r"[\u00d0\u00d1]", r"\u00d7", r"[\u00d8\u00d9]",
        )),  # Greek, Cyrillic, Hebrew, Arabic
        f"\\u00e0[\\u00a4-\\u00bf]{_ANY_TAIL}",  # Indic scripts, Thai
        f"(?:[\\u00e3-\\u00e9]{_ANY_TAIL}{{2}}){{2}}",  # Chinese, Japanese, Korean
        r"\u00f0\u0178",  # emoji
        r"\u00ef\u00bb\u00bf",  # a byte order mark
        f"(?:[\\u0420\\u0421]{_CYRILLIC_TAIL}){{2}}",  # Cyrillic as РџСЂ
        r"\u221a[\u00a9\u00ae\u00a7\u2202\u00ba\u00b1\u2265\u00a8]|\u201a\u00c4[\u00ec\u00ee\u00f4]",
    )
)  # fmt: skip
#: Cyrillic, Greek, Polish read as Western Europe's: Èâàí, Bo¿ena, ³ukasz.
_AS_LATIN: Final = (
    r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]{4}"
    r"|[A-Za-z]\u00bf[a-z]|(?:^|\s)(?:\u00b3[a-z]{2}|\u00a3[a-z]{3})"
)
_NAMED: Final = r"[A-Za-z_][A-Za-z0-9_ .-]*"
#: The same in any script.
_LETTERS: Final = r"A-Za-z_\u00c0-\u1fff\u3040-\u9fff\uac00-\ud7a3"
_ANY_NAMED: Final = rf"[{_LETTERS}][{_LETTERS}0-9 .-]*"

SIGNS: Final = (
    Sign(Unmeant.PLACEHOLDER, "is no value", rf"^(?:{_NOTHING})$"),
    Sign(
        Unmeant.PLACEHOLDER,
        "is no value",
        r"^[-!-,./:-@\[-`{-~\s\u00a1\u00bf\u2010-\u2027\u2030-\u205e]+$",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.PLACEHOLDER,
        "is a spreadsheet's error",
        rf"^#(?:{_ERROR_WITHOUT_END})$|^#[\u00a1\u00bf]?[^a-z\s#]+[!?]$|{_ERROR_INSIDE}"
        r"|^#{3,}$|^Err:[0-9]{3}$",  # LibreOffice's
    ),
    Sign(
        Unmeant.PLACEHOLDER,
        "is a formula, not its result",
        r"^=[A-Za-z\u00c0-\u04ff][A-Za-z0-9.\u00c0-\u04ff]*\("
        r"|^=[-+@]?(?:'?[^!=]+!)?\$?[A-Z]{1,3}\$?[0-9]+(?:$|[-+*/&:;,<>])",
    ),
    Sign(
        Unmeant.PLACEHOLDER,
        "is a number that a spreadsheet has rounded",
        r"^[-+]?[0-9]+(?:[.,][0-9]+)?[eE][-+][0-9]{1,3}$",
    ),
    Sign(
        Unmeant.MARKUP,
        "holds HTML",
        r"<(?:/[A-Za-z][A-Za-z0-9]*|(?:br|BR|hr|p|P|b|B|i|I|u|em|strong|span|div|a|font|img|ul|ol|li"
        r"|h[1-6]|table|tr|td|script|style)(?:\s[^<>]*)?/?)>|<!--|<!\[CDATA\[",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.PLACEHOLDER,
        "holds a variable that nobody filled",
        r"\{\{[^{}]*\}\}|\[\[[^\[\]]+\]\]|<<[^<>]+>>|\$\{[^{}]*\}|\*\|[^|*]+\|\*"
        rf"|\{{[!$@]?{_ANY_NAMED}\}}|\{{#[^{{}}#]+#\}}|^<{_ANY_NAMED}>$|^\[{_ANY_NAMED}\]$"
        rf"|^\u00ab{_NAMED}\u00bb$|^\$[A-Za-z_]\w+$|^#[A-Za-z_]\w*#$"
        r"|^@@[^@]+@@$|^##[^#]+##$|^__\w+__$"
        r"|\[(?:[A-Za-z]+[ _-])?(?:[nN]ame|NAME)\]",
    ),
    Sign(
        Unmeant.PLACEHOLDER,
        "holds a variable that nobody filled",
        rf"%%{_ANY_NAMED}%%|%[{_LETTERS}]{{2}}[{_LETTERS}.]+%|^%[0-9$]*[sd]$",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.MARKUP,
        "holds an HTML character reference",
        r"&(?:[aA][mM][pP]|nbsp|NBSP|[lLgG][tT]|quot|apos|#[0-9]+|#[xX][0-9a-fA-F]+"
        r"|[A-Za-z]{1,2}(?:acute|grave|circ|uml|tilde|cedil|slash|ring|lig|caron)"
        r"|euro|pound|yen|copy|reg|trade|hellip|[mn]dash|[lr][sd]quo|[lr]aquo|szlig|middot|bull"
        r"|deg|sect|times|iexcl|iquest|cent|ord[fm]|frac[1-9]{2}|sup[123]|thinsp|e[mn]sp|shy|zwn?j);",
    ),
    Sign(
        Unmeant.MARKUP,
        "holds an escape sequence",
        r"\\[nrt]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\['\u0022]",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.MARKUP,
        "is encoded for an address or an e-mail",
        r"^[^/]*(?:%[C-E][0-9A-F]%[89AB][0-9A-F]|[A-Za-z]%20[A-Za-z])"
        r"|=\?[A-Za-z0-9-]+\?[QqBb]\?",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.MARKUP,
        "holds letters that were decoded wrongly",
        rf"\ufffd|{_DOUBLY}|{_AS_LATIN}",
    ),
    Sign(
        Unmeant.MARKUP,
        "holds a ? in the place of a letter",
        r"(?:^|\s)[A-Z][a-z]*\?[a-z]+(?:\s|$)",
        is_of_prose=True,
    ),
    Sign(
        Unmeant.MARKUP,
        "begins with a spreadsheet's apostrophe",
        r"^'(?:[-=+@]|[0-9][0-9.,]*$)",
    ),
)

#: Finds all that the signs find, and some that is sound, at a tenth of their cost: the database
#: asks it first.
QUICK_PATTERN: Final = (
    r"[{}<>*@_=+\\\[\]\ufffd\u0080-\u009f]|#[^0-9]|[&$][#A-Za-z_{]|%[A-Za-z0-9%$_\u00c0-\ud7a3]|\?[a-z]"
    r"|[eE]-[0-9]|Err:|[\u00c0-\u00ff]{4}|[A-Za-z]\u00bf|[\u00b3\u00a3][a-z]"
    r"|[\u00c2-\u00c5\u00ce-\u00d1\u00d7-\u00d9\u00e0\u00e2-\u00e9\u00ef\u00f0\u201a\u221a\u0420\u0421]"
    r"[\u0080-\u040f\u0450-\u07ff\u2000-\u2fff]|\u00c3(?:\s|$)"
    r"|^[^0-9A-Za-z\u00c0-\u1fff\u2c00-\U0010ffff]"
    r"|^(?:[nN][aAuUoOiI]|[uU]ndef|UNDEF|[nN][/.]|[sS]/|[\u043d\u041d]/|[kK]\.|inf|Inval"
    r"|0000-|0001-|1899-|1900-|[0-3]?[0-9][/.][0-3]?[0-9][/.](?:0000|0001|1899|1900))"
)


def pattern_of(kind: Unmeant, *, prose: bool) -> str:
    """One expression for all signs of a kind; `prose` as in `unmeant`."""
    patterns = (s.pattern for s in SIGNS if s.kind is kind and (prose or not s.is_of_prose))
    return "|".join(patterns)


_PATTERNS: Final = tuple((sign, re.compile(sign.pattern)) for sign in SIGNS)


def unmeant(text: str, *, prose: bool = True) -> Sign | None:
    """What gives `text` (without outer white space) away as nobody's words; None: nothing does.

    `prose`: it is text that people read, no code, address or id.
    """
    for sign, pattern in _PATTERNS:
        if (prose or not sign.is_of_prose) and pattern.search(text):
            return sign
    return None
