"""Cells of the CSV files that we write, as a spreadsheet will open them."""


def harmless(text: str) -> str:
    """`text` unless a spreadsheet would run it as a formula: then with an apostrophe before it."""
    if text[:1] in ("=", "@", "\t", "\r") or (text[:1] in ("+", "-") and not text[1:2].isdigit()):
        return "'" + text
    return text
