"""Code pages that contact lists are saved in, and which readings of their bytes can be words.

A byte beyond ASCII is a letter in nearly every code page, so that bytes alone say little. What
tells them apart is what the letters make: words of one script, capitals where words begin, letters
that stand together in one language. `oddness` counts how often a reading breaks this.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple


class Spelling(NamedTuple):
    """How the words of one language are written, as far as it tells code pages apart."""

    #: Its letters beyond a to z, lower case.
    letters: frozenset[str]
    #: What none of its words contains, as a pattern on lower case words; None: nothing known.
    never: re.Pattern[str] | None = None


def _spelling(letters: str, never: str | None = None) -> Spelling:
    return Spelling(frozenset(letters), re.compile(never) if never else None)


#: Letters: the exemplar characters of Unicode CLDR's locale data, with those of common names.
_LATIN: Final = {
    "Spanish": _spelling("áéíóúüñ", "ñ(?![aeiouáéíóú])|[áéíóú].*[áéíóú]"),
    "French": _spelling("àâæçéèêëîïôœùûüÿ", "ç(?![aouàâô])|[àùÿ](?!s?$)|u[ûâîô]|ïo$"),
    "Portuguese": _spelling("ãõáâàçéêíóôú", "ç(?![aouãõáó])|õ(?!e)|ã(?![eon]|s?$)"),
    "Italian": _spelling("àèéìòù", "[àèìòù](?!$)"),
    "German": _spelling("äöüß", "^ß|[äöü][äöü]"),
    "Swedish, Finnish, Estonian": _spelling("äöåüé", "åå|[åé](?=[åé])"),
    "Danish, Norwegian": _spelling("æøåé", "[æøå][æøå]"),
    "Icelandic": _spelling("áðéíóúýþæö", "^ð|þ$"),
    "Dutch": _spelling("éëïöüè", "^[éëïöüè]{2}"),
    "Turkish": _spelling(
        "çğıöşüâîû", "^ğ|[^aeıioöuüâîû]ğ|[aeıioöuü][âîû]|[âîû][aeıioöuü]|ı[aeioöuü]"
    ),
    "Polish": _spelling("ąćęłńóśźż", "[ńćśź][aeouyąęó]|^[ąęńć]|[ąęó][ąęó]"),
    "Czech": _spelling("áčďéěíňóřšťúůýž", "^[ěůýň]|ů(?=[aeiou])|[áéíóúůý][áéíóúůý]"),
    "Slovak": _spelling("áäčďéíĺľňóôŕšťúýž", "[ĺŕ](?![bcčdfghjkmnpqsštvzž])|^[ĺŕ]"),
    "Hungarian": _spelling("áéíóöőúüű"),
    "Romanian": _spelling("ăâîşţșț", "^ă|ăă"),
    "Croatian, Slovene": _spelling("čćđšž", "[čćđšž]{3}"),
    "Lithuanian": _spelling("ąčęėįšųūž"),
    "Latvian": _spelling("āčēģīķļņšūž"),
}
_CYRILLIC: Final = {
    "Russian": _spelling(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "^[ыьъ]|[аеёиоуыэюяйьъ][ьъ]|ъ(?![еёюя])|[бвгджзклмнпрстфхцчшщ]й|[жшчщкгх]ы",
    ),
    "Ukrainian": _spelling(
        "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "^[иь]|[аеєиіїоуюяйь]ь|[бвгджзклмнпрстфхцчшщ][йї]"
    ),
    "Belarusian": _spelling(
        "абвгдеёжзійклмнопрстуўфхцчшыьэюя", "^[ыьў]|[^аеёіоуыэюя]ў|[бвгджзклмнпрстфхцчш]й"
    ),
    "Bulgarian": _spelling(
        "абвгдежзийклмнопрстуфхцчшщъьюя", "^ь|[аеиоуъюя]ь|ь(?!о)|[бвгджзклмнпрстфхцчшщ]й"
    ),
    "Serbian, Macedonian": _spelling("абвгдђежзијклљмнњопрстћуфхцчџшѓѕќ", "[аеиоу]{4}"),
}
_GREEK: Final = {
    "Greek": _spelling(
        "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
        "[άέήίόύώΐΰ].*[άέήίόύώΐΰ]|ς.|[^αεηιουωάέήίόύώ][ϊϋΐΰ]|^[ϊϋΐΰ]|σ$|[βγδζθκλμπτφχψ]$",
    ),
}
_HEBREW: Final = {"Hebrew": _spelling("אבגדהוזחטיכךלמםנןסעפףצץקרשת", "[ךםןףץ][א-ת]")}
_ARABIC: Final = {
    "Arabic, Persian, Urdu": _spelling("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگںہھےٹڈڑک", "[ةى]."),
}
_THAI: Final = {
    "Thai": _spelling(
        "".join(map(chr, range(0x0E01, 0x0E5B))),
        "^[ะ-ฺๅ-๎]|[เ-ไ](?![ก-ฮ])|ฯ.|[ะาำ][ะ-ฺๅ]|[ก-ฮ]{4}|[ัิ-ฺ][ะ-ฺ]|[^ก-ฮิ-ฺ็][่-๋]",
    ),
}


class CodePage(NamedTuple):
    """One code page that spreadsheets and address books write."""

    #: Python's codec.
    codec: str
    #: Its name as spreadsheets show it.
    label: str
    spellings: tuple[Spelling, ...]
    #: Of an East Asian code page: the lead bytes of its frequent characters.
    frequent: range = range(0)


def _page(codec: str, label: str, table: dict[str, Spelling], names: str = "") -> CodePage:
    chosen = names.split("; ") if names else list(table)
    return CodePage(codec, label, tuple(table[name] for name in chosen))


_WEST: Final = (
    "Spanish; French; Portuguese; Italian; German; Swedish, Finnish, Estonian; "
    "Danish, Norwegian; Icelandic; Dutch"
)
_CENTRAL: Final = "German; Polish; Czech; Slovak; Hungarian; Romanian; Croatian, Slovene"
_TURKISH: Final = "Turkish; Spanish; French; Portuguese; Italian; German; Dutch"

#: More frequent ones first: of two that read a list alike, the first is named. The lead bytes are
#: those of the standards' first levels: JIS X 0208, GB 2312, Big5, KS X 1001 (Hangul).
CODE_PAGES: Final = (
    _page("cp1252", "Windows-1252", _LATIN, _WEST),
    _page("cp1250", "Windows-1250", _LATIN, _CENTRAL),
    _page("cp1251", "Windows-1251", _CYRILLIC),
    _page("cp1254", "Windows-1254", _LATIN, _TURKISH),
    _page("cp1253", "Windows-1253", _GREEK),
    _page("cp1255", "Windows-1255", _HEBREW),
    _page("cp1256", "Windows-1256", _ARABIC),
    _page("cp1257", "Windows-1257", _LATIN, "Lithuanian; Latvian; Swedish, Finnish, Estonian"),
    _page("cp874", "Windows-874", _THAI),
    CodePage("cp932", "Shift JIS", (), range(0x88, 0x99)),
    CodePage("gb18030", "GB 18030", (), range(0xB0, 0xD8)),
    CodePage("big5hkscs", "Big5", (), range(0xA4, 0xC7)),
    CodePage("cp949", "EUC-KR", (), range(0xB0, 0xC9)),
    CodePage("euc_jp", "EUC-JP", (), range(0xB0, 0xD0)),
    _page("mac_roman", "Macintosh Roman", _LATIN, _WEST),
    _page("cp850", "MS-DOS 850", _LATIN, _WEST),
    _page("cp437", "MS-DOS 437", _LATIN, _WEST),
    _page("cp852", "MS-DOS 852", _LATIN, _CENTRAL),
    _page("cp857", "MS-DOS 857", _LATIN, _TURKISH),
    _page("cp866", "MS-DOS 866", _CYRILLIC),
    _page("koi8_r", "KOI8-R", _CYRILLIC),
    _page("koi8_u", "KOI8-U", _CYRILLIC),
    _page("mac_cyrillic", "Macintosh Cyrillic", _CYRILLIC),
    _page("mac_latin2", "Macintosh Central European", _LATIN, _CENTRAL),
    _page("iso8859_2", "ISO 8859-2", _LATIN, _CENTRAL),
    _page("iso8859_7", "ISO 8859-7", _GREEK),
    _page("iso8859_5", "ISO 8859-5", _CYRILLIC),
    _page("iso8859_15", "ISO 8859-15", _LATIN, _WEST),
)

#: Codecs of the Cyrillic ones.
CYRILLIC_PAGES: Final = frozenset(
    page.codec for page in CODE_PAGES if page.spellings[:1] == (_CYRILLIC["Russian"],)
)

#: Marks that stand in lists beside words: quotation marks, dashes, currencies, ordinals.
_NO_MARKS: Final = dict.fromkeys(
    map(ord, "“”„‘’‚«»‹›–—…•·°ºª€£¥$§©®™¿¡№、。・「」（）！？，：；　\xa0\u200e\u200f־׳״،؛؟ـ")
)
#: Of the East Asian code pages for which two bytes of A1 to FE mean other characters: lead bytes
#: (Big5: second bytes) that a list of many different characters has some of.
_PARTS: Final = {
    "gb18030": range(0xD0, 0xF8),
    "euc_jp": range(0xC9, 0xF5),
    "big5hkscs": range(0x40, 0x7F),
}
_FURTHER_LANGUAGE: Final = 0.5
#: How many are many, and what it counts when there is none.
MANY: Final = 16
_UNUSED: Final = 3.0
#: Marks inside a word, and those that stand before none. ’Α is what ISO 8859-7 makes of
#: Windows-1253's Ά.
_MISPLACED_MARK: Final = re.compile(
    r"(?<=[^\W\d_])[“”„‚«»‹›…•°€£¥§©®™¿¡№](?=[^\W\d_])|(?<!\w)(?:’(?=[α-ωΑ-Ω])|[ªº™®°](?=[^\W\d_]))"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*[^\s\x00-\x7f]*|[^\x00-\x7f]+")


def beyond_ascii(text: str) -> set[str]:
    """The different words of `text` that have letters beyond ASCII, marks left out."""
    words = {word.translate(_NO_MARKS) for word in _WORD.findall(text) if not word.isascii()}
    return {word for word in words if not word.isascii()}


def oddness(text: str, page: CodePage) -> float:
    """How unlike words the parts of `text` beyond ASCII are; 0 where nothing is odd.

    A word of a known language counts 0, one that this language would not spell so 1, letters of no
    one language 2, what cannot be a word 4. Each further language that is needed counts 0.5, as
    people of several countries are in one list.
    """
    words = beyond_ascii(text)
    total = _UNUSED if page.frequent and _part_unused(words, page) else 0.0
    total += len(_MISPLACED_MARK.findall(text))
    needed: list[frozenset[int]] = []
    for word in words:
        cost, languages = _judge(word, page)
        total += cost
        if languages:
            needed.append(languages)
    return total + _FURTHER_LANGUAGE * _languages_beyond_one(needed)


def _judge(word: str, page: CodePage) -> tuple[float, frozenset[int]]:
    if page.frequent:
        return _east_asian(word, page), frozenset()
    if not all(c.isalpha() or unicodedata.category(c) == "Mn" for c in word):
        return 4, frozenset()
    if unicodedata.category(word[0]) == "Mn" or _bent_case(word):
        return 4, frozenset()
    lower = word.replace("İ", "i").replace("I", "i").lower() if "İ" in word else word.lower()
    own = {c for c in lower if not c.isascii()}
    if any(c.isascii() for c in lower) and not _is_latin(own):
        return 4, frozenset()
    fitting = [i for i, s in enumerate(page.spellings) if own <= s.letters]
    if not fitting:
        return 2 if any(own & s.letters for s in page.spellings) else 4, frozenset()
    well = [i for i in fitting if not ((p := page.spellings[i].never) and p.search(lower))]
    return (0, frozenset(well)) if well else (1, frozenset(fitting))


def _is_latin(letters: Iterable[str]) -> bool:
    return all(unicodedata.name(c, "").startswith("LATIN") for c in letters)


def _bent_case(word: str) -> bool:
    """Whether a capital stands inside a word of small letters where one is beyond ASCII."""
    if word.isupper():
        return False
    return any(
        (b.isupper() and a.isalpha() and not b.isascii())
        or (a.islower() and b.isupper() and not a.isascii())
        for a, b in pairwise(word)
    )


def _bytes_of(char: str, page: CodePage) -> bytes:
    """How the page writes `char`; "?" for what it reads and does not write, some rare forms."""
    return char.encode(page.codec, "replace")


def _east_asian(word: str, page: CodePage) -> float:
    cost = 0.0
    scripts: set[str] = set()
    for char in word:
        if char.isascii():
            scripts.add("Latin")
            continue
        name = unicodedata.name(char, "?").split("-")[0].split(" ")[0]
        scripts.add(name)
        if name == "CJK":
            cost += page.codec == "cp949" or _bytes_of(char, page)[0] not in page.frequent
        elif name == "HANGUL":
            cost += 0 if _bytes_of(char, page)[0] in page.frequent else 2
        elif name not in ("HIRAGANA", "KATAKANA") or page.codec not in ("cp932", "euc_jp"):
            cost += 2
    if "Latin" in scripts or {"CJK", "HANGUL"} <= scripts:
        cost += 4
    return min(cost, 4)


def _part_unused(words: set[str], page: CodePage) -> bool:
    """Whether many characters leave a part of the page unused, as Korean read as Chinese does."""
    if page.codec not in _PARTS:
        return False
    beyond = {_bytes_of(c, page)[:2] for word in words for c in word if not c.isascii()}
    used = {code[0] if page.codec != "big5hkscs" else code[-1] for code in beyond}
    return len(beyond) >= MANY and used.isdisjoint(_PARTS[page.codec])


def _languages_beyond_one(needed: list[frozenset[int]]) -> int:
    """Further languages that the words need beside the one that most of them are of."""
    count = 0
    while needed:
        tally = Counter(i for languages in needed for i in languages)
        most = tally.most_common(1)[0][0]
        needed = [languages for languages in needed if most not in languages]
        count += 1
    return max(0, count - 1)
