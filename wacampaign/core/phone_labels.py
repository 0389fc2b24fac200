"""The words around a phone: what address books and people call it, and what stands between two."""

import re
import unicodedata
from typing import Final

from wacampaign.core.bad_phone import BadPhone

EMPTY: Final = "no phone number"
LETTERS: Final = "letters in the phone number"
#: A word of any script.
WORD: Final = re.compile(r"[^\W\d_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text))  # vowel signs of some scripts part a word


#: What address books write beside a number, and people in front of it.
_LABELS: Final = _words(
    "mobile mobil mob mobilnummer mobiltelefon m cell cellular cellphone handy portable "
    "celular cel movil móvil cellulare gsm phone ph tel telephone telefon telefono teléfono "
    "téléphone telefone fon fone t whatsapp wa wapp wsp number no nr num numero número "
    "iphone android voice main home work office business private privat personal primary "
    "default preferred pref other casa trabajo hauptnummer домашний мобильный моб тел "
    "телефон рабочий сотовый "
    "मोबाइल फ़ोन جوال هاتف موبايل واتساب 手机 电话 携帯 電話 휴대폰 전화 "
)
_FAX: Final = frozenset({"fax", "telefax", "факс"})
#: Words between two numbers.
BETWEEN: Final = _words(
    "or and oder und ou et o y e u of en ve veya atau dan eller och og lub i и или або أو و "
    "या और bzw alt "
)
#: Categories of telephones, hearts and what makes them coloured.
_PICTURES: Final = frozenset({"So", "Sk", "Mn"})
_AT_THE_EDGE: Final = frozenset(" .:-()[]*'\"’‘`/<>_")


def without_labels(text: str) -> str:
    """`text` from its first digit or plus to its last digit; around it are labels only."""
    start = next((i for i, char in enumerate(text) if char.isdigit() or char == "+"), len(text))
    end = next((i for i in range(len(text), start, -1) if text[i - 1].isdigit()), start)
    around = f"{text[:start]} {text[end:]}"
    words = [word.lower() for word in WORD.findall(around)]
    if not _FAX.isdisjoint(words):
        raise BadPhone("a fax number")
    if start == end and not words:
        raise BadPhone(EMPTY)
    if not _LABELS.issuperset(words):
        raise BadPhone(LETTERS)
    rest = [char for char in WORD.sub("", around) if unicodedata.category(char) not in _PICTURES]
    if start == end or not _AT_THE_EDGE.issuperset(rest):
        raise BadPhone(EMPTY if start == end else "not written as a phone number")
    return text[start:end]
