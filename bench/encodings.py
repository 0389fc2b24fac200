"""How often a list's code page is found, asked for or mistaken, and by which detector.

    python bench/encodings.py [--lists 12]

Lists of 3, 10 and 50 rows (phone;name;city) of real names in each code page that spreadsheets
write; a sixth of them in capitals, a sixth in small letters. `ours` is what `create` does: rules of
spelling, then chardet for what they leave open. Found / asked / mistaken in % of all lists, 26
November 2026, 12 lists of each pair of language and code page:

                              3 rows            10 rows            50 rows
    chardet 7.7.0             76 /   0 /  24    77 /   0 /  23    78 /   0 /  22
    charset-normalizer 3.5.3  58 /   0 /  42    71 /   0 /  29    70 /   0 /  30
    ours                      89 /  11 /   0    99 /   1 /   0   100 /   0 /   0

charset-normalizer is measured when it is installed; nothing here needs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
from collections import Counter
from collections.abc import Callable

import chardet
from names_of_scripts import NAMES, Names

from wacampaign.intake.code_page_choice import choose_code_page

#: A detector: bytes → the text it reads, or None where it asks.
Detector = Callable[[bytes], str | None]


def _by_chardet(content: bytes) -> str | None:
    found = chardet.detect(content)["encoding"]
    return content.decode(found, "replace") if found else None


def _by_charset_normalizer(content: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(content).best()
    return content.decode(best.encoding, "replace") if best else None


def _by_ours(content: bytes) -> str | None:
    readings = choose_code_page(content)
    return readings[0].text if len(readings) == 1 else None


def _list(names: Names, rows: int, chance: random.Random) -> str:
    return "".join(
        f"+44770090{chance.randrange(10_000):04};{chance.choice(names.first)} "
        f"{chance.choice(names.family)};{chance.choice(names.cities)}\n"
        for _ in range(rows)
    )


def _only_beyond_ascii(content: bytes) -> bytes:
    return b"\n".join(line for line in content.split(b"\n") if not line.isascii())


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _measure(detector: Detector, rows: int, lists: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for names in NAMES.values():
        for codec in names.codecs:
            chance = random.Random(f"{codec} {rows}")
            for nth in range(lists):
                text = _list(names, rows, chance)
                text = text.lower() if nth % 6 == 4 else text.upper() if nth % 6 == 5 else text
                try:
                    content = _only_beyond_ascii(text.encode(codec))
                except UnicodeEncodeError:  # capitals that the code page lacks
                    continue
                if content and not _is_utf_8(content):
                    read = detector(content)
                    right = read == content.decode(codec)
                    counts["found" if right else "asked" if read is None else "mistaken"] += 1
    return counts


def main() -> None:
    """Measure all detectors that are installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=int, default=12)
    lists: int = parser.parse_args().lists
    detectors: dict[str, Detector] = {f"chardet {chardet.__version__}": _by_chardet}
    if importlib.util.find_spec("charset_normalizer"):
        detectors["charset-normalizer"] = _by_charset_normalizer
    detectors["ours"] = _by_ours
    for name, detector in detectors.items():
        for rows in (3, 10, 50):
            counts = _measure(detector, rows, lists)
            of = counts.total() / 100
            shares = [f"{counts[kind] / of:5.1f}" for kind in ("found", "asked", "mistaken")]
            print(f"{name:20} {rows:3} rows", " / ".join(shares), "%")


if __name__ == "__main__":
    main()
