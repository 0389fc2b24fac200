"""Which column holds the recipients' phones: by its name first, then by what is in it."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from wacampaign.core.columns.names import fold

#: A word of a column's name that means a phone, in the languages that lists come in. Folded.
_WORDS: Final = frozenset(
    map(
        fold,
        [
            "phone",
            "phones",
            "phonenumber",
            "phoneno",
            "telephone",
            "tel",
            "fon",
            "telefon",
            "telefono",
            "telefone",
            "telefoon",
            "telefonnummer",
            "telefonnr",
            "telephonenumber",
            "rufnummer",
            "mobile",
            "mobil",
            "mobiel",
            "mobilenumber",
            "mobileno",
            "mobilnummer",
            "mobilephone",
            "handy",
            "handynummer",
            "handynr",
            "cell",
            "cellphone",
            "cellnumber",
            "celular",
            "celulares",
            "cel",
            "movil",
            "portable",
            "gsm",
            "msisdn",
            "whatsapp",
            "whatsappnumber",
            "whatsappno",
            "wanumber",
            "waid",
            "telepon",
            "telpon",
            "nohp",
            "ponsel",
            "telefonszam",
            "puhelin",
            "puhelinnumero",
            "telefonu",
            "cep",
            "ceptelefonu",
            "komorka",
            "telefonska",
            "contactnumber",
            "contactno",
            "phonenum",
            "телефон",
            "телефоны",
            "мобильный",
            "мобильныи",
            "мобильний",
            "мобилен",
            "τηλεφωνο",
            "κινητο",
            "טלפון",
            "נייד",
            "هاتف",
            "الهاتف",
            "جوال",
            "الجوال",
            "موبايل",
            "موبایل",
            "تلفن",
            "موبائل",
            "फोन",
            "फ़ोन",
            "मोबाइल",
            "ফোন",
            "মোবাইল",
            "போன்",
            "โทรศัพท์",
            "เบอร์โทร",
            "mobilszám",
            "mobiltelefon",
            "mobiltelefonnummer",
            "matkapuhelin",
            "telemóvel",
            "mobiele",
            "telefoonnummer",
            "cellulare",
            "mobilfunk",
            "mobilfunknummer",
            "tlf",
            "fono",
            "fone",
            "simu",
            "telefoni",
            "mobitel",
            "telefonski",
            "telefonas",
            "telefons",
            "tālrunis",
            "sími",
            "телефону",
            "телефона",
            "моб",
            "сотовый",
            "сотовыи",
            "الموبايل",
            "เบอร์มือถือ",
            "தொலைபேசி",
            "điện",
            "sđt",
        ],
    )
)
#: Names that mean it only when nothing else stands in them: "order number" is none.
_WHOLE: Final = frozenset(
    map(
        fold,
        [
            "number",
            "numbers",
            "no",
            "nr",
            "num",
            "numero",
            "nummer",
            "nomor",
            "nomorhp",
            "nowa",
            "연락처",
            "شماره تماس",
            "номер",
            "رقم",
            "contact",
            "contacts",
            "kontakt",
            "contacto",
            "recipient",
            "recipients",
            "empfanger",
            "destinatario",
            "to",
            "wa",
            "msg",
            "sdt",
            "dienthoai",
        ],
    )
)
#: Parts of names in scripts that put no space between words.
_PARTS: Final = ("手机", "手機", "电话", "電話", "携帯", "휴대", "전화", "핸드폰")
_BETWEEN: Final = re.compile(r"[\s\d_.,:;/|()\[\]{}#'\"+*–-]+")
_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

#: Of the best column's score: what reaches this share may be the phones as well.
_MAY_BE: Final = 0.6


class NoPhones(ValueError):  # noqa: N818 - told to people, not raised as a bug
    """No column holds a phone number."""


class SeveralPhones(ValueError):  # noqa: N818 - told to people, not raised as a bug
    """Several columns may be the recipients' phones; `columns` are their positions from 0."""

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__("several columns hold phone numbers")
        self.columns = tuple(columns)


def means_phone(name: str) -> bool:
    """Whether a column of this name is meant to hold phones."""
    whole = fold(name)
    if whole in _WORDS or whole in _WHOLE or any(part in name for part in _PARTS):
        return True
    words = [*_BETWEEN.split(name), *_BETWEEN.split(_CAPITAL.sub(" ", name))]  # WhatsApp is one
    return any(fold(word) in _WORDS for word in words)


def find_phone_column(
    header: Sequence[str] | None, scores: Sequence[float], variables: Collection[int] = ()
) -> int:
    """The position of the phones' column, from 0.

    `scores` say for each column how much of it reads as phones, 0 to 1; `variables` are columns
    that the template's own names claim, which are the recipients' only if nothing else is. Raises
    `NoPhones`, `SeveralPhones`.
    """
    best = max(scores, default=0.0)
    if best <= 0:
        raise NoPhones("no column holds phone numbers")
    strong = [i for i, score in enumerate(scores) if score >= _MAY_BE * best]
    if header is not None:
        named = [
            i
            for i, (name, score) in enumerate(zip(header, scores, strict=False))
            if score > 0 and means_phone(name)
        ]
        # A named one that is weak against another that is not named: neither is sure.
        strong = [i for i in named if i in strong] or sorted({*strong, *named})
    if len(strong) > 1:
        strong = [i for i in strong if i not in variables] or strong
    if len(strong) > 1:
        raise SeveralPhones(strong)
    return strong[0]
