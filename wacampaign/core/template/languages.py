"""Codes of a template's languages, and which one a person meant who wrote another.

Meta takes a code exactly as the translation has it (`en_US`), and no other language in its place.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

#: What people call a language → how its codes begin. Source: Meta's list of supported languages
#: (message templates, 2026), in English; and what some call their own.
_NAMES: Final = {
    "afrikaans": "af", "albanian": "sq", "arabic": "ar", "azerbaijani": "az", "belarusian": "be",
    "bengali": "bn", "bulgarian": "bg", "catalan": "ca", "chinese": "zh", "croatian": "hr",
    "czech": "cs", "danish": "da", "dansk": "da", "dari": "prs", "deutsch": "de", "dutch": "nl",
    "english": "en", "español": "es", "estonian": "et", "filipino": "fil", "finnish": "fi",
    "français": "fr", "french": "fr", "georgian": "ka", "german": "de", "greek": "el",
    "gujarati": "gu", "hausa": "ha", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "irish": "ga", "italian": "it", "italiano": "it", "japanese": "ja",
    "kannada": "kn", "kazakh": "kk", "kinyarwanda": "rw", "korean": "ko", "kyrgyz": "ky",
    "lao": "lo", "latvian": "lv", "lithuanian": "lt", "macedonian": "mk", "malay": "ms",
    "malayalam": "ml", "marathi": "mr", "nederlands": "nl", "norwegian": "nb", "pashto": "ps",
    "persian": "fa", "polish": "pl", "polski": "pl", "portuguese": "pt", "português": "pt",
    "punjabi": "pa", "romanian": "ro", "russian": "ru", "serbian": "sr", "sinhala": "si",
    "slovak": "sk", "slovenian": "sl", "spanish": "es", "swahili": "sw", "swedish": "sv",
    "tamil": "ta", "telugu": "te", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur",
    "uzbek": "uz", "vietnamese": "vi", "zulu": "zu",
}  # fmt: skip
_SEPARATORS: Final = re.compile(r"[\s_.-]+")


def meant_languages(typed: str, codes: Sequence[str]) -> list[str]:
    """Those of `codes` that a person may have meant, the likeliest first; none: no idea.

    `en-us`, `EN_US` and `english` mean `en_US`, where that is among them.
    """
    plain = {code: _plain(code) for code in codes}
    wanted = _plain(typed)
    begins = _NAMES.get(wanted, wanted).split("_")[0]
    same = [code for code in codes if plain[code] == wanted]
    kin = [code for code in codes if plain[code].split("_")[0] == begins]
    if same or kin:
        return list(dict.fromkeys([*same, *kin]))
    near = get_close_matches(wanted, plain.values(), n=3, cutoff=0.6)
    return [code for code in codes if plain[code] in near]


def _plain(code: str) -> str:
    return _SEPARATORS.sub("_", code.strip()).lower()
